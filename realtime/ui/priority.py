"""The window's thread lets the pipeline's go first: better a picture painted late than a pose found late."""

from __future__ import annotations

import os
import sys
import threading

_NICE = 10
_SWITCH_S = 0.001


def make_way() -> None:
    """Lower the priority of the thread that calls this, where the system can (Linux), and of those it starts.

    A worker that comes back from a network then waits a fifth of the usual time for the interpreter. Call it
    once the pipeline's threads have a parent of their own: priority is inherited and cannot be raised again.
    """
    sys.setswitchinterval(min(sys.getswitchinterval(), _SWITCH_S))
    if sys.platform == "linux":
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, max(_NICE, os.getpriority(os.PRIO_PROCESS, thread)))
