"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click

from realtime.engines.open import Choice
from realtime.floor_files import Numbers, load_floor, to_numbers
from realtime.models.catalogue import BLAZEPOSE, DEFAULT_LIFTER, lifter_names
from realtime.size import LIMBS
from realtime.stream.assemble import Options
from realtime.stream.smooth import DEFAULT_STRENGTH, LEAST_STRENGTH, MOST_STRENGTH


def _floor_numbers(_context: click.Context, _option: click.Parameter, file: Path | None) -> Numbers:
    """A floor file as the numbers that `Options` and a session hold."""
    return to_numbers(load_floor(file)) if file is not None else ()


_OPTIONS = (
    click.option(
        "--source",
        metavar="S",
        help="Camera index, video file, folder of images, rtsp:// or http(s):// address, `pipe:` (standard "
        "input: YUV4MPEG2 or JPEGs; `pipe:live` for the latest frame only), or `sample`. "
        "Without it: camera 0 if there is one, else the sample clip.",
    ),
    click.option(
        "--frames", type=click.IntRange(min=1), metavar="N", help="Stop after N frames.", default=None
    ),
    click.option(
        "--intrinsics",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Camera file: of `realtime-calibrate`, ROS, OpenCV FileStorage, Kalibr, or Pose2Sim.",
    ),
    click.option(
        "--fov",
        "fov_deg",
        type=click.FloatRange(5, 170),
        metavar="DEG",
        help="Field of view across the longer image side, if there is no camera file. Assumed: 60.",
    ),
    click.option(
        "--height",
        "stature_m",
        type=click.FloatRange(0.5, 2.6),
        metavar="M",
        help="Body height in metres: fixes the scale, which one camera cannot see.",
    ),
    click.option(
        "--limb",
        metavar="NAME=M",
        help=f"Instead of --height: the length of a limb in metres, such as thigh=0.44 (hip to knee); "
        f"{', '.join(LIMBS)}.",
    ),
    click.option(
        "--smooth",
        type=click.FloatRange(LEAST_STRENGTH, MOST_STRENGTH),
        default=DEFAULT_STRENGTH,
        show_default=True,
        metavar="S",
        help="How calm poses are made: 0 not at all, 1 most. More lags more; the window says how much.",
    ),
    click.option(
        "--floor",
        is_flag=True,
        help="People stand on a level floor: feet that stand do not slide, and are on it.",
    ),
    click.option(
        "--floor-file",
        "known_floor",
        type=click.Path(dir_okay=False, path_type=Path),
        callback=_floor_numbers,
        metavar="FILE",
        help="Where the floor is, of `realtime-calibrate floor`: feet that stand on it tell people's size.",
    ),
    click.option(
        "--camera-height",
        "camera_height_m",
        type=float,
        metavar="M",
        help="Instead of --floor-file: how high the lens is above the floor, in metres. Feet that stand tell "
        "people's size, where the tilt is said or the lines of the picture tell it.",
    ),
    click.option(
        "--camera-tilt",
        "camera_tilt_deg",
        type=float,
        metavar="DEG",
        help="How far the camera looks down, in degrees, as a phone's level says: poses lean less. "
        "If not said, the lines of the picture tell it.",
    ),
    click.option(
        "--level/--no-level",
        default=True,
        show_default=True,
        help="Learn the camera's tilt from the straight lines of walls and doors, where nobody says it.",
    ),
    click.option(
        "--lifter",
        default=DEFAULT_LIFTER,
        show_default=True,
        metavar="NAME",
        help=f"2D to 3D net: {', '.join(lifter_names())}, or the path of a manifest.",
    ),
    click.option(
        "--lag",
        type=int,
        default=0,
        show_default=True,
        metavar="K",
        help="Frames to wait before a pose is given: more is better and later; below 0 it is foretold. "
        "Only for lifters that have a choice.",
    ),
    click.option(
        "--models",
        default=BLAZEPOSE,
        show_default=True,
        metavar="NAME",
        help="Image nets: blazepose; own, or by name cpn or integral-regression, trained by this project on "
        "rendered people; rtmpose-t, -s or -m; or the path of an estimator's manifest.",
    ),
    click.option(
        "--engine",
        type=click.Choice(get_args(Choice)),
        default="auto",
        show_default=True,
        help="Inference back end; auto takes the fastest that runs here, and says what it does without.",
    ),
    click.option(
        "--people",
        type=click.IntRange(1, 16),
        default=1,
        show_default=True,
        metavar="N",
        help="People to follow at most.",
    ),
)


def pipeline_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command every option that says what to run the pipeline on, and how."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def to_options(given: dict[str, Any]) -> Options:
    """The pipeline's part of a command's parameters."""
    return Options(**{name: given[name] for name in Options.__dataclass_fields__})
