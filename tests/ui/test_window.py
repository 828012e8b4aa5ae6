"""The live window: what it shows, what keys and the mouse do, how it ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from realtime.draw import BACKGROUND, LEFT
from realtime.live.state import Phase, Progress
from realtime.skeleton import H36M17
from realtime.types import Frame, Result
from realtime.ui.theme import DARK, LIGHT
from tests.drawing_people import AGES_MS, drawn_person
from tests.ui.conftest import is_shown, pixels, press, wait_until
from tests.ui.fake_player import FakePlayer, info


def test_it_shows_the_picture_with_the_skeleton_where_the_joints_are(window: Any, live: FakePlayer) -> None:
    result = live.push()
    wait_until(lambda: is_shown(window))
    area, shown = window.image_view.picture, pixels(window.image_view)
    assert area.width() / area.height() == pytest.approx(4 / 3, rel=0.01)
    corner = shown[round(area.top()) + 5, round(area.left()) + 5]
    np.testing.assert_array_equal(corner, 128)
    joint = result.people[0].keypoints_px[H36M17.index("l_wrist"), :2]
    x, y = (joint + 0.5) * area.width() / 640
    np.testing.assert_allclose(shown[int(area.top() + y), int(area.left() + x)], LEFT, atol=40)


def test_a_result_is_shown_when_it_comes_without_waiting_for_the_timer(window: Any, live: FakePlayer) -> None:
    window._timer.stop()
    live.push()
    assert live.came is not None
    told = threading.Thread(target=live.came)  # on a thread of the pipeline, as in life
    told.start()
    told.join()
    wait_until(lambda: live.shown == [0])


def test_the_panel_comes_with_a_result_without_waiting_for_the_timer(window: Any, live: FakePlayer) -> None:
    window._timer.stop()
    window._show_panel()
    before = window.ledger_view.text("pictures")
    for _ in range(5):
        window._tick()
    live.push()
    assert live.came is not None
    live.came()
    wait_until(lambda: window.ledger_view.text("pictures") != before)


def test_the_panel_is_refreshed_by_the_timer_where_no_result_comes(window: Any, live: FakePlayer) -> None:
    live.run()
    wait_until(lambda: window.ledger_view.text("camera") != "–")


class Due:
    """A pace at which it is due when the test says."""

    def __init__(self) -> None:
        self.in_ms = 0

    def wait_ms(self) -> int:
        return self.in_ms

    def spending(self) -> Any:
        return nullcontext()


def test_the_3d_view_is_painted_with_the_result_nearest_to_its_time(window: Any) -> None:
    view, due = window.skeleton_view, Due()
    view._pace = due
    people = (drawn_person(),)
    view.show_people(people, None, 10.0)
    wait_until(lambda: not view.is_behind)
    for n, (in_ms, is_next) in enumerate([(60, False), (27, False), (16, True), (60, True)], 1):
        due.in_ms = in_ms
        view.show_people(people, None, 10.0 + n / 30)
        assert view.is_next == is_next
        assert view.is_behind
    wait_until(lambda: not view.is_behind)
    due.in_ms = 27
    view.show_people(people, None, 10.0 + 5 / 30)
    assert not view.is_next
    wait_until(lambda: not view.is_behind)  # no other result came: it is painted all the same


def test_what_lies_over_a_view_keeps_its_place_when_the_view_grows(window: Any, live: FakePlayer) -> None:
    live.set(phase=Phase.LOADING, progress=Progress("Loading", "a network", 0.5))
    wait_until(lambda: window.card.isVisible())
    window.toast.say("wrote a file")
    window.resize(window.width() + 160, window.height() + 120)
    for over, view in ((window.card, window.image_view), (window.toast, window.skeleton_view)):
        wait_until(lambda over=over, view=view: view.rect().contains(over.geometry()))
    card, view = window.card, window.image_view
    wait_until(lambda: abs(card.geometry().center().x() - view.rect().center().x()) <= 1)
    toast, view = window.toast, window.skeleton_view
    wait_until(lambda: view.width() - toast.geometry().right() < 20)


def test_a_closed_window_listens_no_more(window: Any, live: FakePlayer) -> None:
    assert live.came is not None
    window.close()
    assert live.came is None


def test_right_joints_are_hollow_and_left_ones_filled(window: Any, live: FakePlayer) -> None:
    result = live.push()
    wait_until(lambda: is_shown(window))
    area, shown = window.image_view.picture, pixels(window.image_view).astype(int)

    def at(joint: str) -> Any:
        x, y = (result.people[0].keypoints_px[H36M17.index(joint), :2] + 0.5) * area.width() / 640
        return shown[int(area.top() + y), int(area.left() + x)]

    assert at("l_wrist").sum() > at("r_wrist").sum() + 200


def test_a_mirrored_picture_swaps_left_and_right_of_it_all(window: Any, live: FakePlayer) -> None:
    image = np.full((480, 640, 3), 128, np.uint8)
    image[:, :40] = (10, 20, 230)
    person = drawn_person(root_m=(0.5, 0, 3))
    live.push(result=Result(Frame(image, 0, time.perf_counter_ns(), 0.0), (person,), AGES_MS))
    wait_until(lambda: is_shown(window))
    press(window, "M")
    assert window.image_view.mirrored
    area, shown = window.image_view.picture, pixels(window.image_view)
    row = round(area.top()) + 5
    np.testing.assert_array_equal(shown[row, round(area.right()) - 5], (230, 20, 10))
    np.testing.assert_array_equal(shown[row, round(area.left()) + 5], 128)
    x, y = (person.keypoints_px[H36M17.index("l_wrist"), :2] + 0.5) * area.width() / 640
    np.testing.assert_allclose(shown[int(area.top() + y), int(area.right() - x)], LEFT, atol=40)


def test_the_picture_keeps_its_aspect_when_the_window_is_narrow(window: Any, live: FakePlayer) -> None:
    live.push()
    window.resize(900, 1000)
    wait_until(lambda: is_shown(window) and window.width() == 900)
    area = window.image_view.picture
    assert area.width() / area.height() == pytest.approx(4 / 3, rel=0.02)
    assert area.width() <= window.image_view.width()
    above = pixels(window.image_view)[2, window.image_view.width() // 2]
    np.testing.assert_array_equal(above, BACKGROUND)


def test_a_fallback_is_told_however_long_and_leaves_the_views_their_room(
    make_window: Callable[[], Any], live: FakePlayer
) -> None:
    live.run()
    live.set(fallback="tensorrt-rtx is installed, but this machine has no NVIDIA driver; " * 3)
    window = make_window()
    wait_until(lambda: window.ledger_view.fallback_is_shown)
    assert window.ledger_view.fallback == live.state.fallback
    assert window.width() == 1280


def test_an_image_that_is_not_contiguous_is_shown_as_it_is(window: Any, live: FakePlayer) -> None:
    live.push(())
    image = np.zeros((480, 1280, 3), np.uint8)
    image[:, ::2] = (10, 20, 230)
    result = Result(Frame(image[:, ::2], 1, time.perf_counter_ns(), 0.0), (), AGES_MS)
    window.image_view.show_result(result)
    area = window.image_view.picture
    inside = pixels(window.image_view)[round(area.top()) + 9, round(area.left()) + 9]
    np.testing.assert_array_equal(inside, (230, 20, 10))


def test_the_3d_view_shows_the_person(window: Any, live: FakePlayer) -> None:
    empty = pixels(window.skeleton_view)
    live.push()
    wait_until(lambda: is_shown(window))
    full = pixels(window.skeleton_view).astype(int)
    assert (full != empty).any(axis=2).mean() > 0.01
    person = drawn_person()
    size = (float(window.skeleton_view.width()), float(window.skeleton_view.height()))
    x, y = window.skeleton_view.camera.project(person.pose.absolute_m[H36M17.index("l_wrist")], size)
    red, _, blue = full[round(float(y)), round(float(x))]
    assert blue > red + 40


def test_dragging_turns_the_view_and_a_double_click_turns_it_back(window: Any, live: FakePlayer) -> None:
    from PySide6.QtCore import QPoint, Qt
    from PySide6.QtTest import QTest

    view, left = window.skeleton_view, Qt.MouseButton.LeftButton
    live.push()
    wait_until(lambda: is_shown(window))
    before, shown = view.camera, pixels(view)
    QTest.mousePress(view, left, pos=QPoint(200, 200))
    QTest.mouseMove(view, QPoint(300, 240))
    QTest.mouseRelease(view, left, pos=QPoint(300, 240))
    turned = view.camera
    assert turned.azimuth_deg == pytest.approx(before.azimuth_deg - 35)
    assert turned.elevation_deg == pytest.approx(before.elevation_deg + 14)
    assert (pixels(view) != shown).any()
    QTest.mousePress(view, Qt.MouseButton.RightButton, pos=QPoint(300, 240))
    QTest.mouseMove(view, QPoint(50, 50))
    QTest.mouseRelease(view, Qt.MouseButton.RightButton, pos=QPoint(50, 50))
    assert view.camera == turned
    QTest.mouseDClick(view, left, pos=QPoint(200, 200))
    assert view.camera == before


def test_the_wheel_and_the_keys_come_closer(window: Any) -> None:
    from PySide6.QtCore import QPoint, QPointF, Qt
    from PySide6.QtGui import QWheelEvent
    from PySide6.QtWidgets import QApplication

    view = window.skeleton_view
    before = view.camera.distance_m
    where = QPointF(view.rect().center())
    none, phase = Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase
    turn = QWheelEvent(
        where, view.mapToGlobal(where), QPoint(), QPoint(0, 240), Qt.MouseButton.NoButton, none, phase, False
    )
    QApplication.sendEvent(view, turn)
    assert view.camera.distance_m == pytest.approx(before / 1.15**2)
    press(window, "Minus")
    press(window, "Minus")
    assert view.camera.distance_m == pytest.approx(before)
    press(window, "Equal")
    assert view.camera.distance_m == pytest.approx(before / 1.15)


@pytest.mark.parametrize(
    ("key", "angles"), [("1", (0, 0)), ("2", (90, 0)), ("3", (0, 90)), ("4", (25, 12)), ("0", (40, 20))]
)
def test_number_keys_take_viewpoints(window: Any, key: str, angles: tuple[float, float]) -> None:
    window.skeleton_view.preset("side" if key != "2" else "top")
    press(window, key)
    camera = window.skeleton_view.camera
    assert (camera.azimuth_deg, camera.elevation_deg) == angles


def test_buttons_over_the_3d_view_take_viewpoints(window: Any) -> None:
    from PySide6.QtWidgets import QPushButton

    buttons = {b.text(): b for b in window.findChildren(QPushButton) if b.objectName() == "preset"}
    assert list(buttons) == ["Front", "Side", "Top", "Follow"]
    buttons["Top"].click()
    assert window.skeleton_view.camera.elevation_deg == 90
    buttons["Follow"].click()
    assert window.skeleton_view.camera.elevation_deg == 12


def test_shifted_arrows_turn_the_view_with_or_without_a_mirror(window: Any) -> None:
    view = window.skeleton_view
    before = view.camera.azimuth_deg
    press(window, "Right", shift=True)
    assert view.camera.azimuth_deg == pytest.approx(before + 10)
    press(window, "M")
    press(window, "Right", shift=True)
    assert view.camera.azimuth_deg == pytest.approx(before)


def test_trails_are_shown_and_hidden(window: Any, live: FakePlayer) -> None:
    start = time.perf_counter_ns()
    for n in range(30):
        live.push((drawn_person(0, (n / 20, 0, 3)),), captured_ns=start + n * 50_000_000)
        wait_until(lambda done=n: len(live.shown) > done)
    with_trails = pixels(window.skeleton_view)
    press(window, "T")
    assert not window.controls.trails.isChecked()
    assert (pixels(window.skeleton_view) != with_trails).any()
    press(window, "T")
    np.testing.assert_array_equal(pixels(window.skeleton_view), with_trails)


def test_space_holds_the_view_of_a_camera_and_lets_go(window: Any, live: FakePlayer) -> None:
    live.run(live=True)
    live.push(())
    wait_until(lambda: len(live.shown) == 1)
    press(window, "Space")
    assert window.held
    assert "Paused" in window.card.text
    held = pixels(window.skeleton_view)
    live.push()
    ticks: list[None] = []
    window._timer.timeout.connect(lambda: ticks.append(None))
    wait_until(lambda: len(ticks) >= 3)
    assert len(live.shown) == 1
    np.testing.assert_array_equal(pixels(window.skeleton_view), held)
    press(window, "Space")
    wait_until(lambda: len(live.shown) == 2)
    assert "Paused" not in window.card.text
    assert live.calls == []


def test_space_pauses_a_file_and_plays_it_on(window: Any, live: FakePlayer) -> None:
    live.push()
    wait_until(lambda: is_shown(window))
    press(window, "Space")
    wait_until(lambda: "Paused" in window.card.text)
    assert "paused" in window.windowTitle()
    press(window, ".")
    press(window, "Space")
    wait_until(lambda: window.card.text == "")
    assert [name for name, _ in live.calls] == ["pause", "step", "play"]


def test_arrows_seek_a_second_within_the_file(window: Any, live: FakePlayer) -> None:
    live.run()
    frame = Frame(np.zeros((480, 640, 3), np.uint8), 290, time.perf_counter_ns(), 9.6)
    live.push(result=Result(frame, (), AGES_MS))
    wait_until(lambda: is_shown(window))
    press(window, "Left")
    press(window, "Right")
    assert live.calls == [("seek", 260), ("seek", 299)]


def test_a_camera_cannot_be_sought(window: Any, live: FakePlayer) -> None:
    live.run(live=True)
    live.push()
    wait_until(lambda: is_shown(window))
    press(window, "Left")
    assert live.calls == []
    assert window.bar.seek.isHidden()


def test_f_fills_the_screen_and_goes_back(window: Any) -> None:
    press(window, "F")
    assert window.isFullScreen()
    press(window, "F")
    assert not window.isFullScreen()


def test_help_opens_beside_and_names_every_key(window: Any) -> None:
    press(window, "F1")
    page = window.help
    assert page.isVisible()
    for action in window.actions_by_name.values():
        assert action.text() in page.text.text()
    for words in ("hollow", "metres", "calibrate"):
        assert words in page.text.text()
    window.toggle_help()
    wait_until(lambda: window.help is None)


def test_every_control_has_a_name_and_a_tool_tip(window: Any) -> None:
    from PySide6.QtWidgets import QAbstractButton, QAbstractSlider, QAbstractSpinBox, QComboBox, QScrollBar

    kinds = (QAbstractButton, QAbstractSlider, QAbstractSpinBox, QComboBox)
    own = [
        w
        for part in (window.bar, window.controls)
        for kind in kinds
        for w in part.findChildren(kind)
        if not isinstance(w, QScrollBar) and not w.objectName().startswith("qt_")
    ]
    assert len(own) > 18
    for widget in own:
        assert widget.accessibleName() or getattr(widget, "text", str)(), widget
        assert widget.toolTip(), widget.accessibleName()


@pytest.mark.parametrize("key", ["Escape", "Q"])
def test_quitting_closes_the_player_once(window: Any, live: FakePlayer, key: str) -> None:
    press(window, key)
    assert not window.isVisible()
    window.close()
    assert live.closed == 1
    assert not window._timer.isActive()


def test_the_theme_changes_everything_and_is_remembered(
    make_window: Callable[[], Any], live: FakePlayer
) -> None:
    window = make_window()
    live.push()
    wait_until(lambda: is_shown(window))
    dark = pixels(window)
    press(window, "D")
    assert window.theme is LIGHT
    light = pixels(window)
    assert light.mean() > dark.mean() + 60
    np.testing.assert_array_equal(pixels(window.skeleton_view)[-3, 3], LIGHT.canvas)
    window.close()
    assert make_window().theme is LIGHT
    assert DARK.name == "dark"


def test_the_layout_is_remembered(make_window: Callable[[], Any]) -> None:
    first = make_window()
    first.resize(1100, 700)
    first.toggle_settings()
    first.ledger_dock.setFloating(True)
    wait_until(lambda: first.width() == 1100)
    first.close()
    second = make_window()
    wait_until(second.ledger_dock.isFloating)
    assert (second.width(), second.height()) == (1100, 700)
    assert second.settings_dock.isVisible()
    assert second.bar.settings.isChecked()


def test_a_damaged_layout_file_is_as_good_as_none(make_window: Callable[[], Any], settings: Path) -> None:
    settings.parent.mkdir(parents=True)
    settings.write_bytes(
        b"\x00[layout]\nversion=1\ngeometry=nonsense\ndocks=12\n[view]\ntheme=pink\ndrawing=x"
    )
    window = make_window()
    assert window.theme is DARK
    assert window.width() == 1280


def test_r_records_and_stops_and_says_how_long_and_how_much(
    window: Any, live: FakePlayer, tmp_path: Path
) -> None:
    live.push()
    wait_until(lambda: window.bar.record.isEnabled())
    press(window, "R")
    wait_until(lambda: window.bar.record_words.text() == "0:12   3.4 MB")
    (name, (stem, with_video)), *_ = live.calls
    assert (name, stem.parent, with_video) == ("record", tmp_path / "files", True)
    assert stem.name.startswith("record_20")
    press(window, "R")
    wait_until(lambda: window.bar.record_words.text() == "")
    assert live.calls[-1][0] == "stop_recording"


def test_a_screenshot_is_what_is_seen(window: Any, live: FakePlayer) -> None:
    live.push()
    wait_until(lambda: is_shown(window))
    press(window, "S")
    path = live.calls[-1][1]
    shot = cv2.imread(str(path))
    assert shot.shape[:2] == (window.height(), window.width())
    same = np.abs(shot[..., ::-1].astype(int) - pixels(window)).max(axis=2) < 30
    assert same.mean() > 0.97
    wait_until(lambda: window.toast.isVisible())
    assert str(path) in window.toast.text()


def test_l_saves_the_latencies(window: Any, live: FakePlayer) -> None:
    live.push()
    press(window, "L")
    assert live.calls[-1][0] == "save_ledger"
    assert live.calls[-1][1].suffix == ".json"


def test_fifty_results_are_painted_and_no_timer_is_left_behind(window: Any, live: FakePlayer) -> None:
    from PySide6.QtCore import QTimer

    live.push(())
    wait_until(lambda: len(live.shown) == 1)
    before = len(window.findChildren(QTimer))
    for count in range(50):
        live.push(tuple(drawn_person(n, (n - 1, 0, 3)) for n in range(count % 4)))
        wait_until(lambda done=count + 2: len(live.shown) == done)
    assert len(window.findChildren(QTimer)) == before
    window.close()
    assert not any(timer.isActive() for timer in window.findChildren(QTimer))


def test_a_result_is_counted_as_shown_once(window: Any, live: FakePlayer, qt: Any) -> None:
    live.push()
    wait_until(lambda: bool(live.shown))
    window.image_view.repaint()
    qt.processEvents()
    assert live.shown == [0]


def test_another_run_forgets_what_the_one_before_showed(window: Any, live: FakePlayer) -> None:
    live.push()
    wait_until(lambda: window.ledger_view.text("age") != "– ms")
    live.run(source=replace(info(), name="other.mp4"))
    wait_until(lambda: "Waiting for the first picture" in window.card.text)
    assert window.result is None
    wait_until(lambda: window.ledger_view.text("age") == "– ms")
    assert "other.mp4" in window.bar.source.text()
    live.push()
    wait_until(lambda: window.result is not None)


def test_closing_at_any_phase_of_the_start_is_fine(make_window: Callable[[], Any], live: FakePlayer) -> None:
    for phase in (Phase.STARTING, Phase.OPENING, Phase.LOADING, Phase.RUNNING):
        live.set(phase=phase)
        window = make_window()
        window.close()
        assert not window.isVisible()


def test_windows_come_and_go_without_a_leak(qt: Any, live: FakePlayer, settings: Path) -> None:
    import gc
    import threading
    import weakref

    from realtime.ui.preferences import Preferences
    from realtime.ui.window import Window

    live.push()
    Preferences(settings).view = replace(Preferences(settings).view, drawing="painter")
    seen: list[Any] = []

    def cycle() -> None:
        window = Window(live, "Poses", Preferences(settings))
        window.show()
        qt.processEvents()
        window.close()
        seen.append(weakref.ref(window))
        window.deleteLater()
        del window
        qt.sendPostedEvents(None, 52)  # deferred deletions
        qt.processEvents()

    for _ in range(5):
        cycle()
    gc.collect()
    widgets, threads, objects = len(qt.allWidgets()), threading.active_count(), len(gc.get_objects())
    for _ in range(200):
        cycle()
    gc.collect()
    assert not [ref for ref in seen if ref() is not None]
    assert len(qt.allWidgets()) <= widgets
    assert threading.active_count() == threads
    assert len(gc.get_objects()) < objects + 2000
