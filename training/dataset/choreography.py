"""The motion of the sample clip: takes of real motion spliced into one, with a wave of the hand laid over it.

Splices follow "Motion Graphs" (Kovar, Gleicher, Pighin 2002): two takes are joined where their poses are
alike, the later one is turned and moved on the floor to fit the earlier, and both are blended.
World: metres, y up. All takes are at 30 Hz.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from realtime.errors import UsageError
from realtime.skeleton import H36M17
from realtime.types import FloatArray
from training.mocap.contact import plant, planted_feet
from training.mocap.motion import Motion
from training.mocap.retarget import fit_motion
from training.mocap.rotations import Float64Array, axis_angle, ease, frame, unit
from training.people.body import Body

FPS = 30
FRAMES = 300
_OVERLAP = 10
_UP = np.array([0.0, 1.0, 0.0])
# Planted feet must stay put in a splice, so they count most.
_SPLICE_WEIGHTS: Mapping[str, float] = {"l_ankle": 4.0, "r_ankle": 4.0, "l_knee": 2.0, "r_knee": 2.0}


@dataclass(frozen=True, slots=True)
class Cut:
    """Frames `start` to `end` of a take."""

    take: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Turn:
    """A change of heading, eased between two frames of the clip; positive is to the person's left."""

    start: int
    end: int
    degrees: float


SCRIPT = (
    Cut("02_06", 429, 536),  # crouches, rises with an arm up, stands
    Cut("train_walking_extra_walking_18", 8, 128),  # stands, walks off
    Cut("train_walking_extra_walking_32", 52, 145),  # walks on
)
"""Frames that overlap with the next cut included: the cuts less the splices make `FRAMES`."""

TURNS = (Turn(138, 188, 150.0), Turn(220, 272, 165.0))

_HEADING_DEG, _PLACE_M = 14.0, (-0.65, -4.35)
"""Where the clip begins: how far the person faces to the camera's right, and where they stand (x, z)."""

_WAVE_FRAMES, _WAVE_EASE, _WAVE_HZ = (46, 106), 16, 1.6
_WAVE_UPPER = np.array([-0.80, 0.12, 0.45])
_WAVE_FORE, _WAVE_SWAY = np.array([-0.25, 0.95, 0.30]), np.array([-0.55, 0.0, 0.10])
"""Directions of the waving arm in the chest's axes: x to the left, y up, z forward."""

_LOWEST_WRIST_M = 0.26
"""The source's hand all but brushes the floor; this body's longer one would go through it."""


def sample_motion(body: Body, motion: Motion) -> FloatArray:
    """(300, 17, 3) the clip's motion in the world, fitted to a body. Raises UsageError for a missing take."""
    if round(motion.fps) != FPS:
        raise UsageError(f"the sample clip is cut from motion at {FPS} Hz, but this file has {motion.fps:g}")
    takes = {sequence.name: sequence.positions_m for sequence in motion.sequences}
    joints = _excerpt(body, takes, SCRIPT[0])
    for cut in SCRIPT[1:]:
        joints = splice(joints, _excerpt(body, takes, cut), _OVERLAP)
    planted = planted_feet(joints, FPS)
    bent = bend(_placed(joints), TURNS)
    moved = _wave(plant(bent, planted))
    wrists = H36M17.indices("l_wrist", "r_wrist")
    moved[:, wrists, 1] = np.maximum(moved[:, wrists, 1], _LOWEST_WRIST_M)
    return moved.astype(np.float32)


def _excerpt(body: Body, takes: Mapping[str, FloatArray], cut: Cut) -> Float64Array:
    if cut.take not in takes or len(takes[cut.take]) < cut.end:
        raise UsageError(
            f"the motion file has no take {cut.take!r} of {cut.end} frames, needed for the sample clip: "
            "name the CMU file of 17 joints at 30 Hz"
        )
    return fit_motion(body, takes[cut.take])[cut.start : cut.end].astype(np.float64)


