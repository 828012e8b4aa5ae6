"""From 17 joints to the turns of a body's bones: swing fits, twist from neighbouring bones, legs by reach.

A joint position fixes where a bone points, not how it is turned about its own length. That twist comes from
the neighbours: the hip and shoulder lines turn the torso, the planes in which knees and elbows bend turn the
limbs. Feet, which the 17 joints lack, follow the knees' heading and tip up about the ball as the heel rises.
Series are (T, 17, 3), metres, y up. Two-bone reach: the law of cosines in the plane of the joint.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from realtime.skeleton import H36M17
from training.mocap.contact import hold, planted_feet
from training.mocap.rotations import Float64Array, axis_angle, ease, frame, part, smooth, swing, unit
from training.people.body import Body

_UP = np.array([0.0, 1.0, 0.0])
_HINGE_SMOOTHING_FRAMES = 2.0
_KNEE_PRIOR = 0.35
_ELBOW_PRIOR = 0.15
_REACH_LIMIT = 0.998
_CLAVICLE_SHARE = 0.2
_MAX_TIPTOE_RAD = np.radians(40)
_MAX_TOE_BEND_RAD = np.radians(30)
_HANGING_FOOT_RAD = np.radians(20)
_HANGS_FROM_M, _HANGS_OVER_M = 0.2, 0.2
_LEVEL_HINGE = 0.7
_FINGER_BEND_RAD = np.radians(14)

Turns = Mapping[str, Float64Array]
"""Bone of a body to its turns from rest in the world, (T, 3, 3)."""


class Fit:
    """The turns of the bones in the world, found one after another from the source's joints."""

    def __init__(self, body: Body, joints_m: Float64Array, fps: float, known: Turns) -> None:
        self._body, self._joints, self._known = body, joints_m, known
        self._planted = planted_feet(joints_m, fps)
        self._rest = body.joints(body.rest_pose()).astype(np.float64)
        self._world: dict[str, Float64Array] = {}

    def _at(self, name: str) -> Float64Array:
        return np.asarray(self._joints[:, H36M17.index(name)])

    def _rest_at(self, name: str) -> Float64Array:
        return np.asarray(self._rest[H36M17.index(name)])

    def _head(self, bone: str) -> Float64Array:
        return np.asarray(self._body.heads_m[self._body.bone(bone)], np.float64)

    def torso(self) -> None:
        """Hips by the hip line, chest by the shoulder line, both along the trunk; the head by the neck."""
        mid = {part: (self._at(f"l_{part}") + self._at(f"r_{part}")) / 2 for part in ("hip", "shoulder")}
        rest_mid = {
            part: (self._rest_at(f"l_{part}") + self._rest_at(f"r_{part}")) / 2
            for part in ("hip", "shoulder")
        }
        trunk, rest_trunk = mid["shoulder"] - mid["hip"], rest_mid["shoulder"] - rest_mid["hip"]
        hips_line, shoulder_line = (self._at(f"l_{p}") - self._at(f"r_{p}") for p in ("hip", "shoulder"))
        rest_line = np.array([1.0, 0.0, 0.0])
        hips = frame(hips_line, trunk) @ frame(rest_line, rest_trunk).T
        chest = frame(trunk, shoulder_line) @ frame(rest_trunk, rest_line).T
        turn = np.swapaxes(hips, -1, -2) @ chest
        neck = self._at("head") - self._at("neck")
        rest_neck = self._rest_at("head") - self._rest_at("neck")
        head = frame(neck, shoulder_line) @ frame(rest_neck, rest_line).T
        self._world |= {
            "Hips": hips, "LHipJoint": hips, "RHipJoint": hips,
            "LowerBack": hips @ part(turn, 1 / 3), "Spine": hips @ part(turn, 2 / 3), "Spine1": chest,
        }  # fmt: skip
        bend = np.swapaxes(chest, -1, -2) @ head
        self._world |= {"Neck": chest @ part(bend, 1 / 3), "Neck1": chest @ part(bend, 2 / 3), "Head": head}
        self._world |= {bone: self._known[bone] for bone in self._world if bone in self._known}

    def arm(self, side: str) -> None:
        """Upper arm and forearm in the plane of the elbow; the hand goes with the forearm."""
        s = side[0].lower()
        upper, fore = (
            self._at(f"{s}_elbow") - self._at(f"{s}_shoulder"),
            self._at(f"{s}_wrist") - self._at(f"{s}_elbow"),
        )
        rest_upper = self._head(f"{side}ForeArm") - self._head(f"{side}Arm")
        rest_fore = self._head(f"{side}Hand") - self._head(f"{side}ForeArm")
        rest_hinge = unit(np.cross(rest_upper, rest_fore))
        chest = self._world["Spine1"]
        lift = swing(chest @ rest_upper, upper)
        hinge = self._hinge(upper, fore, (lift @ chest) @ rest_hinge, _ELBOW_PRIOR)
        self._world[f"{side}Shoulder"] = part(lift, _CLAVICLE_SHARE) @ chest
        self._world[f"{side}Arm"] = frame(upper, hinge) @ frame(rest_upper, rest_hinge).T
        self._world[f"{side}ForeArm"] = frame(fore, hinge) @ frame(rest_fore, rest_hinge).T
        for bone in (side + name for name in ("Shoulder", "Arm", "ForeArm", "Hand")):
            if bone in self._known:
                self._world[bone] = self._known[bone]
        self._hand(side)

    def _hand(self, side: str) -> None:
        """In line with the forearm unless known; fingers slightly bent to the palm, as in a relaxed hand."""
        knuckles = self._head(f"{side}FingerBase")
        fingers = self._head(f"{side}HandFinger1") - knuckles
        thumb = self._head(f"{side[0]}Thumb") - knuckles
        palm = np.cross(fingers, thumb) if side == "Left" else np.cross(thumb, fingers)
        axis = unit(np.cross(fingers, palm))
        hand = self._world.get(f"{side}Hand", self._world[f"{side}ForeArm"])
        base = self._known.get(f"{side}FingerBase", hand @ axis_angle(axis, _FINGER_BEND_RAD / 2))
        self._world[f"{side}FingerBase"] = base
        self._world[f"{side}HandFinger1"] = base @ axis_angle(axis, _FINGER_BEND_RAD)

    def _hinge(
        self, upper: Float64Array, lower: Float64Array, prior: Float64Array, share: float
    ) -> Float64Array:
        """The axis a joint bends about: the plane of its two bones, or `prior` where they are in line."""
        seen = np.cross(unit(upper), unit(lower))
        return unit(smooth(seen + share * prior, _HINGE_SMOOTHING_FRAMES))

    def pelvis(self) -> Float64Array:
        """(T, 3) the root bone's head, as high as the source's or as low as the legs need to reach."""
        hips = self._world["Hips"]
        rest_pelvis, root = self._rest_at("pelvis"), self._head("Hips")
        roots = self._at("pelvis") + hips @ (root - rest_pelvis)
        excess = np.zeros(len(roots))
        for side in ("Left", "Right"):
            upper, lower = self._leg_lengths(side)
            step = self._at(f"{side[0].lower()}_ankle") - self._hip(side, roots)
            flat = (step[:, [0, 2]] ** 2).sum(axis=1)
            reach = np.sqrt(np.maximum((_REACH_LIMIT * (upper + lower)) ** 2 - flat, 0))
            excess = np.maximum(excess, -step[:, 1] - reach)
        return np.asarray(roots - smooth(excess[:, None], _HINGE_SMOOTHING_FRAMES) * _UP)

    def _hip(self, side: str, roots: Float64Array) -> Float64Array:
        return roots + self._world["Hips"] @ (self._head(f"{side}UpLeg") - self._head("Hips"))

    def _leg_lengths(self, side: str) -> tuple[float, float]:
        hip, knee, ankle = (self._head(f"{side}{part}") for part in ("UpLeg", "Leg", "Foot"))
        return float(np.linalg.norm(knee - hip)), float(np.linalg.norm(ankle - knee))

    def leg(self, side: str, roots: Float64Array) -> None:
        """Thigh and shank reach for the source's ankle in the plane of its knee; then the foot."""
        s = side[0].lower()
        upper, lower = self._leg_lengths(side)
        hip, ankle = self._hip(side, roots), self._at(f"{s}_ankle")
        rest_foot = self._head(f"{side}ToeBase") - self._head(f"{side}Foot")
        rest_hinge = unit(np.cross(_UP, rest_foot))
        known = self._known.get(f"{side}UpLeg")
        hinge = known @ rest_hinge if known is not None else self._hinge(
            self._at(f"{s}_knee") - self._at(f"{s}_hip"), ankle - self._at(f"{s}_knee"),
            self._world["Hips"] @ np.array([1.0, 0.0, 0.0]), _KNEE_PRIOR,
        )  # fmt: skip
        span = np.minimum(np.linalg.norm(ankle - hip, axis=-1), _REACH_LIMIT * (upper + lower))
        along = unit(ankle - hip)
        axes = frame(along, hinge)
        hinge, forward = axes[..., 1], axes[..., 2]
        advance = (upper**2 - lower**2 + span**2) / (2 * span)
        bulge = np.sqrt(np.maximum(upper**2 - advance**2, 0))
        thigh = along * advance[:, None] + forward * bulge[:, None]
        shank = along * span[:, None] - thigh
        rest_thigh = self._head(f"{side}Leg") - self._head(f"{side}UpLeg")
        rest_shank = self._head(f"{side}Foot") - self._head(f"{side}Leg")
        self._world[f"{side}UpLeg"] = frame(thigh, hinge) @ frame(rest_thigh, rest_hinge).T
        self._world[f"{side}Leg"] = frame(shank, hinge) @ frame(rest_shank, rest_hinge).T
        self._foot(side, hinge, (hip + thigh + shank)[:, 1])

    def _foot(self, side: str, hinge: Float64Array, ankle_height_m: Float64Array) -> None:
        """Flat with the knee's heading; as the ankle rises the foot tips so that its ball stays down.

        High above the floor, or where the knee has no heading, it hangs from the shank.
        """
        foot = self._head(f"{side}ToeBase") - self._head(f"{side}Foot")
        length, rise = float(np.hypot(foot[0], foot[2])), float(-foot[1])
        lifted = rise + ankle_height_m - self._head(f"{side}Foot")[1]
        reach = np.hypot(length, rise)
        tip = np.arcsin(np.clip(lifted / reach, -1, 1)) - np.arctan2(rise, length)
        tip = smooth(np.clip(tip, 0, _MAX_TIPTOE_RAD)[:, None], 1.0)[:, 0]
        heading = np.unwrap(np.arctan2(hinge[:, 2], hinge[:, 0]))
        heading = hold(heading[:, None], self._planted[:, 0 if side == "Left" else 1])[:, 0]
        level = np.stack([np.cos(heading), np.zeros_like(heading), np.sin(heading)], axis=1)
        flat = frame(level, np.broadcast_to(_UP, level.shape)) @ frame(unit(np.cross(_UP, foot)), _UP).T
        hanging = self._world[f"{side}Leg"] @ axis_angle(unit(np.cross(_UP, foot)), _HANGING_FOOT_RAD)
        loose = np.maximum(
            ease((lifted - rise - _HANGS_FROM_M) / _HANGS_OVER_M),
            ease((_LEVEL_HINGE - np.hypot(hinge[:, 0], hinge[:, 2])) / _LEVEL_HINGE * 2),
        )
        loose = smooth(loose[:, None], _HINGE_SMOOTHING_FRAMES)[:, 0]
        standing = axis_angle(level, tip) @ flat
        turned = standing @ part(np.swapaxes(standing, -1, -2) @ hanging, loose)
        bend = np.minimum(tip, _MAX_TOE_BEND_RAD) * (1 - loose)
        if f"{side}Foot" in self._known:
            turned = self._known[f"{side}Foot"]
            ahead = turned @ unit(foot * [1, 0, 1])
            bend = np.clip(np.arcsin(np.clip(-ahead[:, 1], -1, 1)), 0, _MAX_TOE_BEND_RAD)
        self._world[f"{side}Foot"] = turned
        across = np.broadcast_to(unit(np.cross(_UP, foot)), level.shape)
        self._world[f"{side}ToeBase"] = turned @ axis_angle(across, -bend)

    def filled(self) -> Float64Array:
        """(T, B, 3, 3) turns of all bones: one that was not fitted goes with its parent."""
        world = np.empty((len(self._joints), len(self._body.bones), 3, 3))
        for bone, name in enumerate(self._body.bones):
            found = self._world.get(name)
            world[:, bone] = world[:, self._body.parents[bone]] if found is None else found
        return world
