"""The bar on top: what plays, where it is, and how to get something else."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from realtime.live.recorder import Recording
from realtime.live.state import Phase, State, Wish
from realtime.types import Frame, Result
from realtime.ui.transport import clock_words, size_words, source_words
from tests.drawing_people import AGES_MS
from tests.ui.conftest import is_shown, wait_until
from tests.ui.fake_player import FakePlayer, info


def entries(window: Any) -> dict[str, Any]:
    window.bar.menu.aboutToShow.emit()
    return {action.text(): action for action in window.bar.menu.actions() if action.text()}


def test_the_menu_names_cameras_and_other_kinds_of_sources(window: Any, live: FakePlayer) -> None:
    wait_until(lambda: "USB Camera" in entries(window))
    assert ("list_cameras", None) in live.calls
    live.calls.clear()
    for name in ("USB Camera", "The sample clip"):
        entries(window)[name].trigger()
    assert [call for call in live.calls if call[0] == "open"] == [("open", "2"), ("open", "sample")]


def test_no_camera_is_said_in_the_menu(window: Any, live: FakePlayer) -> None:
    live.set(cameras=())
    wait_until(lambda: "No camera found" in entries(window))
    assert not entries(window)["No camera found"].isEnabled()


def test_a_file_and_a_folder_are_opened(
    window: Any, live: FakePlayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PySide6.QtWidgets import QFileDialog

    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a: ("/v/a.mp4", ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *a: "/v/images")
    entries(window)["A video file…"].trigger()
    entries(window)["A folder of images…"].trigger()
    assert [call for call in live.calls if call[0] == "open"] == [("open", "/v/a.mp4"), ("open", "/v/images")]


def test_an_address_must_be_one(window: Any, live: FakePlayer) -> None:
    from PySide6.QtWidgets import QDialogButtonBox

    entries(window)["A stream's address…"].trigger()
    dialog = window.asking.address
    button = dialog.buttons.button(QDialogButtonBox.StandardButton.Open)
    for words, fits in (("", False), ("ftp://x", False), ("rtsp://", False), (" rtsp://u:p@h/s ", True)):
        dialog.address.setText(words)
        assert button.isEnabled() is fits, words
    button.click()
    assert live.calls[-1] == ("open", "rtsp://u:p@h/s")


def test_the_slider_follows_and_seeks(window: Any, live: FakePlayer) -> None:
    live.run()
    frame = Frame(np.zeros((480, 640, 3), np.uint8), 75, time.perf_counter_ns(), 2.5)
    live.push(result=Result(frame, (), AGES_MS))
    wait_until(lambda: window.bar.seek.value() == 75)
    assert window.bar.time.text() == "0:02 / 0:10"
    assert live.calls == []
    window.bar.seek.setValue(150)
    assert live.calls == [("seek", 150)]


def test_buttons_do_what_keys_do(window: Any, live: FakePlayer) -> None:
    live.push()
    wait_until(lambda: is_shown(window) and window.bar.record.isEnabled())
    for name in ("play", "step", "record", "photo", "ledger"):
        getattr(window.bar, name).click()
    assert [name for name, _ in live.calls] == ["pause", "step", "record", "save", "save_ledger"]
    window.bar.settings.click()
    assert window.settings_dock.isVisible()
    window.bar.mirror.click()
    assert window.image_view.mirrored
    window.bar.help.click()
    assert window.help.isVisible()


def test_nothing_can_be_recorded_before_there_is_anything(window: Any, live: FakePlayer) -> None:
    assert not window.bar.record.isEnabled()
    assert not window.bar.play.isEnabled()


def test_a_recording_that_ended_by_itself_is_not_shown_as_running(window: Any, live: FakePlayer) -> None:
    live.push()
    live.recording = Recording(active=True, seconds=61, size_bytes=999)
    wait_until(lambda: window.bar.record_words.text() == "1:01   999 B")
    live.recording = replace(live.recording, active=False)
    wait_until(lambda: window.bar.record_words.text() == "")
    assert not window.bar.record.isChecked()


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (State(is_sample=True), "The sample clip"),
        (State(phase=Phase.RUNNING, source=info()), "walk.mp4"),
        (State(phase=Phase.RUNNING, source=info(live=True)), "camera 0 (Fake camera)"),
        (State(wish=Wish("3")), "Camera 3"),
        (State(wish=Wish("rtsp://me:secret@host/stream")), "rtsp://host/stream"),
        (State(wish=Wish("/a/" + "x" * 60 + ".mp4")), "x" * 14 + "…" + "x" * 12 + ".mp4"),
    ],
)
def test_a_source_is_named_shortly_and_without_secrets(state: State, words: str) -> None:
    assert source_words(state) == words


def test_words_for_times_and_sizes() -> None:
    assert [clock_words(s) for s in (0, 61.9, 3723)] == ["0:00", "1:01", "1:02:03"]
    assert [size_words(n) for n in (0, 1500, 2_500_000, 3_210_000_000)] == [
        "0 B", "1.5 kB", "2.5 MB", "3.21 GB",
    ]  # fmt: skip
