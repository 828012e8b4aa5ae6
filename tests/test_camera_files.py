"""Camera files of other programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from realtime.camera import Intrinsics, load_intrinsics
from realtime.errors import CameraFileError

TRUE = Intrinsics(900, 905, 650, 350, 1280, 720, (-0.3, 0.1, 0.001, -0.001))

KALIBR = """cam0:
  camera_model: pinhole
  distortion_coeffs: [-0.3, 0.1, 0.001, -0.001]
  distortion_model: radtan
  intrinsics: [900, 905, 650, 350]
  resolution: [1280, 720]
  rostopic: /cam0/image_raw
"""
POSE2SIM = """[cam_01]
name = "cam_01"
size = [ 1280.0, 720.0]
matrix = [ [ 900.0, 0.0, 650.0], [ 0.0, 905.0, 350.0], [ 0.0, 0.0, 1.0]]
distortions = [ -0.3, 0.1, 0.001, -0.001]
rotation = [ 1.0, 0.1, 0.0]
translation = [ 0.0, 0.0, 3.0]
fisheye = false

[metadata]
adjusted = false
error = 0.0
"""


def written(tmp_path: Path, name: str, text: str) -> Path:
    (tmp_path / name).write_text(text)
    return tmp_path / name


def test_kalibrs_file_is_read(tmp_path: Path) -> None:
    assert load_intrinsics(written(tmp_path, "camchain.yaml", KALIBR)) == TRUE


def test_kalibrs_fisheye_is_read(tmp_path: Path) -> None:
    text = KALIBR.replace("radtan", "equidistant")
    assert load_intrinsics(written(tmp_path, "camchain.yaml", text)).model == "equidistant"


@pytest.mark.parametrize(("a", "b"), [("pinhole", "omni"), ("radtan", "fov")])
def test_kalibrs_other_models_are_refused(a: str, b: str, tmp_path: Path) -> None:
    with pytest.raises(CameraFileError, match=f"{b} .* not supported"):
        load_intrinsics(written(tmp_path, "camchain.yaml", KALIBR.replace(a, b)))


def test_pose2sims_file_is_read(tmp_path: Path) -> None:
    assert load_intrinsics(written(tmp_path, "Calib.toml", POSE2SIM)) == TRUE


def test_one_of_several_cameras_is_named(tmp_path: Path) -> None:
    other = POSE2SIM.split("[metadata]")[0].replace("cam_01", "cam_02").replace("900.0", "950.0")
    path = written(tmp_path, "Calib.toml", POSE2SIM + other)
    with pytest.raises(CameraFileError, match=r"cameras cam_01, cam_02.*Calib\.toml#cam_01"):
        load_intrinsics(path)
    assert load_intrinsics(path.with_name("Calib.toml#cam_02")).fx == 950
    with pytest.raises(CameraFileError, match="no camera cam_3"):
        load_intrinsics(path.with_name("Calib.toml#cam_3"))


@pytest.mark.parametrize("text", ["", "[cam]\nsize = [1, 2]\n", "[cam", "[cam]\nsize=[9,9]\nmatrix=[1]\n"])
def test_broken_tomls_are_refused_on_one_line(text: str, tmp_path: Path) -> None:
    with pytest.raises(CameraFileError) as caught:
        load_intrinsics(written(tmp_path, "Calib.toml", text))
    assert "\n" not in str(caught.value)
