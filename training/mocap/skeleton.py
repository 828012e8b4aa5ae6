"""A skeleton in motion as ASF/AMC and BVH files hold it: bones that turn, and where their ends then are.

World: metres, y up. A bone's turn is from the skeleton's zero pose, in which all axes are the world's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from realtime.types import Array
from training.mocap.rotations import Float64Array, axis_angle, part


@dataclass(frozen=True, slots=True)
class SourceSkeleton:
    """Bones in the zero pose.

    names: B of them, parents before children; parents: their positions, -1 for the root.
    offsets_m: (B, 3) each bone's head from its parent's head. tips_m: (B, 3) its tail from its own head.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets_m: Float64Array
    tips_m: Float64Array

    def __post_init__(self) -> None:
        bones = len(self.names)
        if any(not -1 <= parent < bone for bone, parent in enumerate(self.parents)):
            raise ValueError("parents must come before their children")
        if (
            len(self.parents) != bones
            or self.offsets_m.shape != (bones, 3)
            or self.tips_m.shape != (bones, 3)
        ):
            raise ValueError(f"a skeleton of {bones} bones needs as many parents, offsets and tips")


@dataclass(frozen=True, slots=True)
class SourceMotion:
    """A skeleton over time. turns: (T, B, 3, 3) of each bone from the zero pose, in the world.

    heads_m: (T, B, 3) where the bones begin.
    """

    skeleton: SourceSkeleton
    turns: Float64Array
    heads_m: Float64Array
    fps: float

    def __len__(self) -> int:
        return len(self.heads_m)

    def __getitem__(self, frames: slice) -> SourceMotion:
        return SourceMotion(self.skeleton, self.turns[frames], self.heads_m[frames], self.fps)

    def tails_m(self) -> Float64Array:
        """(T, B, 3) where the bones end."""
        return self.heads_m + (self.turns @ self.skeleton.tips_m[..., None])[..., 0]

    def resampled(self, fps: float) -> SourceMotion:
        """The motion at another rate: turns by the shortest way, places in a straight line."""
        if fps == self.fps:
            return self
        before, after, share = sample_points(len(self), self.fps, fps)
        step = np.swapaxes(self.turns[before], -1, -2) @ self.turns[after]
        turns = self.turns[before] @ part(step, share[:, None])
        weight = share[:, None, None]
        heads = self.heads_m[before] * (1 - weight) + self.heads_m[after] * weight
        return SourceMotion(self.skeleton, turns, heads, fps)


def move(skeleton: SourceSkeleton, local: Float64Array, offsets_m: Float64Array, fps: float) -> SourceMotion:
    """Forward kinematics. local: (T, B, 3, 3) turns relative to the parents.

    offsets_m: (T, B, 3) each bone's head from its parent's, in the parent's axes; the root's in the world.
    """
    turns, heads = np.empty_like(local), np.empty_like(offsets_m)
    for bone, parent in enumerate(skeleton.parents):
        if parent < 0:
            turns[:, bone], heads[:, bone] = local[:, bone], offsets_m[:, bone]
            continue
        turns[:, bone] = turns[:, parent] @ local[:, bone]
        heads[:, bone] = heads[:, parent] + (turns[:, parent] @ offsets_m[:, bone, :, None])[..., 0]
    return SourceMotion(skeleton, turns, heads, fps)


def euler(angles_rad: Float64Array, axes: str) -> Float64Array:
    """(..., 3, 3) the product, left to right, of turns (..., K) about the K world axes named in `axes`."""
    turn = np.broadcast_to(np.eye(3), (*angles_rad.shape[:-1], 3, 3))
    for k, axis in enumerate(axes):
        direction = np.broadcast_to(np.eye(3)["xyz".index(axis)], (*angles_rad.shape[:-1], 3))
        turn = turn @ axis_angle(direction, angles_rad[..., k])
    return turn


def sample_points(frames: int, fps: float, wanted_fps: float) -> tuple[Array, Array, Float64Array]:
    """Where frames at another rate fall: the frames before and after, and how far between them."""
    count = int(np.floor((frames - 1) * wanted_fps / fps + 1e-6)) + 1
    at = np.minimum(np.arange(count) * (fps / wanted_fps), frames - 1)
    before = np.minimum(np.floor(at + 1e-6).astype(int), frames - 1)
    return before, np.minimum(before + 1, frames - 1), np.clip(at - before, 0.0, 1.0)
