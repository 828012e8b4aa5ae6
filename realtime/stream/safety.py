"""What a pipeline does when something in it fails or hangs."""

from __future__ import annotations

from dataclasses import dataclass

from realtime.errors import PipelineError, PoseError


@dataclass(frozen=True, slots=True)
class Safety:
    """What a pipeline does when something in it fails or hangs.

    outlive_sinks: whether it goes on without a sink that failed; None: if the source is live.
    perceive_s, deliver_s: how long perception or a sink may take over one frame; math.inf for no limit.
    first_s: over the first, when some engines compile. capture_s: how long a source may give nothing without
    an error of its own. look_s: how often the watchdog looks: what hangs is given up after its limit and at
    most two looks.
    """

    outlive_sinks: bool | None = None
    perceive_s: float = 10.0
    deliver_s: float = 10.0
    first_s: float = 60.0
    capture_s: float = 60.0
    look_s: float = 0.5


def as_pose_error(what: str, error: BaseException) -> PoseError:
    """An error of the project: itself, or a PipelineError with it as its cause. what: failed, in words."""
    if isinstance(error, PoseError):
        return error
    wrapped = PipelineError(f"{what}: {type(error).__name__}: {error}")
    wrapped.__cause__ = error
    return wrapped
