"""A take played by a body: at a rate, in the body's size, on its floor."""

from __future__ import annotations

from dataclasses import replace

from realtime.errors import UsageError
from realtime.types import FloatArray
from training.mocap.retarget import clear, fit_motion, ground, retarget
from training.mocap.takes import Take
from training.mocap.transfer import transferred
from training.people.body import Body, Pose

_FPS_RANGE = (1.0, 1000.0)


def perform(body: Body, soles: tuple[FloatArray, FloatArray], take: Take, fps: float = 30.0) -> Pose:
    """The body's pose in each frame of a take at `fps`, feet on the floor where the source has them there.

    soles: points (N, 3) at rest and weights (N, B) of what can touch the floor (see `Figure.soles`). A take
    with a skeleton gives the twist of limbs, feet, hands and head; of 17 joints that is inferred. Raises
    UsageError for a rate out of range.
    """
    if not _FPS_RANGE[0] <= fps <= _FPS_RANGE[1]:
        raise UsageError(f"the frame rate must lie between 1 and 1000, not {fps:g}")
    joints_m = fit_motion(body, take.joints_at(fps))
    if take.source is None:
        pose = retarget(body, joints_m, fps)
    else:
        source = replace(take.source, motion=take.source.motion.resampled(fps))
        pose = retarget(body, joints_m, fps, transferred(body, source, joints_m))
    return clear(body, ground(body, pose, *soles, fps), *soles)
