"""From what a user asked for to a pipeline that is ready to start."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import realtime.sample as sample
from realtime.camera import Intrinsics, load_intrinsics
from realtime.engines.base import Engine
from realtime.engines.forms import half_form
from realtime.engines.open import Choice, choose, open_reported, threads_for
from realtime.engines.warm_up import run_once
from realtime.errors import SourceError, UsageError
from realtime.floor_files import Numbers, checked_height_m, floor_under, from_numbers, up_of_tilt
from realtime.lift import Lifter, choose_lag
from realtime.manifest import Manifest
from realtime.models import catalogue
from realtime.size import known_size
from realtime.skeleton import joint_map
from realtime.stream.bodies import Bodies
from realtime.stream.body import BodySettings
from realtime.stream.line_watch import LineSource, LineWatch
from realtime.stream.networks import Detector, Estimator
from realtime.stream.observed import ObservedTracker, Observer
from realtime.stream.on_device import DeviceLaps
from realtime.stream.sinks import NetInUse, header_line
from realtime.stream.smooth import DEFAULT_STRENGTH
from realtime.stream.source import Source, SourceInfo
from realtime.stream.sources.camera import CameraMode, open_camera
from realtime.stream.sources.file import open_file
from realtime.stream.sources.open import SourceOptions, open_source
from realtime.stream.stages import Follower, Perception, PosePerception
from realtime.stream.track import Tracker
from realtime.types import FloatArray, Floor

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
    smooth: float = DEFAULT_STRENGTH
    limb: str | None = None
    floor: bool = False
    known_floor: Numbers = ()
    camera_height_m: float | None = None
    camera_tilt_deg: float | None = None
    level: bool = True

    def __post_init__(self) -> None:
        if self.intrinsics is not None and self.fov_deg is not None:
            raise UsageError("--intrinsics and --fov both say what the camera is: give one of them")
        self.body()

    def body(self) -> BodySettings:
        """What becomes of poses once they are lifted. Raises UsageError when the size is given twice."""
        size = known_size(self.stature_m, self.limb)
        return BodySettings(
            self.smooth, size, self.floor, self._known_floor(), self._known_up(), self._height_alone()
        )

    @property
    def looks_for_level(self) -> bool:
        """Whether pictures are searched for lines that tell the camera's tilt: not where it is said."""
        return self.level and self.camera_tilt_deg is None and not self.known_floor

    def _known_floor(self) -> Floor | None:
        """The floor, where it is known beforehand. Raises UsageError when it is said twice."""
        if self.camera_height_m is None:
            return from_numbers(self.known_floor) if self.known_floor else None
        if self.known_floor:
            raise UsageError("--floor-file and --camera-height both say where the floor is: give one of them")
        if self.looks_for_level:
            return None
        return floor_under(self.camera_height_m, self.camera_tilt_deg or 0.0)

    def _height_alone(self) -> float | None:
        """How high the camera is, if its tilt is left to the lines of the picture. Raises UsageError."""
        if self.camera_height_m is None or not self.looks_for_level:
            return None
        return checked_height_m(self.camera_height_m)

    def _known_up(self) -> FloatArray | None:
        """The world's up in camera axes, if that is said. Raises UsageError when it is said twice."""
        if self.camera_tilt_deg is None:
            return None
        if self.known_floor:
            raise UsageError("--floor-file says how the camera is tilted, too: leave out --camera-tilt")
        return up_of_tilt(self.camera_tilt_deg)


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded network and what it is. fallback: what would have run it faster, and why that does not."""

    manifest: Manifest
    engine: Engine
    fallback: str = ""


class DelayedPerception(Perception, Protocol):
    """A perception that says how many frames its results come late; below 0, ahead."""

    @property
    def delay(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Assembly:
    """A perception that is ready, and what the record's header and the window say about it."""

    perception: DelayedPerception
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


def find_source(
    name: str | None,
    clock: Callable[[], int] = time.perf_counter_ns,
    options: SourceOptions | None = None,
) -> tuple[Source, bool]:
    """Open what a user named; with no name, camera 0 if there is one, else the sample clip.

    Returns the source and whether it is the sample, as it is. Raises SourceError, UsageError.
    """
    options = options or SourceOptions()
    if name is None:
        try:
            return options.view.of(open_camera(0, clock, options.camera, options.reconnect)), False
        except SourceError:
            # A camera that is there and refuses must not end as a clip of somebody else.
            if options.camera != CameraMode():
                raise
            name = sample.NAME
    if name != sample.NAME:
        return open_source(name, clock, options), False
    options.require_camera(name)
    clip = open_file(sample.clip_path(), clock)
    clip.info = replace(clip.info, camera=sample.camera())
    # Turned or cut, its truth in pixels no longer holds.
    source = options.view.of(clip)
    return source, source is clip


def find_intrinsics(options: Options, info: SourceInfo, is_sample: bool) -> Intrinsics:
    """The camera of the picture a source delivers: from a file, a stated field of view, the sample's own,
    the metadata of the photo or video, or assumed; each of the whole picture, then cut like it.

    A camera file for the picture as it was before it was turned is turned like it. Raises CameraFileError
    when the file is for another aspect.
    """
    width, height = info.full_size
    if options.intrinsics is not None:
        camera = load_intrinsics(options.intrinsics)
        if info.window and (camera.width, camera.height) == (info.width, info.height) != (width, height):
            return camera
        camera = _as_turned(camera, info)
    elif options.fov_deg is not None:
        camera = Intrinsics.from_fov(options.fov_deg, width, height)
    elif is_sample:
        camera = sample.camera()
    else:
        camera = info.camera or Intrinsics.assumed(width, height)
    return camera.cropped(*info.window) if info.window else camera


