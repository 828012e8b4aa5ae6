"""BVH files: where the joints are, in every order of channels, in which unit, and what damaged files get."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.errors import UsageError
from tests.training.mocap.files import turn, write_person
from training.mocap.bvh import load_bvh
from training.mocap.motion import MotionFileError

BVH = """HIERARCHY
ROOT base
{{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition {first}
  JOINT arm
  {{
    OFFSET 1 0 0
    CHANNELS {second}
    End Site
    {{
      OFFSET 0 2 0
    }}
  }}
}}
MOTION
Frames: 1
Frame Time: 0.0333333
{values}
"""
orders = st.sampled_from(["".join(order) for order in permutations("xyz")])
angles = st.tuples(*[st.floats(-180, 180)] * 3)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bvh") / "two.bvh"


def channels(order: str) -> str:
    return " ".join(f"{axis.upper()}rotation" for axis in order)


@given(orders, angles, orders, angles)
def test_channels_may_come_in_any_order(
    file: Path, first: str, a: tuple[float, ...], second: str, b: tuple[float, ...]
) -> None:
    values = " ".join(f"{v:.9f}" for v in (3, 4, 5, *a, *b))
    text = BVH.format(first=channels(first), second="3 " + channels(second), values=values)
    file.write_text(text, encoding="utf-8")
    motion = load_bvh(file, unit_m=0.5)
    base, arm = np.eye(3), np.eye(3)
    for letter, value in zip(first, a, strict=True):
        base = base @ turn(letter, value)
    for letter, value in zip(second, b, strict=True):
        arm = arm @ turn(letter, value)
    elbow = np.array([3, 4, 5]) + base @ [1, 0, 0]
    assert np.allclose(motion.heads_m[0] * 2, np.stack([[3, 4, 5], elbow]), atol=1e-6)
    assert np.allclose(motion.tails_m()[0, 1] * 2, elbow + base @ arm @ [0, 2, 0], atol=1e-6)
    assert motion.fps == 30


def test_a_quarter_turn_is_a_quarter_turn(tmp_path: Path) -> None:
    path = tmp_path / "two.bvh"
    path.write_text(
        BVH.format(first=channels("zxy"), second="1 Xrotation", values="0 0 0 90 0 0 90"), encoding="utf-8"
    )
    motion = load_bvh(path, unit_m=1.0)
    assert np.allclose(motion.heads_m[0], [[0, 0, 0], [0, 1, 0]])
    assert np.allclose(motion.tails_m()[0, 1], [0, 1, 2])


@pytest.mark.parametrize(("places", "elbow"), [("1.1 0 0", [1.1, 0, 0]), ("0 0 0.2", [1, 0, 0.2])])
def test_a_joint_s_own_positions_stand_in_for_its_offset_or_add_to_it(
    tmp_path: Path, places: str, elbow: list[float]
) -> None:
    path = tmp_path / "two.bvh"
    six = "6 Xposition Yposition Zposition " + channels("zxy")
    text = BVH.format(first=channels("zxy"), second=six, values=f"0 0 0 0 0 0 {places} 0 0 0")
    path.write_text(text, encoding="utf-8")
    assert np.allclose(load_bvh(path, unit_m=1.0).heads_m[0, 1], elbow)


@pytest.mark.parametrize("unit_m", [1.0, 0.01, 0.001, 0.0254, 0.0254 / 0.45])
def test_the_unit_is_told_from_the_person_s_size(tmp_path: Path, unit_m: float) -> None:
    motion = load_bvh(write_person(tmp_path / "p.bvh", unit_m=unit_m))
    thigh = motion.skeleton.offsets_m[motion.skeleton.names.index("LeftLeg")]
    assert np.linalg.norm(thigh) == pytest.approx(0.42, abs=1e-3)
    said = load_bvh(tmp_path / "p.bvh", unit_m=2 * unit_m)
    assert np.allclose(said.heads_m, 2 * motion.heads_m)


def test_a_unit_that_fits_nobody_must_be_said(tmp_path: Path) -> None:
    path = write_person(tmp_path / "p.bvh", unit_m=1e-5)
    with pytest.raises(MotionFileError, match="give the length of a unit"):
        load_bvh(path)
    assert np.isfinite(load_bvh(path, unit_m=1e-5).heads_m).all()
    with pytest.raises(UsageError, match="more than 0 metres"):
        load_bvh(path, unit_m=0.0)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t.replace("HIERARCHY", "TREE", 1), "does not begin with HIERARCHY"),
        (lambda t: t[: t.index("MOTION")], "the hierarchy ends before its last brace"),
        (lambda t: t.replace("}\nMOTION", "MOTION"), "line 15: the hierarchy ends before its last brace"),
        (lambda t: t.replace("OFFSET 1 0 0", "OFFSET 1 0"), "line 8: a number is needed as word 4"),
        (lambda t: t.replace("CHANNELS 3", "CHANNELS 2"), "line 9: CHANNELS must be how many"),
        (lambda t: t.replace("JOINT arm", "JOINT base"), "line 6: joints need names of their own"),
        (lambda t: t.replace("JOINT arm\n  {", "JOINT arm\n  "), "line 8: an opening brace is needed"),
        (lambda t: t.replace("0.0333333", "0"), "line 18: Frame Time must be"),
        (lambda t: t.replace("Frames: 1", "Frames: 2"), "says it has 2 frames but holds 1"),
        (lambda t: t.rstrip()[:-2] + "\n", "line 19: a frame has 9 values here, not 8"),
        (lambda t: t.rstrip()[:-1] + "nan\n", "line 19: a frame holds NaN"),
        (lambda t: t.rstrip()[:-1] + "o\n", "line 19: a frame must be numbers"),
        (lambda t: t.replace("End Site", "Stop"), "line 10: 'Stop' does not belong here"),
    ],
)
def test_a_damaged_file_is_refused_with_its_line(
    tmp_path: Path, change: Callable[[str], str], says: str
) -> None:
    text = BVH.format(first=channels("zxy"), second="3 " + channels("zxy"), values="0 0 0 0 0 0 0 0 0")
    path = tmp_path / "two.bvh"
    path.write_text(text, encoding="utf-8")
    load_bvh(path, unit_m=1.0)
    path.write_text(change(text), encoding="utf-8")
    with pytest.raises(MotionFileError, match=says) as caught:
        load_bvh(path, unit_m=1.0)
    assert "\n" not in str(caught.value)
