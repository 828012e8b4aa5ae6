"""What a frame's networks cost by their device's own clock, stage by stage."""

from __future__ import annotations

from collections.abc import Mapping

from realtime.engines.base import DeviceTime, Engine, TimedEngine


class DeviceLaps:
    """Reads engines' clocks between frames; a stage whose engine has none is left out.

    It belongs to the thread that runs the engines.
    """

    def __init__(self, engines: Mapping[str, Engine]) -> None:
        self._timed = {stage: e for stage, e in engines.items() if isinstance(e, TimedEngine)}
        self._before: dict[str, DeviceTime] = {stage: e.spent for stage, e in self._timed.items()}

    def lap(self) -> dict[str, float]:
        """Milliseconds of upload, compute and download a stage, since the last lap."""
        if not self._timed:
            return {}
        now = {stage: engine.spent for stage, engine in self._timed.items()}
        laps = {stage: (spent - self._before[stage]).total_ms for stage, spent in now.items()}
        self._before = now
        return laps
