"""Views of a board: from photos or the frames of a video, each kept or left out with its reason."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from calibration.board import Board
from calibration.detect import Finder, Miss, Sighting
from calibration.errors import CalibrationError
from realtime.errors import SourceError, UsageError
from realtime.types import Array, FloatArray, ImageArray

MIN_VIEWS = 3


@dataclass(frozen=True, slots=True)
class View:
    """A board seen once: corners_px (N, 2) in the image, board_m (N, 3) the same ones on the board."""

    name: str
    corners_px: FloatArray
    board_m: FloatArray
    blur: float = 0.0

    @classmethod
    def of(cls, name: str, sighting: Sighting, board: Board) -> View:
        """What a finder saw, with where its corners are on the board."""
        return cls(name, sighting.corners_px, board.corners_m[sighting.ids], sighting.blur)


@dataclass(frozen=True, slots=True)
class Views:
    """All usable views of one camera, the images without, and the board as it turned out to be."""

    seen: tuple[View, ...]
    missed: Sequence[tuple[str, Miss]]
    width: int
    height: int
    board: Board

    def require(self, count: int = MIN_VIEWS) -> None:
        """Raise CalibrationError, with what to do, unless there are so many views."""
        if len(self.seen) >= count:
            return
        total = len(self.seen) + len(self.missed)
        if not self.missed or total < count:
            raise CalibrationError(
                f"{_images(total)} cannot fix a camera: at least {count} views of the board are needed, "
                "10 to 20 at different tilts and places are good"
            )
        raise CalibrationError(
            f"the {self.board} board was found in {len(self.seen)} of {_images(total)}, at least {count} "
            f"are needed: {_remedy(self.board, [miss for _, miss in self.missed])}"
        )


@dataclass(slots=True)
class Collector:
    """Looks at one image after the other; `views` is what came of it."""

    finder: Finder
    seen: list[View] = field(default_factory=list)
    missed: list[tuple[str, Miss]] = field(default_factory=list)
    size: tuple[int, int] = (0, 0)
    first: str = ""

    def look(self, name: str, image: ImageArray) -> View | Miss:
        """Look for the board in an image (H, W[, 3]). Raises UsageError if it is of another size."""
        size = (image.shape[1], image.shape[0])
        if not self.first:
            self.size, self.first = size, name
        elif size != self.size:
            raise UsageError(_of_another_size(name, size, self.first, self.size))
        found = self.finder.find(image)
        if isinstance(found, Miss):
            self.missed.append((name, found))
            return found
        view = View.of(name, found, self.finder.board)
        self.seen.append(view)
        return view

    @property
    def views(self) -> Views:
        return Views(tuple(self.seen), tuple(self.missed), *self.size, self.finder.board)


def photos(patterns: Iterable[str]) -> list[Path]:
    """The files that names, folders and patterns (`*.jpg`) mean, each once, in order. Raises UsageError."""
    files: list[Path] = []
    for pattern in patterns:
        path = Path(pattern)
        if path.is_dir():
            found = sorted(p for p in path.iterdir() if p.suffix.lower() in _SUFFIXES)
        elif path.exists():
            found = [path]
        else:
            found = [Path(name) for name in sorted(glob.glob(pattern, recursive=True))]
        if not found:
            raise UsageError(f"{pattern} names no photo: give files, a folder, or a pattern in quotes")
        files += [p for p in found if p not in files]
    return files


_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"}


def from_photos(
    files: Sequence[Path], finder: Finder, progress: Callable[[], object] = lambda: None
) -> Views:
    """Look at photos of one camera. Raises SourceError for what is no photo, UsageError for mixed sizes."""
    collector = Collector(finder)
    # Sizes are compared before minutes are spent on looking.
    for path in files:
        image = read_photo(path)
        if not collector.first:
            collector.first, collector.size = str(path), (image.shape[1], image.shape[0])
        elif (size := (image.shape[1], image.shape[0])) != collector.size:
            raise UsageError(_of_another_size(str(path), size, collector.first, collector.size))
    for path in files:
        collector.look(str(path), read_photo(path))
        progress()
    return collector.views


def read_photo(path: Path) -> ImageArray:
    """The photo (H, W, 3) BGR, turned as its EXIF says. Raises SourceError."""
    try:
        data: Array = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if image is None:
        raise SourceError(f"{path} is not an image that OpenCV can read: leave it out, or convert it to JPEG")
    return np.asarray(image, np.uint8)


def _of_another_size(name: str, size: tuple[int, int], first: str, first_size: tuple[int, int]) -> str:
    return (
        f"{name} is {size[0]}x{size[1]}, {first} {first_size[0]}x{first_size[1]}: calibrate from images "
        "of one camera at one resolution, all held the same way up"
    )


def _images(count: int) -> str:
    return f"{count} image{'s' * (count != 1)}"


def _remedy(board: Board, misses: Sequence[Miss]) -> str:
    """What to do about images without the board."""
    sizes = Counter((min(m.other), max(m.other)) for m in misses if m.other)
    if sizes:
        (small, large), count = sizes.most_common(1)[0]
        return (
            f"{count} show a board of {large}x{small} inner corners; if that is yours, "
            f"use --board {large}x{small}"
        )
    markers = [m.reason for m in misses if "markers" in m.reason]
    if markers:
        return markers[0]
    if sum("blurred" in m.reason for m in misses) * 2 > len(misses):
        return "most of the others are blurred; hold camera and board still, in good light"
    kind = "ChArUco" if board.is_charuco else "checkerboard"
    return (
        f"the others show no such {kind}; check --board ({board.cols}x{board.rows} inner corners), and have "
        "the whole board in view, flat, evenly lit, with a white rim"
    )
