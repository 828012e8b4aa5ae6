"""Pictures turned and cut, and the camera that goes with them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from realtime import sample
from realtime.camera import Intrinsics
from realtime.errors import CameraFileError, SourceError, UsageError
from realtime.stream.assemble import Options, find_intrinsics, find_source
from realtime.stream.source import Source, SourceInfo, status_of
from realtime.stream.sources.camera import CameraMode
from realtime.stream.sources.folder import ImageFolder
from realtime.stream.sources.open import SourceOptions, open_source
from realtime.stream.sources.view import View, ViewSource
from tests.fakes import FakeSource

LANDSCAPE = Intrinsics(900, 910, 650, 340, 1280, 720, (-0.3, 0.1, 0.002, -0.001, 0.0))


class DotSource(FakeSource):
    """Black pictures with a white dot where a stored camera sees a point."""

    def __init__(self, camera: Intrinsics, point_m: tuple[float, float, float], turns: int = 0) -> None:
        super().__init__(1)
        image = np.zeros((camera.height, camera.width, 3), np.uint8)
        x, y = camera.project(np.array([point_m], np.float32))[0].round().astype(int)
        image[y, x] = 255
        for _ in range(turns):
            image = np.rot90(image, -1)
        self._image = np.ascontiguousarray(image)
        height, width = image.shape[:2]
        self.info = SourceInfo("dots", width, height, 30, 1, False, True, turns=turns)

    def read(self):  # type: ignore[no-untyped-def]
        frame = super().read()
        return frame and type(frame)(self._image, frame.index, frame.captured_ns, frame.media_s)


def dot(source: Source) -> np.ndarray:
    frame = source.read()
    assert frame is not None
    assert (frame.width, frame.height) == (source.info.width, source.info.height)
    assert frame.image.flags.c_contiguous
    y, x = np.argwhere(frame.image[..., 0] > 128)[0]
    return np.array([[x, y]], np.float32)


def saved(camera: Intrinsics, tmp_path: Path) -> Options:
    camera.save(tmp_path / "camera.yaml")
    return Options(intrinsics=tmp_path / "camera.yaml")


POINT = (0.31, -0.22, 2.5)
RAY = np.array([POINT[:2]], np.float32) / POINT[2]


@pytest.mark.parametrize("window", [None, (500, 60, 640, 480)])
@pytest.mark.parametrize("asked", [0, 1, 2, 3])
def test_a_pixel_keeps_its_ray_however_it_is_turned_and_cut(
    asked: int, window: tuple[int, int, int, int] | None, tmp_path: Path
) -> None:
    if asked % 2 and window:
        window = (200, 300, 480, 640)
    source = View(asked, window).of(DotSource(LANDSCAPE, POINT))
    camera = find_intrinsics(saved(LANDSCAPE, tmp_path), source.info, False)
    if asked == 2:
        # Upside down looks alike: the file is taken for what is shown, so it must be turned by hand.
        camera = find_intrinsics(saved(LANDSCAPE.rotated(2), tmp_path), source.info, False)
    assert (camera.width, camera.height) == (source.info.width, source.info.height)
    turned = RAY
    for _ in range(asked):
        turned = np.stack([-turned[:, 1], turned[:, 0]], axis=-1)
    np.testing.assert_allclose(camera.rays(dot(source)), turned, atol=1.0 / 900)


@pytest.mark.parametrize("turns", [1, 3])
def test_a_landscape_camera_file_is_turned_with_a_portrait_clip(turns: int, tmp_path: Path) -> None:
    source = DotSource(LANDSCAPE, POINT, turns)
    camera = find_intrinsics(saved(LANDSCAPE, tmp_path), source.info, False)
    assert camera == LANDSCAPE.rotated(turns)
    portrait = find_intrinsics(saved(LANDSCAPE.rotated(turns), tmp_path), source.info, False)
    assert portrait == LANDSCAPE.rotated(turns), "a file made for what is shown is taken as it is"
    double = LANDSCAPE.scaled_to(2560, 1440)
    assert find_intrinsics(saved(double, tmp_path), source.info, False).fx == pytest.approx(910)


def test_without_a_turn_a_file_for_the_other_way_is_refused(tmp_path: Path) -> None:
    info = SourceInfo("x", 720, 1280, 30, 0, False, True)
    with pytest.raises(CameraFileError, match="turned on its side"):
        find_intrinsics(saved(LANDSCAPE, tmp_path), info, False)


def test_a_file_for_the_window_itself_is_taken_as_it_is(tmp_path: Path) -> None:
    source = View(0, (100, 50, 500, 400)).of(DotSource(LANDSCAPE, POINT))
    cut = LANDSCAPE.cropped(100, 50, 500, 400)
    assert find_intrinsics(saved(cut, tmp_path), source.info, False) == cut
    assert find_intrinsics(saved(LANDSCAPE, tmp_path), source.info, False) == cut


def test_what_is_stated_or_assumed_is_of_the_whole_picture() -> None:
    source = View(1, (10, 20, 300, 400)).of(DotSource(LANDSCAPE, POINT))
    for options, whole in (
        (Options(fov_deg=70), Intrinsics.from_fov(70, 720, 1280)),
        (Options(), Intrinsics.assumed(720, 1280)),
    ):
        camera = find_intrinsics(options, source.info, False)
        assert camera == whole.cropped(10, 20, 300, 400)
    assert find_intrinsics(Options(fov_deg=70), source.info, False).source == "fov"
    assert find_intrinsics(Options(), source.info, False).source == "assumed"


def test_metadata_is_used_unless_something_better_is_said() -> None:
    told = Intrinsics.from_fov(50, 720, 1280, "metadata")
    info = SourceInfo("x", 720, 1280, 30, 0, False, True, camera=told)
    assert find_intrinsics(Options(), info, False) == told
    assert find_intrinsics(Options(fov_deg=70), info, False).source == "fov"


def test_metadata_is_turned_with_the_picture() -> None:
    source = DotSource(LANDSCAPE, POINT)
    source.info = SourceInfo("x", 1280, 720, 30, 0, False, True, camera=LANDSCAPE)
    assert ViewSource(source, View(1)).info.camera == LANDSCAPE.rotated(1)


def test_the_samples_camera_is_turned_and_cut_too() -> None:
    source, is_sample = find_source("sample", options=SourceOptions(view=View(1, (0, 0, 400, 500))))
    assert not is_sample, "its truth in pixels no longer holds"
    camera = find_intrinsics(Options(), source.info, is_sample)
    assert camera == sample.camera().rotated(1).cropped(0, 0, 400, 500)
    assert camera.source == "calibrated"
    source.close()


def test_the_sample_as_it_is_has_its_own_camera() -> None:
    source, is_sample = find_source("sample")
    assert is_sample
    assert find_intrinsics(Options(), source.info, is_sample) == sample.camera()
    source.close()
    with pytest.raises(UsageError, match="are for cameras: sample is none"):
        find_source("sample", options=SourceOptions(CameraMode(fps=30)))


def test_without_a_camera_the_sample_plays_unless_one_was_asked_something(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise SourceError("there is no camera 0")

    monkeypatch.setattr("realtime.stream.assemble.open_camera", refuse)
    source, is_sample = find_source(None)
    assert is_sample
    source.close()
    with pytest.raises(SourceError, match="no camera 0"):
        find_source(None, options=SourceOptions(CameraMode(fps=30)))


@pytest.mark.parametrize(
    "window", [(0, 0, 65, 48), (-1, 0, 10, 10), (0, 40, 10, 10), (0, 0, 0, 10), (60, 0, 10, 10)]
)
def test_a_window_that_leaves_the_picture_is_refused_and_the_source_closed(
    window: tuple[int, int, int, int],
) -> None:
    source = FakeSource(1)
    with pytest.raises(UsageError, match="leaves the 64x48 picture"):
        View(0, window).of(source)
    assert source.closed.is_set()


def test_nothing_to_do_adds_nothing() -> None:
    source = FakeSource(1)
    assert View(4).of(source) is source


def test_a_views_source_is_closed_and_asked_through_it(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "0.png"), np.zeros((48, 64, 3), np.uint8))
    (tmp_path / "1.png").write_bytes(b"no image")
    source = open_source(str(tmp_path), options=SourceOptions(view=View(1)))
    assert isinstance(source, ViewSource)
    assert not isinstance(source, ImageFolder)
    assert (source.info.width, source.info.height, source.info.turns) == (48, 64, 1)
    assert source.read() is not None
    assert source.read() is None
    assert status_of(source).damaged == 1
    source.close()
    assert status_of(source).state == "ended"
