"""Where the pelvis is put in camera space: the lifter's depth, the fit to the rays, and both fused.

    python benchmarks/absolute_pose.py --motion ../shared/data/mocap/cmu_h36m17_30hz.npz

On test subjects, never trained on, from 2 to 6 m: what the 2D net said of rendered people (exact cameras),
and their motion on bodies of random stature before random cameras, with exact 2D and through the error model.
By distance and by pose, the height unknown and given. The net's depth is placed by its rays; errors are
shares of the distance. A last part looks through the wrong field of view.
"""

from __future__ import annotations

import itertools
import json
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np

from realtime.engines.open import open_engine
from realtime.lift import LiftedPerson, Lifter
from realtime.machine import processor
from realtime.models.catalogue import DEFAULT_LIFTER, lifter
from realtime.root import place
from realtime.size import BodySize, KnownSize
from realtime.skeleton import H36M17
from realtime.types import Array, FloatArray
from training.lifters.augment import ClipSampler
from training.lifters.takes import Take, drawn_takes, takes_of
from training.mocap.motion import load_motion
from training.mocap.split import TEST_SUBJECTS

RESULTS = Path(__file__).parent / "results"
WAYS = ("net", "rays", "fused")
NEAR_M, FAR_M = 2.0, 6.0
_BANDS_M = (2.0, 3.0, 4.0, 6.0)
_PELVIS = H36M17.index("pelvis")
_BENT_DEG, _FOLDED_DEG = 120.0, 80.0


class Placed(NamedTuple):
    """Frames of one kind of input. error: ways to (F,) shares of the distance; within: (F,) the fused
    depth's error is inside its sigma. distance_m: (F,). posture: (F,) names."""

    error: dict[str, Array]
    within: Array
    distance_m: Array
    posture: Array


