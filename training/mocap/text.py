"""Lines of words and numbers, with line numbers for messages: what ASF, AMC and BVH files are made of."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from training.mocap.motion import MotionFileError


class Line(NamedTuple):
    """The words of a line and its number, from 1."""

    number: int
    words: list[str]


def read_lines(path: Path, comment: str = "") -> Iterator[Line]:
    """The lines of a file that hold a word. Raises MotionFileError when it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8", errors="strict")
    except OSError as error:
        raise MotionFileError(f"cannot read motion file {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise MotionFileError(f"{path} is not a text file: name an ASF, AMC or BVH file") from error
    for number_, raw in enumerate(text.splitlines(), 1):
        words = (raw.partition(comment)[0] if comment else raw).split()
        if words:
            yield Line(number_, words)


def bad_line(path: Path, line: Line, what: str) -> MotionFileError:
    """The error for a line that does not hold what it should."""
    return MotionFileError(f"{path}, line {line.number}: {what}")


def number(path: Path, line: Line, position: int) -> float:
    """One finite number of a line. Raises MotionFileError."""
    try:
        value = float(line.words[position])
    except (IndexError, ValueError) as error:
        raise bad_line(path, line, f"a number is needed as word {position + 1}") from error
    if not math.isfinite(value):
        raise bad_line(path, line, f"{line.words[position]} is not a finite number")
    return value
