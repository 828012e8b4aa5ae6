"""The demo in a window: what is refused before one opens, and what is left when it closes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from realtime.commands.windowed import refuse_at_once, run_in_window
from realtime.errors import SourceError, UsageError
from realtime.live.keep import Keep
from realtime.live.player import Player
from realtime.stream.assemble import Options
from realtime.stream.sources.open import SourceOptions


@pytest.mark.parametrize(
    ("source", "options", "error"),
    [
        ("missing.mp4", Options(), SourceError),
        ("sample", Options(lifter="nonesuch"), UsageError),
        ("sample", Options(lag=3), UsageError),
    ],
)
def test_bad_words_are_refused_before_a_window_opens(
    source: str, options: Options, error: type[Exception]
) -> None:
    with pytest.raises(error):
        refuse_at_once(source, options)


@pytest.mark.parametrize("source", [None, "sample", "0", "rtsp://host/stream", "pipe:", "pipe:live"])
def test_what_can_only_be_tried_is_left_to_the_window(source: str | None) -> None:
    refuse_at_once(source, Options())


@pytest.mark.usefixtures("blazepose")
def test_what_was_asked_for_is_written_while_the_window_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The window itself is tested elsewhere: here it is open until three frames have come."""
    import threading

    def stand_in(player: Player, title: str, **started: Any) -> int:
        player.start()
        ended = threading.Event()
        while player.first is None or not player.first.pipeline.finished:
            ended.wait(0.02)
        assert player.close(30.0)
        return 0

    monkeypatch.setattr("realtime.ui.app.run_window", stand_in)
    keep = Keep(record=tmp_path / "out.jsonl", frames=3)
    run = run_in_window("sample", Options(), SourceOptions(), keep, {})
    assert run is not None
    assert run.pipeline.snapshot().frames == 3
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [line["frame"] for line in lines[1:]] == [0, 1, 2]
    assert "source:" not in capsys.readouterr().out


def test_what_the_player_ended_with_is_the_commands_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty.mp4").write_bytes(b"")

    def stand_in(player: Player, title: str, **started: Any) -> Any:
        import threading

        player.start()
        while player.error is None:
            threading.Event().wait(0.02)
        player.close(30.0)

    monkeypatch.setattr("realtime.ui.app.run_window", stand_in)
    with pytest.raises(SourceError, match="is empty"):
        run_in_window(str(tmp_path / "empty.mp4"), Options(), SourceOptions(), Keep(), {})
