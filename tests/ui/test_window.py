"""The live window: what it shows, what keys and the mouse do, how it ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from realtime.draw import BACKGROUND, LEFT
from realtime.skeleton import H36M17
from realtime.types import Frame, Result
from tests.drawing_people import AGES_MS, drawn_person
from tests.ui.conftest import FakeLive


def wait_until(condition: Callable[[], bool]) -> None:
    """Let the window run until a condition holds; its own timer makes it come about."""
    from PySide6.QtCore import QCoreApplication, QDeadlineTimer, QEventLoop, QTimer

    deadline = QDeadlineTimer(5000)
    QTimer.singleShot(5000, lambda: None)
    while not condition():
        assert not deadline.hasExpired(), "it did not come about within 5 s"
        QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)


def pixels(widget: Any) -> np.ndarray:
    """What a widget shows: (H, W, 3) RGB in device-independent pixels."""
    from PySide6.QtGui import QImage

    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    image = image.scaled(widget.width(), widget.height())
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : image.width() * 3].reshape(image.height(), image.width(), 3).copy()


def press(window: Any, key: str) -> None:
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    if key == "?":
        QTest.keyClicks(window, "?")
    else:
        QTest.keyClick(window, getattr(Qt.Key, f"Key_{key}"))


def test_it_shows_the_picture_with_the_skeleton_where_the_joints_are(window: Any, live: FakeLive) -> None:
    result = live.push()
    wait_until(lambda: not window.image_view.picture.isEmpty())
    area, shown = window.image_view.picture, pixels(window.image_view)
    assert area.width() / area.height() == pytest.approx(4 / 3, rel=0.01)
    corner = shown[round(area.top()) + 5, round(area.left()) + 5]
    np.testing.assert_array_equal(corner, 128)
    joint = result.people[0].keypoints_px[H36M17.index("l_wrist"), :2]
    x, y = (joint + 0.5) * area.width() / 640
    np.testing.assert_allclose(shown[int(area.top() + y), int(area.left() + x)], LEFT, atol=40)


def test_the_picture_keeps_its_aspect_when_the_window_is_narrow(window: Any, live: FakeLive) -> None:
    live.push()
    window.resize(860, 900)
    wait_until(lambda: not window.image_view.picture.isEmpty() and window.width() == 860)
    area = window.image_view.picture
    assert area.width() / area.height() == pytest.approx(4 / 3, rel=0.02)
    assert area.width() <= window.image_view.width()
    above = pixels(window.image_view)[2, window.image_view.width() // 2]
    np.testing.assert_array_equal(above, BACKGROUND)


def test_a_fallback_is_told_however_long_and_leaves_the_views_their_room(qt: Any, live: FakeLive) -> None:
    from PySide6.QtTest import QTest

    from realtime.ui.window import Window

    live.fallback = "tensorrt-rtx is installed, but this machine has no NVIDIA driver; " * 3
    live.push()
    window = Window(live, "Poses")
    window.show()
    assert QTest.qWaitForWindowExposed(window)
    wait_until(lambda: not window.image_view.picture.isEmpty())
    assert window.ledger_view.fallback == live.fallback
    assert window.ledger_view.fallback_is_shown
    assert not window.ledger_view.hasHeightForWidth()  # else the panel takes room as it likes
    assert window.width() == 1280
    window.close()
    window.deleteLater()
    qt.processEvents()


def test_an_image_that_is_not_contiguous_is_shown_as_it_is(window: Any, live: FakeLive) -> None:
    live.push(())
    image = np.zeros((480, 1280, 3), np.uint8)
    image[:, ::2] = (10, 20, 230)
    result = Result(Frame(image[:, ::2], 1, time.perf_counter_ns(), 0.0), (), AGES_MS)
    window.image_view.show_result(result)
    area = window.image_view.picture
    np.testing.assert_array_equal(
        pixels(window.image_view)[round(area.center().y()), round(area.center().x())], (230, 20, 10)
    )


def test_the_3d_view_shows_the_person(window: Any, live: FakeLive) -> None:
    empty = pixels(window.skeleton_view)
    live.push()
    wait_until(lambda: not window.image_view.picture.isEmpty())
    full = pixels(window.skeleton_view).astype(int)
    assert (full != empty).any(axis=2).mean() > 0.01
    person = drawn_person()
    size = (float(window.skeleton_view.width()), float(window.skeleton_view.height()))
    x, y = window.skeleton_view.camera.project(person.pose.absolute_m[H36M17.index("l_wrist")], size)
    red, _, blue = full[round(float(y)), round(float(x))]
    assert blue > red + 40


def test_dragging_turns_the_view_and_a_double_click_turns_it_back(window: Any, live: FakeLive) -> None:
    from PySide6.QtCore import QPoint, Qt
    from PySide6.QtTest import QTest

    view, left = window.skeleton_view, Qt.MouseButton.LeftButton
    live.push()
    wait_until(lambda: not window.image_view.picture.isEmpty())
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


def test_the_wheel_comes_closer(window: Any) -> None:
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


@pytest.mark.parametrize(("key", "angles"), [("1", (0, 0)), ("2", (90, 0)), ("3", (0, 90)), ("0", (40, 20))])
def test_number_keys_take_viewpoints(window: Any, key: str, angles: tuple[float, float]) -> None:
    window.skeleton_view.preset("side" if key != "2" else "top")
    press(window, key)
    camera = window.skeleton_view.camera
    assert (camera.azimuth_deg, camera.elevation_deg) == angles


def test_space_holds_the_picture_and_lets_go(window: Any, live: FakeLive) -> None:
    ages: list[float] = []
    ticks: list[None] = []
    window.image_view.shown.connect(ages.append)
    window.findChild(_timer_class()).timeout.connect(lambda: ticks.append(None))
    live.push(())
    wait_until(lambda: len(ages) == 1)
    press(window, "Space")
    assert window.paused
    assert "Paused" in window.image_view.notice
    held, ticked = pixels(window.skeleton_view), len(ticks)
    live.push()
    wait_until(lambda: len(ticks) >= ticked + 3)
    assert len(ages) == 1
    np.testing.assert_array_equal(pixels(window.skeleton_view), held)
    press(window, "Space")
    wait_until(lambda: len(ages) == 2)
    assert "Paused" not in window.image_view.notice


def _timer_class() -> Any:
    from PySide6.QtCore import QTimer

    return QTimer


def test_f_fills_the_screen_and_goes_back(window: Any) -> None:
    press(window, "F")
    assert window.isFullScreen()
    press(window, "F")
    assert not window.isFullScreen()


def test_question_mark_shows_the_keys_over_the_window(window: Any) -> None:
    before = pixels(window)
    press(window, "?")
    assert window.help_is_shown
    middle = (slice(window.height() // 2 - 40, window.height() // 2 + 40), slice(480, 800))
    assert (pixels(window)[middle] != before[middle]).any()
    press(window, "?")
    assert not window.help_is_shown


@pytest.mark.parametrize("key", ["Escape", "Q"])
def test_quitting_stops_the_pipeline_once(window: Any, live: FakeLive, key: str) -> None:
    press(window, key)
    assert not window.isVisible()
    window.close()
    assert live.stops == 1
    assert not any(timer.isActive() for timer in window.findChildren(_timer_class()))


def test_it_says_what_it_is_waiting_for(window: Any, live: FakeLive) -> None:
    assert "first frame" in window.image_view.notice
    live.push()
    wait_until(lambda: window.image_view.notice == "")


def test_a_second_without_anyone_brings_a_hint(window: Any, live: FakeLive) -> None:
    live.push((), captured_ns=1_000_000_000)
    wait_until(lambda: not window.image_view.picture.isEmpty())
    assert window.image_view.notice == ""
    live.push((), captured_ns=2_100_000_000)
    wait_until(lambda: "No one in view" in window.image_view.notice)
    live.push(captured_ns=2_200_000_000)
    wait_until(lambda: window.image_view.notice == "")


def test_the_last_frame_stays_when_the_pipeline_ends(window: Any, live: FakeLive) -> None:
    live.push()
    wait_until(lambda: not window.image_view.picture.isEmpty())
    live.finished = True
    wait_until(lambda: "finished" in window.windowTitle())
    assert not window.image_view.picture.isEmpty()
    assert window.image_view.notice == ""
    assert window.isVisible()


def test_an_end_without_a_frame_is_said(window: Any, live: FakeLive) -> None:
    live.finished = True
    wait_until(lambda: "without a single frame" in window.image_view.notice)


def test_an_error_is_shown_in_words_and_the_window_stays(window: Any, live: FakeLive) -> None:
    live.push()
    wait_until(lambda: not window.image_view.picture.isEmpty())
    before = pixels(window.image_view)
    live.error = RuntimeError("the camera is gone: plug it in again")
    live.finished = True
    wait_until(lambda: window.image_view.notice == "the camera is gone: plug it in again")
    assert "error" in window.windowTitle()
    assert window.isVisible()
    assert (pixels(window.image_view) != before).any()
    live.error = KeyError()
    wait_until(lambda: window.image_view.notice == "KeyError")


def test_fifty_results_are_painted_and_no_timer_is_left_behind(window: Any, live: FakeLive) -> None:
    before = len(window.findChildren(_timer_class()))
    ages: list[float] = []
    window.image_view.shown.connect(ages.append)
    for count in range(50):
        live.push(tuple(drawn_person(n, (n - 1, 0, 3)) for n in range(count % 4)))
        wait_until(lambda done=count + 1: len(ages) == done)
    assert all(20 < age_ms < 2000 for age_ms in ages)
    assert len(window.findChildren(_timer_class())) == before
    window.close()
    assert not any(timer.isActive() for timer in window.findChildren(_timer_class()))


def test_a_result_is_counted_as_shown_once(window: Any, live: FakeLive, qt: Any) -> None:
    ages: list[float] = []
    window.image_view.shown.connect(ages.append)
    live.push()
    wait_until(lambda: bool(ages))
    window.image_view.repaint()
    qt.processEvents()
    assert len(ages) == 1