def angle_deg(pose_m: FloatArray, first: str, corner: str, last: str) -> Array:
    """The angle at a joint of poses (..., 17, 3), degrees."""
    one = pose_m[..., H36M17.index(first), :] - pose_m[..., H36M17.index(corner), :]
    other = pose_m[..., H36M17.index(last), :] - pose_m[..., H36M17.index(corner), :]
    cosine = (one * other).sum(-1) / np.maximum(
        np.linalg.norm(one, axis=-1) * np.linalg.norm(other, axis=-1), 1e-6
    )
    return np.asarray(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def postures(pose_m: FloatArray) -> Array:
    """Standing, sitting or squatting, (F,), of poses (F, 17, 3): by the angles of knees and hips."""
    knee = np.mean([angle_deg(pose_m, f"{s}_hip", f"{s}_knee", f"{s}_ankle") for s in "lr"], axis=0)
    hip = np.mean([angle_deg(pose_m, "thorax", f"{s}_hip", f"{s}_knee") for s in "lr"], axis=0)
    return np.where(knee > _BENT_DEG, "standing", np.where(hip > _FOLDED_DEG, "sitting", "squatting"))


def placed(live: Lifter, takes: Sequence[Take], height_given: bool) -> Placed:
    """What a lifter says of takes, placed in each of the three ways."""
    rows = [row for take in takes for row in _rows(live, take, height_given)]
    error = {way: np.array([row[0][n] for row in rows]) for n, way in enumerate(WAYS)}
    truth_m = np.stack([row[2] for row in rows])
    return Placed(error, np.array([row[1] for row in rows]), truth_m[:, _PELVIS, 2], postures(truth_m))


def _rows(live: Lifter, take: Take, height_given: bool) -> Iterator[tuple[list[float], bool, FloatArray]]:
    body = BodySize(KnownSize(take.stature_m)) if height_given else None
    for t in range(len(take)):
        now = slice(t, t + 1)
        said = live.step(take.rays[now], take.score[now], (0,), take.depth[now]).person(0)
        truth_m = take.truth_m[t]
        if not (take.score[t] > 0).any() or not NEAR_M <= truth_m[_PELVIS, 2] <= FAR_M:
            continue
        scale = body.update(said.relative_m) if body else None
        answers = [place(as_told, take.rays[t], take.score[t], scale) for as_told in _ways(said)]
        far_m = float(np.linalg.norm(truth_m[_PELVIS]))
        miss = [float(np.linalg.norm(root_m - truth_m[_PELVIS])) / far_m for root_m, _ in answers]
        root_m, sigma_m = answers[-1]
        yield miss, abs(float(root_m[2] - truth_m[_PELVIS, 2])) <= sigma_m, truth_m
    live.drop(0)


def _ways(said: LiftedPerson) -> tuple[LiftedPerson, ...]:
    """What was said, so told that `place` takes the net's depth alone, the rays alone, and both."""
    return said._replace(root_sigma_m=np.nan), said._replace(root_depth_m=np.nan), said


def table(found: Placed) -> dict[str, object]:
    """Means over all frames, by distance and by pose, percent of the distance."""

    def row(some: Array) -> dict[str, float]:
        means = {way: round(100 * float(error[some].mean()), 2) for way, error in found.error.items()}
        return {"frames": int(some.sum()), **means, "in_sigma": round(float(found.within[some].mean()), 3)}

    every = np.ones(len(found.within), bool)
    bands = {
        f"{low:g} to {high:g} m": (found.distance_m >= low) & (found.distance_m < high)
        for low, high in itertools.pairwise(_BANDS_M)
    }
    kinds = {name: found.posture == name for name in ("standing", "sitting", "squatting")}
    return {"all": row(every)} | {name: row(some) for name, some in (bands | kinds).items() if some.any()}


def through_wrong_view(
    live: Lifter, takes: Sequence[Take], true_deg: float, taken_deg: float
) -> dict[str, float]:
    """How much farther people seem when a camera of one field of view is taken for another's: median ratio
    of the fused depths, and the ratio of the focal lengths, which it should be."""
    factor = np.tan(np.radians(taken_deg) / 2) / np.tan(np.radians(true_deg) / 2)
    ratios = []
    for take in takes:
        depths = []
        for scale in (1.0, factor):
            rays, depth = (take.rays * scale).astype(np.float32), (take.depth * scale).astype(np.float32)
            found = []
            for t in range(len(take)):
                now = slice(t, t + 1)
                said = live.step(rays[now], take.score[now], (0,), depth[now]).person(0)
                found.append(float(place(said, rays[t], take.score[t])[0][2]))
            live.drop(0)
            depths.append(np.array(found))
        seen = (take.score > 0).any(axis=1)
        ratios.append((depths[1] / depths[0])[seen])
    return {"depth_ratio_median": float(np.median(np.concatenate(ratios))), "formula": float(1 / factor)}


@click.command()
@click.option("--motion", "motion_file", type=click.Path(path_type=Path), required=True)
@click.option("--lifter", "name", default=DEFAULT_LIFTER, show_default=True)
@click.option("--clips", default=120, show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(motion_file: Path, name: str, clips: int, seed: int) -> None:
    """Measure, save, print."""
    motion = load_motion(motion_file).of_subjects(TEST_SUBJECTS)
    manifest, sampler = lifter(name), ClipSampler(motion)
    records = takes_of(motion, "records", seed)
    inputs = {
        "rendered people": records,
        "any stature, exact 2D": drawn_takes(sampler, clips, 90, "gt", seed),
        "any stature, error model": drawn_takes(sampler, clips, 90, "noise", seed),
    }
    engine = open_engine(manifest.check_file(), "onnxruntime", 1)
    live = Lifter(manifest, engine)
    said: dict[str, object] = {
        "machine": processor(), "date": time.strftime("%Y-%m-%d"), "lifter": name, "sha256": manifest.sha256,
        "command": shlex.join(["python", "benchmarks/absolute_pose.py", *sys.argv[1:]]),
        "unit": "mean error of the pelvis, percent of its distance",
    }  # fmt: skip
    for title, takes in inputs.items():
        for height_given in (False, True):
            key = title + (", height given" if height_given else "")
            said[key] = found = table(placed(live, takes, height_given))
            print(key)
            for group, row in found.items():
                print(f"  {group:12s} {row}")
    said["45 degrees taken for 60"] = view = through_wrong_view(live, records, 45.0, 60.0)
    print(view)
    engine.close()
    path = RESULTS / f"absolute_pose_{time.strftime('%Y-%m-%d')}.json"
    path.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
