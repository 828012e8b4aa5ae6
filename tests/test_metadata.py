"""What photos and videos say of their camera."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.metadata import camera_of_photo, camera_of_video
from tests.exif_photos import (
    EXIF_HEIGHT,
    EXIF_WIDTH,
    FOCAL,
    FOCAL_35MM,
    LONG,
    PLANE_UNIT,
    PLANE_X,
    RATIONAL,
    SHORT,
    Tags,
    write_photo,
)
from tests.scripted_camera import picture

KEY = b"com.apple.quicktime.camera.focal_length.35mm_equivalent"


def box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", len(body) + 8, kind) + body


def meta(values: dict[bytes, bytes], full: bool = False) -> bytes:
    """A `meta` box of QuickTime, or (full) of ISO; the values as `data` boxes."""
    keys = b"".join(box(b"mdta", name) for name in values)
    items = b"".join(
        box(struct.pack(">I", n), box(b"data", value)) for n, value in enumerate(values.values(), 1)
    )
    inner = box(b"hdlr", bytes(25)) + box(b"keys", bytes(4), struct.pack(">I", len(values)), keys)
    return box(b"meta", bytes(4) if full else b"", inner, box(b"ilst", items))


def integer(value: int) -> bytes:
    return struct.pack(">II", 67, 0) + struct.pack(">i", value)


def text(value: str) -> bytes:
    return struct.pack(">II", 1, 0) + value.encode()


def double(value: float) -> bytes:
    return struct.pack(">II", 24, 0) + struct.pack(">d", value)


def movie(tmp_path: Path, *content: bytes, name: str = "clip.mov") -> Path:
    path = tmp_path / name
    path.write_bytes(box(b"ftyp", b"qt  ", bytes(4)) + box(b"moov", *content) + box(b"mdat", bytes(16)))
    return path


def photo(tmp_path: Path, exif: Tags, orientation: int = 1) -> Path:
    return write_photo(tmp_path / "photo.jpg", picture(80, 400, 300), exif, orientation)


def test_a_35mm_equivalent_is_compared_by_diagonals(tmp_path: Path) -> None:
    camera = camera_of_photo(photo(tmp_path, {FOCAL_35MM: (SHORT, (26,))}), 400, 300)
    assert camera is not None
    assert camera.source == "metadata"
    assert camera.fx == camera.fy == pytest.approx(26 / math.hypot(36, 24) * 500)
    assert (camera.cx, camera.cy) == (199.5, 149.5)


@pytest.mark.parametrize(("unit", "pixels"), [(2, 25.4 * 100), (3, 10 * 100), (None, 25.4 * 100)])
def test_the_focal_plane_tells_where_no_equivalent_does(
    unit: int | None, pixels: float, tmp_path: Path
) -> None:
    exif: dict[int, tuple[int, tuple[int, ...]]] = {
        FOCAL: (RATIONAL, (42, 10)),
        PLANE_X: (RATIONAL, (int(pixels), 1)),
        EXIF_WIDTH: (LONG, (400,)),
        EXIF_HEIGHT: (LONG, (300,)),
    }
    if unit is not None:
        exif[PLANE_UNIT] = (SHORT, (unit,))
    camera = camera_of_photo(photo(tmp_path, exif), 400, 300)
    assert camera is not None
    assert camera.fx == pytest.approx(420, rel=1e-3)
    half = camera_of_photo(photo(tmp_path, exif), 200, 150)
    assert half is not None
    assert half.fx == pytest.approx(210, rel=1e-3)
    turned = camera_of_photo(photo(tmp_path, exif), 300, 400)
    assert turned is not None
    assert turned.fx == pytest.approx(420, rel=1e-3)


@pytest.mark.parametrize(
    "exif",
    [
        {},
        {FOCAL_35MM: (SHORT, (0,))},
        {FOCAL_35MM: (SHORT, (65535,))},
        {FOCAL_35MM: (SHORT, (1,))},
        {FOCAL: (RATIONAL, (42, 10))},
        {FOCAL: (RATIONAL, (42, 0)), PLANE_X: (RATIONAL, (100, 0)), EXIF_WIDTH: (LONG, (400,))},
        {
            FOCAL: (RATIONAL, (42, 10)), PLANE_X: (RATIONAL, (100, 1)), PLANE_UNIT: (SHORT, (9,)),
            EXIF_WIDTH: (LONG, (400,)), EXIF_HEIGHT: (LONG, (300,)),
        },
    ],
)  # fmt: skip
def test_what_says_nothing_usable_is_no_camera(exif: Tags, tmp_path: Path) -> None:
    assert camera_of_photo(photo(tmp_path, exif), 400, 300) is None


@given(data=st.binary(max_size=600), cut=st.integers(0, 400))
@settings(max_examples=25, deadline=None)
def test_broken_photos_are_no_camera_and_no_crash(
    data: bytes, cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("photos", numbered=True)
    whole = photo(folder, {FOCAL_35MM: (SHORT, (26,))})
    content = whole.read_bytes()
    whole.write_bytes(content[:cut] + data + content[cut + len(data) :])
    camera_of_photo(whole, 400, 300)
    whole.write_bytes(data)
    assert camera_of_photo(whole, 400, 300) is None


def test_a_missing_photo_is_no_camera(tmp_path: Path) -> None:
    assert camera_of_photo(tmp_path / "none.jpg", 400, 300) is None
    assert camera_of_video(tmp_path / "none.mov", 400, 300) is None


@pytest.mark.parametrize("value", [integer(26), text("26"), double(26.0)])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("where", ["movie", "track", "user data"])
def test_a_phones_clip_says_its_lens(value: bytes, full: bool, where: str, tmp_path: Path) -> None:
    inner = meta({b"com.apple.quicktime.make": text("Apple"), KEY: value}, full)
    wrapped = {"movie": inner, "track": box(b"trak", inner), "user data": box(b"udta", inner)}[where]
    camera = camera_of_video(movie(tmp_path, box(b"mvhd", bytes(100)), wrapped), 1920, 1080)
    assert camera is not None
    assert camera.source == "metadata"
    # The lens's equivalent holds for the whole 4:3 sensor, 1920 x 1440.
    assert camera.fx == pytest.approx(26 / math.hypot(36, 24) * math.hypot(1920, 1440))
    upright = camera_of_video(tmp_path / "clip.mov", 1080, 1920)
    assert upright is not None
    assert upright.fx == pytest.approx(camera.fx)


def test_a_video_of_the_sensors_aspect_goes_by_its_diagonal(tmp_path: Path) -> None:
    camera = camera_of_video(movie(tmp_path, meta({KEY: integer(26)})), 1440, 1440)
    assert camera is not None
    assert camera.fx == pytest.approx(26 / math.hypot(36, 24) * math.hypot(1440, 1440))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        meta({b"com.apple.quicktime.make": text("Apple")}),
        meta({KEY: integer(0)}),
        meta({KEY: integer(-4)}),
        meta({KEY: text("wide")}),
        meta({KEY: b""}),
        meta({KEY: struct.pack(">II", 0, 0) + b"????"}),
        box(b"meta", box(b"keys", bytes(3))),
        box(b"trak", box(b"trak", box(b"trak", box(b"trak", box(b"trak", meta({KEY: integer(26)})))))),
        struct.pack(">I4s", 3, b"meta"),
    ],
)
def test_clips_that_say_nothing_usable(content: bytes, tmp_path: Path) -> None:
    assert camera_of_video(movie(tmp_path, content), 1920, 1080) is None


def test_other_containers_are_not_asked(tmp_path: Path) -> None:
    assert camera_of_video(movie(tmp_path, meta({KEY: integer(26)}), name="clip.mkv"), 1920, 1080) is None


@given(noise=st.binary(max_size=300), at=st.integers(0, 400))
@settings(max_examples=60, deadline=None)
def test_broken_clips_are_no_crash(noise: bytes, at: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = movie(tmp_path_factory.mktemp("clips", numbered=True), meta({KEY: integer(26)}))
    content = path.read_bytes()
    path.write_bytes(content[:at] + noise + content[at + len(noise) :])
    camera_of_video(path, 1920, 1080)
