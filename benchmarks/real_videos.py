"""How people come out on real video, where there is no truth: do bodies keep their size, stand, bend?

python benchmarks/real_videos.py --videos ../shared/data/video [--lifters all] [--pictures DIR]
"""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections import Counter
from pathlib import Path

import click
import cv2
import numpy as np

from realtime.bones import CHILD, PARENT
from realtime.errors import PoseError
from realtime.machine import processor
from realtime.models.catalogue import lifter_names
from realtime.skeleton import H36M17
from realtime.stream.assemble import Options, assemble, find_intrinsics, find_source
from realtime.types import Array, FloatArray
from training.mocap.bones import torso_axes, vectors_of

RESULTS = Path(__file__).parent / "results"
VIDEOS = ("pose_1", "pose_squats", "walk_side", "two_people")
_LEGS = {side: H36M17.indices(f"{side}_hip", f"{side}_knee", f"{side}_ankle") for side in "lr"}
_PIXELS_A_METRE = 110


def poses(video: Path, lifter: str, people: int) -> list[FloatArray]:
    """The poses (T, 17, 3) in metres, camera space, of people followed through a quarter of it or more."""
    options = Options(lifter=lifter, people=people)
    source, is_sample = find_source(str(video))
    assembly = assemble(options, find_intrinsics(options, source.info, is_sample))
    found: dict[int, list[FloatArray]] = {}
    frames = 0
    try:
        while (frame := source.read()) is not None:
            frames += 1
            for result in assembly.perception.process(frame):
                for person in result.people:
                    found.setdefault(person.id, []).append(person.pose.absolute_m)
    finally:
        assembly.perception.close()
        source.close()
    return [np.stack(one) for one in found.values() if len(one) >= max(frames // 4, 2)]


def figures(pose_m: FloatArray) -> dict[str, float]:
    """How steady, even, upright and bent one person (T, 17, 3) is."""
    spans = np.linalg.norm(vectors_of(pose_m), axis=-1)
    varies = 100 * spans.std(axis=0) / spans.mean(axis=0)
    legs = {side: pose_m[:, joints] for side, joints in _LEGS.items()}
    lengths = {s: np.linalg.norm(np.diff(leg, axis=1), axis=-1).sum(axis=1) for s, leg in legs.items()}
    uneven = np.abs(lengths["l"] - lengths["r"]) / (0.5 * (lengths["l"] + lengths["r"]))
    bend = np.stack([knee_bend_deg(leg) for leg in legs.values()], axis=1)
    hips = pose_m[:, H36M17.index("pelvis")]
    ankles = pose_m[:, H36M17.indices("l_ankle", "r_ankle")].mean(axis=1)
    trunk = pose_m[:, H36M17.index("thorax")] - hips
    forward = torso_axes(pose_m)[..., 2]
    lean = np.degrees(angle_in(trunk, hips - ankles, forward))
    steps = np.linalg.norm(np.diff(pose_m - hips[:, None], n=2, axis=0), axis=-1)
    return {
        "frames": float(len(pose_m)),
        "bones_vary_percent": float(np.median(varies)),
        "worst_bone_varies_percent": float(varies.max()),
        "legs_uneven_percent": float(100 * np.median(uneven)),
        "hip_to_ankle_m": float(np.median([lengths["l"], lengths["r"]])),
        "lean_deg": float(np.median(lean)),
        "knees_straightest_deg": float(np.percentile(bend.mean(axis=1), 5)),
        "knees_bent_most_deg": float(np.percentile(bend.mean(axis=1), 95)),
        "acceleration_mm": float(1000 * np.median(steps)),
        "distance_m": float(np.median(hips[:, 2])),
    }


def knee_bend_deg(leg: FloatArray) -> Array:
    """How far (T,) a leg (T, 3, 3) of hip, knee, ankle is from straight."""
    thigh, shank = leg[:, 1] - leg[:, 0], leg[:, 2] - leg[:, 1]
    cosine = (thigh * shank).sum(axis=1) / (np.linalg.norm(thigh, axis=1) * np.linalg.norm(shank, axis=1))
    return np.asarray(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def angle_in(trunk: FloatArray, legs: FloatArray, forward: FloatArray) -> Array:
    """How far (T,) the trunk is turned forward from the line of the legs, radians; negative: backward."""
    up = legs / np.linalg.norm(legs, axis=1, keepdims=True)
    ahead = forward - (forward * up).sum(axis=1, keepdims=True) * up
    ahead /= np.maximum(np.linalg.norm(ahead, axis=1, keepdims=True), 1e-9)
    return np.arctan2((trunk * ahead).sum(axis=1), (trunk * up).sum(axis=1))


def side_views(pose_m: FloatArray, columns: int = 10) -> Array:
    """A picture (H, W, 3) of poses in turn: above from the camera, below from the person's left side."""
    picks = np.linspace(0, len(pose_m) - 1, columns).round().astype(int)
    cells = []
    for frame in picks:
        body = pose_m[frame] - pose_m[frame, H36M17.index("pelvis")]
        front = body[:, :2]
        side = np.stack([-body[:, 2], body[:, 1]], axis=1)
        cells.append(np.concatenate([_drawn(front), _drawn(side)]))
    return np.concatenate(cells, axis=1)


def _drawn(flat: FloatArray) -> Array:
    cell = np.full((240, 160, 3), 255, np.uint8)
    at = (flat * _PIXELS_A_METRE + np.array([80, 115])).round().astype(int)
    for child, parent in zip(CHILD, PARENT, strict=True):
        name = H36M17.joints[child]
        colour = (
            (200, 80, 0) if name.startswith("l_") else (0, 90, 220) if name.startswith("r_") else (60, 60, 60)
        )
        cv2.line(cell, at[parent].tolist(), at[child].tolist(), colour, 2, cv2.LINE_AA)
    return cell


@click.command()
@click.option("--videos", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--lifters", default="all", show_default=True, help="Names or manifests, or `all`.")
@click.option("--pictures", type=click.Path(path_type=Path), help="Folder for pictures of the poses.")
def main(videos: Path, lifters: str, pictures: Path | None) -> None:
    """Measure, draw, save, print."""
    names = lifter_names() if lifters == "all" else lifters.split(",")
    rows = []
    for video in VIDEOS:
        for name in names:
            people = 2 if video == "two_people" else 1
            try:
                found = poses(videos / f"{video}.mp4", name, people)
            except PoseError as error:
                print(f"left out: {name} on {video}: {error}", file=sys.stderr)
                continue
            for number, pose_m in enumerate(found):
                rows.append({"video": video, "lifter": Path(name).stem, "person": number} | figures(pose_m))
                print(
                    " ".join(f"{k} {v:.2f}" if isinstance(v, float) else str(v) for k, v in rows[-1].items())
                )
                if pictures:
                    pictures.mkdir(parents=True, exist_ok=True)
                    cv2.imwrite(str(pictures / f"{video}-{Path(name).stem}-{number}.png"), side_views(pose_m))
    counts = Counter(row["lifter"] for row in rows)
    date = time.strftime("%Y-%m-%d")
    command = shlex.join(["python", "benchmarks/real_videos.py", *sys.argv[1:]])
    said = {"machine": processor(), "date": date, "command": command, "people": dict(counts), "rows": rows}
    (RESULTS / f"real_videos_{date}.json").write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
