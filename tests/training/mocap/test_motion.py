"""The motion file reader: what it accepts, what it refuses and how it says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from realtime.skeleton import H36M17
from tests.training.walking import walker_m, write_motion
from training.mocap.motion import MotionFileError, load_motion


def test_takes_come_back_in_metres_with_their_names(tmp_path: Path) -> None:
    motion = load_motion(write_motion(tmp_path / "m.npz"))
    assert [(s.name, s.subject, len(s)) for s in motion.sequences] == [
        ("ann_1", "ann", 40),
        ("bob_1", "bob", 20),
    ]
    assert motion.fps == 30
    assert motion.frames == 60
    np.testing.assert_allclose(motion.sequences[1].positions_m, walker_m(20, 2), atol=6e-4)
    assert motion.sequences[0].positions_m.dtype == np.float32


def test_labels_and_joints_may_be_absent(tmp_path: Path) -> None:
    motion = load_motion(write_motion(tmp_path / "m.npz", subject=None, name=None, joints=None))
    assert motion.subjects == ("unknown",)
    assert [s.name for s in motion.sequences] == ["0", "1"]


@pytest.mark.parametrize("fps", [25, 25.0, np.array([25.0]), np.float32(25)])
def test_the_rate_may_be_any_single_number(tmp_path: Path, fps: Any) -> None:
    assert load_motion(write_motion(tmp_path / "m.npz", fps=np.asarray(fps))).fps == 25


def test_joints_in_another_order_are_put_in_ours(tmp_path: Path) -> None:
    plain = load_motion(write_motion(tmp_path / "a.npz"))
    order = np.random.default_rng(0).permutation(17)
    positions = np.round(1000 * np.concatenate([walker_m(40, 1), walker_m(20, 2)])).astype(np.int32)
    shuffled = write_motion(
        tmp_path / "b.npz", joints=np.array(H36M17.joints)[order], positions_mm=positions[:, order]
    )
    np.testing.assert_array_equal(
        load_motion(shuffled).sequences[0].positions_m, plain.sequences[0].positions_m
    )


def test_subjects_can_be_chosen_and_an_unknown_one_is_named(tmp_path: Path) -> None:
    motion = load_motion(write_motion(tmp_path / "m.npz"))
    assert motion.of_subjects(["bob"]).frames == 20
    with pytest.raises(MotionFileError, match=r"no subject eve .* ann, bob"):
        motion.of_subjects(["bob", "eve"])


def _poisoned() -> Any:
    positions = 1000.0 * np.concatenate([walker_m(40, 1), walker_m(20, 2)])
    positions[7, 3, 1] = np.nan
    return positions


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"positions_mm": None}, "lacks 'positions_mm'"),
        ({"lengths": None}, "lacks 'lengths'"),
        ({"fps": None}, "lacks 'fps'"),
        ({"fps": np.array(0)}, "fps must be"),
        ({"fps": np.array("fast")}, "fps must be"),
        ({"lengths": np.array([40, 21])}, "add up to 61 .* 60 frames"),
        ({"lengths": np.array([60, 0])}, "at least 1"),
        ({"lengths": np.array([40.0, 20.0])}, "whole numbers"),
        ({"positions_mm": np.zeros((60, 16, 3))}, r"\(frames, 17, 3\)"),
        ({"positions_mm": np.zeros((60, 17, 3))}, "millimetres"),
        ({"positions_mm": 1e6 * np.concatenate([walker_m(40, 1), walker_m(20, 2)])}, "millimetres"),
        ({"positions_mm": _poisoned()}, "1 frames hold NaN.* frame 7"),
        ({"joints": np.array(["nose", *H36M17.joints[1:]])}, "nose, pelvis|pelvis, nose"),
        ({"joints": np.array([H36M17.joints[1], *H36M17.joints[1:]])}, "pelvis"),
        ({"subject": np.array(["ann"])}, "subject has 1 entries for 2"),
    ],
)
def test_a_broken_file_is_refused_with_its_fault(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(MotionFileError, match=said) as caught:
        load_motion(write_motion(tmp_path / "m.npz", **changes))
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


def test_what_is_no_npz_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MotionFileError, match="cannot read"):
        load_motion(tmp_path / "absent.npz")
    text = tmp_path / "text.npz"
    text.write_text("hello")
    with pytest.raises(MotionFileError, match="must be an NPZ"):
        load_motion(text)
    (tmp_path / "cut.npz").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(MotionFileError, match="must be an NPZ"):
        load_motion(tmp_path / "cut.npz")
    with pytest.raises(MotionFileError, match="cannot read"):
        load_motion(tmp_path)
    single = tmp_path / "single.npy"
    np.save(single, np.zeros(3))
    with pytest.raises(MotionFileError, match="must be an NPZ"):
        load_motion(single)


def test_pickled_objects_are_never_read(tmp_path: Path) -> None:
    path = write_motion(tmp_path / "m.npz", name=np.array([{"a": 1}, None], dtype=object))
    with pytest.raises(MotionFileError, match="must be an NPZ of plain arrays"):
        load_motion(path)
