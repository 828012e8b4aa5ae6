"""What a 2D net said of rendered people, beside the exact truth: clips of one person, small on disk.

An archive quantises, each value to the nearest step:
- seen_px: int16 steps of 1/16 px from the image's centre, for images up to 2048 px; the step doubles with
  each doubling of the longer side. A joint seen further from the centre than one such range (2048 px for the
  step of 1/16) is moved to its end.
- score: 1/255. depth_px: float16 (one part in 2048).
- pose_m: the pelvis as float32, the other joints in steps of 0.1 mm from it, within 3.2767 m.
That is 230 bytes a frame before compression. All else is kept as it is.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from realtime.camera import Intrinsics
from realtime.errors import CameraFileError, UsageError
from realtime.skeleton import H36M17
from realtime.types import Array, FloatArray

_VERSION = 1
_JOINTS = len(H36M17)
_PELVIS = H36M17.index("pelvis")
_STEP_M = 1e-4
_STEPS = 32767
_STEPS_A_PIXEL, _FINE_SIDE_PX = 16, 2048
_MOST_COEFFICIENTS = 14
_NEAREST_M = 0.1
_FRAMES = ("seen_px", "score", "depth_px", "found", "pose_m", "visible")
_SHARDS = "records-*.npz"


def stature_px(focal_px: Array | float, height_m: Array | float, depth_m: Array) -> FloatArray:
    """A person's size in the image: their stature upright at the pelvis's depth. NaN nearer than 0.1 m.

    What 2D errors are scaled by. Unlike a box it does not shrink when the person crouches, turns or points at
    the camera, so the centimetres by which a net and the truth differ about a joint keep their share; and it
    follows from quantities a training clip has before any joint is projected. Lens distortion is left out.
    """
    depth = np.where(depth_m > _NEAREST_M, depth_m, np.nan)
    return np.asarray(np.asarray(focal_px) * height_m / depth, np.float32)


@dataclass(frozen=True, eq=False)
class Records:
    """C clips of one person each, F frames in all, one clip after the other. Camera space as everywhere.

    seen_px: (F, 17, 2) float32 detected joints, full-image pixels. score: (F, 17) float32. depth_px: (F, 17)
    float32 the net's depth relative to the hips, NaN for none. found: (F,) bool; False: nothing detected
    belongs to this person, seen_px and score are zero. pose_m: (F, 17, 3) float32 exact, absolute.
    visible: (F, 17) bool as in `ClipAnnotation`. lengths: (C,) int32. height_m: (C,) stature barefoot.
    up: (C, 3) the world's up. floor_m: (C,) the camera's height above the floor. fps: (C,).
    name: take of each clip. subject: its person. net: which 2D net. Raises UsageError if they do not fit.
    """

    seen_px: FloatArray
    score: FloatArray
    depth_px: FloatArray
    found: Array
    pose_m: FloatArray
    visible: Array
    lengths: Array
    height_m: FloatArray
    up: FloatArray
    floor_m: FloatArray
    fps: FloatArray
    cameras: tuple[Intrinsics, ...]
    name: tuple[str, ...]
    subject: tuple[str, ...]
    net: str = "unknown"

    def __post_init__(self) -> None:
        clips, frames = len(self.lengths), int(np.sum(self.lengths))
        shapes = {
            "seen_px": (frames, _JOINTS, 2), "score": (frames, _JOINTS), "depth_px": (frames, _JOINTS),
            "found": (frames,), "pose_m": (frames, _JOINTS, 3), "visible": (frames, _JOINTS),
            "lengths": (clips,), "height_m": (clips,), "up": (clips, 3), "floor_m": (clips,), "fps": (clips,),
        }  # fmt: skip
        for key, shape in shapes.items():
            array: Array = getattr(self, key)
            if array.shape != shape or array.dtype != _DTYPES.get(key, np.float32):
                wanted = f"{np.dtype(_DTYPES.get(key, np.float32))} {shape}"
                raise UsageError(f"records: {key} must be {wanted}, not {array.dtype} {array.shape}")
        for key in ("cameras", "name", "subject"):
            if len(getattr(self, key)) != clips:
                raise UsageError(f"records: {clips} clips need as many {key}, not {len(getattr(self, key))}")
        if clips and np.min(self.lengths) < 1:
            raise UsageError("records: a clip has no frames; leave it out")
        if not (np.isfinite(self.pose_m).all() and np.isfinite(self.seen_px).all()):
            raise UsageError("records: pose_m and seen_px must be finite; a person not found has zeros")

    @property
    def frames(self) -> int:
        """F."""
        return len(self.found)

    @property
    def clips(self) -> int:
        """C."""
        return len(self.lengths)

    @cached_property
    def bounds(self) -> tuple[slice, ...]:
        """The frames of each clip."""
        ends = np.cumsum(self.lengths)
        return tuple(slice(int(e - n), int(e)) for e, n in zip(ends, self.lengths, strict=True))

    @cached_property
    def clip_of(self) -> Array:
        """(F,) the clip each frame belongs to."""
        return np.repeat(np.arange(self.clips), self.lengths)

    @cached_property
    def exact_px(self) -> FloatArray:
        """(F, 17, 2) where the joints are in the image, lens distortion included; NaN behind the camera."""
        return self.projected(self.pose_m)

    @cached_property
    def sizes_px(self) -> FloatArray:
        """(F,) the person's size in the image: `stature_px`."""
        focal_px = np.array([(c.fx + c.fy) / 2 for c in self.cameras])
        clip = self.clip_of
        return stature_px(focal_px[clip], self.height_m[clip], self.pose_m[:, _PELVIS, 2])

    def projected(self, points_m: FloatArray) -> FloatArray:
        """Pixels (F, ..., 2) of camera-space points (F, ..., 3), each through its clip's camera."""
        out = np.empty((*points_m.shape[:-1], 2), np.float32)
        for camera, span in zip(self.cameras, self.bounds, strict=True):
            out[span] = camera.project(points_m[span])
        return out

    def clip(self, index: int) -> Records:
        """One clip, its arrays views of these."""
        span, one = self.bounds[index], slice(index, index + 1)
        kept = {f.name: span if f.name in _FRAMES else one for f in fields(self) if f.name != "net"}
        return replace(self, **{key: getattr(self, key)[part] for key, part in kept.items()})

    def save(self, path: Path) -> None:
        """Write an archive, quantised as above. The same records give the same bytes. Raises UsageError."""
        packed = {key: getattr(self, key) for key in ("lengths", "height_m", "up", "floor_m", "fps")}
        packed |= _packed_frames(self) | _packed_cameras(self.cameras)
        for key in ("name", "subject", "net"):
            packed[key] = np.array(getattr(self, key), np.str_)
        packed |= {"version": np.int32(_VERSION), "joints": np.array(H36M17.joints)}
        try:
            with path.open("wb") as file:
                np.savez_compressed(file, **packed)
        except OSError as error:
            raise UsageError(f"cannot write records to {path}: {error.strerror or error}") from error


