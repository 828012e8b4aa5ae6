"""The papers' image networks against BlazePose on the same rendered frames of unseen bodies and motions.

Nobody is followed: every net is shown the same thing at every frame. Detectors see the whole frame. 2D nets
see the square about each person's true box that they are shown live. BlazePose's landmark net sees the square
of its own kind, about the true hips and upright along the true back, and then the square that its own answer
asks for, as it would live. So the table tells the nets apart, not the trackers.

    python benchmarks/image_nets.py runs/clips-test realtime/models/own/ssd.json \\
        realtime/models/own/cpn.json realtime/models/own/integral-regression.json blazepose

A net is the manifest of a detector or an estimator, or a published name as for `--models` (its detector and
its 2D net). FILE@frame is shown the whole frame instead of a person's square: crop-and-resize left out, for
clips of one person (`--one-person`).

Of detectors AP50 is measured, people of whom under 30 % is seen left out, and the share of people about
whose middle some detection has the 2D net look, at the score used live (BlazePose's boxes are of faces: its
AP50 says nothing).
Of 2D nets the share of joints within half the segment from neck to head (pckh) and from neck to crown
(pckh_crown, twice as long), and the mean distance as a share of the box's longer side, all of joints in the
image, hidden ones too. Of nets with depth the root-relative error in millimetres, back-projected with the
true depth of the pelvis, of people who are in the image whole. BlazePose's depths are pixels at the person's
scale: they are made metres by the true depth and focal length, and so are those of integral-regression as
it runs live; `realtime-train` measures that net by its own metres. BlazePose's are too large by far, so the
error is given once more with all depths of a net times the one factor that serves best.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import click
import numpy as np
from tqdm import tqdm

from realtime.decode.geometry import upright_region
from realtime.engines.open import open_engine
from realtime.errors import UsageError
from realtime.machine import processor
from realtime.manifest import Manifest, load_manifest
from realtime.models import catalogue
from realtime.skeleton import H36M17
from realtime.stream.networks import Detector, Estimator
from realtime.types import FloatArray, Frame, Region
from training.images.metrics import (
    Found,
    average_precision,
    back_projected,
    joint_measures,
    pose_error_mm,
)
from training.images.samples import LEAST_SHOWN, ClipFiles, clips_of, frame_region
from training.render.annotation import ClipAnnotation

RESULTS = Path(__file__).parent / "results"
LEAST_VISIBLE, LEAST_SCORE = 5, 0.01
PELVIS, THORAX, NECK, HEAD = H36M17.indices("pelvis", "thorax", "neck", "head")
BLAZEPOSE_SCALE, BODY_OVER_JOINTS = 2.5, 1.1
"""BlazePose's square has 2.5 radii of the circle about the hips that holds the person: the farthest joint and
some more."""

RegionOf = Callable[[ClipAnnotation, int, int], Region]


@dataclass
class Joints:
    """What a 2D net said of people, one entry each: in pixels, and the truth."""

    said_px: list[FloatArray] = field(default_factory=list)
    truth_px: list[FloatArray] = field(default_factory=list)
    in_image: list[np.ndarray] = field(default_factory=list)
    head_px: list[float] = field(default_factory=list)
    side_px: list[float] = field(default_factory=list)
    depth_m: list[FloatArray] = field(default_factory=list)
    pose_m: list[FloatArray] = field(default_factory=list)
    cameras: list[object] = field(default_factory=list)
    spent_ns: int = 0


def frame_of(clip: ClipFiles, truth: ClipAnnotation, index: int) -> Frame:
    """A frame as a source gives it."""
    image = np.ascontiguousarray(clip.rgb(index)[..., ::-1])
    return Frame(image, index, captured_ns=round(index / truth.fps * 1e9), media_s=index / truth.fps)


def blazepose_region(truth: ClipAnnotation, frame: int, person: int) -> Region:
    """The square BlazePose's own detector aims at: about the hips, a circle about the whole person inside."""
    points_px = truth.keypoints_px[frame, person]
    centre = points_px[PELVIS]
    reach_px = np.nanmax(np.linalg.norm(points_px - centre, axis=-1)) * BODY_OVER_JOINTS
    up = points_px[THORAX] - centre
    up = up / max(float(np.linalg.norm(up)), 1e-6)
    return upright_region(centre, (centre + reach_px * up).astype(np.float32), BLAZEPOSE_SCALE)


