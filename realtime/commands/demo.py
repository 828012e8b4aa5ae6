"""`realtime-demo`: a video or a webcam in, absolute 3D people out, live."""

from __future__ import annotations

import contextlib
import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from realtime.camera import Intrinsics
from realtime.commands.opening import SessionWish, open_run, stated_options
from realtime.commands.options import pipeline_options, to_options
from realtime.commands.shell import run
from realtime.commands.source_options import source_options, to_source_options
from realtime.errors import UsageError
from realtime.live.keep import Keep
from realtime.sample import TruthSink
from realtime.stream.assemble import Assembly, Model, Options
from realtime.stream.pipeline import Pipeline
from realtime.stream.safety import Safety
from realtime.stream.sinks import RecordSink, Sink, check_writable
from realtime.stream.source import Source
from realtime.stream.video import VideoSink, check_video
from realtime.types import Result

_EXAMPLES = """
\b
Examples:
  realtime-demo                                     camera 0, or the sample clip, in a window
  realtime-demo --source walk.mp4 --headless --record walk.jsonl --video walk_3d.mp4
  realtime-demo --source 0 --intrinsics camera.yaml --height 1.78
  realtime-demo --source rtsp://192.0.2.7/stream --people 3
  realtime-demo --source walk.mp4 --headless --session walk
  realtime-demo --source walk --headless --lifter anatomy --record anatomy.jsonl
"""


@dataclass(slots=True)
class Counts:
    """Counts results, and those with a person in them; the sample's are compared with its truth."""

    frames: int = 0
    with_person: int = 0
    truth: TruthSink | None = None

    def sinks(self, is_sample: bool, options: Options) -> list[Sink]:
        """What is to take the results."""
        self.truth = TruthSink(max(0, -options.lag)) if is_sample else None
        return [self, *([self.truth] if self.truth is not None else [])]

    def write(self, result: Result) -> None:
        """Count one result."""
        self.frames += 1
        self.with_person += bool(result.people)

    def close(self) -> None:
        """Nothing is held open."""


def _running(model: Model, assembly: Assembly) -> str:
    """What runs a net, and how far from its frame the lifter's answers lie."""
    frames = assembly.perception.delay if model is assembly.models[-1] else 0
    lag = (
        f", {abs(frames)} frame{'s' * (abs(frames) != 1)} {'late' if frames > 0 else 'ahead'}"
        if frames
        else ""
    )
    return f"{model.engine.backend} {model.engine.precision}{lag}"


@click.command(epilog=_EXAMPLES)
@pipeline_options
@source_options
@click.option(
    "--session",
    type=click.Path(path_type=Path),
    metavar="OUT",
    help="Write a folder that, given as --source, is lifted again: the same 2D, any lifter or camera.",
)
@click.option("--session-frames", is_flag=True, help="Keep the pictures in it too, without loss.")
@click.option("--headless", is_flag=True, help="No window: a progress bar instead.")
@click.option(
    "--record", type=click.Path(path_type=Path), metavar="OUT.jsonl", help="Write one JSON line a frame."
)
@click.option(
    "--video",
    type=click.Path(path_type=Path),
    metavar="OUT.mp4",
    help="Write the overlay beside the 3D skeleton.",
)
def demo(
    headless: bool,
    record: Path | None,
    video: Path | None,
    session: Path | None,
    session_frames: bool,
    **given: Any,
) -> None:
    """Show people in 3D, in metres, in camera space, with the delay shown."""
    kept = SessionWish(session, session_frames)
    outputs = [path for path in (record, video) if path is not None]
    _check_outputs(outputs, given["source"])
    if video is not None:
        check_video(video)
    outputs += [session] if session else []
    options, how, count = to_options(given), to_source_options(given), Counts()
    if not headless and _window_can_open():
        from realtime.commands.windowed import run_in_window

        keep = Keep(record, video, session, session_frames, given["frames"], count.sinks)
        shown = run_in_window(given["source"], options, how, keep, stated_options(options))
        if shown is not None and keep.assembly is not None:
            _report(shown.pipeline, keep.assembly, count, outputs)
        return
    opened = open_run(given["source"], options, how, kept)
    source, assembly = opened.source, opened.assembly
    if given["source"] is None:
        found = "the sample clip (no camera found)" if opened.is_sample else source.info.name
        click.echo(f"source: {found}")
    sinks: list[Sink] = [*opened.sinks]
    if video is not None:
        sinks.append(VideoSink(video, source.info.fps, assembly.intrinsics))
    if record is not None:
        sinks.append(RecordSink(record, assembly.header()))
    sinks += count.sinks(opened.is_sample, opened.options)
    # A moment before a camera does not come back; a file's run can be started again.
    safety = Safety(outlive_sinks=source.info.live)
    pipeline = Pipeline(source, assembly.perception, sinks, given["frames"], safety=safety)
    try:
        _run_headless(pipeline, source, given["frames"])
    finally:
        pipeline.stop()
    _report(pipeline, assembly, count, outputs)


