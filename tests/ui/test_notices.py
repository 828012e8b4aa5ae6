"""Every state a person meets is put into words, the gravest first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from realtime.live.advice import Advice, Topic
from realtime.live.state import Phase, Problem, Progress, State, Trouble
from realtime.stream.source import SourceStatus
from realtime.ui.notices import CHOOSE_SOURCE, PLAY_AGAIN, RETRY, Notice, notice_for
from tests.ui.conftest import wait_until
from tests.ui.fake_player import FakePlayer, info

FINE = SourceStatus()
RUNNING = State(phase=Phase.RUNNING, source=info(live=True), run=1)


def of(state: State, seen: bool = True, **more: Any) -> Notice:
    notice = notice_for(state, seen, more.get("advice"), more.get("status", FINE), more.get("held", False))
    assert notice is not None
    return notice


def test_nothing_is_said_while_all_is_well() -> None:
    assert notice_for(RUNNING, True, None, FINE) is None


@pytest.mark.parametrize(
    ("trouble", "words", "action"),
    [
        (Trouble.NO_CAMERA, "No camera", CHOOSE_SOURCE),
        (Trouble.CAMERA_BUSY, "busy", RETRY),
        (Trouble.UNPLUGGED, "unplugged", RETRY),
        (Trouble.SOURCE, "cannot be played", CHOOSE_SOURCE),
        (Trouble.DOWNLOAD, "download", RETRY),
        (Trouble.ENGINE, "do not run", RETRY),
        (Trouble.OTHER, "stopped", RETRY),
    ],
)
@pytest.mark.parametrize("retrying", [False, True])
def test_every_trouble_has_a_title_the_errors_words_and_a_way_out(
    trouble: Trouble, words: str, action: str, retrying: bool
) -> None:
    phase = Phase.LOST if retrying else Phase.FAILED
    notice = of(replace(RUNNING, phase=phase, problem=Problem(trouble, "its own words", retrying)))
    assert words in notice.title
    assert "its own words" in notice.hint
    assert notice.action == action
    assert notice.alarming
    assert notice.busy is retrying


@pytest.mark.parametrize("phase", [Phase.STARTING, Phase.OPENING, Phase.LOADING])
def test_waiting_at_the_start_is_shown_to_go_on(phase: Phase) -> None:
    assert of(State(phase=phase)).busy


@pytest.mark.parametrize(
    ("title", "icon"),
    [
        ("Downloading the networks (only this once)", "download"),
        ("Building the engines (only this once)", "gear"),
    ],
)
def test_a_download_and_the_building_of_engines_show_how_far_they_are(title: str, icon: str) -> None:
    notice = of(State(phase=Phase.LOADING, progress=Progress(title, "15.1M/35.6M", 0.42)))
    assert (notice.title, notice.hint, notice.done, notice.icon) == (title, "15.1M/35.6M", 0.42, icon)


def test_a_source_that_is_lost_for_a_moment_is_said_to_come_back() -> None:
    notice = of(RUNNING, status=SourceStatus("reconnecting", 3))
    assert "lost" in notice.title
    assert "attempt 3" in notice.hint


@pytest.mark.parametrize("topic", list(Topic))
def test_advice_lies_low(topic: Topic) -> None:
    notice = of(RUNNING, advice=Advice(topic, "the matter", "what to do"))
    assert (notice.title, notice.hint, notice.calm, notice.alarming) == (
        "the matter",
        "what to do",
        True,
        False,
    )


def test_graver_things_come_first() -> None:
    advice = Advice(Topic.SLOW, "slow", "")
    lost = SourceStatus("reconnecting", 1)
    assert "lost" in of(RUNNING, advice=advice, status=lost).title
    problem = replace(RUNNING, phase=Phase.FAILED, problem=Problem(Trouble.OTHER, "x"))
    assert "stopped" in of(problem, advice=advice, status=lost).title
    assert of(RUNNING, advice=advice, held=True).title == "Paused"


def test_the_end_can_be_played_again_unless_nothing_came() -> None:
    ended = replace(RUNNING, phase=Phase.ENDED)
    assert of(ended).action == PLAY_AGAIN
    assert of(ended, seen=False).action == CHOOSE_SOURCE


def test_the_card_shows_it_and_its_button_acts(window: Any, live: FakePlayer) -> None:
    live.set(phase=Phase.LOST, problem=Problem(Trouble.CAMERA_BUSY, "in use", True))
    wait_until(lambda: "busy" in window.card.text)
    assert window.card.isVisible()
    assert window.card.accessibleName() == window.card.text
    assert window.image_view.rect().contains(window.card.geometry())
    window.card.button.click()
    assert live.calls == [("open", None)]
    live.push()
    wait_until(lambda: window.card.isHidden())
    live.set(phase=Phase.ENDED)
    wait_until(lambda: window.card.button.text() == PLAY_AGAIN)
    window.card.button.click()
    assert live.calls[-1] == ("play", None)


def test_the_card_stays_inside_a_small_window(window: Any, live: FakePlayer) -> None:
    live.set(phase=Phase.FAILED, problem=Problem(Trouble.SOURCE, "very long words " * 40))
    window.resize(760, 480)
    wait_until(lambda: window.card.isVisible() and window.height() == 480)
    assert window.image_view.rect().contains(window.card.geometry())


def test_advice_appears_over_the_picture_and_goes(window: Any, live: FakePlayer) -> None:
    live.run(live=True)
    for n in range(4):
        live.push((), captured_ns=1_000_000_000 + n * 500_000_000)
        wait_until(lambda done=n: len(live.shown) > done)
    wait_until(lambda: "No one in view" in window.card.text)
    for n in range(3):
        live.push(captured_ns=3_000_000_000 + n * 400_000_000)
        wait_until(lambda done=n: len(live.shown) > done + 4)
    wait_until(lambda: window.card.text == "")