def detector_row(manifest: Manifest, clips: Sequence[ClipFiles], stride: int) -> Mapping[str, float]:
    """AP50 and recall over all frames."""
    engine = open_engine(manifest.check_file(), "auto", 1, manifest.role)
    live_score = float(manifest.options.get("min_score", 0.0))
    if live_score:  # average precision goes on to where hardly anything is meant
        manifest = replace(manifest, options={**manifest.options, "min_score": LEAST_SCORE})
    found: list[Found] = []
    regions, boxes, shown, spent_ns = [], [], [], 0
    try:
        detector = Detector(manifest, engine)
        for clip in tqdm(clips, desc=manifest.name):
            truth = clip.annotation()
            for index in range(0, truth.frames, stride):
                frame = frame_of(clip, truth, index)
                began_ns = time.perf_counter_ns()
                said = detector.detect(frame)
                spent_ns += time.perf_counter_ns() - began_ns
                found.append((said.xyxy_px, said.score))
                regions.append(
                    [r for r, score in zip(said.regions, said.score, strict=True) if score >= live_score]
                )
                boxes.append(truth.box_px[index])
                shown.append(truth.shown[index])
    finally:
        engine.close()
    people = sum(int((s >= LEAST_SHOWN).sum()) for s in shown)
    return {
        "ap50": average_precision(found, boxes, shown),
        "recall": recall(regions, boxes, shown),
        "boxes_a_frame": sum(len(each) for each in regions) / max(len(regions), 1),
        "people": people,
        "frames": len(found),
        "ms": spent_ns / max(len(found), 1) / 1e6,
    }


def recall(
    regions: Sequence[Sequence[Region]], boxes: Sequence[FloatArray], shown: Sequence[FloatArray]
) -> float:
    """The share of people about whose middle some detection has the 2D net look: enough for it to take over.

    The middle of their box is to lie within the middle half of the square, whatever kind of box a detector
    gives.
    """
    hits = people = 0
    for squares, truth, seen in zip(regions, boxes, shown, strict=True):
        for box in truth[seen >= LEAST_SHOWN]:
            people += 1
            x, y = (box[:2] + box[2:]) / 2
            hits += any(max(abs(x - r.cx_px), abs(y - r.cy_px)) <= r.size_px / 4 for r in squares)
    return hits / people if people else float("nan")


def estimator_joints(
    manifest: Manifest, clips: Sequence[ClipFiles], stride: int, whole_frame: bool
) -> Joints:
    """What a 2D net says of everybody of whom enough is seen."""
    engine = open_engine(manifest.check_file(), "auto", 1, manifest.role)
    joints = Joints()
    try:
        estimator = Estimator(manifest, engine)
        own: RegionOf = lambda truth, f, p: estimator.around(truth.box_px[f, p])  # noqa: E731
        again = manifest.decoder == "blazepose-landmark"
        region_of = blazepose_region if again else own
        if whole_frame:
            region_of = lambda truth, f, p: frame_region(truth.intrinsics)  # noqa: E731
        for clip in tqdm(clips, desc=manifest.name):
            truth = clip.annotation()
            for index in range(0, truth.frames, stride):
                people = [
                    p for p in range(truth.people)
                    if truth.shown[index, p] >= LEAST_SHOWN and truth.visible[index, p].sum() >= LEAST_VISIBLE
                ]  # fmt: skip
                frame = frame_of(clip, truth, index) if people else None
                for person in people:
                    assert frame is not None
                    add(
                        joints,
                        estimator,
                        frame,
                        truth,
                        (index, person),
                        region_of(truth, index, person),
                        again,
                    )
    finally:
        engine.close()
    return joints


def add(
    joints: Joints,
    estimator: Estimator,
    frame: Frame,
    truth: ClipAnnotation,
    at: tuple[int, int],
    region: Region,
    again: bool,
) -> None:
    """Run the net on one person and keep what it says. again: first to find the square it would ask for."""
    if again:
        _, region = estimator.estimate(frame, region)
    began_ns = time.perf_counter_ns()
    said, _ = estimator.estimate(frame, region)
    joints.spent_ns += time.perf_counter_ns() - began_ns
    lens, pose_m, points_px = truth.intrinsics, truth.pose_m[at], truth.keypoints_px[at]
    limits = np.array([lens.width, lens.height]) - 0.5
    known = np.nan_to_num(points_px, nan=-1e6)
    depth_px = estimator.joint_map.points(said.depth_px[:, None])[:, 0]
    root_m = float(pose_m[PELVIS, 2])
    joints.said_px.append(estimator.joint_map.points(said.xy_px))
    joints.truth_px.append(known.astype(np.float32))
    joints.in_image.append(((known >= -0.5) & (known <= limits)).all(axis=-1))
    head_m = float(np.linalg.norm(pose_m[HEAD] - pose_m[NECK]))
    joints.head_px.append(head_m * (lens.fx + lens.fy) / 2 / max(float(pose_m[HEAD, 2]), 0.1))
    joints.side_px.append(float((truth.box_px[at][2:] - truth.box_px[at][:2]).max()))
    joints.depth_m.append(((depth_px - depth_px[PELVIS]) * root_m / lens.fx).astype(np.float32))
    joints.pose_m.append(pose_m.astype(np.float32))
    joints.cameras.append(lens)


