"""`realtime-calibrate`: measure a camera, print boards for that, and check its metres."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click
from tqdm import tqdm

from calibration import report
from calibration.board import MARKER_RATIO, Board, parse_size
from calibration.capture import AutoCapture, Progress, Session
from calibration.check import measure_board, measure_person, verdict
from calibration.detect import Finder
from calibration.ground import floor_lines, measure_floor
from calibration.room import focal
from calibration.sheet import PAPERS_MM, write_sheet
from calibration.solve import Lens, solve
from calibration.views import Views, from_photos, photos
from realtime.camera import load_intrinsics
from realtime.commands.shell import run
from realtime.commands.source_options import parse_window
from realtime.errors import UsageError
from realtime.floor_files import save_floor
from realtime.stream.assemble import Options
from realtime.stream.sinks import check_writable
from realtime.stream.sources.open import open_source

_EXAMPLES = """
\b
Examples:
  realtime-calibrate board --board 9x6 --square-mm 25 --pdf board.pdf
  realtime-calibrate images 'photos/*.jpg' --board 9x6 --square-mm 25 -o camera.yaml
  realtime-calibrate camera --board 9x6 --square-mm 25 -o camera.yaml
  realtime-calibrate check --distance 3.0 --intrinsics camera.yaml --height 1.78
  realtime-calibrate floor --source photo.jpg --intrinsics camera.yaml -o floor.yaml
"""
_VIDEOS = {".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm"}

_BOARD = (
    click.option(
        "--board",
        "size",
        default="9x6",
        show_default=True,
        metavar="CxR",
        help="Inner corners, either order.",
    ),
    click.option(
        "--square-mm", type=float, default=25.0, show_default=True, metavar="S", help="A square's side."
    ),
    click.option("--charuco", is_flag=True, help="A ChArUco board: markers in the white squares."),
    click.option(
        "--layout",
        type=click.Choice(["auto", "new", "classic"]),
        default="auto",
        show_default=True,
        help="ChArUco: as OpenCV draws it since 4.6, or before.",
    ),
    click.option(
        "--marker-mm",
        type=float,
        metavar="M",
        help="ChArUco: a marker's side; 3/4 of the square if not said.",
    ),
    click.option(
        "--dictionary",
        default="4X4_250",
        show_default=True,
        metavar="D",
        help="ChArUco: the markers' family.",
    ),
)


def board_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command every option that says what board it is."""
    for option in reversed(_BOARD):
        command = option(command)
    return command


def _board(given: dict[str, Any]) -> Board:
    """The board that a command's parameters describe; takes them out."""
    cols, rows = parse_size(given.pop("size"))
    square_m = given.pop("square_mm") / 1000
    charuco, layout, dictionary = given.pop("charuco"), given.pop("layout"), given.pop("dictionary")
    marker_mm = given.pop("marker_mm")
    if not charuco and (marker_mm is not None or layout != "auto"):
        raise UsageError("--marker-mm and --layout are for ChArUco boards: add --charuco, or leave them out")
    if not charuco:
        return Board(cols, rows, square_m)
    marker_m = square_m * MARKER_RATIO if marker_mm is None else marker_mm / 1000
    return Board(
        cols, rows, square_m, "charuco-classic" if layout == "classic" else "charuco", marker_m, dictionary
    )


_lens = click.option(
    "--lens",
    type=click.Choice(get_args(Lens)),
    default="auto",
    show_default=True,
    help="rational and fisheye are for wide lenses.",
)
_out = click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="The camera file to write.",
)


@click.group(epilog=_EXAMPLES)
def cli() -> None:
    """Measure a camera with a printed board, and check its metres."""


