"""A lock between processes that the system releases when its holder dies."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

log = logging.getLogger(__name__)

if sys.platform == "win32":
    import msvcrt

    def _acquire(file: BinaryIO, wait: bool) -> bool:
        file.seek(0)
        while True:
            try:
                # LK_LOCK gives up after ten seconds.
                msvcrt.locking(file.fileno(), msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
            except OSError:
                if not wait:
                    return False
            else:
                return True
else:
    import fcntl

    def _acquire(file: BinaryIO, wait: bool) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@contextlib.contextmanager
def only_one(path: Path, purpose: str) -> Iterator[None]:
    """Hold the lock file `path`, waiting while another process holds it. Raises OSError if it cannot be made.

    purpose: what the other process is then said to be doing. The file stays: removing it would let two in.
    """
    with path.open("ab") as file:
        if not _acquire(file, wait=False):
            log.warning("another process is %s: waiting for it", purpose)
            _acquire(file, wait=True)
        yield
