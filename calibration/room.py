"""`realtime-calibrate focal`: the field of view from the straight lines of a room."""

from __future__ import annotations

import math

import click

from calibration.focal import FocalEstimate, focal_of_lines
from realtime.level import shrunk, straight_lines
from realtime.stream.assemble import find_source
from realtime.types import FloatArray

_EVERY = 30
_BOARD = "use a board (realtime-calibrate camera), which is far more exact"


@click.command(
    epilog="\b\nExamples:\n  realtime-calibrate focal 0\n  realtime-calibrate focal video.mp4 --pictures 10"
)
@click.argument("source", metavar="S")
@click.option(
    "--pictures",
    type=click.IntRange(1, 100),
    default=5,
    show_default=True,
    metavar="N",
    help="How many to look at, one in every 30 frames.",
)
def focal(source: str, pictures: int) -> None:
    """Estimate the field of view from the straight lines of a room, without a board.

    Show a corner: two walls at a slant, with doors, shelves or windows, and the floor. A wall that is faced
    squarely tells nothing. A printed board (realtime-calibrate camera) is far more exact.
    """
    for line in report(focal_in(source, pictures)):
        click.echo(line)


def focal_in(name: str, pictures: int) -> FocalEstimate:
    """What pictures of a source tell. Raises SourceError, CalibrationError."""
    source, _ = find_source(name)
    found: list[FloatArray] = []
    frames = 0
    try:
        while len(found) < pictures and (frame := source.read()) is not None:
            if frames % _EVERY == 0:
                found.append(straight_lines(*shrunk(frame.image)))
            frames += 1
    finally:
        source.close()
    return focal_of_lines(found, source.info.width, source.info.height)


def report(estimate: FocalEstimate) -> list[str]:
    """What was told, and what to do with it."""
    factor = math.exp(estimate.log_sigma)
    low, high = estimate.fov_deg_if(factor), estimate.fov_deg_if(1 / factor)
    several = "s" * (estimate.pictures != 1)
    said = (
        f"field of view {estimate.fov_deg:.0f} degrees ({low:.0f} to {high:.0f}, one standard deviation), "
        f"from the lines of {estimate.pictures} picture{several}"
    )
    if estimate.usable:
        return [said, f"use it: --fov {estimate.fov_deg:.0f}; or {_BOARD}"]
    corner = "show a corner of the room with both walls at a slant"
    return [said, f"that is too unsure to be used: {corner}, or {_BOARD}"]
