"""ASF and AMC files: where the bones are, in every order of axes, and what is said of damaged files."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.mocap.files import AMC, ASF, turn, write_acclaim
from training.mocap.asf_amc import load_amc, load_asf
from training.mocap.motion import MotionFileError

UNIT_M = 0.0254 / 0.45
angles = st.tuples(*[st.floats(-180, 180)] * 3)
orders = st.sampled_from(["".join(order) for order in permutations("xyz")])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("acclaim")


def test_a_bone_ends_where_its_turns_put_it(folder: Path) -> None:
    motion = load_amc(write_acclaim(folder))
    assert motion.skeleton.names == ("root", "upper", "lower")
    assert motion.fps == 120
    tails = motion.tails_m() / UNIT_M
    # Frame 2: the root alone is turned, a quarter about z.
    assert np.allclose(motion.heads_m[1] / UNIT_M, [[1, 2, 4], [1, 2, 4], [1, 4, 4]])
    assert np.allclose(tails[1, 2], [4, 4, 4])


@given(angles, orders, angles, orders, st.floats(-180, 180))
def test_axes_and_angles_may_come_in_any_order(
    folder: Path,
    axis: tuple[float, float, float],
    axis_order: str,
    degrees: tuple[float, float, float],
    dof_order: str,
    elbow: float,
) -> None:
    values = " ".join(f"{v:.9f}" for v in degrees)
    amc = f":FULLY-SPECIFIED\n:DEGREES\n1\nroot 0 0 0 0 0 0\nupper {values}\nlower {elbow:.9f}\n"
    path = write_acclaim(
        folder,
        amc,
        axis=" ".join(f"{v:.9f}" for v in axis) + " " + axis_order.upper(),
        dof=" ".join(f"r{a}" for a in dof_order),
    )
    motion = load_amc(path)
    # What is listed first is applied first.
    own, angle = np.eye(3), np.eye(3)
    for letter, value in zip(axis_order, axis, strict=True):
        own = turn(letter, value) @ own
    for letter, value in zip(dof_order, degrees, strict=True):
        angle = turn(letter, value) @ angle
    upper = own @ angle @ own.T
    assert np.allclose(motion.turns[0, 1], upper, atol=1e-6)
    middle = upper @ [2, 0, 0]
    assert np.allclose(motion.heads_m[0, 2] / UNIT_M, middle, atol=1e-6)
    end = middle + upper @ turn("z", elbow) @ [0, -3, 0]
    assert np.allclose(motion.tails_m()[0, 2] / UNIT_M, end, atol=1e-6)


def test_radians_rate_unit_and_skeleton_may_be_said(tmp_path: Path) -> None:
    quarter = f"{np.pi / 2:.9f}"
    amc = f":FULLY-SPECIFIED\n:RADIANS\n1\nroot 0 0 0 0 0 {quarter}\nupper 0 0 0\nlower 0\n"
    path = write_acclaim(tmp_path, amc, length=1.0)
    (tmp_path / "7.asf").rename(tmp_path / "other.asf")
    motion = load_amc(path, tmp_path / "other.asf", fps=60)
    assert motion.fps == 60
    assert np.allclose(motion.heads_m[0, 2], [0, 2 * 0.0254, 0], atol=1e-9)


def test_the_root_s_orientation_turns_its_axes(tmp_path: Path) -> None:
    path = write_acclaim(tmp_path)
    text = ASF.format(length=0.45, axis="0 0 0 XYZ", dof="rx ry rz")
    (tmp_path / "7.asf").write_text(text.replace("orientation 0 0 0", "orientation 90 0 0"), encoding="utf-8")
    # A turn about the root's own z, which then points down the world's y.
    assert np.allclose(load_amc(path).turns[1, 0], turn("y", -90), atol=1e-9)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t[: t.index("lower 40")], "frame 1 lacks lower: the file is cut short"),
        (lambda t: t[: t.rindex("upper")], "frame 2 lacks lower, upper"),
        (lambda t: t.replace("upper 10 20 30", "upper 10 20"), "line 6: 'upper' needs 3 values, not 2"),
        (lambda t: t.replace("upper 10 20 30", "upper 10 nan 30"), "line 6: nan is not a finite number"),
        (lambda t: t.replace("upper 10 20 30", "upper 10 2o 30"), "line 6: a number is needed as word 3"),
        (lambda t: t.replace("upper 10", "tail 10"), "line 6: the skeleton has no moving bone 'tail'"),
        (lambda t: t.replace("lower 40", "lower 40\nlower 40"), "line 8: 'lower' comes twice"),
        (lambda t: t.replace("DEGREES\n1\n", "DEGREES\n"), "line 4: values before the first frame"),
        (lambda t: ":FULLY-SPECIFIED\n", "holds no frame"),
    ],
)
def test_a_damaged_motion_is_refused_with_its_line(
    tmp_path: Path, change: Callable[[str], str], says: str
) -> None:
    with pytest.raises(MotionFileError, match=says) as caught:
        load_amc(write_acclaim(tmp_path, change(AMC)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (":hierarchy", ":tree", "no section :hierarchy"),
        ("length 2", "length two", "line 17: a number is needed"),
        ("dof rz", "dof rz l", "line 30: degrees of freedom must be of rx, ry, rz"),
        ("0 0 0 XYZ\n    dof rz", "0 0 0 XYX\n    dof rz", "line 29: axis must be"),
        ("upper lower", "upper lover", "line 36: no bone 'lover'"),
        ("    upper lower\n", "", "does not hang up lower"),
        ("root upper", "root upper lower", "line 36: 'lower' has two parents"),
        ("    name lower\n", "", "a bone ends here that has no name"),
        ("length 0.45", "length 0", "line 5: the unit of length must be more than 0"),
        ("  order TX TY TZ RX RY RZ\n", "", "no line 'order'"),
    ],
)
def test_a_damaged_skeleton_is_refused(tmp_path: Path, old: str, new: str, says: str) -> None:
    text = ASF.format(length=0.45, axis="0 0 0 XYZ", dof="rx ry rz")
    assert old in text
    path = tmp_path / "7.asf"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(MotionFileError, match=says):
        load_asf(path)


def test_an_absent_skeleton_or_motion_is_named(tmp_path: Path) -> None:
    path = write_acclaim(tmp_path)
    (tmp_path / "7.asf").unlink()
    with pytest.raises(MotionFileError, match=r"put 7\.asf in"):
        load_amc(path)
    with pytest.raises(MotionFileError, match="cannot read motion file"):
        load_asf(tmp_path / "8.asf")
    (tmp_path / "9.asf").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(MotionFileError, match="not a text file"):
        load_asf(tmp_path / "9.asf")
