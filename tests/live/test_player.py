"""The player: pipelines one after another, switched while they run, and never anyone kept waiting."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from realtime.errors import EngineError, FetchError, SourceError, SourceLostError
from realtime.live.player import Player
from realtime.live.state import Phase, Trouble, Wish
from tests.live.fake_workshop import FakeWorkshop, States


class Stand:
    """A player on a fake workshop."""

    def __init__(self) -> None:
        self.workshop = FakeWorkshop()
        self.states = States()
        self.player = Player(Wish("file"), self.workshop, retry_s=0.01, told=self.states)

    def ended(self, run: int = 1) -> None:
        """Wait until a run is at its end."""
        self.states.phase(Phase.ENDED, run)

    def shown(self, frame: int) -> None:
        """Wait until a frame's result is the newest."""
        for _ in range(1000):
            result = self.player.latest()
            if result is not None and result.frame.index == frame:
                return
            threading.Event().wait(0.005)
        raise AssertionError(f"frame {frame} never came")


@pytest.fixture
def stand() -> Iterator[Stand]:
    stand = Stand()
    yield stand
    assert stand.player.close(5.0)
    assert stand.player.state.phase is Phase.CLOSED
    assert stand.workshop.closed.is_set()
    assert not [t for t in threading.enumerate() if t.name in ("capture", "perceive", "player")]


def test_a_file_is_opened_loaded_played_and_ends(stand: Stand) -> None:
    stand.player.start()
    stand.ended()
    phases = list(dict.fromkeys(state.phase for state in stand.states.all))
    assert phases == [Phase.STARTING, Phase.OPENING, Phase.LOADING, Phase.RUNNING, Phase.ENDED]
    state = stand.player.state
    assert state.source is not None
    assert (state.run, state.nets[0].name, state.fallback) == (1, "net", "a reason")
    assert state.intrinsics is not None
    assert [camera.name for camera in state.cameras] == ["Fake camera"]
    assert state.choices.lifters == {"unified": (0, 2)}
    assert stand.workshop.perceptions[0].seen == list(range(10))
    latest = stand.player.latest()
    assert latest is not None
    assert latest.frame.index == 9


def test_whoever_listens_is_called_when_there_is_a_newer_result(stand: Stand) -> None:
    seen: list[int] = []

    def came() -> None:
        result = stand.player.latest()
        assert result is not None
        seen.append(result.frame.index)

    stand.player.listen(came)
    stand.player.start()
    stand.ended()
    assert len(seen) == 10
    assert seen == sorted(seen)
    assert seen[-1] == 9
    stand.player.listen(None)
    stand.player.play()
    stand.ended(run=2)
    assert len(seen) == 10


def test_loading_is_told_with_its_progress(stand: Stand) -> None:
    stand.player.start()
    loading = stand.states.wait(lambda state: state.progress is not None and state.progress.done == 0.5)
    assert loading.progress is not None
    assert loading.progress.title == "Loading the networks"


def test_playing_at_the_end_begins_again(stand: Stand) -> None:
    stand.player.start()
    stand.ended()
    stand.player.play()
    stand.ended(run=2)
    assert stand.workshop.perceptions[1].seen == list(range(10))


def test_another_source_replaces_one_that_runs(stand: Stand) -> None:
    stand.player.start()
    stand.player.open("camera")
    running = stand.states.wait(lambda s: s.phase is Phase.RUNNING and s.is_live)
    stand.player.open("file")
    stand.ended(run=running.run + 1)
    assert stand.workshop.sources[-2].closed.is_set()
    assert stand.workshop.perceptions[-2].closed.is_set()


def test_of_many_wishes_at_once_only_the_last_is_done(stand: Stand) -> None:
    gate = threading.Semaphore(0)
    stand.workshop.gate = gate
    stand.player.start()
    stand.workshop.entered.acquire()
    for frame in range(1, 8):
        stand.player.seek(frame)
    gate.release(100)
    stand.ended(run=2)
    assert [wish.start_frame for wish in stand.workshop.wishes] == [0, 7]
    assert stand.workshop.perceptions[-1].seen == [7, 8, 9]


def test_pause_step_seek_and_play(stand: Stand) -> None:
    gate = threading.Semaphore(0)
    stand.workshop.source_gate = gate
    stand.player.start()
    stand.states.phase(Phase.RUNNING)
    gate.release(1)
    stand.shown(0)
    stand.player.pause()
    stand.states.wait(lambda state: state.paused)
    gate.release(100)
    stand.player.step()
    stand.player.seek(5)
    stand.states.phase(Phase.RUNNING, run=2)
    assert stand.workshop.paused == [False, True]
    stand.shown(5)
    stand.player.step()
    stand.shown(6)
    assert stand.player.state.paused
    stand.player.play()
    stand.ended(run=2)
    assert stand.workshop.perceptions[1].seen == [5, 6, 7, 8, 9]