_DTYPES = {"found": np.bool_, "visible": np.bool_, "lengths": np.int32}


def joined(parts: Sequence[Records]) -> Records:
    """The clips of all parts, in order. Raises UsageError for none."""
    if not parts:
        raise UsageError("no records to join: name at least one")
    arrays = [f.name for f in fields(Records) if f.name not in ("cameras", "name", "subject", "net")]
    merged = {key: np.concatenate([getattr(p, key) for p in parts]) for key in arrays}
    return Records(
        **merged,
        cameras=tuple(c for p in parts for c in p.cameras),
        name=tuple(n for p in parts for n in p.name),
        subject=tuple(s for p in parts for s in p.subject),
        net=", ".join(dict.fromkeys(p.net for p in parts)),
    )


def load_records(path: Path) -> Records:
    """Read what `Records.save` wrote, or every `records-*.npz` of a folder. Raises UsageError otherwise."""
    if not path.is_dir():
        return _loaded(path)
    shards = sorted(path.glob(_SHARDS))
    if not shards:
        raise UsageError(f"{path} holds no {_SHARDS}: make them with `realtime-train records`")
    return joined([_loaded(shard) for shard in shards])


def _loaded(path: Path) -> Records:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            data = {key: archive[key] for key in archive.files}
        version, joints = int(data["version"]), tuple(data["joints"].tolist())
        if (version, joints) != (_VERSION, H36M17.joints):
            raise ValueError(f"version {version} with {len(joints)} joints is not one this program reads")
        return _unpacked(data)
    except OSError as error:
        raise UsageError(f"cannot read records {path}: {error.strerror or error}") from error
    except (
        ValueError, KeyError, TypeError, AttributeError, IndexError, EOFError, zipfile.BadZipFile,
        CameraFileError, UsageError,
    ) as error:  # fmt: skip
        raise UsageError(
            f"{path} is not a file of records ({error}): make one with `realtime-train records`"
        ) from error


