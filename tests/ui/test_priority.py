"""What the window's thread leaves to the others."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from realtime.ui.priority import make_way


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a priority for each thread")
def test_only_the_thread_that_makes_way_and_those_it_starts_step_back() -> None:
    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    said: dict[str, int] = {}

    def look(name: str) -> None:
        said[name] = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    def step_back() -> None:
        make_way()
        look("itself")
        child = threading.Thread(target=look, args=("its child",))
        child.start()
        child.join()

    interval_s = sys.getswitchinterval()
    try:
        thread = threading.Thread(target=step_back)
        thread.start()
        thread.join()
        assert sys.getswitchinterval() < interval_s
    finally:
        sys.setswitchinterval(interval_s)
    look("the others")
    assert said == {"itself": max(10, before), "its child": max(10, before), "the others": before}