def test_a_paused_file_with_a_lag_still_shows_the_frame_sought(stand: Stand) -> None:
    stand.workshop.lag = 2
    stand.player.start()
    stand.ended()
    stand.player.pause()
    stand.states.wait(lambda state: state.paused)
    stand.player.seek(4)
    stand.states.phase(Phase.RUNNING, run=2)
    stand.shown(4)


def test_a_changed_option_goes_on_from_the_frame_that_is_shown(stand: Stand) -> None:
    gate = threading.Semaphore(0)
    stand.workshop.source_gate = gate
    stand.player.start()
    stand.states.phase(Phase.RUNNING)
    gate.release(4)
    stand.shown(3)
    stand.player.change(people=3, stature_m=1.8)
    stand.states.wait(lambda state: state.wish.options.people == 3)
    gate.release(100)
    stand.ended(run=2)
    wish = stand.workshop.wishes[-1]
    assert (wish.options.people, wish.options.stature_m, wish.start_frame) == (3, 1.8, 3)
    assert stand.workshop.perceptions[-1].seen == list(range(3, 10))


def test_live_sources_cannot_be_paused(stand: Stand) -> None:
    stand.player.open("camera")
    stand.player.start()
    stand.states.wait(lambda s: s.phase is Phase.RUNNING and s.is_live)
    stand.player.pause()
    stand.player.step()
    stand.player.save(Path("/nonexistent/x"), lambda path: None)
    assert not stand.states.wait(lambda s: s.said_count == 1).paused


@pytest.mark.parametrize(
    ("error", "phase", "trouble"),
    [
        (SourceError("the file is cut short"), Phase.FAILED, Trouble.SOURCE),
        (SourceLostError("it ended at frame 3"), Phase.FAILED, Trouble.SOURCE),
        (ValueError("a defect"), Phase.FAILED, Trouble.OTHER),
    ],
)
def test_a_source_that_does_not_open_is_a_problem_and_another_can_be_chosen(
    stand: Stand, error: BaseException, phase: Phase, trouble: Trouble
) -> None:
    stand.workshop.errors["bad"] = [error]
    stand.player.open("bad")
    stand.player.start()
    state = stand.states.phase(phase)
    assert state.problem is not None
    assert state.problem.trouble is trouble
    assert stand.player.error is error
    stand.player.open("file")
    stand.ended()
    assert stand.player.state.problem is None
    assert stand.player.error is None


@pytest.mark.parametrize(
    ("error", "trouble"),
    [(FetchError("could not download"), Trouble.DOWNLOAD), (EngineError("no memory"), Trouble.ENGINE)],
)
def test_networks_that_do_not_come_are_a_problem_and_the_source_is_freed(
    stand: Stand, error: BaseException, trouble: Trouble
) -> None:
    stand.workshop.assemble_error = error
    stand.player.start()
    state = stand.states.phase(Phase.FAILED)
    assert state.problem is not None
    assert state.problem.trouble is trouble
    assert stand.workshop.sources[0].closed.is_set()


def test_a_camera_that_is_not_there_is_tried_again_until_it_is(stand: Stand) -> None:
    gone = [SourceError("there is no camera 0, or it is in use") for _ in range(3)]
    stand.workshop.errors["0"] = list(gone)
    stand.player.open("0")
    stand.player.start()
    state = stand.states.phase(Phase.LOST)
    assert state.problem is not None
    assert state.problem.trouble is Trouble.CAMERA_BUSY
    stand.ended()
    assert len(stand.workshop.wishes) == 4


def test_a_run_that_fails_is_a_problem(stand: Stand) -> None:
    stand.player.start()
    stand.states.phase(Phase.RUNNING)
    stand.workshop.frames = 3
    stand.ended()
    stand.workshop.source_gate = threading.Semaphore(0)
    stand.player.play()
    stand.states.phase(Phase.RUNNING, run=2)
    stand.workshop.perceptions[-1]._fail_at = 0
    stand.workshop.source_gate.release(10)
    state = stand.states.phase(Phase.FAILED)
    assert state.problem is not None
    assert "fake network failed" in state.problem.message