@cli.command(
    epilog="\b\nExamples:\n"
    "  realtime-calibrate images 'photos/*.jpg' --board 9x6 --square-mm 25 -o camera.yaml\n"
    "  realtime-calibrate images a.png b.png c.png --board 7x5 --square-mm 30 --charuco -o camera.yaml"
)
@click.argument("globs", nargs=-1, required=True, metavar="GLOB...")
@board_options
@_lens
@_out
def images(globs: tuple[str, ...], lens: Lens, output: Path, **given: Any) -> None:
    """Measure a camera from photos of a board. GLOB: files, folders, or patterns."""
    finder = Finder(_board(given | {}), given["layout"] == "auto")
    check_writable(output)
    files = photos(globs)
    if videos := [p for p in files if p.suffix.lower() in _VIDEOS]:
        raise UsageError(f"{videos[0]} is a video: use realtime-calibrate camera --source {videos[0]}")
    if output.resolve() in [p.resolve() for p in files]:
        raise UsageError(f"{output} is one of the photos: give the camera file a name of its own")
    with tqdm(total=len(files), unit="photo", disable=None) as bar:
        views = from_photos(files, finder, bar.update)
    _finish(views, lens, output)


@cli.command(
    epilog="\b\nExamples:\n  realtime-calibrate camera --board 9x6 --square-mm 25 -o camera.yaml\n"
    "  realtime-calibrate camera --source clip.mp4 --headless --board 9x6 --square-mm 25 -o camera.yaml"
)
@click.option(
    "--source", default="0", show_default=True, metavar="S", help="Camera index, video, folder, or address."
)
@click.option(
    "--views",
    "wanted",
    type=click.IntRange(3, 100),
    default=15,
    show_default=True,
    metavar="N",
    help="Views to take.",
)
@click.option("--headless", is_flag=True, help="No window: lines of text instead.")
@board_options
@_lens
@_out
def camera(source: str, wanted: int, headless: bool, lens: Lens, output: Path, **given: Any) -> None:
    """Measure a camera live, or from a video: show the board, views are taken by themselves."""
    finder = Finder(_board(given | {}), given["layout"] == "auto")
    check_writable(output)
    opened = open_source(source)
    capture = AutoCapture(finder, wanted)
    try:
        if headless or not _window_can_open():
            _capture_in_text(Session(opened, capture, _Teller()))
        else:
            from calibration.window import run_capture

            run_capture(opened, capture)
    finally:
        opened.close()
    _finish(capture.views, lens, output)


class _Teller:
    """Prints progress when a view was taken, or the advice changed."""

    def __init__(self) -> None:
        self._hint = ""

    def __call__(self, progress: Progress) -> None:
        if progress.accepted or (progress.hint != self._hint and progress.views == 0):
            click.echo(str(progress))
        self._hint = progress.hint


def _capture_in_text(session: Session) -> None:
    try:
        session.run()
    except KeyboardInterrupt:
        click.echo("ended: solving with the views so far")


def _window_can_open() -> bool:
    from realtime.ui.app import display_available

    reason = display_available()
    if reason is not None:
        click.echo(f"no window: {reason}")
    return reason is None


def _finish(views: Views, lens: Lens, output: Path) -> None:
    """Solve, say how it went, write the camera file."""
    calibration = solve(views, lens)
    for line in report.lines(calibration, views):
        click.echo(line)
    calibration.intrinsics.save(output, report.comment(calibration, views))
    click.echo(f"wrote {output.resolve()}")


@cli.command(
    epilog="\b\nExamples:\n  realtime-calibrate board --pdf\n"
    "  realtime-calibrate board --board 7x5 --square-mm 45 --paper A3 --charuco --svg board.svg"
)
@board_options
@click.option(
    "--paper", type=click.Choice(list(PAPERS_MM), case_sensitive=False), default="A4", show_default=True
)
@click.option("--pdf", is_flag=False, flag_value="board.pdf", metavar="[FILE]", help="Write a PDF.")
@click.option("--svg", is_flag=False, flag_value="board.svg", metavar="[FILE]", help="Write an SVG.")
def board(paper: str, pdf: str | None, svg: str | None, **given: Any) -> None:
    """Write a board to print, in exact millimetres; print it at 100 %, and measure it."""
    printed = _board(given)
    for name in (pdf, svg) if pdf or svg else ("board.pdf",):
        if name:
            path = Path(name)
            click.echo(f"{write_sheet(printed, paper, path)}: wrote {path.resolve()}")


