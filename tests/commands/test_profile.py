from __future__ import annotations

import pytest

from realtime.commands import profile
from realtime.stream.assemble import Options
from tests.fakes import FakePerception, FakeSource


@pytest.mark.parametrize("delay", [0, 2, 9])
def test_every_frame_is_timed_also_where_results_wait(monkeypatch: pytest.MonkeyPatch, delay: int) -> None:
    source, perception = FakeSource(10), FakePerception(delay=delay)
    monkeypatch.setattr(profile, "_open", lambda name, options: (source, perception))
    timing = profile.time_frames(None, Options(), frames=6)
    assert len(timing.frame_ms) == 6
    assert timing.stage_ms == {"detect": [0.0] * 6, "estimate": [4.0] * 6, "lift": [0.5] * 6}
    assert source.closed.is_set()
    assert perception.closed.is_set()
