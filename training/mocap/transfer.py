"""From the turns of a source skeleton's bones to those of a body's: twist and all.

Turns count from a pose in which both stand alike: the source's reference pose, which the body takes by
swinging each limb bone from where its parent left it to where the source's points. Hips, spine, neck and head
are taken to be upright in it, feet square to the shanks; feet are then levelled by how they stand planted.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from realtime.skeleton import H36M17
from realtime.types import Array, FloatArray
from training.mocap.anatomy import Anatomy
from training.mocap.contact import planted_feet
from training.mocap.reference import Reference
from training.mocap.retarget import retarget
from training.mocap.rotations import (
    Float64Array,
    about,
    axis_angle,
    frame,
    nearest_turn,
    part,
    smooth,
    swing,
    unit,
)
from training.mocap.takes import Source
from training.people.body import Body

_UP = np.array([0.0, 1.0, 0.0])
_SPINE, _NECK = ("LowerBack", "Spine", "Spine1"), ("Neck", "Neck1", "Head")
_LIMBS: Mapping[str, str] = {
    "clavicle": "Shoulder", "upper_arm": "Arm", "forearm": "ForeArm", "hand": "Hand", "palm": "FingerBase",
    "thigh": "UpLeg", "shank": "Leg", "foot": "Foot",
}  # fmt: skip
# Bones that are swung into the source's reference pose, with what carries each and where each ends.
_SWUNG: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "upper_arm": ("", ("forearm",)),
    "forearm": ("upper_arm", ("hand",)),
    "hand": ("forearm", ("palm", "fingers")),
    "thigh": ("", ("shank",)),
    "shank": ("thigh", ("foot",)),
}
_TWIST_SHARE = 0.5
"""Of the hand's turn about the forearm, what the forearm takes: its two bones cross over its length."""

_MIN_FRAMES = 5
_BENT_SINE = 0.35
_MAX_LOOK_RAD = np.radians(10)
_FINGER_SMOOTHING_FRAMES = 1.0


def transferred(body: Body, source: Source, joints_m: FloatArray) -> dict[str, Float64Array]:
    """Bone of the body to its turns from rest in the world, (T, 3, 3).

    joints_m: (T, 17, 3) the same frames as joints of the body's size.
    """
    if source.reference is None:
        out = _as_fitted(body, source, joints_m)
    else:
        out = _as_standing(body, source, source.reference)
    planted = planted_feet(joints_m.astype(np.float64), source.motion.fps)
    for k, side in enumerate(("Left", "Right")):
        _level(out, side, planted[:, k])
        _bend_plane(body, out, side, joints_m.astype(np.float64))
        _share_twist(body, out, side)
        if f"{side}FingerBase" in out:
            out[f"{side}FingerBase"] = nearest_turn(
                smooth(out[f"{side}FingerBase"], _FINGER_SMOOTHING_FRAMES)
            )
    _look_ahead(out)
    return out


def _level(out: dict[str, Float64Array], side: str, planted: Array) -> None:
    """Tip the foot by a constant, so that on average it is level while planted."""
    if planted.sum() >= _MIN_FRAMES:
        foot = out[f"{side}Foot"]
        out[f"{side}Foot"] = foot @ swing(_UP, np.median(foot[planted][:, 1, :], axis=0))


def _bend_plane(body: Body, out: dict[str, Float64Array], side: str, joints_m: Float64Array) -> None:
    """Turn both arm bones about their lengths by a constant, so that the elbow bends about its own axis."""
    shoulder, elbow, wrist = (
        joints_m[:, H36M17.index(f"{side[0].lower()}_{joint}")] for joint in ("shoulder", "elbow", "wrist")
    )
    hinge = np.cross(unit(elbow - shoulder), unit(wrist - elbow))
    bent = np.linalg.norm(hinge, axis=1) > _BENT_SINE
    if bent.sum() < _MIN_FRAMES:
        return
    bones = [_end(body, side, limb) - _head(body, side + _LIMBS[limb]) for limb in ("upper_arm", "forearm")]
    rest_hinge = unit(np.cross(bones[0], bones[1]))
    for limb, along in zip(("Arm", "ForeArm"), bones, strict=True):
        turns = out[side + limb]
        seen = (np.swapaxes(turns[bent], -1, -2) @ hinge[bent, :, None])[..., 0].mean(axis=0)
        angle = about(unit(along), frame(along, seen) @ frame(along, rest_hinge).T)
        out[side + limb] = turns @ axis_angle(unit(along), angle)


def _share_twist(body: Body, out: dict[str, Float64Array], side: str) -> None:
    """Let the forearm follow the hand part of the way about its own length."""
    fore, hand = out[f"{side}ForeArm"], out[f"{side}Hand"]
    axis = unit(_end(body, side, "forearm") - _head(body, f"{side}ForeArm"))
    angle = about(axis, np.swapaxes(fore, -1, -2) @ hand)
    out[f"{side}ForeArm"] = fore @ axis_angle(np.broadcast_to(axis, (len(fore), 3)), _TWIST_SHARE * angle)


def _look_ahead(out: dict[str, Float64Array]) -> None:
    """Tip neck and head by a constant where, on average, the person would look far down or up.

    Where a source's head is set on its neck is a matter of its markers; people mostly look ahead.
    """
    forward = out["Head"] @ np.array([0.0, 0.0, 1.0])
    down = -float(np.median(np.arcsin(np.clip(forward[:, 1], -1, 1))))
    excess = down - float(np.clip(down, -_MAX_LOOK_RAD, _MAX_LOOK_RAD))
    for share, bone in enumerate(_NECK, 1):
        out[bone] = out[bone] @ axis_angle(np.array([1.0, 0.0, 0.0]), -excess * share / len(_NECK))


