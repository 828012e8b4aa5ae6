"""`realtime-demo`: a video or a webcam in, absolute 3D people out, live."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from realtime.camera import Intrinsics
from realtime.commands.options import pipeline_options, to_options
from realtime.commands.shell import run
from realtime.errors import UsageError
from realtime.sample import TruthSink
from realtime.stream.assemble import Assembly, Model, assemble, find_intrinsics, find_source
from realtime.stream.ledger import Snapshot
from realtime.stream.paced import PacedSource
from realtime.stream.pipeline import Pipeline
from realtime.stream.sinks import RecordSink, Sink, check_writable
from realtime.stream.source import Source
from realtime.stream.video import VideoSink
from realtime.types import Result

_EXAMPLES = """
\b
Examples:
  realtime-demo                                     camera 0, or the sample clip, in a window
  realtime-demo --source walk.mp4 --headless --record walk.jsonl --video walk_3d.mp4
  realtime-demo --source 0 --intrinsics camera.yaml --height 1.78
  realtime-demo --source rtsp://192.0.2.7/stream --people 3
"""


@dataclass(slots=True)
class CountSink:
    """Counts results, and those with a person in them."""

    frames: int = 0
    with_person: int = 0

    def write(self, result: Result) -> None:
        """Count one result."""
        self.frames += 1
        self.with_person += bool(result.people)

    def close(self) -> None:
        """Nothing is held open."""


@dataclass(frozen=True, slots=True)
class LivePipeline:
    """What the window sees of a running pipeline."""

    pipeline: Pipeline
    assembly: Assembly

    @property
    def intrinsics(self) -> Intrinsics:
        return self.assembly.intrinsics

    @property
    def models(self) -> list[tuple[str, str]]:
        return [(m.manifest.name, _running(m, self.assembly)) for m in self.assembly.models]

    @property
    def fallback(self) -> str:
        return self.assembly.fallback

    @property
    def finished(self) -> bool:
        return self.pipeline.finished

    @property
    def error(self) -> BaseException | None:
        return self.pipeline.error

    def latest(self) -> Result | None:
        return self.pipeline.latest()

    def snapshot(self) -> Snapshot:
        return self.pipeline.snapshot()

    def stop(self) -> None:
        self.pipeline.stop()


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
def demo(headless: bool, record: Path | None, video: Path | None, **given: Any) -> None:
    """Show people in 3D, in metres, in camera space, with the delay shown."""
    options = to_options(given)
    outputs = [path for path in (record, video) if path is not None]
    _check_outputs(outputs, given["source"])
    in_window = not headless and _window_can_open()
    source, is_sample = find_source(given["source"])
    try:
        if given["source"] is None:
            click.echo(f"source: {'the sample clip (no camera found)' if is_sample else source.info.name}")
        if in_window and not source.info.live:
            source = PacedSource(source)
        intrinsics = find_intrinsics(options, source.info, is_sample)
        sinks: list[Sink] = [VideoSink(video, source.info.fps, intrinsics)] if video else []
        assembly = assemble(options, intrinsics)
    except BaseException:
        source.close()
        raise
    if record is not None:
        sinks.append(RecordSink(record, assembly.header()))
    count, truth = CountSink(), TruthSink(max(0, -options.lag)) if is_sample else None
    sinks += [count, *([truth] if truth else [])]
    pipeline = Pipeline(source, assembly.perception, sinks, given["frames"])
    try:
        if in_window:
            _run_window(pipeline, assembly, source.info.name)
        else:
            _run_headless(pipeline, source, given["frames"])
    finally:
        pipeline.stop()
    _report(pipeline, assembly, count, truth, outputs)


def _check_outputs(outputs: list[Path], source: str | None) -> None:
    """Refuse what would overwrite the source or one output with another, and what cannot be written."""
    taken = [Path(source).resolve()] if source else []
    for path in outputs:
        if path.resolve() in taken:
            raise UsageError(f"{path} is the source, or is named twice: give every output a name of its own")
        taken.append(path.resolve())
        check_writable(path)


def _window_can_open() -> bool:
    from realtime.ui.app import display_available

    reason = display_available()
    if reason is not None:
        click.echo(f"running headless: {reason}")
    return reason is None


def _run_headless(pipeline: Pipeline, source: Source, frames: int | None) -> None:
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


def _run_window(pipeline: Pipeline, assembly: Assembly, title: str) -> None:
    from realtime.ui.app import run_window

    pipeline.start()
    run_window(LivePipeline(pipeline, assembly), title)
    pipeline.stop()
    if pipeline.error is not None:
        pipeline.wait()


def _report(
    pipeline: Pipeline, assembly: Assembly, count: CountSink, truth: TruthSink | None, outputs: list[Path]
) -> None:
    snapshot = pipeline.snapshot()
    camera = assembly.intrinsics
    click.echo(f"{count.frames} frames, {count.with_person} with a person; {snapshot.fps:.0f} frames/s")
    stages = ", ".join(f"{name} {p.p50_ms:.1f}" for name, p in snapshot.stages.items())
    click.echo(f"median ms a frame: {stages}")
    nets = ", ".join(f"{m.manifest.name} ({_running(m, assembly)})" for m in assembly.models)
    click.echo(f"networks: {nets}")
    click.echo(f"camera: {camera.source}, {camera.fov_deg:.0f} degrees across the longer side")
    for reason, frames in snapshot.drops.items():
        click.echo(f"dropped {frames} frames: {reason}")
    if truth is not None:
        click.echo(str(truth.error()))
    for path in outputs:
        click.echo(f"wrote {path.resolve()}" if path.exists() else f"nothing to write to {path}")


def main() -> None:
    """Entry point."""
    run(demo)


if __name__ == "__main__":
    main()
