"""What a trained 2D net says of rendered clips beside the truth, in batches: records for `training.records`.

Unlike in `training.records.observe` nobody is followed: each person is looked for where they are, about
their true box, moved and scaled a little as a tracker's region is. What the net gives is read by the live
decoder.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from export.image_nets import Exported, Trained, export_image_net, name_of
from export.nets.images.normalise import normalise
from export.to_onnx import Provenance
from realtime.decode import estimator_decoder
from realtime.decode.reading import EstimatorDecoder
from realtime.errors import UsageError
from realtime.manifest import Manifest
from realtime.types import Array, FloatArray, ImageArray, Keypoints2D, Region
from training.images.samples import ClipFiles, clips_of, live_region, warped
from training.records.observe import assignment
from training.records.store import Records, joined
from training.render.annotation import ClipAnnotation, FrameAnnotation

log = logging.getLogger(__name__)

_AHEAD_CLIPS = 8


@dataclass(frozen=True, slots=True)
class Watch:
    """How clips are looked at. only: subjects to keep, everybody if empty. batch: crops at a time.

    shift, scale: spread of a region about the true one, as shares of its side; half of it stays through a
    clip and half is new in every frame. min_presence: below it a person counts as not found.
    """

    only: frozenset[str] = frozenset()
    batch: int = 256
    shift: float = 0.03
    scale: float = 0.06
    min_presence: float = 0.2
    seed: int = 0


@dataclass(frozen=True, slots=True)
class _Read:
    """A clip and its crops: one for each (frame, person) of `at`, from the region of the same place."""

    clip: ClipFiles
    truth: ClipAnnotation
    at: tuple[tuple[int, int], ...]
    regions: tuple[Region, ...]
    images: Array


def observe_clips(
    trained: Trained,
    folders: Sequence[Path],
    watch: Watch,
    device: torch.device,
    readers: int = 2,
    progress: Callable[[int], None] = lambda frames: None,
) -> Records:
    """Records of all people of all clips of the folders. Raises UsageError where there is nobody to keep."""
    net = Exported(trained.net).to(device).eval()
    with tempfile.TemporaryDirectory() as folder:
        decoder = estimator_decoder(_manifest(trained, Path(folder)))
    side_px = int(trained.net.size[0])
    clips = [clip for folder in folders for clip in clips_of(Path(folder))]
    parts: list[Records] = []
    with ThreadPoolExecutor(readers) as threads:
        for read in _ahead(threads, clips, lambda clip, number: _read(clip, number, watch, side_px)):
            if read.at:
                said = _answers(net, read, decoder, watch.batch, device)
                parts += _records(read, said, watch, name_of(trained.net))
            progress(read.truth.frames)
    if not parts:
        raise UsageError(f"{', '.join(map(str, folders))} has nobody to make records of: name other clips")
    return joined(parts)


def _manifest(trained: Trained, folder: Path) -> Manifest:
    """The manifest that the net's file would have, for its decoder."""
    return export_image_net(trained.net, folder, Provenance("trained here"), trained.options, half=False)


def _ahead(
    threads: ThreadPoolExecutor, clips: Sequence[ClipFiles], read: Callable[[ClipFiles, int], _Read]
) -> Iterator[_Read]:
    """Read clips by threads, some ahead of the one that is wanted, in order."""
    waiting = [threads.submit(read, clip, number) for number, clip in enumerate(clips[:_AHEAD_CLIPS])]
    for number in range(len(clips)):
        yield waiting.pop(0).result()
        if number + _AHEAD_CLIPS < len(clips):
            coming = number + _AHEAD_CLIPS
            waiting.append(threads.submit(read, clips[coming], coming))