def _check_outputs(outputs: list[Path], source: str | None) -> None:
    """Refuse what would overwrite the source or one output with another, and what cannot be written."""
    taken = [Path(source).resolve()] if source else []
    for path in outputs:
        if path.resolve() in taken:
            raise UsageError(f"{path} is the source, or is named twice: give every output a name of its own")
        taken.append(path.resolve())
        check_writable(path)


def _window_can_open() -> bool:
    from realtime.ui.app import DisplayProbe

    probe = DisplayProbe()
    # While a child process tries the display, this one loads what a window needs.
    with contextlib.suppress(ImportError):
        importlib.import_module("realtime.ui.window")
    reason = probe.reason()
    if reason is not None:
        click.echo(f"running headless: {reason}")
    return reason is None


def _run_headless(pipeline: Pipeline, source: Source, frames: int | None) -> None:
    from tqdm import tqdm  # a window is there sooner without it

    total = min(filter(None, (source.info.frames, frames)), default=None)
    pipeline.start()
    with tqdm(total=total, unit="frame", disable=None) as bar:
        ended = False
        while not ended:
            try:
                ended = pipeline.wait(timeout_s=0.2)
            except KeyboardInterrupt:
                if not source.info.live:
                    raise
                ended = True  # the one way to end a camera or a stream
            snapshot = pipeline.snapshot()
            bar.set_postfix_str(f"p50 {snapshot.stages['total'].p50_ms:.1f} ms", refresh=False)
            bar.update(snapshot.frames - bar.n)


def _report(pipeline: Pipeline, assembly: Assembly, count: Counts, outputs: list[Path]) -> None:
    """Say how it went. Raises what an output was lost to."""
    snapshot = pipeline.snapshot()
    camera = assembly.intrinsics
    click.echo(f"{count.frames} frames, {count.with_person} with a person; {snapshot.fps:.0f} frames/s")
    stages = ", ".join(f"{name} {p.p50_ms:.1f}" for name, p in snapshot.stages.items())
    click.echo(f"median ms a frame: {stages}")
    nets = ", ".join(f"{m.manifest.name} ({_running(m, assembly)})" for m in assembly.models)
    click.echo(f"networks: {nets}")
    field = f"{camera.fov_deg:.0f} degrees across the longer side"
    click.echo(f"camera: {camera.source}, {field}{_better(camera)}")
    for reason, frames in snapshot.drops.items():
        click.echo(f"dropped {frames} frames: {reason}")
    for fault, times in pipeline.faults.items():
        click.echo(f"{fault}: {times}")
    if count.truth is not None:
        click.echo(str(count.truth.error()))
    for path in outputs:
        click.echo(f"wrote {path.resolve()}" if path.exists() else f"nothing to write to {path}")
    for lost in pipeline.lost_outputs:
        raise lost


def _better(camera: Intrinsics) -> str:
    """What would tell a camera better that is only assumed."""
    return "; `realtime-calibrate focal` may tell it" if camera.source == "assumed" else ""


def main() -> None:
    """Entry point."""
    run(demo)


if __name__ == "__main__":
    main()
