"""One sink of a pipeline with the ring before it, so that sinks neither wait for nor end one another."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator

from realtime.stream.ring import Policy, Ring, RingClosedError
from realtime.stream.sinks import Sink
from realtime.stream.watchdog import Activity
from realtime.types import Result

log = logging.getLogger(__name__)

_RING = 8


class Output:
    """A sink, its ring and its worker's body. label: what it is called where it fails.

    The ring closes when the sink fails, so whoever puts learns of it from RingClosedError.
    """

    def __init__(self, sink: Sink, policy: Policy, activity: Activity) -> None:
        self.sink = sink
        self.label = activity.worker
        self.activity = activity
        self._ring: Ring[Result] = Ring(_RING, policy)

    def put(self, result: Result) -> int:
        """Hand over a result; returns how many older ones were dropped for it."""
        return self._ring.put(result)

    def end(self, discard: bool = False) -> None:
        """Nothing more will come. discard: what waits is not to be delivered either."""
        self._ring.close(discard=discard)

    def run(self) -> None:
        """Deliver until the ring ends, then close the sink. Raises what the sink raises first."""
        with closing(self._close), contextlib.suppress(RingClosedError):
            while True:
                result = self._ring.get()
                with self.activity.at(f"frame {result.frame.index}"):
                    self.sink.write(result)

    def _close(self) -> None:
        self._ring.close(discard=True)
        with self.activity.at("its end"):
            self.sink.close()


def label_of(sink: Sink) -> str:
    """What a sink is called where it fails: its `label`, else its class."""
    return str(getattr(sink, "label", type(sink).__name__))


@contextlib.contextmanager
def closing(close: Callable[[], None]) -> Iterator[None]:
    """Close at the end of the context; a failure to close never hides what failed before it."""
    try:
        yield
    except BaseException:
        try:
            close()
        except Exception:
            log.debug("closing failed, after another failure", exc_info=True)
        raise
    close()
