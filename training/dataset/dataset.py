"""Rendered clips with their exact truth, on disk: the same settings give the same bytes, however made.

OUT/dataset.json     what it is and all that decided it
OUT/clips/000000.mp4 or OUT/clips/000000/0000.jpg, 0001.jpg, ...
OUT/clips/000000.npz the truth (`ClipAnnotation`), written last: a clip without it is not there
OUT/contact.jpg      some frames with the truth drawn over them
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from realtime.camera import Intrinsics
from realtime.errors import RecordError, UsageError
from realtime.skeleton import H36M17
from realtime.types import ImageArray
from training.dataset.contact_sheet import Panel, contact_sheet, frames_shown
from training.dataset.jobs import Counts, Jobs, run_jobs
from training.dataset.media import Form, Media, jpeg, media
from training.dataset.resumable import library_versions, read_header, remove, remove_parts, resumed, whole
from training.render.annotation import ClipAnnotation, FrameAnnotation, load_annotation

VERSION = 1
_HEADER, _CLIPS, _CONTACT = "dataset.json", "clips", "contact.jpg"


class Clip(Protocol):
    """One clip that can be rendered. takes, subjects: the motion and the body, one a person."""

    @property
    def frames(self) -> int: ...
    @property
    def fps(self) -> float: ...
    @property
    def intrinsics(self) -> Intrinsics: ...
    @property
    def takes(self) -> tuple[str, ...]: ...
    @property
    def subjects(self) -> tuple[str, ...]: ...

    def render(self) -> Iterator[tuple[ImageArray, FrameAnnotation]]:
        """BGR images (H, W, 3) and their truth, frame by frame. May be called once."""

    def annotation(self, frames: Sequence[FrameAnnotation]) -> ClipAnnotation:
        """The truth of the clip from that of its frames."""


class ClipMaker(Protocol):
    """Makes clips, in one process. The same seed and number are the same clip in any process."""

    def clip(self, seed: int, number: int) -> Clip: ...

    def close(self) -> None: ...


MakerFactory = Callable[[], ClipMaker]


@dataclass(frozen=True, slots=True)
class DatasetSettings:
    """How many clips, of which seed, kept in which form. Raises UsageError for what cannot be."""

    clips: int
    seed: int
    form: Form = "clips"

    def __post_init__(self) -> None:
        media(self.form)
        if self.clips < 1 or self.seed < 0:
            raise UsageError(f"{self.clips} clips of seed {self.seed}: ask for 1 or more, of seed 0 or more")


@dataclass(slots=True)
class Written:
    """What a run wrote. width_px, height_px: summed over its frames."""

    clips: int = 0
    frames: int = 0
    width_px: int = 0
    height_px: int = 0

    def add(self, counts: Counts) -> None:
        """Count one more clip."""
        frames, width, height = counts
        self.clips += 1
        self.frames += frames
        self.width_px += frames * width
        self.height_px += frames * height

    @property
    def mean_size_px(self) -> tuple[float, float]:
        """Mean width and height of the frames."""
        count = max(self.frames, 1)
        return self.width_px / count, self.height_px / count


def write_dataset(
    out: Path,
    factory: MakerFactory,
    settings: DatasetSettings,
    description: Mapping[str, Any],
    processes: int = 1,
    progress: Callable[[int], None] = lambda frames: None,
) -> Written:
    """Render into `out` the clips that are not there yet; gives what was written now.

    description: what decides the maker's clips, for the header. progress: told the frames of each clip.
    An interrupted run, or one for fewer clips, is gone on with. Raises UsageError for a folder that is
    something else or was made with other settings, RecordError when it cannot be written.
    """
    form = media(settings.form)
    with resumed(out / _HEADER, _header(settings, form, description), "clips") as grown:
        missing = _missing(out, settings.clips, form)
        if grown or missing:
            remove(out / _CONTACT)
        written = Written()

        def report(number: int, counts: Counts) -> None:
            written.add(counts)
            progress(counts[0])

        run_jobs(Jobs(_WriterFactory(factory, out, settings), missing), processes, report)
        if not (out / _CONTACT).exists():
            with whole(out / _CONTACT) as part:
                part.write_bytes(jpeg(contact_sheet(_panels(out, settings.clips, form))))
    return written


def _header(settings: DatasetSettings, form: Media, description: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "version": VERSION,
        **asdict(settings),
        "coding": dict(form.coding),
        "skeleton": H36M17.name,
        "joints": list(H36M17.joints),
        "libraries": library_versions("av", "moderngl", "numpy", "opencv-python-headless"),
        "description": dict(description),
    }


def _missing(out: Path, clips: int, form: Media) -> list[int]:
    """The clips to render; what an interrupted run left of them is removed."""
    folder = out / _CLIPS
    try:
        folder.mkdir(exist_ok=True)
        remove_parts(folder)
    except OSError as error:
        raise RecordError(
            f"cannot write {folder}: {error.strerror}: make room or name another --out"
        ) from error
    missing = [number for number in range(clips) if not _is_whole(out, number, form)]
    for number in missing:
        remove(_truth_path(out, number))
        remove(_media_path(out, number, form))
    return missing


def images_of(clip: Clip, truths: list[FrameAnnotation]) -> Iterator[ImageArray]:
    """The images of a clip as they are rendered; the truth of each is added to `truths`."""
    for image, truth in clip.render():
        truths.append(truth)
        yield image


def clips_left(out: Path, settings: DatasetSettings) -> int:
    """How many clips are still to be rendered."""
    form = media(settings.form)
    return sum(not _is_whole(out, number, form) for number in range(settings.clips))


def _is_whole(out: Path, number: int, form: Media) -> bool:
    return _truth_path(out, number).exists() and _media_path(out, number, form).exists()


def _truth_path(out: Path, number: int) -> Path:
    return out / _CLIPS / f"{number:06d}.npz"


def _media_path(out: Path, number: int, form: Media) -> Path:
    return out / _CLIPS / f"{number:06d}{form.suffix}"


@dataclass(frozen=True, slots=True)
class _WriterFactory:
    """Makes a writer in the process that is to write."""

    factory: MakerFactory
    out: Path
    settings: DatasetSettings

    def __call__(self) -> _ClipWriter:
        return _ClipWriter(self.factory(), self.out, self.settings)


class _ClipWriter:
    """Renders clips into the folder."""

    def __init__(self, maker: ClipMaker, out: Path, settings: DatasetSettings) -> None:
        self._maker = maker
        self._out = out
        self._seed = settings.seed
        self._form = media(settings.form)

    def run(self, number: int) -> Iterator[Counts]:
        """Render and write one clip; yields its frames, width and height."""
        clip = self._maker.clip(self._seed, number)
        size = clip.intrinsics.width, clip.intrinsics.height
        truths: list[FrameAnnotation] = []
        with whole(_media_path(self._out, number, self._form)) as part:
            self._form.write(part, images_of(clip, truths), size, clip.fps)
        with whole(_truth_path(self._out, number)) as part:
            clip.annotation(truths).save(part)
        yield len(truths), *size

    def close(self) -> None:
        """Free what the maker holds."""
        self._maker.close()


def _panels(out: Path, clips: int, form: Media) -> Iterator[Panel]:
    for number, shares in frames_shown(clips):
        truth = load_annotation(_truth_path(out, number))
        for share in shares:
            frame = int(share * truth.frames)
            yield Panel(number, form.frame(_media_path(out, number, form), frame), truth, frame)


@dataclass(frozen=True, slots=True)
class StoredClip:
    """A clip of a dataset. images: decoded as they are asked for, BGR (H, W, 3)."""

    number: int
    images: Iterator[ImageArray]
    truth: ClipAnnotation


def read_dataset(out: Path) -> Iterator[StoredClip]:
    """The clips of a dataset, in order. Raises UsageError at once for an incomplete or foreign folder.

    Going through a clip's images raises UsageError when there are not as many as its truth has.
    """
    header = read_header(out / _HEADER, VERSION)
    if header.get("joints") != list(H36M17.joints) or not isinstance(header.get("clips"), int):
        raise UsageError(
            f"{out / _HEADER} is not that of rendered clips: name a folder of realtime-train render"
        )
    form, clips = media(header.get("form", "")), int(header["clips"])
    missing = [number for number in range(clips) if not _is_whole(out, number, form)]
    if missing:
        raise UsageError(
            f"{out} is incomplete: clip {missing[0]} is missing, {len(missing)} of {clips} in all: "
            "run the same realtime-train render again to finish it"
        )
    return (_stored(out, number, form) for number in range(clips))


def _stored(out: Path, number: int, form: Media) -> StoredClip:
    truth = load_annotation(_truth_path(out, number))
    return StoredClip(number, _counted(_media_path(out, number, form), form, truth.frames), truth)


def _counted(path: Path, form: Media, frames: int) -> Iterator[ImageArray]:
    count = 0
    for image in form.read(path):
        count += 1
        yield image
    if count != frames:
        raise UsageError(
            f"{path} is damaged: it has {count} frames and its truth {frames}: "
            "delete it and run the same realtime-train render again"
        )
