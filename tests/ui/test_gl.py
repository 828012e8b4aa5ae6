"""OpenGL draws what the painter paints, and the painter takes over wherever it cannot."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from realtime.camera import Intrinsics
from realtime.errors import EngineUnavailableError
from realtime.skeleton import H36M17
from realtime.ui.gl_scene import GlScene, Shot, clip_from_world
from realtime.ui.shots import shot_of
from realtime.ui.theme import DARK, LIGHT
from realtime.view3d import Follower
from tests.drawing_people import drawn_person, poses_of
from tests.ui.conftest import pixels, wait_until
from tests.ui.fake_player import FakePlayer

SIZE = (400.0, 300.0)


def shot(theme: Any = DARK, mirrored: bool = False, count: int = 1) -> Shot:
    from dataclasses import replace

    people = tuple(drawn_person(n, (n * 0.7, 0, 3)) for n in range(count))
    follower = Follower()
    follower.update(poses_of(people), 0.0)
    made = shot_of(follower, people, Intrinsics.assumed(640, 480), None, SIZE, theme)
    return replace(made, mirrored=mirrored)


@pytest.fixture(scope="module")
def scene() -> Any:
    try:
        made = GlScene()
    except EngineUnavailableError as error:
        pytest.skip(str(error))
    yield made
    made.close()


def test_clip_space_agrees_with_the_canvas() -> None:
    camera = Follower().camera(SIZE)
    points = np.array([(0, 0, 3), (0.4, -0.6, 2.5), (-1, 0.8, 4)], np.float32)
    for mirrored in (False, True):
        clip = np.column_stack([points, np.ones(3)]) @ clip_from_world(camera, SIZE, mirrored).T
        ndc = clip[:, :3] / clip[:, 3:]
        expected = camera.project(points, SIZE)
        if mirrored:
            expected[:, 0] = SIZE[0] - expected[:, 0]
        np.testing.assert_allclose((ndc[:, :2] + 1) / 2 * SIZE, expected, atol=1e-2)
        assert (np.abs(ndc[:, 2]) < 1).all()


@pytest.mark.parametrize("mirrored", [False, True])
def test_joints_are_where_they_project_in_their_sides_colour(scene: Any, mirrored: bool) -> None:
    of = shot(mirrored=mirrored)
    image = scene.draw(of)[..., :3].astype(int)
    for joint, blue_over_red in (("l_wrist", 1), ("r_elbow", -1)):
        x, y = of.camera.project(of.poses_m[0, H36M17.index(joint)], SIZE)
        x = SIZE[0] - x if mirrored else x
        around = image[round(float(y)) - 2 : round(float(y)) + 3, round(float(x)) - 2 : round(float(x)) + 3]
        assert ((around[..., 2] - around[..., 0]) * blue_over_red).max() > 40


@pytest.mark.parametrize("theme", [DARK, LIGHT])
def test_the_canvas_has_the_themes_colour_and_the_floor_its_shadow(scene: Any, theme: Any) -> None:
    of = shot(theme)
    image = scene.draw(of)[..., :3].astype(int)
    np.testing.assert_allclose(image[2, 2], theme.canvas, atol=1)
    ankle = of.poses_m[0, H36M17.index("l_ankle")].copy()
    ankle[1] = of.floor_m
    ankle[0] += 0.06
    x, y = (round(float(v)) for v in of.camera.project(ankle, SIZE))
    assert image[y - 4 : y + 5, x - 6 : x + 7].sum(axis=2).min() < sum(theme.canvas)


def test_faint_joints_let_the_canvas_through(scene: Any) -> None:
    from dataclasses import replace

    of = shot()
    sure = scene.draw(of).astype(int)
    unsure = scene.draw(replace(of, strength=of.strength * np.float32(0.3))).astype(int)
    none = np.zeros((0, 17, 3), np.float32)
    empty = scene.draw(replace(of, poses_m=none, ids=(), strength=of.strength[:0])).astype(int)
    assert np.abs(unsure - empty).sum() < 0.6 * np.abs(sure - empty).sum()


def test_broken_poses_and_nobody_are_drawn_as_nothing(scene: Any) -> None:
    of = shot(count=2)
    of.poses_m[1] = np.nan
    scene.draw(of)
    assert scene.draw(shot(count=1)).shape == (300, 400, 4)


def test_the_size_may_change_from_image_to_image(scene: Any) -> None:
    from dataclasses import replace

    for size in ((120, 90), (400, 300), (33, 57)):
        assert scene.draw(replace(shot(), size_px=size)).shape == (size[1], size[0], 4)


class FakeScene:
    """Draws one grey, takes as long as it is told, or fails."""

    device, is_software = "fake card", False

    def __init__(self, fail: bool = False) -> None:
        self.closed = threading.Event()
        self._fail = fail

    def draw(self, of: Shot) -> Any:
        if self._fail:
            raise RuntimeError("the context is lost")
        return np.full((of.size_px[1], of.size_px[0], 4), 99, np.uint8)

    def close(self) -> None:
        self.closed.set()


def worker_of(qt: Any, make: Any, auto: bool = True) -> tuple[Any, list[Any], list[str]]:
    from realtime.ui.gl_worker import GlWorker

    worker = GlWorker(auto, make)
    images, reasons = [], []
    worker.drawn.connect(lambda image, of: images.append(image))
    worker.gave_up.connect(reasons.append)
    return worker, images, reasons


def test_images_come_from_another_thread(qt: Any) -> None:
    fake = FakeScene()
    worker, images, reasons = worker_of(qt, lambda: fake)
    worker.ask(shot())
    wait_until(lambda: bool(images))
    assert images[0].pixelColor(5, 5).red() == 99
    assert worker.close(5.0)
    assert fake.closed.is_set()
    assert reasons == []


def test_a_processor_in_place_of_a_card_is_left_to_the_painter_unless_asked_for(qt: Any) -> None:
    fake = FakeScene()
    fake.is_software = True  # type: ignore[misc]
    worker, _, reasons = worker_of(qt, lambda: fake)
    worker.ask(shot())
    wait_until(lambda: bool(reasons))
    assert "fake card" in reasons[0]
    assert worker.close(5.0)
    worker, images, reasons = worker_of(qt, lambda: fake, auto=False)
    worker.ask(shot())
    wait_until(lambda: bool(images))
    assert worker.close(5.0)
    assert reasons == []


def test_slow_drawing_is_given_up(qt: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime.ui.gl_worker.SLOW_MS", -1.0)
    monkeypatch.setattr("realtime.ui.gl_worker._PATIENCE", 3)
    fake = FakeScene()
    worker, images, reasons = worker_of(qt, lambda: fake)
    for n in range(3):
        worker.ask(shot())
        wait_until(lambda done=n: len(images) > done)
    wait_until(lambda: bool(reasons))
    assert "ms a picture" in reasons[0]
    assert worker.close(5.0)
    assert fake.closed.is_set()


@pytest.mark.parametrize("when", ["opening", "drawing"])
def test_a_failure_is_given_up_with_its_reason(qt: Any, when: str) -> None:
    def make() -> Any:
        if when == "opening":
            raise EngineUnavailableError("there is no OpenGL 3.3 here (no EGL)")
        return FakeScene(fail=True)

    worker, _, reasons = worker_of(qt, make)
    worker.ask(shot())
    wait_until(lambda: bool(reasons))
    assert reasons[0] in ("there is no OpenGL 3.3 here (no EGL)", "the context is lost")
    assert worker.close(5.0)


def test_the_view_paints_by_itself_until_opengl_is_there_and_after_it_gave_up(
    window: Any, live: FakePlayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    fakes: list[FakeScene] = []

    def make() -> FakeScene:
        fakes.append(FakeScene())
        return fakes[-1]

    from realtime.ui.gl_worker import GlWorker

    monkeypatch.setattr("realtime.ui.skeleton_view.GlWorker", lambda auto: GlWorker(auto, make))
    view = window.skeleton_view
    live.push()
    wait_until(lambda: window.result is not None)
    painted = pixels(view)
    window.choose_view(drawing="opengl")
    wait_until(lambda: view.drawing == "opengl")
    np.testing.assert_array_equal(pixels(view)[-3, 3], 99)
    assert window.ledger_view.text("3D view") == "OpenGL"
    fakes[0]._fail = True
    live.push()
    wait_until(lambda: view.drawing == "painter")
    assert "the context is lost" in window.ledger_view.text("3D view")
    assert (pixels(view)[-3, 3] == painted[-3, 3]).all()
    window.close()
    assert fakes[0].closed.is_set()
