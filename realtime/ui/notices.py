"""What the window says over the picture, in every state a person meets. Importing this needs no Qt."""

from __future__ import annotations

from dataclasses import dataclass

from realtime.live.advice import Advice, Topic
from realtime.live.state import Phase, Problem, Progress, State, Trouble
from realtime.stream.source import SourceStatus

RETRY, CHOOSE_SOURCE, PLAY_AGAIN = "Try again", "Choose a source", "Play again"


@dataclass(frozen=True, slots=True)
class Notice:
    """One card. icon: by name. busy: whether a bar runs; done: how far, in [0, 1], None while unknown.

    action: the words on its button, empty for none. alarming: something went wrong. calm: a hint that lies
    low and leaves the picture free.
    """

    icon: str
    title: str
    hint: str = ""
    busy: bool = False
    done: float | None = None
    action: str = ""
    alarming: bool = False
    calm: bool = False


_TOPICS = {
    Topic.TOO_DARK: "dark",
    Topic.NO_PERSON: "person",
    Topic.TOO_CLOSE: "close",
    Topic.CUT_OFF: "cut",
    Topic.SLOW: "slow",
}


def notice_for(
    state: State, seen: bool, advice: Advice | None, status: SourceStatus, held: bool = False
) -> Notice | None:
    """The one thing to say now; None for nothing.

    seen: whether a result of this run has come. status: of the source. held: the view of a live source
    stands still.
    """
    if state.problem is not None and state.phase in (Phase.FAILED, Phase.LOST):
        return _of_problem(state.problem)
    if state.phase in (Phase.STARTING, Phase.OPENING, Phase.LOADING):
        return _of_progress(state.progress)
    if status.state == "reconnecting":
        again = f"It goes on by itself when it is back (attempt {status.attempt})"
        return Notice("plug", "The source was lost", again, busy=True, alarming=True)
    if state.phase is Phase.ENDED:
        if not seen:
            return Notice("alarm", "The source ended without a picture", action=CHOOSE_SOURCE, alarming=True)
        return Notice("again", "The end", "", action=PLAY_AGAIN, calm=True)
    if state.paused or held:
        return Notice("pause", "Paused", "Space goes on, the dot key shows the next picture", calm=True)
    if not seen:
        return Notice("camera", "Waiting for the first picture", busy=True)
    if advice is not None:
        return Notice(_TOPICS[advice.topic], advice.title, advice.hint, calm=True)
    return None


def _of_progress(progress: Progress | None) -> Notice:
    if progress is None:
        return Notice("gear", "Starting", busy=True)
    icon = "download" if progress.title.startswith("Downloading") else "gear"
    return Notice(icon, progress.title, progress.detail, busy=True, done=progress.done)


def _of_problem(problem: Problem) -> Notice:
    title, icon, hint = {
        Trouble.NO_CAMERA: ("No camera found", "camera", "Plug one in, or choose a file or the sample clip"),
        Trouble.CAMERA_BUSY: (
            "The camera is busy",
            "camera",
            "Another program uses it: close that one (a call, a browser tab), and it starts by itself",
        ),
        Trouble.UNPLUGGED: (
            "The camera was unplugged",
            "plug",
            "Plug it in again, or look at the network: it goes on by itself",
        ),
        Trouble.SOURCE: ("This source cannot be played", "alarm", ""),
        Trouble.DOWNLOAD: ("The networks could not be downloaded", "download", ""),
        Trouble.ENGINE: ("The networks do not run here", "gear", ""),
        Trouble.OTHER: ("It stopped", "alarm", ""),
    }[problem.trouble]
    words = f"{hint}\n{problem.message}" if hint else problem.message
    is_source = problem.trouble in (Trouble.NO_CAMERA, Trouble.SOURCE)
    action = CHOOSE_SOURCE if is_source else RETRY
    return Notice(icon, title, words, busy=problem.retrying, action=action, alarming=True)