def test_the_source_is_released_for_another_program_and_taken_back(stand: Stand) -> None:
    stand.player.open("camera")
    stand.player.start()
    stand.states.wait(lambda s: s.phase is Phase.RUNNING and s.is_live)
    stand.player.release()
    stand.states.phase(Phase.ENDED)
    assert stand.workshop.sources[-1].closed.is_set()
    stand.player.open("file")
    stand.ended(run=stand.player.state.run + 1)


def test_recording_while_it_runs(stand: Stand, tmp_path: Path) -> None:
    gate = threading.Semaphore(0)
    stand.workshop.source_gate = gate
    stand.player.start()
    stand.states.phase(Phase.RUNNING)
    stand.player.record(tmp_path / "walk")
    stand.player.save(tmp_path / "deep" / "note.txt", lambda path: path.write_text("x"))
    stand.states.wait(lambda s: s.said.endswith("note.txt"))
    assert stand.player.recording.active
    gate.release(4)
    stand.shown(3)
    stand.player.stop_recording()
    said = stand.states.wait(lambda s: "walk.jsonl" in s.said or "nothing was" in s.said)
    assert said.said == f"wrote {tmp_path / 'walk.jsonl'}"
    gate.release(100)
    stand.ended()
    sink = stand.workshop.recorded[0]
    assert [r.frame.index for r in sink.results] == list(range(len(sink.results)))
    assert 1 <= len(sink.results) < 10
    assert sink.closed == 1


def test_the_end_of_a_run_finishes_its_recording(stand: Stand, tmp_path: Path) -> None:
    gate = threading.Semaphore(0)
    stand.workshop.source_gate = gate
    stand.player.start()
    stand.states.phase(Phase.RUNNING)
    stand.player.record(tmp_path / "walk")
    stand.player.save(tmp_path / "mark", lambda path: None)
    stand.states.wait(lambda s: s.said.endswith("mark"))
    gate.release(100)
    stand.ended()
    assert not stand.player.recording.active
    assert stand.player.recording.frames == 10
    assert stand.workshop.recorded[0].closed == 1


def test_there_is_nothing_to_record_before_a_run(stand: Stand, tmp_path: Path) -> None:
    stand.workshop.errors["bad"] = [SourceError("no")]
    stand.player.open("bad")
    stand.player.start()
    stand.states.phase(Phase.FAILED)
    stand.player.record(tmp_path / "walk")
    stand.states.wait(lambda s: s.said.startswith("nothing to record"))


def test_the_ledger_is_saved_and_knows_what_was_painted(stand: Stand, tmp_path: Path) -> None:
    gate = threading.Semaphore(0)
    stand.workshop.source_gate = gate
    stand.player.start()
    stand.states.phase(Phase.RUNNING)
    gate.release(1)
    stand.shown(0)
    stand.player.displayed(0, 10**18)
    for _ in range(1000):
        if any(entry.displayed_ns for entry in stand.player.snapshot().recent):
            break
        threading.Event().wait(0.01)
    path = tmp_path / "latency.json"
    stand.player.save_ledger(path)
    stand.states.wait(lambda s: s.said == f"wrote {path}")
    assert '"stages"' in path.read_text()
    assert str(10**18) in path.read_text()
    gate.release(100)


def test_a_file_that_cannot_be_written_is_said(stand: Stand, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    stand.player.start()
    stand.player.save(tmp_path / "taken" / "x.txt", lambda path: None)
    assert stand.states.wait(lambda s: s.said_count == 1).said.startswith("cannot write")


def test_closing_while_networks_load_stops_the_loading(stand: Stand) -> None:
    gate = threading.Semaphore(0)
    stand.workshop.gate = gate
    stand.player.start()
    stand.workshop.entered.acquire()
    assert not stand.player.close(0.0)
    gate.release()
    assert stand.player.close(5.0)
    assert not stand.workshop.perceptions
    assert stand.workshop.sources[0].closed.is_set()


def test_closing_before_it_started_is_harmless() -> None:
    assert Player(Wish("file"), FakeWorkshop()).close(0.0)


def test_a_perception_that_hangs_is_left_behind_with_its_networks() -> None:
    workshop, states = FakeWorkshop(), States()
    player = Player(Wish("file"), workshop, told=states)
    stuck = threading.Semaphore(0)
    player.start()
    states.phase(Phase.ENDED)
    workshop.source_gate = threading.Semaphore(0)
    player.play()
    states.phase(Phase.RUNNING, run=2)
    workshop.perceptions[-1]._gate = stuck
    workshop.source_gate.release(1)
    workshop.perceptions[-1].entered.acquire()
    player.open("file")
    states.phase(Phase.RUNNING, run=3)
    assert workshop.abandoned == 1
    stuck.release(100)
    workshop.source_gate.release(100)
    assert player.close(5.0)