def _read(clip: ClipFiles, number: int, watch: Watch, side_px: int) -> _Read:
    truth = clip.annotation()
    if watch.only and not truth.subjects:
        raise UsageError(f"{clip.truth} does not say who is in it: render it again to choose people")
    people = [p for p in range(truth.people) if not watch.only or truth.subjects[p] in watch.only]
    rng = np.random.default_rng((watch.seed, number))
    stays = {p: rng.normal(size=3) for p in people}
    at: list[tuple[int, int]] = []
    regions: list[Region] = []
    images: list[ImageArray] = []
    for frame in range(truth.frames if people else 0):
        rgb = clip.rgb(frame)
        for person in people:
            drawn = (stays[person] + rng.normal(size=3)) / np.sqrt(2)
            box_px = truth.box_px[frame, person]
            if truth.shown[frame, person] <= 0 or (box_px[2:] <= box_px[:2]).any():
                continue
            at.append((frame, person))
            regions.append(_moved(live_region(box_px), drawn, watch))
            images.append(warped(rgb, regions[-1], side_px))
    stacked = np.stack(images) if images else np.zeros((0, side_px, side_px, 3), np.uint8)
    return _Read(clip, truth, tuple(at), tuple(regions), stacked)


def _moved(region: Region, drawn: Array, watch: Watch) -> Region:
    x, y, grow = drawn.tolist()
    return replace(
        region,
        cx_px=region.cx_px + x * watch.shift * region.size_px,
        cy_px=region.cy_px + y * watch.shift * region.size_px,
        size_px=region.size_px * float(np.exp(np.clip(grow * watch.scale, -0.3, 0.3))),
    )


@torch.no_grad()
def _answers(
    net: Exported, read: _Read, decoder: EstimatorDecoder, batch: int, device: torch.device
) -> list[Keypoints2D]:
    """What the net gives for each crop."""
    said: list[Keypoints2D] = []
    for start in range(0, len(read.images), batch):
        images = torch.from_numpy(read.images[start : start + batch]).to(device).permute(0, 3, 1, 2)
        outputs = [value.float().cpu().numpy() for value in net(normalise(images))]
        for index, region in enumerate(read.regions[start : start + batch]):
            one = {k: v[index : index + 1] for k, v in zip(net.outputs, outputs, strict=True)}
            said.append(decoder.keypoints(one, region)[0])
    return said


def _records(read: _Read, said: list[Keypoints2D], watch: Watch, net: str) -> list[Records]:
    """One clip of records a person."""
    truth = read.truth
    shape = truth.pose_m.shape[:3]
    seen_px, score = np.zeros((*shape, 2), np.float32), np.zeros(shape, np.float32)
    depth_px, found = np.full(shape, np.nan, np.float32), np.zeros(shape[:2], bool)
    for at, keypoints in zip(read.at, said, strict=True):
        if keypoints.presence >= watch.min_presence and _belongs(keypoints.xy_px, truth, at):
            seen_px[at], score[at], depth_px[at] = keypoints.xy_px, keypoints.score, keypoints.depth_px
            found[at] = True
    one = np.ones(1, np.float32)
    names = truth.takes or ("",) * truth.people
    subjects = truth.subjects or ("",) * truth.people
    return [
        Records(
            seen_px=seen_px[:, person],
            score=score[:, person],
            depth_px=depth_px[:, person],
            found=found[:, person],
            pose_m=truth.pose_m[:, person].astype(np.float32),
            visible=truth.visible[:, person].astype(bool),
            lengths=np.array([truth.frames], np.int32),
            height_m=truth.height_m[person] * one,
            up=np.asarray(truth.up, np.float32)[None],
            floor_m=np.float32(truth.floor_m) * one,
            fps=np.float32(truth.fps) * one,
            cameras=(truth.intrinsics,),
            name=(names[person],),
            subject=(subjects[person],),
            net=net,
        )
        for person in sorted({person for _, person in read.at})
    ]


def _belongs(points_px: FloatArray, truth: ClipAnnotation, at: tuple[int, int]) -> bool:
    """Whether joints are those of the person they were looked for, as records count them."""
    frame, person = at
    one = slice(person, person + 1)
    alone = FrameAnnotation(
        truth.pose_m[frame, one], truth.keypoints_px[frame, one], truth.visible[frame, one],
        truth.box_px[frame, one], truth.shown[frame, one],
    )  # fmt: skip
    return any(True for _ in assignment([points_px], alone))
