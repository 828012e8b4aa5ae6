"""The solve against cameras that are known exactly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibration.errors import CalibrationError
from calibration.solve import solve
from calibration.views import View, Views
from realtime.camera import Intrinsics
from tests.calibration import rendered

FISHEYE = Intrinsics(420, 420, 640, 362, 1280, 720, (0.03, -0.01, 0.004, -0.001), "equidistant")


def parameters(camera: Intrinsics) -> np.ndarray:
    return np.array([camera.fx, camera.fy, camera.cx, camera.cy])


def test_exact_corners_give_the_exact_camera() -> None:
    found = solve(rendered.views(noise_px=0))
    np.testing.assert_allclose(parameters(found.intrinsics), parameters(rendered.CAMERA), atol=0.1)
    assert found.rms_px < 0.01
    assert not found.outliers


def test_the_stated_uncertainty_covers_the_error() -> None:
    errors = []
    for seed in range(8):
        found = solve(rendered.views(noise_px=0.3, seed=seed), "standard")
        errors.append((parameters(found.intrinsics) - parameters(rendered.CAMERA)) / found.sigma)
    rms = float(np.sqrt(np.mean(np.square(errors))))
    assert 0.4 < rms < 1.5, f"errors are {rms:.2f} of the stated standard deviations"
    assert np.abs(errors).max() < 4


def test_a_view_that_does_not_fit_is_left_out_and_named() -> None:
    views = rendered.views(count=12)
    bent = views.seen[4]
    bent = replace(bent, name="bent", corners_px=bent.corners_px + np.sin(bent.corners_px / 40) * 3)
    seen = (*views.seen[:4], bent, *views.seen[5:])
    found = solve(replace(views, seen=seen))
    assert [v.name for v in found.outliers] == ["bent"]
    assert found.outliers[0].rms_px > 1
    np.testing.assert_allclose(parameters(found.intrinsics), parameters(rendered.CAMERA), atol=4)


def test_scrambled_corners_do_not_spoil_the_rest() -> None:
    views = rendered.views(count=8)
    order = np.random.default_rng(0).permutation(len(views.seen[0].corners_px))
    wild = View("wild", views.seen[0].corners_px[order], views.seen[0].board_m)
    found = solve(replace(views, seen=(wild, *views.seen[1:])))
    assert [v.name for v in found.outliers] == ["wild"]
    assert found.rms_px < 0.3


def test_a_fisheye_lens_is_found() -> None:
    found = solve(rendered.views(FISHEYE, noise_px=0.05), "fisheye")
    assert found.intrinsics.model == "equidistant"
    np.testing.assert_allclose(parameters(found.intrinsics), parameters(FISHEYE), atol=2)


def test_a_third_radial_coefficient_is_taken_where_it_is_needed() -> None:
    strong = Intrinsics(600, 600, 640, 360, 1280, 720, (-0.3, 0.15, 0, 0, -0.06))
    assert solve(rendered.views(strong, noise_px=0.02)).intrinsics.distortion[4] == pytest.approx(
        -0.06, abs=0.02
    )
    assert solve(rendered.views()).intrinsics.distortion[4] == 0


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_views_are_refused_with_what_to_do(count: int) -> None:
    with pytest.raises(CalibrationError, match=r"at least 3 views.* 10 to 20"):
        solve(rendered.views(count=count) if count else Views((), (), 1280, 720, rendered.BOARD))


def test_views_that_all_face_the_camera_are_refused_or_warned_of() -> None:
    try:
        found = solve(rendered.views(tilt_deg=1.0, noise_px=0.3))
    except CalibrationError as error:
        assert "tilt the board" in str(error)  # noqa: PT017
    else:
        assert any("tilt" in w for w in found.warnings)
        off = abs(found.intrinsics.fx / rendered.CAMERA.fx - 1)
        assert off < max(0.02, 4 * found.sigma[0] / found.intrinsics.fx)


def test_good_views_bring_no_warning_of_tilt_or_focal_length() -> None:
    found = solve(rendered.views(count=18))
    assert not [w for w in found.warnings if "tilt" in w or "focal" in w]


def test_few_views_in_a_corner_bring_warnings() -> None:
    views = rendered.views(count=4)
    found = solve(views)
    assert any("only 4 views" in w for w in found.warnings)
    assert any("% of the image" in w for w in found.warnings)
