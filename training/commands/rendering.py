"""What the commands that render have in common: their options, and the bar that shows how far they are."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from tqdm import tqdm

from training.dataset.jobs import default_processes
from training.dataset.resumable import data_hashes
from training.mocap.split import PARTS

if TYPE_CHECKING:
    from training.render.clip import StudioFactory

_Command = Callable[..., None]

_WHAT = (
    click.option(
        "--makehuman",
        required=True,
        metavar="DIR",
        type=click.Path(path_type=Path, file_okay=False),
        help="MakeHuman data folder.",
    ),
    click.option(
        "--motion",
        required=True,
        multiple=True,
        metavar="FILE",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Motion file (NPZ, BVH, or AMC with its ASF beside it); may be given again.",
    ),
    click.option(
        "--out",
        required=True,
        metavar="DIR",
        type=click.Path(path_type=Path, file_okay=False),
        help="Folder to write into; a run that was stopped there goes on.",
    ),
    click.option(
        "--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Of all that is drawn."
    ),
    click.option(
        "--frames-per-clip",
        type=click.IntRange(min=1),
        default=90,
        show_default=True,
        help="At 30 a second.",
    ),
)
_HOW = (
    click.option(
        "--part",
        type=click.Choice(PARTS),
        default="all",
        show_default=True,
        help="Which takes of the motion, as training/mocap/split.py divides them.",
    ),
    click.option(
        "--bent",
        type=click.FloatRange(0, 1),
        default=0.0,
        show_default=True,
        help="Share of the people who hold trunk, head, arms and thighs otherwise than the motion has them.",
    ),
    click.option(
        "--processes",
        type=click.IntRange(min=1),
        default=default_processes,
        show_default="one a processor",
        help="Processes that render side by side, one thread each.",
    ),
)


@dataclass(frozen=True, slots=True)
class Rendering:
    """What the options say."""

    makehuman: Path
    motion: tuple[Path, ...]
    out: Path
    seed: int
    frames_per_clip: int
    long_side: tuple[int, int]
    part: str
    bent: float
    processes: int
    oversampling: int

    def studio(self) -> tuple[StudioFactory, dict[str, Any]]:
        """What makes the clips, and all that decides them, for a folder's header.

        It takes a while to import, and packages that only rendering needs.
        """
        from training.render.clip import DRAWING, ClipSettings, StudioFactory

        settings = ClipSettings(
            frames=self.frames_per_clip,
            long_side_px=self.long_side,
            part=self.part,
            bent=self.bent,
            oversampling=self.oversampling,
        )
        described = data_hashes(self.makehuman, self.motion)
        described |= {"clip": asdict(settings), "drawing": DRAWING}
        return StudioFactory(self.makehuman, self.motion, settings), described


def rendering_options(
    long_side_px: tuple[int, int] = (320, 960), oversampling: int = 2
) -> Callable[[_Command], _Command]:
    """Options that say what is rendered, with these defaults; the command is given them as a `Rendering`."""
    options = (
        *_WHAT,
        click.option(
            "--long-side",
            type=click.IntRange(64, 4096),
            nargs=2,
            default=long_side_px,
            show_default=True,
            metavar="MIN MAX",
            help="Least and most pixels of an image's longer side.",
        ),
        *_HOW,
        click.option(
            "--oversampling",
            type=click.IntRange(1, 3),
            default=oversampling,
            show_default=True,
            help="Pixels drawn for one of an image's, along each side: more is smoother, and slower.",
        ),
    )

    def add(command: _Command) -> _Command:
        @functools.wraps(command)
        def gathered(**values: Any) -> None:
            said = {field.name: values.pop(field.name) for field in fields(Rendering)}
            command(Rendering(**said), **values)

        added: _Command = gathered
        for option in reversed(options):
            added = option(added)
        return added

    return add


@contextlib.contextmanager
def frame_bar(total: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal that shows frames a second; gives what is to be told of frames done."""
    with tqdm(total=total, unit="frame", disable=None, smoothing=0.05) as bar:

        def done(frames: int) -> None:
            bar.update(frames)

        yield done
