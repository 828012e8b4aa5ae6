"""Every setting asks for what it says, once, and shows what is true."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from realtime.camera import Intrinsics
from realtime.live.state import Phase
from realtime.stream.assemble import Options
from tests.ui.conftest import is_shown, wait_until
from tests.ui.fake_player import FakePlayer


@pytest.fixture
def panel(window: Any, live: FakePlayer) -> Any:
    live.push()
    wait_until(lambda: is_shown(window) and window.controls.models.count() == 2)
    window.toggle_settings()
    return window.controls


def asked(live: FakePlayer) -> dict[str, Any]:
    """The options that were asked for, once they were."""
    wait_until(lambda: bool(live.calls))
    (name, options), *rest = live.calls
    assert (name, rest) == ("change", [])
    return options


def test_people_and_height(panel: Any, live: FakePlayer) -> None:
    panel.people.setValue(3)
    panel.height_m.setValue(1.78)
    assert asked(live) == {"people": 3, "stature_m": 1.78, "limb": None}


def test_a_height_can_be_unknown_again(panel: Any, live: FakePlayer) -> None:
    panel.height_m.setValue(1.7)
    panel.height_m.setValue(panel.height_m.minimum())
    assert asked(live) == {"stature_m": None, "limb": None}
    assert panel.height_m.text() == "not known"


def test_smoothing_says_what_it_costs_and_the_floor_can_be_level(
    window: Any, panel: Any, live: FakePlayer
) -> None:
    result = live.push()
    live._result = replace(result, smoothing_lag_ms=12.4)
    wait_until(lambda: panel.smoothing_words.text() == "12 ms late just now")
    assert panel.smoothing.value() == 10
    panel.smoothing.setValue(15)
    panel.floor.click()
    assert asked(live) == {"smooth": 0.75, "floor": True}
    panel.smoothing.setValue(0)
    wait_until(lambda: panel.smoothing_words.text() == "none")


def test_the_height_that_was_learnt_is_shown(panel: Any, live: FakePlayer) -> None:
    person = live.push().people[0]
    live.push((replace(person, pose=replace(person.pose, stature_m=1.71)),))
    wait_until(lambda: panel.body_words.text() == "seems to be 1.71 m")


def test_the_lag_dial_knows_the_lifters_lags_and_says_what_they_cost(panel: Any, live: FakePlayer) -> None:
    assert (panel.lag.minimum(), panel.lag.maximum(), panel.lag.value()) == (0, 5, 3)
    assert panel.lag_words.text() == "none"
    panel.lag.setValue(5)
    assert panel.lag_words.text() == "5 frames late (167 ms), steadier"
    panel.lag.setValue(2)
    assert panel.lag_words.text() == "1 frame ahead (33 ms), foretold"
    assert asked(live) == {"lag": -1}


def test_another_lifter_without_that_lag_goes_back_to_none(panel: Any, live: FakePlayer) -> None:
    live.change(lag=5)
    live.calls.clear()
    wait_until(lambda: panel.lag.value() == 5)
    panel.lifter.setCurrentText("videopose-tcn")
    panel.lifter.activated.emit(1)
    assert panel.lag_words.text() == "this lifter has no choice"
    assert asked(live) == {"lifter": "videopose-tcn", "lag": 0}
    wait_until(lambda: not panel.lag.isEnabled())


@pytest.mark.parametrize(("combo", "value"), [("models", "rtmpose-t"), ("engine", "onnxruntime")])
def test_networks_and_engine(panel: Any, live: FakePlayer, combo: str, value: str) -> None:
    box = getattr(panel, combo)
    box.setCurrentText(value)
    box.activated.emit(box.currentIndex())
    assert asked(live) == {combo: value}


def test_a_model_of_ones_own_is_shown_too(panel: Any, live: FakePlayer) -> None:
    live.set(wish=live.state.wish.__class__("x", Options(models="own/net.json")))
    wait_until(lambda: panel.models.currentText() == "own/net.json")


def test_many_changes_in_a_row_are_one_wish(panel: Any, live: FakePlayer) -> None:
    for people in (2, 3, 4, 5):
        panel.people.setValue(people)
    assert asked(live) == {"people": 5}


@pytest.mark.parametrize(
    ("source", "words"),
    [("assumed", "guess until the camera is calibrated"), ("calibrated", "calibrated, 60°")],
)
def test_it_says_how_the_camera_is_known(panel: Any, live: FakePlayer, source: Any, words: str) -> None:
    live.set(intrinsics=Intrinsics.from_fov(60, 640, 480, source))
    wait_until(lambda: words in panel.camera_words.text())


def test_files_are_not_calibrated_but_cameras_are(window: Any, panel: Any, live: FakePlayer) -> None:
    assert not panel.calibrate.isEnabled()
    live.run(live=True)
    wait_until(panel.calibrate.isEnabled)
    panel.calibrate.click()
    dialog = window.asking.calibration
    command = dialog.command
    assert command[1:4] == ["-m", "calibration.cli", "camera"]
    assert command[command.index("--board") + 1] == "9x6"
    assert Path(command[-1]).suffix == ".yaml"
    dialog.reject()


def test_calibration_frees_the_camera_and_uses_what_came_out(
    window: Any, panel: Any, live: FakePlayer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    from realtime.ui.dialogs import CalibrateDialog

    code = "import sys; print('7 of 15 views'); open(sys.argv[-1], 'w').write('done')"
    output = tmp_path / "camera.yaml"
    monkeypatch.setattr(
        CalibrateDialog, "command", property(lambda self: [sys.executable, "-c", code, str(output)])
    )
    live.run(live=True)
    wait_until(panel.calibrate.isEnabled)
    panel.calibrate.click()
    dialog = window.asking.calibration
    dialog._output = output
    dialog.begin()
    wait_until(lambda: len(live.calls) == 2)
    assert live.calls == [("release", None), ("change", {"intrinsics": output, "fov_deg": None})]
    assert output.read_text() == "done"
    assert "7 of 15" in dialog.words.text()


def test_a_calibration_that_fails_gives_the_camera_back(
    window: Any, panel: Any, live: FakePlayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    from realtime.ui.dialogs import CalibrateDialog

    command = [sys.executable, "-c", "print('error: too few views'); raise SystemExit(1)"]
    monkeypatch.setattr(CalibrateDialog, "command", property(lambda self: command))
    live.run(live=True)
    wait_until(panel.calibrate.isEnabled)
    panel.calibrate.click()
    window.asking.calibration.begin()
    wait_until(lambda: len(live.calls) == 2)
    assert live.calls == [("release", None), ("open", None)]
    assert "too few views" in window.asking.calibration.words.text()
    window.asking.calibration.reject()


def test_files_and_folders_are_chosen_in_dialogs(
    window: Any, panel: Any, live: FakePlayer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PySide6.QtWidgets import QFileDialog

    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a: (str(tmp_path / "a.yaml"), ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *a: str(tmp_path / "out"))
    panel.load_intrinsics.click()
    panel.folder.click()
    assert live.calls == [("change", {"intrinsics": tmp_path / "a.yaml", "fov_deg": None})]
    assert window.preferences.folder == tmp_path / "out"
    assert panel.folder_words.whole == str(tmp_path / "out")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a: ("", ""))
    panel.load_intrinsics.click()
    assert len(live.calls) == 1


def test_view_choices_take_hold_at_once(window: Any, panel: Any) -> None:
    panel.mirror.click()
    assert window.image_view.mirrored
    assert window.bar.mirror.isChecked()
    panel.theme.setCurrentIndex(1)
    panel.theme.activated.emit(1)
    assert window.theme.name == "light"
    panel.with_video.click()
    assert not panel.view_choices.with_video


def test_before_anything_is_known_the_panel_claims_nothing(window: Any, live: FakePlayer) -> None:
    assert live.state.phase is Phase.STARTING
    assert window.controls.camera_words.text() == "not known yet"