@cli.command(
    epilog="\b\nExamples:\n  realtime-calibrate check --distance 3.0 --intrinsics camera.yaml --height 1.78\n"
    "  realtime-calibrate check --distance 3.0 --source photo.jpg --fov 70\n"
    "  realtime-calibrate check --distance 1.5 --intrinsics camera.yaml --board 9x6 --square-mm 25"
)
@click.option(
    "--distance",
    type=click.FloatRange(0.1, 100),
    required=True,
    metavar="M",
    help="By tape, in metres: from the lens to the middle of the hips, or of the board.",
)
@click.option("--source", metavar="S", help="Camera index, photo, video, folder, or address.")
@click.option("--frames", type=click.IntRange(min=1), default=90, show_default=True, metavar="N")
@click.option("--intrinsics", type=click.Path(path_type=Path), metavar="FILE", help="Camera file.")
@click.option("--fov", "fov_deg", type=click.FloatRange(5, 170), metavar="DEG")
@click.option("--height", "stature_m", type=click.FloatRange(0.5, 2.6), metavar="M", help="Body height.")
@board_options
def check(distance: float, source: str | None, frames: int, **given: Any) -> None:
    """Compare a known distance of a person (or, with --board, of a board) with the measured one."""
    options = Options(given.pop("intrinsics"), given.pop("fov_deg"), given.pop("stature_m"))
    context = click.get_current_context()
    asked = context.get_parameter_source("size") is not click.core.ParameterSource.DEFAULT or given["charuco"]
    if asked:
        measured = measure_board(source, options, _board(given), frames)
    else:
        measured = measure_person(source, options, frames)
    for line in verdict(measured, distance, "board" if asked else "person"):
        click.echo(line)


@cli.command(
    epilog="\b\nExamples:\n"
    "  realtime-calibrate floor --source photo.jpg --intrinsics camera.yaml -o floor.yaml\n"
    "  realtime-calibrate floor --source 0 --fov 70 --board 9x6 --square-mm 45 -o floor.yaml\n"
    "  realtime-demo --intrinsics camera.yaml --floor-file floor.yaml"
)
@click.option("--source", metavar="S", help="Camera index, photo, folder of photos, video, or address.")
@click.option("--frames", type=click.IntRange(min=1), default=90, show_default=True, metavar="N")
@click.option("--intrinsics", type=click.Path(path_type=Path), metavar="FILE", help="Camera file.")
@click.option("--fov", "fov_deg", type=click.FloatRange(5, 170), metavar="DEG")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="The floor file to write.",
)
@board_options
def floor(source: str | None, frames: int, output: Path, **given: Any) -> None:
    """Measure where the floor is, from a board that lies on it, at one place or several."""
    options = Options(given.pop("intrinsics"), given.pop("fov_deg"))
    check_writable(output)
    seen = measure_floor(source, options, _board(given), frames)
    lines = floor_lines(seen)
    for line in lines:
        click.echo(line)
    save_floor(seen.floor, output, lines[0])
    click.echo(f"wrote {output.resolve()}: it holds until the camera is moved")


@cli.command(
    epilog="\b\nExamples:\n  realtime-calibrate convert Calib.toml#cam_02 -o cam_02.yaml\n"
    "  realtime-calibrate convert camera.yaml --rotate cw -o portrait.yaml"
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--rotate", type=click.Choice(["cw", "180", "ccw"]), help="The image was turned, as seen on screen."
)
@click.option("--crop", metavar="X,Y,W,H", help="The image was cut out: left, top, width, height in pixels.")
@_out
def convert(file: Path, rotate: str | None, crop: str | None, output: Path) -> None:
    """Read a camera file of another program, or turn or crop one (in this order); write it as YAML."""
    intrinsics = load_intrinsics(file)
    if rotate:
        intrinsics = intrinsics.rotated({"cw": 1, "180": 2, "ccw": 3}[rotate])
    if crop:
        intrinsics = intrinsics.cropped(*parse_window(crop))
    intrinsics.save(output)
    click.echo(f"wrote {output.resolve()}")


cli.add_command(focal)


def main() -> None:
    """The `realtime-calibrate` command."""
    run(cli)


if __name__ == "__main__":
    main()
