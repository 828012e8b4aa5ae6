"""Errors are told apart by what a person can do about them; the sample plays through the real workshop."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from realtime.errors import (
    CameraFileError,
    EngineUnavailableError,
    FetchError,
    PoseError,
    SourceError,
    SourceLostError,
    UsageError,
)
from realtime.live.keep import Keep
from realtime.live.player import Player
from realtime.live.state import Phase, Trouble, Wish
from realtime.live.workshop import RealWorkshop, explain
from tests.live.fake_workshop import States


@pytest.mark.parametrize(
    ("source", "error", "trouble", "retrying"),
    [
        ("7", SourceError("there is no camera 7"), Trouble.NO_CAMERA, True),
        ("0", SourceError("there is no camera 0, or it is in use"), Trouble.CAMERA_BUSY, True),
        ("0", SourceLostError("camera 0 stopped"), Trouble.UNPLUGGED, True),
        (None, SourceLostError("camera 0 stopped"), Trouble.UNPLUGGED, True),
        ("rtsp://h/s", SourceError("does not answer"), Trouble.SOURCE, True),
        ("rtsp://h/s", SourceLostError("stopped"), Trouble.UNPLUGGED, True),
        ("walk.mp4", SourceError("is empty"), Trouble.SOURCE, False),
        ("walk.mp4", SourceLostError("ended at 3"), Trouble.SOURCE, False),
        ("0", FetchError("no network"), Trouble.DOWNLOAD, False),
        ("0", EngineUnavailableError("no GPU"), Trouble.ENGINE, False),
        ("0", CameraFileError("another aspect"), Trouble.OTHER, False),
        ("0", UsageError("no lag 3"), Trouble.OTHER, False),
        ("0", KeyError("x"), Trouble.OTHER, False),
    ],
)
def test_errors_are_told_apart(
    source: str | None, error: BaseException, trouble: Trouble, retrying: bool
) -> None:
    problem = explain(error, Wish(source), lambda index: index == 0)
    assert (problem.trouble, problem.retrying) == (trouble, retrying)
    assert str(error) in problem.message
    assert isinstance(error, PoseError) or type(error).__name__ in problem.message


@pytest.mark.usefixtures("blazepose")
def test_the_sample_plays_is_sought_and_lifted_otherwise_without_loading_again(tmp_path: Path) -> None:
    states, keep = States(), Keep(record=tmp_path / "out.jsonl", frames=4)
    player = Player(Wish("sample"), RealWorkshop(keep=keep), told=states)
    player.start()
    try:
        states.phase(Phase.ENDED, run=1)
        assert player.state.is_sample
        assert keep.assembly is not None
        header, *lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
        assert header["header"]["intrinsics"]["source"] == "calibrated"
        assert [line["frame"] for line in lines] == [0, 1, 2, 3]
        told = len(states.all)
        player.seek(295)
        states.wait(lambda s: s.phase is Phase.ENDED and s.run == 2)
        latest = player.latest()
        assert latest is not None
        assert latest.frame.index == 299
        assert latest.people
        again = [s.progress.title for s in states.all[told:] if s.progress is not None]
        assert not [title for title in again if "Loading" in title]
        told = len(states.all)
        player.change(lifter="videopose-tcn")
        player.seek(297)
        states.wait(lambda s: s.phase is Phase.RUNNING and s.nets[-1].name == "videopose-tcn", told)
        details = {
            s.progress.detail for s in states.all[told:] if s.progress is not None and s.progress.detail
        }
        assert details == {"3D lifter: videopose-tcn"}
    finally:
        assert player.close(30.0)
    assert not [t for t in threading.enumerate() if t.name in ("capture", "perceive", "player")]


@pytest.mark.usefixtures("blazepose")
def test_closing_while_the_real_networks_load_leaves_nothing_behind() -> None:
    states = States()
    player = Player(Wish("sample"), RealWorkshop(), told=states)
    player.start()
    states.wait(lambda s: s.progress is not None and s.progress.title == "Loading the networks")
    player.close(0.0)
    assert player.close(30.0)
    assert player.state.phase is Phase.CLOSED
    assert not [t for t in threading.enumerate() if t.name in ("capture", "perceive", "player")]