def _step_px(cameras: Sequence[Intrinsics]) -> Array:
    """(C, 1) the step of seen_px."""
    longer = np.array([max(c.width, c.height, _FINE_SIDE_PX) for c in cameras], np.float64)
    return np.asarray(2 ** np.ceil(np.log2(longer / _FINE_SIDE_PX)) / _STEPS_A_PIXEL)[:, None]


def _centre_px(cameras: Sequence[Intrinsics]) -> Array:
    return np.array([((c.width - 1) / 2, (c.height - 1) / 2) for c in cameras], np.float64).reshape(-1, 2)


def _packed_frames(records: Records) -> dict[str, Array]:
    clip, pose_m = records.clip_of, records.pose_m.astype(np.float64)
    step, centre = _step_px(records.cameras)[clip, None], _centre_px(records.cameras)[clip, None]
    others = np.delete(pose_m - pose_m[:, [_PELVIS]], _PELVIS, axis=1)
    if np.abs(others).max(initial=0) > _STEPS * _STEP_M:
        raise UsageError("records: a joint lies more than 3.2767 m from its pelvis: pose_m must be in metres")
    seen = np.clip(np.round((records.seen_px - centre) / step), -_STEPS, _STEPS)
    depth = np.clip(records.depth_px, -np.finfo(np.float16).max, np.finfo(np.float16).max)
    return {
        "seen": np.where(records.found[:, None, None], seen, 0).astype(np.int16),
        "score": np.round(255 * np.clip(records.score, 0, 1)).astype(np.uint8),
        "depth": depth.astype(np.float16),
        "found": np.packbits(records.found),
        "pelvis_m": records.pose_m[:, _PELVIS],
        "others": np.round(others / _STEP_M).astype(np.int16),
        "visible": np.packbits(records.visible, axis=1),
    }


def _packed_cameras(cameras: Sequence[Intrinsics]) -> dict[str, Array]:
    pinhole = [(c.fx, c.fy, c.cx, c.cy, c.width, c.height) for c in cameras]
    padded = [c.distortion + (0.0,) * (_MOST_COEFFICIENTS - len(c.distortion)) for c in cameras]
    return {
        "camera": np.array(pinhole, np.float64).reshape(-1, 6),
        "distortion": np.array(padded, np.float64).reshape(-1, _MOST_COEFFICIENTS),
        "coefficients": np.array([len(c.distortion) for c in cameras], np.int32),
        "model": np.array([c.model for c in cameras], np.str_),
    }


def _unpacked(data: dict[str, Array]) -> Records:
    cameras = tuple(
        Intrinsics(fx, fy, cx, cy, int(width), int(height), tuple(lens[:count]), model)
        for (fx, fy, cx, cy, width, height), lens, count, model in zip(
            *(data[key].tolist() for key in ("camera", "distortion", "coefficients", "model")), strict=True
        )
    )
    clip = np.repeat(np.arange(len(cameras)), data["lengths"])
    found = np.unpackbits(data["found"], count=len(clip)).astype(bool)
    seen_px = data["seen"] * _step_px(cameras)[clip, None] + _centre_px(cameras)[clip, None]
    relative_m = np.insert(data["others"] * _STEP_M, _PELVIS, 0, axis=1)
    return Records(
        seen_px=np.where(found[:, None, None], seen_px, 0).astype(np.float32),
        score=(data["score"] / 255).astype(np.float32),
        depth_px=data["depth"].astype(np.float32),
        found=found,
        pose_m=(data["pelvis_m"][:, None].astype(np.float64) + relative_m).astype(np.float32),
        visible=np.unpackbits(data["visible"], axis=1, count=_JOINTS).astype(bool),
        cameras=cameras,
        name=tuple(data["name"].tolist()),
        subject=tuple(data["subject"].tolist()),
        net=str(data["net"]),
        **{key: data[key] for key in ("lengths", "height_m", "up", "floor_m", "fps")},
    )
