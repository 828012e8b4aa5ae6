"""Files of JSON lines that are whole up to their last complete line, whatever happens to the writer."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from io import FileIO
from pathlib import Path
from typing import Any

from realtime.errors import RecordError


def line(node: Mapping[str, Any]) -> str:
    """A JSON object as one line. Raises ValueError for NaN and infinity, which JSON lacks."""
    return json.dumps(node, separators=(",", ":"), allow_nan=False) + "\n"


class LineFile:
    """Appends lines, each in one unbuffered write: a killed process leaves all it wrote, at most one cut.

    The file is created by the first line, with `head` before it, so who writes nothing leaves nothing.
    Raises RecordError when it cannot be written; the part of a line that a full disk took is removed again.
    """

    def __init__(self, path: Path, head: str = "") -> None:
        self.path = path
        self._head = head
        self._file: FileIO | None = None

    def write(self, text: str) -> None:
        """Append one line, or several."""
        try:
            if self._file is None:
                # Not buffered: nothing is left in the process that a kill could lose.
                self._file = FileIO(self.path, "w")
                self._append(self._file, self._head.encode())
            self._append(self._file, text.encode())
        except OSError as error:
            self.close()
            raise RecordError(
                f"cannot write {self.path}: {error.strerror}; what was written so far is kept"
            ) from error

    def close(self) -> None:
        """Close the file; a line after it would begin it anew."""
        if self._file is not None:
            file, self._file = self._file, None
            with contextlib.suppress(OSError):
                file.close()

    @staticmethod
    def _append(file: FileIO, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[file.write(rest) :]
        except OSError:
            with contextlib.suppress(OSError):
                file.seek(len(rest) - len(data), 1)
                file.truncate()
            raise


def check_writable(path: Path) -> None:
    """Raise RecordError unless a file can be created or replaced at `path`; changes nothing."""
    if path.is_dir():
        raise RecordError(f"cannot write {path}: it is a folder; name a file")
    existed = path.exists()
    try:
        with path.open("ab"):
            pass
        if not existed:
            path.unlink()
    except OSError as error:
        raise RecordError(f"cannot write {path}: {error.strerror}; choose another place") from error
