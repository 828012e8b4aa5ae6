from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from realtime.camera import ASSUMED_FOV_DEG, Intrinsics, load_intrinsics
from realtime.errors import CameraFileError, UsageError

LENSES = {
    "none": ((), "plumb_bob"),
    "barrel": ((-0.3, 0.1, 0.001, -0.001, 0.0), "plumb_bob"),
    "pincushion": ((0.12, -0.02, 0.0, 0.002, 0.0), "plumb_bob"),
    "rational": ((0.4, 0.1, 0.0005, 0.0002, 0.01, 0.7, 0.2, 0.02), "rational_polynomial"),
    "fisheye": ((0.05, 0.01, -0.003, 0.001), "equidistant"),
}
pixels = st.tuples(st.floats(0, 1279), st.floats(0, 719))


def camera(lens: str = "none") -> Intrinsics:
    distortion, model = LENSES[lens]
    return Intrinsics(900, 905, 650, 350, 1280, 720, distortion, model)


@pytest.mark.parametrize("lens", LENSES)
@given(point=pixels, depth_m=st.floats(0.3, 30))
def test_unproject_then_project_returns(lens: str, point: tuple[float, float], depth_m: float) -> None:
    px = np.array([point], np.float32)
    points_m = camera(lens).unproject(px, np.array([depth_m], np.float32))
    assert points_m[0, 2] == pytest.approx(depth_m)
    np.testing.assert_allclose(camera(lens).project(points_m), px, atol=1e-3)


@pytest.mark.parametrize("lens", LENSES)
def test_whole_image_round_trip(lens: str) -> None:
    grid = np.stack(np.meshgrid(np.linspace(0, 1279, 33), np.linspace(0, 719, 19)), -1).astype(np.float32)
    rays = camera(lens).rays(grid)
    assert rays.shape == grid.shape
    back = camera(lens).project(np.concatenate([rays, np.ones((19, 33, 1), np.float32)], axis=-1))
    assert np.abs(back - grid).max() < 1e-3


def test_projection_is_opencvs() -> None:
    points = np.random.default_rng(0).uniform((-1, -1, 2), (1, 1, 5), (50, 3))
    intrinsics = camera("barrel")
    expected, _ = cv2.projectPoints(
        points, np.zeros(3), np.zeros(3), intrinsics.matrix, np.array(intrinsics.distortion)
    )
    np.testing.assert_allclose(intrinsics.project(points.astype(np.float32)), expected[:, 0], atol=1e-3)


def test_points_behind_the_camera_have_no_pixel() -> None:
    assert np.isnan(camera().project(np.array([[0.1, 0.2, -1.0]], np.float32))).all()


def test_empty_is_fine() -> None:
    assert camera("barrel").rays(np.zeros((0, 2), np.float32)).shape == (0, 2)
    assert camera("barrel").project(np.zeros((0, 3), np.float32)).shape == (0, 2)


@given(st.floats(20, 120), st.integers(64, 4000), st.integers(64, 4000))
def test_field_of_view_spans_the_longer_side(fov_deg: float, width: int, height: int) -> None:
    intrinsics = Intrinsics.from_fov(fov_deg, width, height)
    assert intrinsics.fov_deg == pytest.approx(fov_deg)
    assert max(width, height) / 2 / intrinsics.fx == pytest.approx(math.tan(math.radians(fov_deg) / 2))
    assert intrinsics.source == "fov"


def test_nothing_known_is_said() -> None:
    intrinsics = Intrinsics.assumed(640, 480)
    assert intrinsics.source == "assumed"
    assert intrinsics.fov_deg == pytest.approx(ASSUMED_FOV_DEG)


@pytest.mark.parametrize("fov_deg", [0, 4.9, 171, -60])
def test_impossible_field_of_view(fov_deg: float) -> None:
    with pytest.raises(UsageError, match="between 5 and 170"):
        Intrinsics.from_fov(fov_deg, 640, 480)