def estimator_row(joints: Joints) -> Mapping[str, float]:
    """The measures of a 2D net."""
    if not joints.said_px:
        raise UsageError("nobody in these clips can be seen well enough: name a folder with more clips")
    said, truth = np.stack(joints.said_px), np.stack(joints.truth_px)
    in_image, head = np.stack(joints.in_image), np.array(joints.head_px, np.float32)
    side = np.array(joints.side_px, np.float32)
    measured = joint_measures(said, truth, in_image, head)
    relative = joint_measures(said / side[:, None, None], truth / side[:, None, None], in_image, head / side)
    row = {
        "pckh": measured["pckh"],
        "pckh_crown": measured["pckh_crown"],
        "error_px": measured["distance"],
        "error_share_of_box": relative["distance"],
        "people": len(said),
        "ms": joints.spent_ns / len(said) / 1e6,
    }
    depth_m, pose_m = np.stack(joints.depth_m), np.stack(joints.pose_m)
    whole = in_image.all(axis=1)
    if np.isfinite(depth_m).all() and whole.any():
        cameras = [camera for camera, w in zip(joints.cameras, whole, strict=True) if w]
        found = back_projected(said[whole], depth_m[whole], pose_m[whole, PELVIS, 2], cameras)  # type: ignore[arg-type]
        error_mm = pose_error_mm(found, pose_m[whole])
        row["mpjpe_mm"], row["mpjpe_median_mm"] = float(error_mm.mean()), float(np.median(error_mm))
        factor = depth_factor(depth_m[whole], pose_m[whole])
        scaled = back_projected(
            said[whole],
            factor * depth_m[whole],
            pose_m[whole, PELVIS, 2],
            cameras,  # type: ignore[arg-type]
        )
        row["depth_factor"] = factor
        row["mpjpe_scaled_mm"] = float(pose_error_mm(scaled, pose_m[whole]).mean())
        row["people_whole"] = int(whole.sum())
    return row


def depth_factor(depth_m: FloatArray, pose_m: FloatArray) -> float:
    """The one factor of all depths that brings them nearest to the truth (least squares)."""
    truth_m = pose_m[..., 2] - pose_m[:, [PELVIS], 2]
    return float((depth_m * truth_m).sum() / max(float((depth_m * depth_m).sum()), 1e-9))


def manifests_of(name: str) -> list[Manifest]:
    """The nets a name or a file means."""
    if name.endswith(".json"):
        return [load_manifest(Path(name))]
    return list(catalogue.image_models(name))


@click.command()
@click.argument("clips", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.argument("nets", nargs=-1, required=True)
@click.option("--stride", default=3, show_default=True, help="Take every so many frames.")
@click.option("--most", default=10_000, show_default=True, help="Clips to take at most.")
@click.option("--one-person", is_flag=True, help="Leave out clips of more people than one.")
@click.option("--note", default="", help="Kept with the results.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Where the results go. Default: benchmarks/results."
)
def main(
    clips: Path, nets: tuple[str, ...], stride: int, most: int, one_person: bool, note: str, out: Path | None
) -> None:
    """Measure NETS on CLIPS, a folder of `realtime-train render --form frames --part test`."""
    folder = clips_of(clips)
    if one_person:
        folder = [clip for clip in folder if clip.annotation().people == 1]
    folder = folder[:most]
    if not folder:
        raise click.UsageError(
            f"{clips} holds no such clips: render some with realtime-train render --form frames"
        )
    rows: dict[str, Mapping[str, float]] = {}
    for name in nets:
        file, _, shown = name.partition("@")
        for manifest in manifests_of(file):
            called = manifest.name + (f"@{shown}" if shown else "")
            if manifest.role == "detector":
                rows[called] = detector_row(manifest, folder, stride)
            else:
                rows[called] = estimator_row(estimator_joints(manifest, folder, stride, shown == "frame"))
            print(called, " ".join(f"{k} {v:.4g}" for k, v in rows[called].items()))
    result = {
        "machine": processor(), "python": platform.python_version(), "date": time.strftime("%Y-%m-%d"),
        "clips": len(folder), "one_person": one_person, "stride": stride, "note": note, "rows": rows,
        "header": json.loads((clips / "dataset.json").read_text(encoding="utf-8"))["description"],
    }  # fmt: skip
    path = out or RESULTS / f"image_nets_{result['date']}.json"
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
