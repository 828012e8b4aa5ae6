"""Every thread of the pipeline is one of these."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from realtime.stream.ring import RingClosedError

log = logging.getLogger(__name__)


class Worker:
    """A thread that runs `body` once; `finished` is told how it ended.

    body: the loop; it returns when its input ends, and RingClosedError counts as a normal end.
    finished: called on the worker's thread with the error that ended it, or None.
    """

    def __init__(
        self, name: str, body: Callable[[], None], finished: Callable[[BaseException | None], None]
    ) -> None:
        self.name = name
        self._body = body
        self._finished = finished
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for the end; True if it came within `timeout_s`, or the thread never started."""
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            self._body()
        except RingClosedError:
            pass
        except BaseException as raised:
            log.debug("%s ended with an error", self.name, exc_info=True)
            error = raised
        self._finished(error)
