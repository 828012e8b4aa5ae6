"""`realtime-profile`: where the milliseconds go."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click
import numpy as np
from tqdm import tqdm

from realtime.commands.options import pipeline_options, to_options
from realtime.commands.shell import run
from realtime.stream.assemble import Options, assemble, find_intrinsics, find_source
from realtime.stream.ledger import STAGES, Percentiles
from realtime.stream.pipeline import Pipeline
from realtime.stream.source import Source
from realtime.stream.stages import PosePerception
from realtime.types import Result

WARM_UP_FRAMES = 10


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds of every frame, one at a time, from the decoded frame in hand to the result out.

    Where results wait for later frames (`--lag`), `frame_ms` is the work at each frame, without the wait.
    """

    frame_ms: list[float]
    stage_ms: dict[str, list[float]]

    def add_stages(self, results: Sequence[Result]) -> None:
        """Take in what each stage spent on results."""
        for result in results:
            for stage, values in self.stage_ms.items():
                values.append(result.age_ms[stage])


def _open(name: str | None, options: Options) -> tuple[Source, PosePerception]:
    """A source and what perceives it; the source is closed again if the models do not load."""
    source, is_sample = find_source(name)
    try:
        return source, assemble(options, find_intrinsics(options, source.info, is_sample)).perception
    except BaseException:
        source.close()
        raise


def time_frames(name: str | None, options: Options, frames: int | None) -> Timing:
    """Run a source one frame at a time in this thread; the first ten frames warm up and do not count."""
    source, perception = _open(name, options)
    timing = Timing([], {stage: [] for stage in STAGES})
    try:
        with tqdm(total=frames or source.info.frames or None, unit="frame", disable=None) as bar:
            while (frame := source.read()) is not None and (frames is None or frame.index < frames):
                begun_ns = time.perf_counter_ns()
                results = perception.process(frame)
                timing.frame_ms.append((time.perf_counter_ns() - begun_ns) / 1e6)
                timing.add_stages(results)
                bar.update()
            timing.add_stages(perception.finish())
    finally:
        perception.close()
        source.close()
    return timing


def pipelined_fps(name: str | None, options: Options, frames: int | None) -> tuple[int, float]:
    """Frames and frames a second of the threaded pipeline, as fast as the source gives them."""
    source, perception = _open(name, options)
    pipeline = Pipeline(source, perception, frames=frames)
    try:
        pipeline.start()
        pipeline.wait()
    finally:
        pipeline.stop()
    snapshot = pipeline.snapshot()
    return snapshot.frames, snapshot.fps


@click.group(epilog="Example: realtime-profile pipeline --source sample --json")
def profile() -> None:
    """Measure the pipeline on this machine."""


@profile.command("pipeline", epilog="Example: realtime-profile pipeline --source walk.mp4 --engine openvino")
@pipeline_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def profile_pipeline(as_json: bool, **given: Any) -> None:
    """Time the whole path: per frame one at a time, and pipelined."""
    options = to_options(given)
    timing = time_frames(given["source"], options, given["frames"])
    frames, fps = pipelined_fps(given["source"], options, given["frames"])
    report = summary(timing, frames, fps)
    if as_json:
        click.echo(json.dumps(report))
        return
    click.echo(f"{frames} frames, {fps:.1f} frames/s pipelined")
    click.echo("p50 {p50_ms:.2f} ms, p90 {p90_ms:.2f}, p99 {p99_ms:.2f} a frame".format(**report))
    for stage, values in report["stages"].items():
        click.echo(f"  {stage:9s} p50 {values['p50_ms']:.2f} ms, p99 {values['p99_ms']:.2f}")


def summary(timing: Timing, frames: int, fps: float) -> dict[str, Any]:
    """The report that `--json` prints."""

    def counted(values: list[float]) -> list[float]:
        return values[WARM_UP_FRAMES:] or values

    whole = Percentiles.of(counted(timing.frame_ms))
    stages = {name: Percentiles.of(counted(values)) for name, values in timing.stage_ms.items()}
    return {
        "frames": frames,
        "fps": round(fps, 2),
        "p50_ms": round(whole.p50_ms, 3),
        "p90_ms": round(whole.p90_ms, 3),
        "p99_ms": round(whole.p99_ms, 3),
        "mean_ms": round(float(np.mean(counted(timing.frame_ms) or [0.0])), 3),
        "stages": {
            name: {"p50_ms": round(p.p50_ms, 3), "p99_ms": round(p.p99_ms, 3)} for name, p in stages.items()
        },
    }


def main() -> None:
    """Entry point."""
    run(profile)


if __name__ == "__main__":
    main()