def _as_turned(camera: Intrinsics, info: SourceInfo) -> Intrinsics:
    """A camera file's camera at the size of the whole picture.

    Of a picture turned on its side, the aspect tells whether the file is for it or for what was stored. One
    turned upside down looks the same either way: a camera file is for pictures as they are shown.
    """
    width, height = info.full_size
    if info.turns % 2 and camera.fits(height, width) and not camera.fits(width, height):
        return camera.scaled_to(height, width).rotated(info.turns)
    return camera.scaled_to(width, height)


class Nets(Protocol):
    """Where networks come from and go back to. say: is told what a download says of itself."""

    def say(self, words: str) -> None: ...

    def load(self, manifest: Manifest, choice: Choice) -> Model: ...

    def free(self, models: Sequence[Model]) -> None: ...


class FreshNets:
    """Loads every network anew, and closes it when it is given back."""

    def say(self, words: str) -> None:
        """Show a download's progress to whoever started the command."""
        sys.stderr.write(words)
        sys.stderr.flush()

    def load(self, manifest: Manifest, choice: Choice) -> Model:
        """A network, ready to run."""
        return load_model(manifest, choice)

    def free(self, models: Sequence[Model]) -> None:
        """Close networks."""
        for model in models:
            model.engine.close()


_ON_CPU = ("openvino", "onnxruntime")
"""Those on a GPU are left to the thread that will run them."""


def load_model(manifest: Manifest, choice: Choice) -> Model:
    """Load a network into the back end that was chosen. Raises ModelError or EngineError."""
    state = manifest.state_pairs
    half, threads = half_form(manifest), threads_for(manifest.role)
    opened = open_reported(manifest.check_file(), choice, threads, manifest.role, state, half)
    if manifest.role != "lifter" and opened.engine.backend in _ON_CPU:
        run_once(opened.engine)
    return Model(manifest, opened.engine, opened.fallback)


def assemble(
    options: Options,
    intrinsics: Intrinsics,
    clock: Callable[[], int] = time.perf_counter_ns,
    nets: Nets | None = None,
    observer: Observer | None = None,
) -> Assembly:
    """Load the models and put the path together. What was loaded is given back if a later part fails.

    observer: is told what the tracker saw of every frame, and which lines.
    """
    nets = nets or FreshNets()
    # What can be refused at once is refused before anything is fetched.
    choose(options.engine)
    lifter = catalogue.lifter(options.lifter)
    choose_lag(lifter, options.lag)
    manifests = (*catalogue.image_models(options.models, nets.say), lifter)
    models: list[Model] = []
    try:
        for manifest in manifests:
            models.append(nets.load(manifest, options.engine))  # noqa: PERF401 (what is loaded must be freed)
        tracker: Follower = _tracker(options, models)
        lines: LineSource | None = None
        if options.looks_for_level:
            lines = LineWatch() if observer is None else LineWatch(observer.observe_lines)
        if observer is not None:
            tracker = ObservedTracker(tracker, observer)
        perception = _perception(
            options, intrinsics, models, tracker, lines, clock, lambda: nets.free(models)
        )
    except BaseException:
        nets.free(models)
        raise
    assembly = Assembly(perception, intrinsics, tuple(models))
    if assembly.fallback:
        backends = dict.fromkeys(m.engine.backend for m in models if m.fallback)
        log.warning("running on %s: %s", " and ".join(backends), assembly.fallback)
    return assembly


def assemble_lifting(
    options: Options,
    intrinsics: Intrinsics,
    tracker: Follower,
    lines: LineSource,
    seen_by: tuple[Model, Model],
    clock: Callable[[], int] = time.perf_counter_ns,
    nets: Nets | None = None,
) -> Assembly:
    """`assemble` behind a tracker, and lines, that are there already.

    seen_by: the detector and 2D net that the tracker stands for.
    """
    nets = nets or FreshNets()
    manifest = catalogue.lifter(options.lifter)
    choose_lag(manifest, options.lag)
    lifter = nets.load(manifest, options.engine)
    models = [*seen_by, lifter]
    try:
        known = lines if options.looks_for_level else None
        perception = _perception(
            options, intrinsics, models, tracker, known, clock, lambda: nets.free([lifter])
        )
    except BaseException:
        nets.free([lifter])
        raise
    return Assembly(perception, intrinsics, tuple(models))


def _tracker(options: Options, models: list[Model]) -> Tracker:
    detector, estimator, _ = models
    return Tracker(
        Detector(detector.manifest, detector.engine),
        Estimator(estimator.manifest, estimator.engine),
        options.people,
    )


def _perception(
    options: Options,
    intrinsics: Intrinsics,
    models: list[Model],
    tracker: Follower,
    lines: LineSource | None,
    clock: Callable[[], int],
    close: Callable[[], None],
) -> PosePerception:
    detector, estimator, lifter = models
    engines = {"detect": detector.engine, "estimate": estimator.engine, "lift": lifter.engine}
    return PosePerception(
        tracker,
        joint_map(estimator.manifest.skeleton),
        Lifter(lifter.manifest, lifter.engine, options.lag),
        intrinsics,
        Bodies(options.body()),
        clock,
        close,
        DeviceLaps(engines).lap,
        lines,
    )