@pytest.mark.parametrize("lens", LENSES)
def test_saved_camera_loads_the_same(lens: str, tmp_path: Path) -> None:
    camera(lens).save(tmp_path / "camera.yaml")
    assert load_intrinsics(tmp_path / "camera.yaml") == camera(lens)


@pytest.mark.parametrize("suffix", ["yaml", "xml", "json"])
def test_opencv_storage_is_read(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"camera.{suffix}"
    storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE)
    storage.write("image_width", 1280)
    storage.write("image_height", 720)
    storage.write("camera_matrix", camera().matrix)
    storage.write("distortion_coefficients", np.array([LENSES["barrel"][0]]))
    storage.release()
    assert load_intrinsics(path) == camera("barrel")


def test_another_resolution_of_the_same_aspect_sees_the_same_rays() -> None:
    half = camera("barrel").scaled_to(640, 360)
    corners = np.array([[-0.5, -0.5], [1279.5, 719.5]], np.float32)
    np.testing.assert_allclose(
        half.rays((corners + 0.5) / 2 - 0.5), camera("barrel").rays(corners), atol=1e-5
    )


def test_another_aspect_is_an_error() -> None:
    with pytest.raises(CameraFileError, match="another aspect"):
        camera().scaled_to(640, 480)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "just words",
        "image_width: 640\n",
        "%YAML:1.0\n---\nimage_width: 640\n",
        "image_width: 640\nimage_height: 480\ncamera_matrix: {data: [1, 2, 3]}\n",
        "image_width: 640\nimage_height: 480\ncamera_matrix: {data: [-5, 0, 1, 0, 5, 1, 0, 0, 1]}\n",
        "image_width: 640\nimage_height: 480\ncamera_matrix: {data: [5, 0, 1, 0, .nan, 1, 0, 0, 1]}\n",
        "image_width: 640\nimage_height: 480\ncamera_matrix: {data: [5, 0, 1, 0, 5, 1, 0, 0, 1]}\n"
        "distortion_coefficients: {data: [1, 2, 3]}\n",
        "image_width: 640\nimage_height: 480\ncamera_matrix: {data: [5, 0, 1, 0, 5, 1, 0, 0, 1]}\n"
        "distortion_model: magic\ndistortion_coefficients: {data: [1, 2, 3, 4]}\n",
        "[1, 2",
        "{",
    ],
)
def test_what_is_no_camera_file_is_refused_on_one_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "camera.yaml"
    path.write_text(text)
    with pytest.raises(CameraFileError) as caught:
        load_intrinsics(path)
    assert "\n" not in str(caught.value)