def bend(joints: Float64Array, turns: Sequence[Turn]) -> Float64Array:
    """Turn the path of a motion (T, 17, 3), each pose with it, about wherever the person then is.

    "Motion Path Editing" (Gleicher 2001), for a path given by its heading.
    """
    frames = np.arange(len(joints))
    heading = sum(np.radians(t.degrees) * ease((frames - t.start) / (t.end - t.start)) for t in turns)
    turn = axis_angle(np.tile(_UP, (len(joints), 1)), np.asarray(heading))
    place = joints[:, H36M17.index("pelvis")] * [1, 0, 1]
    steps = (turn[:-1] @ np.diff(place, axis=0)[..., None])[..., 0]
    path = np.concatenate([place[:1], place[:1] + np.cumsum(steps, axis=0)])
    return np.asarray((joints - place[:, None]) @ np.swapaxes(turn, -1, -2) + path[:, None])


def splice(first: Float64Array, second: Float64Array, overlap: int) -> Float64Array:
    """Join two motions (T, 17, 3): the second moves on the floor until its start fits the first's end."""
    weights = np.array([_SPLICE_WEIGHTS.get(joint, 1.0) for joint in H36M17.joints])
    weights = np.tile(weights / weights.sum() / overlap, overlap)
    a, b = first[-overlap:].reshape(-1, 3), second[:overlap].reshape(-1, 3)
    centre_a, centre_b = ((weights[:, None] * points).sum(axis=0) for points in (a, b))
    a, b = a - centre_a, b - centre_b
    sine = (weights * (a[:, 0] * b[:, 2] - a[:, 2] * b[:, 0])).sum()
    cosine = (weights * (a[:, 0] * b[:, 0] + a[:, 2] * b[:, 2])).sum()
    turn = axis_angle(_UP, np.arctan2(sine, cosine))
    floor = np.array([1.0, 0.0, 1.0])
    moved = (second - centre_b * floor) @ turn.T + centre_a * floor
    share = ease((np.arange(overlap) + 1) / (overlap + 1))[:, None, None]
    blended = first[-overlap:] * (1 - share) + moved[:overlap] * share
    return np.concatenate([first[:-overlap], blended, moved[overlap:]])


def _placed(joints: Float64Array) -> Float64Array:
    """Turn and move the whole motion so that it begins where the script says."""
    left = joints[0, H36M17.index("l_hip")] - joints[0, H36M17.index("r_hip")]
    heading = np.arctan2(-left[2], left[0])
    turn = axis_angle(_UP, np.radians(_HEADING_DEG) - heading)
    start = joints[0, H36M17.index("pelvis")] * [1, 0, 1]
    return np.asarray((joints - start) @ turn.T + np.array([_PLACE_M[0], 0.0, _PLACE_M[1]]))


def _wave(joints: Float64Array) -> Float64Array:
    """Ease the right arm into a wave and out of it."""
    at = {name: joints[:, H36M17.index(name)] for name in H36M17.joints}
    trunk = at["thorax"] - at["pelvis"]
    chest = frame(trunk, at["l_shoulder"] - at["r_shoulder"])[..., [1, 0, 2]] * [1, 1, -1]
    time = np.arange(len(joints)) - _WAVE_FRAMES[0]
    sway = np.sin(2 * np.pi * _WAVE_HZ * time / FPS)[:, None]
    share = ease(np.minimum(time, _WAVE_FRAMES[1] - _WAVE_FRAMES[0] - time) / _WAVE_EASE)[:, None]
    out = joints.copy()
    joint, shift = "r_shoulder", np.zeros((len(joints), 3))
    for end, direction in (
        ("r_elbow", _WAVE_UPPER + 0.06 * sway * _UP),
        ("r_wrist", _WAVE_FORE + sway * _WAVE_SWAY),
    ):
        bone = at[end] - at[joint]
        wanted = (chest @ unit(direction)[..., None])[..., 0]
        turned = unit((1 - share) * unit(bone) + share * wanted) * np.linalg.norm(bone, axis=1, keepdims=True)
        shift = shift + turned - bone
        out[:, H36M17.index(end)] = at[end] + shift
        joint = end
    return out
