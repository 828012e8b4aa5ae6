"""The command, as a user meets it."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from calibration.cli import main
from realtime.camera import load_intrinsics
from tests.calibration.rendered import BOARD, picture, poses
from tests.calibration.rendered import SMALL as CAMERA

BOARD_WORDS = ["--board", "9x6", "--square-mm", "30"]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for n, pose in enumerate(poses(8, near=0.55)):
        cv2.imwrite(str(folder / f"{n}.png"), picture(BOARD, pose))
    return folder


def calibrate(*words: object) -> int:
    argv, sys.argv = sys.argv, ["realtime-calibrate", *(str(w) for w in words)]
    try:
        with pytest.raises(SystemExit) as left:
            main()
    finally:
        sys.argv = argv
    return int(left.value.code or 0)


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    """The exit code and the one line said."""
    capsys.readouterr()
    code = calibrate(*words)
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert "defect" not in said
    return code, said


def test_photos_become_a_camera_file(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "camera.yaml"
    assert calibrate("images", photos / "*.png", *BOARD_WORDS, "-o", out) == 0
    said = capsys.readouterr().out
    found = load_intrinsics(out)
    assert found.fx == pytest.approx(CAMERA.fx, rel=0.005)
    assert found.fy == pytest.approx(CAMERA.fy, rel=0.005)
    assert found.cx == pytest.approx(CAMERA.cx, abs=4)
    assert found.source == "calibrated"
    assert "RMS" in said
    assert "±" in out.read_text(encoding="utf-8").splitlines()[0]


@pytest.mark.parametrize("camera", ["cam01", "cam02"])
def test_the_shared_photos_give_the_references_camera(
    camera: str, shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shared_data / "calibration"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent")
    out = tmp_path / "camera.yaml"
    words = ["--board", "4x7", "--square-mm", "60", "-o", out]
    assert calibrate("images", folder / camera, *words) == 0
    said = capsys.readouterr().out
    true = yaml.safe_load((folder / "reference.yaml").read_text())[camera]
    found = load_intrinsics(out)
    assert found.fx == pytest.approx(true["fx"], rel=0.015)
    assert found.fy == pytest.approx(true["fy"], rel=0.015)
    assert float(said.split("\nRMS ")[1].split()[0]) < 0.35


def test_a_video_is_taken_apart_by_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    images = [picture(BOARD, pose) for pose in poses(5, near=0.55)]
    for n in range(15):
        cv2.imwrite(str(folder / f"{n:02}.png"), images[n // 3])
    out = tmp_path / "camera.yaml"
    words = ["--source", folder, "--headless", "--views", 4, *BOARD_WORDS, "-o", out]
    assert calibrate("camera", *words) == 0
    said = capsys.readouterr().out
    assert "view 4 of 4" in said
    assert "view 5" not in said  # the same view held still is not taken twice
    assert load_intrinsics(out).fx == pytest.approx(CAMERA.fx, rel=0.02)


def test_a_known_distance_of_a_board_is_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pose = (np.eye(3), np.array([0.02, 0.01, 0.8]))
    true_m = float(np.linalg.norm(pose[1]))
    cv2.imwrite(str(tmp_path / "b.png"), picture(BOARD, pose))
    CAMERA.save(tmp_path / "right.yaml")
    words = ["check", "--source", tmp_path / "b.png", "--distance", f"{true_m:.4f}", *BOARD_WORDS]
    assert calibrate(*words, "--intrinsics", tmp_path / "right.yaml") == 0
    measured = float(capsys.readouterr().out.split("measured ")[1].split()[0])
    assert measured == pytest.approx(true_m, rel=0.005)
    # Depth goes with the focal length: 50 degrees assumed makes fx 686 of 410.
    assert calibrate(*words, "--fov", 50) == 0
    said = capsys.readouterr().out
    measured = float(said.split("measured ")[1].split()[0])
    assert measured == pytest.approx(true_m * 686.2 / 409, rel=0.02)
    mended = float(said.split("--fov ")[1].split(")")[0])
    assert mended == pytest.approx(CAMERA.fov_deg, abs=1.5)


def test_boards_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert calibrate("board", "--pdf") == 0
    assert calibrate("board", "--charuco", "--svg", "c.svg") == 0
    assert (tmp_path / "board.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "c.svg").is_file()


def test_a_camera_file_is_converted(tmp_path: Path) -> None:
    CAMERA.save(tmp_path / "a.yaml")
    words = ["--rotate", "cw", "--crop", "10,20,500,900", "-o", tmp_path / "b.yaml"]
    assert calibrate("convert", tmp_path / "a.yaml", *words) == 0
    assert load_intrinsics(tmp_path / "b.yaml") == CAMERA.rotated(1).cropped(10, 20, 500, 900)


def test_what_cannot_be_is_said_in_one_line(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["-o", tmp_path / "x.yaml"]
    two = ["images", photos / "0.png", photos / "1.png"]
    code, said = refused(capsys, *two, *BOARD_WORDS, *out)
    assert (code, "at least 3 views" in said) == (1, True)
    code, said = refused(capsys, "images", photos / "*.png", "--board", "8x5", "--square-mm", "30", *out)
    assert (code, "--board 9x6" in said) == (1, True)
    code, said = refused(capsys, "images", tmp_path / "none*.jpg", *BOARD_WORDS, *out)
    assert (code, "names no photo" in said) == (2, True)
    code, said = refused(capsys, *two, "--board", "nine", *out)
    assert (code, "9x6" in said) == (2, True)
    code, said = refused(capsys, *two, "--board", "9x6", "--square-mm", "-3", *out)
    assert code == 2
    code, said = refused(capsys, *two, *BOARD_WORDS)
    assert (code, "--output" in said) == (2, True)
    assert not (tmp_path / "x.yaml").exists()


def test_odd_photos_are_said_in_one_line(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["-o", tmp_path / "x.yaml"]
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8 no photo")
    code, said = refused(capsys, "images", photos / "0.png", tmp_path / "broken.jpg", *BOARD_WORDS, *out)
    assert (code, "broken.jpg is not an image" in said) == (2, True)
    cv2.imwrite(str(tmp_path / "small.png"), np.zeros((100, 200, 3), np.uint8))
    code, said = refused(capsys, "images", photos, tmp_path / "small.png", *BOARD_WORDS, *out)
    assert (code, "one resolution" in said) == (2, True)
    for n in range(3):
        soft = cv2.blur(cv2.imread(str(photos / f"{n}.png")), (61, 61))
        cv2.imwrite(str(tmp_path / f"soft{n}.png"), soft)
    code, said = refused(capsys, "images", tmp_path / "soft*.png", *BOARD_WORDS, *out)
    assert (code, "blurred" in said) == (1, True)
    for n in range(3):
        cv2.imwrite(str(tmp_path / f"grey{n}.png"), np.full((240, 320, 3), 30 * n, np.uint8))
    code, said = refused(capsys, "images", tmp_path / "grey*.png", *BOARD_WORDS, *out)
    assert code == 1


def test_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("images", "camera", "board", "check", "convert"):
        assert calibrate(command, "--help") == 0
        assert f"realtime-calibrate {command}" in capsys.readouterr().out.split("Example")[1]
