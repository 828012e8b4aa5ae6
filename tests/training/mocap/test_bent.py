"""Bodies held otherwise: bones keep their lengths, the pelvis its place, each part one turn."""

from __future__ import annotations

import numpy as np

from realtime.skeleton import H36M17
from tests.training.walking import walker_m
from training.mocap.bent import held_otherwise
from training.mocap.bones import torso_axes, vectors_of

_HIPS = [H36M17.bones.index((side, "pelvis")) for side in ("l_hip", "r_hip")]


def test_bones_keep_their_lengths_and_the_pelvis_its_place() -> None:
    walker = walker_m(30)
    held = held_otherwise(np.random.default_rng(0), walker)
    spans = [np.linalg.norm(vectors_of(joints), axis=-1) for joints in (walker, held)]
    np.testing.assert_allclose(spans[1], spans[0], atol=1e-5)
    np.testing.assert_allclose(held[:, H36M17.index("pelvis")], walker[:, H36M17.index("pelvis")], atol=1e-6)
    np.testing.assert_allclose(vectors_of(held)[:, _HIPS], vectors_of(walker)[:, _HIPS], atol=1e-5)


def test_each_part_is_turned_by_one_rotation_all_clip_long() -> None:
    walker = walker_m(30)
    held = held_otherwise(np.random.default_rng(1), walker)
    thigh = H36M17.bones.index(("l_knee", "l_hip"))
    axes = torso_axes(walker)
    before, after = (np.einsum("tji,tj->ti", axes, vectors_of(joints)[:, thigh]) for joints in (walker, held))
    turn = np.linalg.lstsq(before, after, rcond=None)[0]
    np.testing.assert_allclose(before @ turn, after, atol=1e-4)
    assert np.degrees(np.arccos((before * after).sum(1) / np.square(before).sum(1))).max() > 2
