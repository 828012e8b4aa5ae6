"""Pictures against geometry: what is drawn is where the exact camera says, and says whose it is."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from realtime.camera import Intrinsics
from realtime.types import FloatArray
from training.people.figure import Figure
from training.places.solids import box, ellipsoid, panel
from training.places.surface import Finish, Light, Surface, joined
from training.render.cast import Actor
from training.render.lens import Lens, Viewpoint, look_at
from training.render.meshes import Posed
from training.render.painter import Painter

pytestmark = pytest.mark.usefixtures("opengl")

WHITE = (0.9, 0.9, 0.9)
CENTRE = np.array([0.0, 1.0, -4.0], np.float32)


def room() -> Surface:
    floor = panel((-8, 0, 4), (16, 0, 0), (0, 0, -16), Finish("plain", (0.3, 0.3, 0.3)))
    return joined([floor])


def balls(centres_m: FloatArray, radius_m: float) -> Actor:
    """A "person" of balls, one a part."""
    shapes = [ellipsoid(tuple(c), (radius_m,) * 3, Finish("plain", WHITE), 16, 12) for c in centres_m]
    mesh = joined(shapes)
    part = np.repeat(np.arange(len(shapes)), [len(s.points_m) for s in shapes]).astype(np.int32)
    count = len(mesh.points_m)
    figure = Figure(
        mesh.points_m, mesh.normals, np.ones((count, 1), np.float32), mesh.triangles,
        np.zeros(count, np.int32), part,
    )  # fmt: skip
    return Actor(
        body=SimpleNamespace(bones=()), figure=figure, finishes=(Finish("plain", WHITE),),
        between_eyes_m=np.zeros(3, np.float32), half_eyes_m=0.03,
    )  # type: ignore[arg-type]  # fmt: skip


def posed(actor: Actor) -> Posed:
    return Posed(actor.figure.points_m, actor.figure.normals, np.zeros((0, 3), np.float32))


def scattered(rng: np.random.Generator, count: int) -> FloatArray:
    return (CENTRE + rng.uniform([-1.2, -0.8, -1.5], [1.2, 0.9, 1.5], (count, 3))).astype(np.float32)


@pytest.mark.parametrize("seed", range(6))
def test_drawn_joints_lie_where_the_camera_projects_them(seed: int, daylight: Light) -> None:
    rng = np.random.default_rng(seed)
    lens = Intrinsics.from_fov(float(rng.uniform(40, 80)), 320, 240)
    bent = (float(rng.uniform(-0.2, 0.05)), 0.0, 0.001, -0.001, 0.0) if seed % 2 else ()
    lens = Intrinsics(lens.fx, lens.fy * 1.01, lens.cx + 7, lens.cy - 5, 320, 240, bent)
    view = look_at(lens, np.array([0.4, 1.3, 0.2]), CENTRE, float(rng.uniform(-0.3, 0.3)))
    glass = Lens(lens)
    fine = glass.pinhole.scaled_to(2 * glass.pinhole.width, 2 * glass.pinhole.height)
    for place_m in scattered(rng, 8):
        actor = balls(place_m[None], 0.05)
        painter = Painter(room(), daylight, [actor], Viewpoint(fine, view.camera_from_world, view.position_m))
        painted = painter.paint([posed(actor)])
        own = np.repeat((painted.person == 0)[..., None] * 255, 3, axis=2).astype(np.uint8)
        mask = glass.through(own, 2)[..., 0].astype(float)
        if mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any() or not mask.any():
            continue
        y, x = np.mgrid[:240, :320]
        seen = np.array([(mask * x).sum(), (mask * y).sum()]) / mask.sum()
        exact = lens.project(view.camera_m(place_m))
        assert np.abs(seen - exact).max() < 0.5


def test_depth_and_identity_are_those_of_the_nearest(daylight: Light) -> None:
    lens = Intrinsics.from_fov(60, 160, 120)
    view = look_at(lens, np.array([0.0, 1.0, 0.0]), CENTRE)
    near, far = balls(CENTRE[None] + [[0, 0, 1]], 0.2), balls(CENTRE[None], 0.2)
    painted = Painter(room(), daylight, [far, near], view).paint([posed(far), posed(near)])
    assert painted.person[60, 80] == 1
    assert painted.depth_m[60, 80] == pytest.approx(2.8, abs=0.01)
    assert painted.person[0, 0] == -1
    seen = painted.at(np.array([60, 0]), np.array([80, 0]))
    assert np.array_equal(seen.person, [1, -1])
    assert np.array_equal(seen.part[:1], [0])
    assert np.array_equal(seen.depth_m, painted.depth_m[[60, 0], [80, 0]])


def test_furniture_hides_people(daylight: Light) -> None:
    lens = Intrinsics.from_fov(60, 160, 120)
    view = look_at(lens, np.array([0.0, 1.0, 0.0]), CENTRE)
    crate = box((0.0, 1.0, -2.0), (0.6, 0.6, 0.3), Finish("plain", (0.2, 0.1, 0.1)))
    ball = balls(CENTRE[None], 0.2)
    painted = Painter(joined([room(), crate]), daylight, [ball], view).paint([posed(ball)])
    assert not (painted.person == 0).any()
    assert painted.depth_m[60, 80] == pytest.approx(1.85, abs=0.01)


def test_people_cast_shadows_that_go_with_them(daylight: Light) -> None:
    lens = Intrinsics.from_fov(60, 480, 360)
    view = look_at(lens, np.array([0.0, 2.5, 0.0]), np.array([0.0, 0.0, -4.0], np.float32))
    ball = balls(np.array([[0.0, 0.4, -4.0]], np.float32), 0.3)
    painter = Painter(room(), daylight, [ball], view)
    away = Posed(ball.figure.points_m + 50, ball.figure.normals, np.zeros((0, 3), np.float32))
    empty = painter.paint([away])
    lit = painter.paint([posed(ball)])
    darker = (empty.image.astype(int) - lit.image).max(axis=2) > 10
    darker &= lit.person < 0
    assert darker.sum() > 20
    # The light comes from the left and behind the camera, so the shadow falls to the right, away from it.
    _, columns = np.nonzero(darker)
    assert columns.mean() > np.nonzero(lit.person == 0)[1].mean()
    assert np.array_equal(painter.paint([away]).image, empty.image)


def test_the_same_scene_gives_the_same_bytes(daylight: Light) -> None:
    lens = Intrinsics.from_fov(60, 160, 120)
    view = look_at(lens, np.array([0.0, 1.0, 0.0]), CENTRE)
    ball = balls(scattered(np.random.default_rng(1), 5), 0.1)
    pictures = [Painter(room(), daylight, [ball], view).paint([posed(ball)]) for _ in range(2)]
    assert np.array_equal(pictures[0].image, pictures[1].image)
    assert np.array_equal(pictures[0].depth_m, pictures[1].depth_m)


def test_a_background_shows_where_nothing_stands(daylight: Light) -> None:
    lens = Intrinsics.from_fov(60, 160, 120)
    view = look_at(lens, np.array([0.0, 1.0, 0.0]), np.array([0.0, 3.0, -4.0], np.float32))
    ball = balls(CENTRE[None], 0.1)
    painted = Painter(room(), daylight, [ball], view, background=(0.05, 0.1, 0.6)).paint([posed(ball)])
    blue, green, red = painted.image[2, 2].astype(int)
    assert blue > green > red
