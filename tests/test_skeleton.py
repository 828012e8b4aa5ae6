from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from realtime.skeleton import BLAZEPOSE33, COCO17, H36M17, HALPE26, SKELETONS, Skeleton, joint_map
from realtime.types import FloatArray

SOURCES = [COCO17, BLAZEPOSE33, HALPE26]
coordinates = st.floats(-1e3, 1e3, width=32)


def placed(skeleton: Skeleton, **joints: tuple[float, float]) -> FloatArray:
    points = np.full((len(skeleton), 2), 777.0, np.float32)
    for joint, xy in joints.items():
        points[skeleton.index(joint)] = xy
    return points


def test_output_joints_are_the_contract() -> None:
    contract = (
        "pelvis, r_hip, r_knee, r_ankle, l_hip, l_knee, l_ankle, spine, thorax, neck, head, "
        "l_shoulder, l_elbow, l_wrist, r_shoulder, r_elbow, r_wrist"
    )
    assert ", ".join(H36M17.joints) == contract
    assert H36M17.parents == (-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 9, 8, 11, 12, 8, 14, 15)


@pytest.mark.parametrize("source", SOURCES, ids=lambda s: s.name)
def test_limb_joints_are_taken_as_they_are(source: Skeleton) -> None:
    points = np.arange(2 * len(source), dtype=np.float32).reshape(-1, 2)
    mapped = joint_map(source).points(points)
    for limb in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist"):
        for side in "lr":
            name = f"{side}_{limb}"
            np.testing.assert_array_equal(mapped[H36M17.index(name)], points[source.index(name)])


@pytest.mark.parametrize("source", SOURCES, ids=lambda s: s.name)
def test_derived_joints_lie_where_stated(source: Skeleton) -> None:
    points = placed(
        source, l_hip=(10, 100), r_hip=(-10, 100), l_shoulder=(20, 0), r_shoulder=(-20, 0),
        l_ear=(8, -50), r_ear=(-8, -46),
    )  # fmt: skip
    mapped = joint_map(source).points(points)
    expected = {"pelvis": 100, "spine": 33, "thorax": 10, "neck": -24, "head": -48}
    for joint, y in expected.items():
        np.testing.assert_allclose(mapped[H36M17.index(joint)], (0, y), atol=1e-4)


@pytest.mark.parametrize("source", [*SOURCES, H36M17], ids=lambda s: s.name)
def test_rows_sum_to_one_so_a_shift_shifts_the_result(source: Skeleton) -> None:
    np.testing.assert_allclose(joint_map(source).matrix.sum(axis=1), 1, atol=1e-6)


@given(arrays(np.float32, (33, 2), elements=coordinates))
def test_mirroring_commutes_with_mapping(points: FloatArray) -> None:
    flip = np.array([-1, 1], np.float32)
    mapped = joint_map(BLAZEPOSE33).points(points)
    mirrored_after = mapped[H36M17.mirror] * flip
    mirrored_before = joint_map(BLAZEPOSE33).points(points[BLAZEPOSE33.mirror] * flip)
    np.testing.assert_allclose(mirrored_before, mirrored_after, atol=1e-3)


def test_a_derived_joint_is_as_sure_as_its_least_sure_keypoint() -> None:
    scores = np.ones(33, np.float32)
    scores[BLAZEPOSE33.index("l_hip")] = 0.25
    mapped = joint_map("blazepose-33").scores(scores)
    for joint in ("pelvis", "l_hip", "spine", "thorax"):
        assert mapped[H36M17.index(joint)] == 0.25
    assert mapped[H36M17.index("neck")] == 1


def test_unknown_skeleton_is_named() -> None:
    with pytest.raises(ValueError, match="blazepose-34"):
        joint_map("blazepose-34")


def test_a_skeleton_refuses_names_it_lacks() -> None:
    with pytest.raises(ValueError, match="tail"):
        Skeleton("cat", ("nose",), (("tail", "nose"),), ())
    with pytest.raises(ValueError, match="twice"):
        Skeleton("cat", ("nose", "nose"), (), ())


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=lambda s: s.name)
def test_mirroring_twice_changes_nothing(skeleton: Skeleton) -> None:
    mirror = skeleton.mirror
    assert [mirror[i] for i in mirror] == list(range(len(skeleton)))