def _as_standing(body: Body, source: Source, reference: Reference) -> dict[str, Float64Array]:
    """The turns since the reference pose, of a body that was first put into that pose."""
    limbs = source.anatomy.limbs
    left = reference.heads_m[limbs["l_thigh"]] - reference.heads_m[limbs["r_thigh"]]
    facing = frame(left * [1, 0, 1], _UP)
    since = source.motion.turns @ np.swapaxes(reference.turns, -1, -2) @ facing
    out = _trunk(since, source.anatomy)
    for letter, side in (("l", "Left"), ("r", "Right")):
        taken = _into_reference(body, reference.heads_m @ facing, source.anatomy, letter, side)
        for limb, bone in limbs.items():
            if limb[0] == letter and limb[2:] in _LIMBS:
                out[side + _LIMBS[limb[2:]]] = since[:, bone] @ taken.get(limb[2:], np.eye(3))
    return out


def _into_reference(
    body: Body, heads_m: Float64Array, anatomy: Anatomy, letter: str, side: str
) -> dict[str, Float64Array]:
    """Limb bone to its turn (3, 3) from the body's rest into the source's reference pose, heads_m (B, 3)."""
    taken: dict[str, Float64Array] = {"": np.eye(3)}
    for limb, (carrier, ends) in _SWUNG.items():
        end = next((e for e in ends if f"{letter}_{e}" in anatomy.limbs), None)
        taken[limb] = taken[carrier]
        if end is not None:
            places = (anatomy.limbs[f"{letter}_{name}"] for name in (limb, end))
            start_m, end_m = (heads_m[place] for place in places)
            rest = _end(body, side, limb) - _head(body, side + _LIMBS[limb])
            taken[limb] = swing(taken[carrier] @ rest, end_m - start_m) @ taken[carrier]
    taken["palm"] = taken["hand"]
    taken["foot"] = _heading(body, heads_m, anatomy, letter, side) @ taken["shank"]
    return taken


def _heading(body: Body, heads_m: Float64Array, anatomy: Anatomy, letter: str, side: str) -> Float64Array:
    """(3, 3) turn about the upright that points the body's foot where the source's points."""
    if f"{letter}_toes" not in anatomy.limbs:
        return np.eye(3)
    foot, toes = (heads_m[anatomy.limbs[f"{letter}_{bone}"]] for bone in ("foot", "toes"))
    level = np.array([1.0, 0.0, 1.0])
    rest = _head(body, f"{side}ToeBase") - _head(body, f"{side}Foot")
    return swing(rest * level, (toes - foot) * level)


def _as_fitted(body: Body, source: Source, joints_m: FloatArray) -> dict[str, Float64Array]:
    """The turns of the source, each put right by what it differs from a fit to 17 joints on average."""
    fit = retarget(body, joints_m, source.motion.fps)
    fitted = body.world_rotations(fit).astype(np.float64)
    out = _trunk(source.motion.turns, source.anatomy)
    for letter, side in (("l", "Left"), ("r", "Right")):
        for limb, target in _LIMBS.items():
            bone = source.anatomy.limbs.get(f"{letter}_{limb}")
            if bone is not None:
                out[side + target] = source.motion.turns[:, bone]
    for target, turns in out.items():
        gap = np.swapaxes(turns, -1, -2) @ fitted[:, body.bone(target)]
        out[target] = turns @ nearest_turn(gap.mean(axis=0))
    return out


def _trunk(turns: Float64Array, anatomy: Anatomy) -> dict[str, Float64Array]:
    """The body's hips, spine, neck and head from turns (T, B, 3, 3) of as many bones as the source has."""
    hips, chest, head = turns[:, anatomy.hips], turns[:, anatomy.chest], turns[:, anatomy.head]
    out = {"Hips": hips, "LHipJoint": hips, "RHipJoint": hips}
    out |= zip(_SPINE, _spread([hips, *(turns[:, bone] for bone in anatomy.spine)], len(_SPINE)), strict=True)
    neck = [chest, *(turns[:, bone] for bone in anatomy.neck), head]
    return out | dict(zip(_NECK, _spread(neck, len(_NECK)), strict=True))


def _spread(chain: list[Float64Array], count: int) -> list[Float64Array]:
    """Turns of `count` bones evenly along a chain of turns (T, 3, 3), after its first and up to its last."""
    out = []
    for k in range(1, count + 1):
        at = k * (len(chain) - 1) / count
        below = min(int(at), len(chain) - 2)
        step = np.swapaxes(chain[below], -1, -2) @ chain[below + 1]
        out.append(chain[below] @ part(step, at - below))
    return out


def _end(body: Body, side: str, limb: str) -> Float64Array:
    """(3,) where a limb bone of the body ends: the head of the next."""
    chain = (
        ("upper_arm", "forearm", "hand", "palm")
        if "arm" in limb or limb == "hand"
        else ("thigh", "shank", "foot")
    )
    return _head(body, side + _LIMBS[chain[chain.index(limb) + 1]])


def _head(body: Body, bone: str) -> Float64Array:
    return np.asarray(body.heads_m[body.bone(bone)], np.float64)
