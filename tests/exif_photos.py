"""Photos with EXIF data of a test's choosing."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

import cv2

from realtime.types import ImageArray

SHORT, LONG, RATIONAL = 3, 4, 5
ORIENTATION, EXIF_IFD = 0x0112, 0x8769
FOCAL, FOCAL_35MM, EXIF_WIDTH, EXIF_HEIGHT = 0x920A, 0xA405, 0xA002, 0xA003
PLANE_X, PLANE_UNIT = 0xA20E, 0xA210

Tags = Mapping[int, tuple[int, tuple[int, ...]]]


def _ifd(tags: Tags, at: int) -> bytes:
    """An image file directory (TIFF 6.0, section 2) that begins at a place of the file."""
    entries, extra = b"", b""
    beyond = at + 2 + 12 * len(tags) + 4
    for tag, (kind, values) in sorted(tags.items()):
        data = struct.pack("<" + {SHORT: "H", LONG: "I", RATIONAL: "I"}[kind] * len(values), *values)
        count = len(values) // 2 if kind == RATIONAL else len(values)
        if len(data) > 4:
            entries += struct.pack("<HHII", tag, kind, count, beyond + len(extra))
            extra += data
        else:
            entries += struct.pack("<HHI", tag, kind, count) + data.ljust(4, b"\0")
    return struct.pack("<H", len(tags)) + entries + bytes(4) + extra


def write_photo(path: Path, image: ImageArray, exif: Tags, orientation: int = 1) -> Path:
    """A JPEG with an orientation and the tags of its EXIF directory."""
    main: dict[int, tuple[int, tuple[int, ...]]] = {
        ORIENTATION: (SHORT, (orientation,)),
        EXIF_IFD: (LONG, (0,)),
    }
    inner_at = 8 + len(_ifd(main, 8))
    main[EXIF_IFD] = (LONG, (inner_at,))
    tiff = b"II*\0" + struct.pack("<I", 8) + _ifd(main, 8) + _ifd(exif, inner_at)
    body = b"Exif\0\0" + tiff
    plain = bytes(cv2.imencode(".jpg", image)[1])
    segment = b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
    path.write_bytes(plain[:2] + segment + plain[2:])
    return path
