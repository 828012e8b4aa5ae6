"""Feet that stand still: when they do, and holding them there."""

from __future__ import annotations

import numpy as np

from realtime.skeleton import H36M17
from realtime.types import Array
from training.mocap.rotations import Float64Array, smooth

_STILL_M_S = 0.40
_LOW_M = 0.045
_SHORTEST_FRAMES = 4
_FLOOR_PERCENTILE = 5
_NEAR_M = 0.08
_RESTING_M_S = 0.5
_SHORTEST_REST_S = 0.08
_ANKLES = H36M17.indices("l_ankle", "r_ankle")


def planted_feet(joints_m: Float64Array, fps: float) -> Array:
    """(T, 2) bool, left and right: the foot of a motion (T, 17, 3) rests on the floor.

    Its ankle is slow along the floor and no higher than it lowest rests, for a few frames at least.
    """
    ankles = joints_m[:, _ANKLES]
    steps = np.diff(ankles[..., [0, 2]], axis=0, prepend=ankles[:1, :, [0, 2]])
    along = smooth(steps, 1.0) * fps
    height = ankles[..., 1] - np.percentile(ankles[..., 1], 5, axis=0)
    still = (np.linalg.norm(along, axis=-1) < _STILL_M_S) & (height < _LOW_M)
    for side in range(2):
        for start, end in runs(still[:, side]):
            if end - start < _SHORTEST_FRAMES:
                still[start:end, side] = False
    return np.asarray(still)


def on_floor(lowest_m: Float64Array, fps: float) -> Array:
    """(T,) bool: a person whose lowest sole point is this high (T,) stands on the floor; never none.

    The floor is where that point is in its lowest frames. On it the point is near there and rests; in the
    frames of a flight it passes by, and at the top of a small hop it rests too briefly.
    """
    near = lowest_m <= np.percentile(lowest_m, _FLOOR_PERCENTILE) + _NEAR_M
    rate = np.abs(np.gradient(lowest_m)) * fps if len(lowest_m) > 1 else np.zeros(1)
    resting = near & (rate < _RESTING_M_S)
    for start, end in runs(resting):
        if (end - start) / fps < _SHORTEST_REST_S:
            resting[start:end] = False
    return np.asarray(resting if resting.any() else near)


def plant(joints_m: Float64Array, planted: Array) -> Float64Array:
    """The motion with each ankle held where it rests on average while planted; knees follow half way."""
    out = joints_m.copy()
    for side, letter in enumerate("lr"):
        knee, ankle = H36M17.indices(f"{letter}_knee", f"{letter}_ankle")
        flat = joints_m[:, ankle][:, [0, 2]]
        shift = hold(flat, planted[:, side]) - flat
        out[:, ankle, 0::2] += shift
        out[:, knee, 0::2] += shift / 2
    return out


def hold(values: Float64Array, held: Array) -> Float64Array:
    """Values (T, D) made constant, at their mean, over each run of held (T,) frames.

    Between two runs the change passes evenly from that of the one to that of the other.
    """
    spans = runs(held)
    if not spans:
        return values
    times: list[int] = []
    shifts: list[Float64Array] = []
    for start, end in spans:
        mean = values[start:end].mean(axis=0)
        times.extend(range(start, end))
        shifts.extend(mean - values[start:end])
    table = np.array(shifts)
    frames = np.arange(len(values))
    columns = [np.interp(frames, times, table[:, column]) for column in range(values.shape[1])]
    return values + np.stack(columns, axis=1)


def runs(flags: Array) -> list[tuple[int, int]]:
    """The stretches [start, end) of a boolean series (T,) that are true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]
