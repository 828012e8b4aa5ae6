"""The whole path: one frame at a time, as fast as the source gives, and at a camera's pace."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tqdm import tqdm

from realtime.profiling.camera import PacedCamera, ResizedSource
from realtime.profiling.measure import Latency
from realtime.stream.assemble import DelayedPerception, Options, assemble, find_intrinsics, find_source
from realtime.stream.ledger import CAPTURE, STAGES, TOTAL, WAIT, Percentiles, Snapshot
from realtime.stream.pipeline import Pipeline
from realtime.stream.sinks import Sink
from realtime.stream.source import Source
from realtime.types import ImageArray, Result

WARM_UP_FRAMES = 10
_MOST_HELD_BYTES = 600 << 20


@dataclass(frozen=True, slots=True)
class Job:
    """What to run. size: width and height that frames are brought to; None for the source's own."""

    source: str | None
    options: Options
    frames: int | None = None
    size: tuple[int, int] | None = None

    def open(self) -> tuple[Source, DelayedPerception]:
        """The source and what perceives it; the source is closed again if the models do not load."""
        source, is_sample = find_source(self.source)
        try:
            intrinsics = find_intrinsics(self.options, source.info, is_sample)
            if self.size is not None:
                source = ResizedSource(source, *self.size)
                intrinsics = find_intrinsics(replace(self.options, intrinsics=None), source.info, False)
            return source, assemble(self.options, intrinsics).perception
        except BaseException:
            source.close()
            raise


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds of every frame, one at a time, from the decoded frame in hand to the result out.

    Where results wait for later frames (`--lag`), `frame_ms` is the work at each frame, without the wait.
    people: how many were in each result. device_ms: of a stage, its network by its device's own clock.
    """

    frame_ms: list[float]
    stage_ms: dict[str, list[float]]
    people: list[int]
    device_ms: dict[str, list[float]] = field(default_factory=dict)

    def take_in(self, results: Sequence[Result]) -> None:
        """What each stage spent on results; a stage that a frame passed by spent nothing."""
        for result in results:
            for stage in result.age_ms.keys() - self.stage_ms.keys() - {TOTAL, CAPTURE, WAIT}:
                self.stage_ms[stage] = [0.0] * len(self.people)
            for stage, values in self.stage_ms.items():
                values.append(result.age_ms.get(stage, 0.0))
            for stage, took_ms in result.device_ms.items():
                self.device_ms.setdefault(stage, []).append(took_ms)
            self.people.append(len(result.people))

    def summary(self) -> dict[str, Any]:
        """Percentiles of the frame and of each stage; the first ten frames warm up and do not count."""
        whole = Latency.of(_counted(self.frame_ms))
        stages = {name: Percentiles.of(_counted(values)) for name, values in self.stage_ms.items()}
        device = {name: Percentiles.of(_counted(values)) for name, values in self.device_ms.items()}
        return {
            "p50_ms": round(whole.median_ms, 3),
            "p90_ms": round(whole.p90_ms, 3),
            "p99_ms": round(whole.p99_ms, 3),
            "mean_ms": round(whole.mean_ms, 3),
            "slices_ms": [round(ms, 3) for ms in whole.slices_ms],
            "people": max(self.people, default=0),
            "stages": _rounded(stages),
            **({"device": _rounded(device)} if device else {}),
        }


def _rounded(stages: Mapping[str, Percentiles]) -> dict[str, dict[str, float]]:
    return {name: {"p50_ms": round(p.p50_ms, 3), "p99_ms": round(p.p99_ms, 3)} for name, p in stages.items()}


def _counted(values: list[float]) -> list[float]:
    return values[WARM_UP_FRAMES:] or values


def time_frames(job: Job) -> Timing:
    """Run a source one frame at a time in this thread."""
    source, perception = job.open()
    timing = Timing([], {stage: [] for stage in STAGES}, [])
    try:
        with tqdm(total=job.frames or source.info.frames or None, unit="frame", disable=None) as bar:
            while (frame := source.read()) is not None and (job.frames is None or frame.index < job.frames):
                begun_ns = time.perf_counter_ns()
                results = perception.process(frame)
                timing.frame_ms.append((time.perf_counter_ns() - begun_ns) / 1e6)
                timing.take_in(results)
                bar.update()
            timing.take_in(perception.finish())
    finally:
        perception.close()
        source.close()
    return timing


def pipelined(job: Job) -> Snapshot:
    """The ledger of the threaded pipeline, as fast as the source gives its frames."""
    return _run(*job.open(), job.frames)


def paced(job: Job, fps: float, seconds: float) -> dict[str, Any]:
    """Play the source's frames as a camera of this rate does, for so long, from memory.

    `services_ms` is the sum of the stages' medians, `age_ms` the age at the result; the first ten results
    warm up and do not count.
    """
    source, perception = job.open()
    try:
        images = _held(source, job.frames)
    except BaseException:
        perception.close()
        raise
    finally:
        source.close()
    grabbed = round(fps * seconds)
    ages = _Ages()
    snapshot = _run(PacedCamera(images, fps, grabbed), perception, None, [ages])
    age = Latency.of([ms[TOTAL] for ms in ages.found_ms])
    stages = {
        name: Percentiles.of([ms.get(name, 0.0) for ms in ages.found_ms])
        for name in snapshot.stages
        if name != TOTAL
    }
    return {
        "fps": fps,
        "seconds": seconds,
        "frames_grabbed": grabbed,
        "frames": snapshot.frames,
        "drops": dict(snapshot.drops),
        "age_ms": {"p50_ms": age.median_ms, "p99_ms": age.p99_ms, "max_ms": age.max_ms},
        "services_ms": sum(p.p50_ms for name, p in stages.items() if name != WAIT),
        "stages": _rounded(stages),
    }


def _held(source: Source, frames: int | None) -> list[ImageArray]:
    """The source's images, as many as memory is set aside for."""
    images: list[ImageArray] = []
    size = source.info.width * source.info.height * 3
    most = max(2, min(frames or 10**9, _MOST_HELD_BYTES // size))
    while len(images) < most and (frame := source.read()) is not None:
        images.append(frame.image.copy())
    return images


class _Ages:
    """A sink that keeps what every frame's stages took, after the warm-up: a ledger keeps the last ones."""

    label = "the ages"

    def __init__(self) -> None:
        self.found_ms: list[Mapping[str, float]] = []
        self._seen = 0

    def write(self, result: Result) -> None:
        """Take one in."""
        self._seen += 1
        if self._seen > WARM_UP_FRAMES:
            self.found_ms.append(result.age_ms)

    def close(self) -> None:
        """Nothing is held open."""


def _run(
    source: Source, perception: DelayedPerception, frames: int | None, sinks: Sequence[Sink] = ()
) -> Snapshot:
    pipeline = Pipeline(source, perception, sinks, frames)
    try:
        pipeline.start()
        pipeline.wait()
    finally:
        pipeline.stop()
    return pipeline.snapshot()


def sweep(job: Job, sizes: Sequence[tuple[int, int]], people: Sequence[int]) -> Iterator[dict[str, Any]]:
    """One frame at a time at each size, then with each number of people followed."""
    for width, height in sizes:
        timing = time_frames(replace(job, size=(width, height)))
        yield {"width": width, "height": height, **timing.summary()}
    for most in people:
        timing = time_frames(replace(job, options=replace(job.options, people=most)))
        yield {"most_people": most, **timing.summary()}
