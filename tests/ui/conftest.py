"""A Qt application without a screen, and a pipeline that does what the test says."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from realtime.camera import Intrinsics
from realtime.stream.ledger import Entry, Ledger, Snapshot
from realtime.types import Person, Result
from realtime.ui.app import display_available
from tests.drawing_people import AGES_MS, drawn_person, drawn_result


@pytest.fixture(scope="session")
def qt() -> Any:
    """The application; skips where Qt cannot start. Off screen unless DISPLAY names one."""
    with pytest.MonkeyPatch.context() as patch:
        if not os.environ.get("DISPLAY"):
            patch.setenv("QT_QPA_PLATFORM", "offscreen")
        reason = display_available()
        if reason is not None:
            pytest.skip(reason)
        from PySide6.QtWidgets import QApplication

        return QApplication.instance() or QApplication(["tests"])


class FakeLive:
    """A pipeline as the window sees it; `push` makes it deliver."""

    def __init__(self) -> None:
        self.intrinsics: Intrinsics | None = None
        self.fallback = ""
        self.finished = False
        self.error: BaseException | None = None
        self.models: Sequence[tuple[str, str]] = (("detector", "openvino fp32"), ("lifter", "onnxruntime"))
        self.stops = 0
        self.ledger = Ledger()
        self._result: Result | None = None
        self._count = 0

    def push(self, people: tuple[Person, ...] | None = None, captured_ns: int | None = None) -> Result:
        """Deliver a result, with one person unless told otherwise, grabbed just now."""
        now_ns = time.perf_counter_ns()
        captured_ns = now_ns - 24_000_000 if captured_ns is None else captured_ns
        self.intrinsics = Intrinsics.assumed(640, 480)
        who = (drawn_person(),) if people is None else people
        result = drawn_result(who, self._count, captured_ns=captured_ns)
        self.ledger.add(Entry(self._count, captured_ns, captured_ns + 24_000_000, AGES_MS))
        self._result = result
        self._count += 1
        return result

    def latest(self) -> Result | None:
        return self._result

    def snapshot(self) -> Snapshot:
        return self.ledger.snapshot()

    def stop(self) -> None:
        self.stops += 1


@pytest.fixture
def live() -> FakeLive:
    """A pipeline that has delivered nothing yet."""
    return FakeLive()


@pytest.fixture
def window(qt: Any, live: FakeLive) -> Iterator[Any]:
    """The real window on `live`, shown."""
    from PySide6.QtTest import QTest

    from realtime.ui.window import Window

    window = Window(live, "Poses")
    window.show()
    assert QTest.qWaitForWindowExposed(window)
    yield window
    window.close()
    window.deleteLater()
    qt.processEvents()
