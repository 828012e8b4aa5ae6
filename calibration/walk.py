"""`realtime-calibrate focal`: the focal length from a video of somebody who walks."""

from __future__ import annotations

import math

import click
import numpy as np

from calibration.focal import UPRIGHT, FocalEstimate, Walk, focal_from_walk
from realtime.stream.assemble import Options, assemble, find_intrinsics, find_source


@click.command(
    epilog="\b\nExamples:\n  realtime-calibrate focal walk.mp4\n  realtime-calibrate focal 0 --frames 900"
)
@click.argument("source", metavar="S")
@click.option("--frames", type=click.IntRange(min=30), default=900, show_default=True, metavar="N")
def focal(source: str, frames: int) -> None:
    """Estimate the field of view from somebody who walks towards the camera and away (an experiment).

    It needs a level floor and a camera that looks down, or up, by 15 degrees or more. A printed board
    (realtime-calibrate camera) is far more exact.
    """
    for line in report(focal_from_walk(walk_in(source, frames))):
        click.echo(line)


def walk_in(name: str, limit: int) -> Walk:
    """The likeliest person's joints in up to so many frames of a source. Raises PoseError."""
    source, is_sample = find_source(name)
    seen = []
    try:
        info = source.info
        assembly = assemble(Options(), find_intrinsics(Options(), info, is_sample))
        try:
            for _ in range(limit):
                if (frame := source.read()) is None:
                    break
                seen += [
                    max(result.people, key=lambda p: p.score).keypoints_px
                    for result in assembly.perception.process(frame)
                    if result.people
                ]
        finally:
            assembly.perception.close()
    finally:
        source.close()
    points = np.stack(seen) if seen else np.zeros((0, 17, 3), np.float32)
    return Walk(points.astype(np.float32), info.width, info.height)


def report(estimate: FocalEstimate) -> list[str]:
    """What a walk told, and what to do with it."""
    factor = math.exp(estimate.log_sigma)
    low, high = (_fov_deg(estimate, f) for f in (factor, 1 / factor))
    lines = [
        f"field of view {estimate.fov_deg:.0f} degrees ({low:.0f} to {high:.0f}, one standard deviation), "
        f"from {estimate.frames} frames; the camera looks {abs(math.degrees(estimate.tilt_rad)):.0f} degrees "
        f"{'down' if estimate.tilt_rad > 0 else 'up'}"
    ]
    if estimate.misfit > UPRIGHT:
        lines.append(
            "that is not to be used: this is no upright figure that walks on one floor; let somebody walk "
            "plainly, in view from head to feet, or use a board (realtime-calibrate camera)"
        )
    elif not estimate.usable:
        lines.append(
            "that is too unsure to be used: mount the camera higher and look down more, walk longer, nearer "
            "and farther; or use a board (realtime-calibrate camera)"
        )
    else:
        lines.append(f"use it: --fov {estimate.fov_deg:.0f}")
    return lines


def _fov_deg(estimate: FocalEstimate, factor: float) -> float:
    half = max(estimate.width, estimate.height) / 2
    return math.degrees(2 * math.atan(half / (estimate.focal_px * factor)))
