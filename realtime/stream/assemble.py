"""From what a user asked for to a pipeline that is ready to start."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import realtime.sample as sample
from realtime.camera import Intrinsics, load_intrinsics
from realtime.engines.base import Engine
from realtime.engines.open import Choice, choose, open_reported
from realtime.errors import SourceError, UsageError
from realtime.lift import Lifter, choose_lag
from realtime.manifest import Manifest
from realtime.models import catalogue
from realtime.skeleton import joint_map
from realtime.stream.sinks import NetInUse, header_line
from realtime.stream.source import Source, SourceInfo, open_camera, open_file, open_source
from realtime.stream.stages import PosePerception
from realtime.stream.track import Detector, Estimator, Tracker

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Options:
    """What a user asked for. None: not said."""

    intrinsics: Path | None = None
    fov_deg: float | None = None
    stature_m: float | None = None
    lifter: str = catalogue.DEFAULT_LIFTER
    lag: int = 0
    models: str = catalogue.BLAZEPOSE
    engine: Choice = "auto"
    people: int = 1

    def __post_init__(self) -> None:
        if self.intrinsics is not None and self.fov_deg is not None:
            raise UsageError("--intrinsics and --fov both say what the camera is: give one of them")


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded network and what it is. fallback: what would have run it faster, and why that does not."""

    manifest: Manifest
    engine: Engine
    fallback: str = ""


@dataclass(frozen=True, slots=True)
class Assembly:
    """A perception that is ready, and what the record's header and the window say about it."""

    perception: PosePerception
    intrinsics: Intrinsics
    models: tuple[Model, ...]

    def header(self) -> str:
        """The first line of a record."""
        nets = [NetInUse(m.manifest, m.engine.backend, m.engine.precision, m.fallback) for m in self.models]
        return header_line(self.intrinsics, nets, self.perception.delay)

    @property
    def fallback(self) -> str:
        """What would have run the networks faster, and why it does not; empty if nothing was lost."""
        return "; ".join(dict.fromkeys(m.fallback for m in self.models if m.fallback))


def find_source(name: str | None, clock: Callable[[], int] = time.perf_counter_ns) -> tuple[Source, bool]:
    """Open what a user named; with no name, camera 0 if there is one, else the sample clip.

    Returns the source and whether it is the sample.
    """
    if name is None:
        try:
            return open_camera(0, clock), False
        except SourceError:
            name = sample.NAME
    if name == sample.NAME:
        return open_file(sample.clip_path(), clock), True
    return open_source(name, clock), False


def find_intrinsics(options: Options, info: SourceInfo, is_sample: bool) -> Intrinsics:
    """The camera: from a file, a stated field of view, the sample's own, or assumed."""
    if options.intrinsics is not None:
        return load_intrinsics(options.intrinsics).scaled_to(info.width, info.height)
    if options.fov_deg is not None:
        return Intrinsics.from_fov(options.fov_deg, info.width, info.height)
    return sample.camera() if is_sample else Intrinsics.assumed(info.width, info.height)


def assemble(
    options: Options, intrinsics: Intrinsics, clock: Callable[[], int] = time.perf_counter_ns
) -> Assembly:
    """Load the models and put the path together. What was loaded is closed again if a later part fails."""
    # What can be refused at once is refused before anything is fetched.
    choose(options.engine)
    lifter = catalogue.lifter(options.lifter)
    choose_lag(lifter, options.lag)
    manifests = (*catalogue.image_models(options.models), lifter)
    models: list[Model] = []
    try:
        for manifest in manifests:
            threads = 1 if manifest.role == "lifter" else os.cpu_count() or 1
            state = tuple((s.input, s.output) for s in manifest.state)
            opened = open_reported(manifest.check_file(), options.engine, threads, manifest.role, state)
            models.append(Model(manifest, opened.engine, opened.fallback))
        perception = _perception(options, intrinsics, models, clock)
    except BaseException:
        _close(models)
        raise
    assembly = Assembly(perception, intrinsics, tuple(models))
    if assembly.fallback:
        backends = dict.fromkeys(m.engine.backend for m in models if m.fallback)
        log.warning("running on %s: %s", " and ".join(backends), assembly.fallback)
    return assembly


def _perception(
    options: Options, intrinsics: Intrinsics, models: list[Model], clock: Callable[[], int]
) -> PosePerception:
    detector, estimator, lifter = models
    return PosePerception(
        Tracker(
            Detector(detector.manifest, detector.engine),
            Estimator(estimator.manifest, estimator.engine),
            options.people,
        ),
        joint_map(estimator.manifest.skeleton),
        Lifter(lifter.manifest, lifter.engine, options.lag),
        intrinsics,
        options.stature_m,
        clock,
        lambda: _close(models),
    )


def _close(models: list[Model]) -> None:
    for model in models:
        model.engine.close()
