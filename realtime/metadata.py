"""What photos and videos say of the camera that made them: EXIF, and QuickTime's metadata keys.

Such a camera is ideal: square pixels, centred, no distortion. What is written is the lens's nominal focal
length, rounded to a millimetre, before any correction or stabilisation; it is worth a few per cent.
"""

from __future__ import annotations

import itertools
import logging
import math
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from realtime import iso_media
from realtime.camera import Intrinsics
from realtime.iso_media import Box

log = logging.getLogger(__name__)

_FILM_DIAGONAL_MM = math.hypot(36, 24)
_MM_A_UNIT = {2: 25.4, 3: 10.0, 4: 1.0, 5: 1e-3}
"""EXIF's FocalPlaneResolutionUnit: inch, centimetre, and, beyond the standard, millimetre and micrometre."""
_KEY_35MM = b"com.apple.quicktime.camera.focal_length.35mm_equivalent"
# What a damaged or hostile file may make this read.
_MOST_METADATA, _MOST_BOXES, _DEEPEST = 1 << 20, 10_000, 3
_PLAUSIBLE_FOV_DEG = (5.0, 160.0)


def camera_of_photo(path: Path, width: int, height: int) -> Intrinsics | None:
    """The camera of a photo shown at this size, by its EXIF data; None where that says nothing usable.

    FocalLengthIn35mmFilm is compared by diagonals (CIPA DCG-001); else the focal length and the resolution
    of the focal plane (EXIF 2.3, section 4.6.5).
    """
    tags = _exif(path)
    equivalent_mm = _number(tags, "EXIF FocalLengthIn35mmFilm")
    if equivalent_mm:
        return _centred(equivalent_mm / _FILM_DIAGONAL_MM * math.hypot(width, height), width, height)
    focal_mm = _number(tags, "EXIF FocalLength")
    resolution = _number(tags, "EXIF FocalPlaneXResolution")
    unit = _MM_A_UNIT.get(int(_number(tags, "EXIF FocalPlaneResolutionUnit") or 2))
    sides = [_number(tags, f"EXIF Exif{side}") for side in ("ImageWidth", "ImageLength")]
    if not (focal_mm and resolution and unit and all(sides)):
        return None
    # The resolution is that of the picture as it was taken; this one may have been resized or turned since.
    taken = max(side or 0.0 for side in sides)
    return _centred(focal_mm * resolution / unit * max(width, height) / taken, width, height)


def camera_of_video(path: Path, width: int, height: int) -> Intrinsics | None:
    """The camera of an MP4 or MOV file shown at this size, by its metadata keys; None where there are none.

    Phones state the lens's 35 mm equivalent for their whole 4:3 sensor, of which a wider picture is a strip
    across its full width.
    """
    if path.suffix.lower() not in iso_media.SUFFIXES:
        return None
    equivalent_mm = _focal_35mm(path)
    if equivalent_mm is None:
        return None
    sensor_diagonal_px = max(1.25 * max(width, height), math.hypot(width, height))
    return _centred(equivalent_mm / _FILM_DIAGONAL_MM * sensor_diagonal_px, width, height)


def _centred(focal_px: float, width: int, height: int) -> Intrinsics | None:
    """None for a focal length no camera for people has."""
    if not math.isfinite(focal_px) or focal_px <= 0:
        return None
    fov_deg = math.degrees(2 * math.atan(max(width, height) / 2 / focal_px))
    low, high = _PLAUSIBLE_FOV_DEG
    if not low <= fov_deg <= high:
        return None
    return Intrinsics.from_fov(fov_deg, width, height, "metadata")


def _exif(path: Path) -> Mapping[str, Any]:
    # Imported late: only photos need it.
    import exifread

    # Its complaints about odd files are of no use to whoever runs a command.
    logging.getLogger("exifread").setLevel(logging.CRITICAL)
    try:
        with path.open("rb") as file:
            return dict(exifread.process_file(file, details=False, extract_thumbnail=False))
    except Exception as error:  # a stranger's file can break a parser in any way
        log.debug("no EXIF in %s: %s", path, error)
        return {}


def _number(tags: Mapping[str, Any], name: str) -> float | None:
    """A tag's first value, if it is a positive number."""
    try:
        value = float(tags[name].values[0])
    except (KeyError, IndexError, TypeError, ValueError, ZeroDivisionError, AttributeError):
        return None
    return value if math.isfinite(value) and value > 0 else None


def _focal_35mm(path: Path) -> float | None:
    """The 35 mm equivalent, mm, from the `meta` boxes of the movie and of its tracks."""
    try:
        with path.open("rb") as file:
            end = file.seek(0, 2)
            for meta in _metas(file, Box(b"", 0, end)):
                value = _keyed(file, meta, _KEY_35MM)
                if value is not None and math.isfinite(value) and value > 0:
                    return value
    except (OSError, ValueError, struct.error) as error:
        log.debug("no metadata in %s: %s", path, error)
    return None


def _metas(file: BinaryIO, parent: Box, depth: int = 0) -> Iterator[Box]:
    for box in itertools.islice(iso_media.boxes(file, parent.start, parent.end), _MOST_BOXES):
        if box.kind in (b"moov", b"trak", b"udta") and depth < _DEEPEST:
            yield from _metas(file, box, depth + 1)
        elif box.kind == b"meta":
            yield box


def _keyed(file: BinaryIO, meta: Box, key: bytes) -> float | None:
    """The value of a key in a `meta` box: `keys` numbers the names, `ilst` holds the values (QuickTime File
    Format, "Metadata")."""
    if meta.end - meta.start > _MOST_METADATA:
        return None
    # QuickTime's box has its children at once, ISO's has a version and flags before them.
    file.seek(meta.start + 4)
    start = meta.start if file.read(4) in (b"hdlr", b"keys", b"ilst") else meta.start + 4
    inner = {box.kind: box for box in iso_media.boxes(file, start, meta.end)}
    if b"keys" not in inner or b"ilst" not in inner:
        return None
    names = [
        _content(file, box)
        for box in iso_media.boxes(file, inner[b"keys"].start + 8, inner[b"keys"].end)
        if box.kind == b"mdta"
    ]
    if key not in names:
        return None
    wanted = struct.pack(">I", names.index(key) + 1)
    for item in iso_media.boxes(file, inner[b"ilst"].start, inner[b"ilst"].end):
        if item.kind == wanted:
            for data in iso_media.boxes(file, item.start, item.end):
                if data.kind == b"data":
                    return _value(_content(file, data))
    return None


def _content(file: BinaryIO, box: Box) -> bytes:
    file.seek(box.start)
    return file.read(min(box.end - box.start, _MOST_METADATA))


def _value(data: bytes) -> float | None:
    """A number by QuickTime's well-known types: text, signed, unsigned, float."""
    if len(data) <= 8:
        return None
    kind, content = int.from_bytes(data[:4], "big"), data[8:]
    if kind == 1:
        return float(content.decode("utf-8"))
    if kind in (21, 22, 65, 66, 67, 74, 75, 76, 77, 78):
        return float(int.from_bytes(content, "big", signed=kind in (21, 65, 66, 67, 74)))
    if kind in (23, 24) and len(content) == (4 if kind == 23 else 8):
        return float(struct.unpack(">f" if kind == 23 else ">d", content)[0])
    return None