def test_missing_and_binary_camera_files(tmp_path: Path) -> None:
    with pytest.raises(CameraFileError, match="No such file"):
        load_intrinsics(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(CameraFileError, match="not text"):
        load_intrinsics(tmp_path / "binary.yaml")


strong_lenses = st.builds(
    lambda k, p, s: (k[0], k[1], p[0], p[1], k[2], s[0], s[1], s[2]),
    st.tuples(st.floats(-0.35, 0.4), st.floats(-0.05, 0.2), st.floats(-0.02, 0.05)),
    st.tuples(st.floats(-0.003, 0.003), st.floats(-0.003, 0.003)),
    st.tuples(st.floats(-0.05, 0.4), st.floats(-0.03, 0.1), st.floats(-0.01, 0.02)),
)


def folds(intrinsics: Intrinsics) -> bool:
    """Whether some pixel of the image has no ray, or more than one: the radius stops growing."""
    k1, k2, _, _, k3, k4, k5, k6 = intrinsics.distortion
    r = np.linspace(0, 3, 3000)
    seen = r * (1 + k1 * r**2 + k2 * r**4 + k3 * r**6) / (1 + k4 * r**2 + k5 * r**4 + k6 * r**6)
    growing = np.diff(seen) > 0.1 * (r[1] - r[0])
    rim = seen[:-1][growing.cumprod().astype(bool)].max(initial=0)
    return bool(rim < 1.08 * math.hypot(intrinsics.width, intrinsics.height) / 2 / intrinsics.fx)


@given(lens=strong_lenses, focal=st.floats(550, 1500))
def test_strong_lenses_round_trip_over_the_whole_image(lens: tuple[float, ...], focal: float) -> None:
    intrinsics = Intrinsics(focal, focal, 639.5, 359.5, 1280, 720, lens, "rational_polynomial")
    assume(not folds(intrinsics))
    grid = np.stack(np.meshgrid(np.linspace(0, 1279, 9), np.linspace(0, 719, 7)), -1).astype(np.float32)
    back = intrinsics.project(intrinsics.unproject(grid, np.full((7, 9), 3.0, np.float32)))
    assert np.abs(back - grid).max() < 1e-3


@given(
    k=st.tuples(st.floats(-0.05, 0.1), st.floats(-0.02, 0.03), st.floats(-0.005, 0.005)),
    focal=st.floats(560, 1500),
)
def test_fisheyes_round_trip_over_the_whole_image(k: tuple[float, float, float], focal: float) -> None:
    intrinsics = Intrinsics(focal, focal, 639.5, 359.5, 1280, 720, (*k, 0.0), "equidistant")
    theta = np.linspace(0, 1.5, 1000)
    seen = theta * (1 + k[0] * theta**2 + k[1] * theta**4 + k[2] * theta**6)
    assume((np.diff(seen) > 0).all() and seen[-1] > 1.02 * 735 / focal)
    grid = np.stack(np.meshgrid(np.linspace(0, 1279, 9), np.linspace(0, 719, 7)), -1).astype(np.float32)
    back = intrinsics.project(intrinsics.unproject(grid, np.full((7, 9), 3.0, np.float32)))
    assert np.abs(back - grid).max() < 1e-3


def test_points_beyond_the_fold_of_a_lens_get_a_finite_ray() -> None:
    folding = Intrinsics(500, 500, 640, 360, 1280, 720, (-0.4, 0.0, 0.0, 0.0, 0.0))
    far = np.array([[0, 0], [-500, -400], [3000, 360]], np.float32)
    assert np.isfinite(folding.rays(far)).all()


@pytest.mark.parametrize("lens", LENSES)
@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_camera_sees_turned_rays(lens: str, turns: int) -> None:
    turned = camera(lens).rotated(turns)
    grid = np.stack(np.meshgrid(np.linspace(0, 1279, 9), np.linspace(0, 719, 7)), -1).astype(np.float32)
    px, rays, (width, height) = grid, camera(lens).rays(grid), (1280, 720)
    for _ in range(turns):
        # Clockwise by a quarter: what was at the top is at the right.
        px = np.stack([height - 1 - px[..., 1], px[..., 0]], axis=-1)
        rays = np.stack([-rays[..., 1], rays[..., 0]], axis=-1)
        width, height = height, width
    assert (turned.width, turned.height) == (width, height)
    np.testing.assert_allclose(turned.rays(px), rays, atol=2e-5)


def test_thin_prisms_turn_too_and_tilted_sensors_do_not() -> None:
    prism = (0.1, 0.0, 0.001, 0.002, 0.0, 0.0, 0.0, 0.0, 0.01, 0.002, -0.005, 0.003)
    one = Intrinsics(900, 905, 650, 350, 1280, 720, prism, "rational_polynomial")
    px = np.array([[100, 600]], np.float32)
    ray = one.rays(px)
    turned = one.rotated(1).rays(np.array([[719 - 600, 100]], np.float32))
    np.testing.assert_allclose(turned, [[-ray[0, 1], ray[0, 0]]], atol=1e-5)
    with pytest.raises(CameraFileError, match="tilted sensor"):
        Intrinsics(900, 905, 650, 350, 1280, 720, (*prism, 0.01, 0.0), "rational_polynomial").rotated(1)


@given(left=st.integers(-50, 600), top=st.integers(-50, 300), point=pixels)
def test_a_cropped_camera_sees_the_same_rays(left: int, top: int, point: tuple[float, float]) -> None:
    px = np.array([point], np.float32)
    cut = camera("barrel").cropped(left, top, 500, 400)
    shifted = px - np.array([left, top], np.float32)
    np.testing.assert_allclose(cut.rays(shifted), camera("barrel").rays(px), atol=1e-5)


def test_a_camera_file_turned_on_its_side_is_said() -> None:
    with pytest.raises(CameraFileError, match=r"turned on its side.*--rotate"):
        camera().scaled_to(720, 1280)


PRISM = (-0.3, 0.1, 0.001, 0.002, 0.01, 0.02, 0.0, 0.0, 0.01, 0.002, -0.005, 0.003)
STRONG = {
    "thin prism": Intrinsics(700, 705, 650, 350, 1280, 720, PRISM, "rational_polynomial"),
    "tilted sensor": Intrinsics(
        700, 705, 650, 350, 1280, 720, (*PRISM, 0.05, -0.03), "rational_polynomial"
    ),
    "fisheye of 173 degrees": Intrinsics(
        470, 470, 640, 360, 1280, 720, (0.02, -0.005, 0.001, 0.0), "equidistant"
    ),
    "ideal fisheye": Intrinsics(480, 480, 640, 360, 1280, 720, (0.0, 0.0, 0.0, 0.0), "equidistant"),
    "barrel": Intrinsics(800, 800, 640, 360, 1280, 720, (-0.28, 0.11, 0.0004, -0.0003, -0.021)),
}  # fmt: skip


@pytest.mark.parametrize("shown", ["whole", "portrait", "cropped", "portrait and cropped"])
@pytest.mark.parametrize("lens", STRONG)
def test_strong_lenses_round_trip_to_the_very_rim_however_they_are_shown(lens: str, shown: str) -> None:
    intrinsics = STRONG[lens]
    if "portrait" in shown and lens != "tilted sensor":
        intrinsics = intrinsics.rotated(1)
    if "cropped" in shown:
        intrinsics = intrinsics.cropped(40, 30, 500, 640)
    sides = (np.linspace(-0.5, side - 0.5, 41) for side in (intrinsics.width, intrinsics.height))
    grid = np.stack(np.meshgrid(*sides), -1).astype(np.float32)
    back = intrinsics.project(intrinsics.unproject(grid, np.full(grid.shape[:2], 3.0, np.float32)))
    assert np.abs(back - grid).max() < 1e-3


def test_a_fisheye_file_of_opencv_is_read_as_one(tmp_path: Path) -> None:
    path = tmp_path / "fisheye.yaml"
    storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE)
    storage.write("image_width", 1280)
    storage.write("image_height", 720)
    storage.write("fisheye_model", 1)
    storage.write("camera_matrix", np.diag([470.0, 470.0, 1.0]))
    storage.write("distortion_coefficients", np.array([[0.02, -0.005, 0.001, 0.0]]))
    storage.release()
    intrinsics = load_intrinsics(path)
    assert intrinsics.model == "equidistant"
    points = np.array([[0.4, -0.3, 0.5], [2.0, 1.0, 0.6]], np.float64)
    expected, _ = cv2.fisheye.projectPoints(
        points[:, None], np.zeros(3), np.zeros(3), intrinsics.matrix, np.array(intrinsics.distortion)
    )
    np.testing.assert_allclose(intrinsics.project(points.astype(np.float32)), expected[:, 0], atol=1e-3)


@given(width=st.integers(64, 4000), height=st.integers(64, 4000))
def test_a_camera_fits_its_own_image_and_no_other_aspect(width: int, height: int) -> None:
    intrinsics = Intrinsics.assumed(width, height)
    assert intrinsics.fits(width, height)
    assert intrinsics.fits(2 * width, 2 * height)
    assert not intrinsics.fits(width, height + height // 40 + 2)
