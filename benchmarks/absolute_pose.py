"""Where the pelvis is put in camera space: the lifter's depth, the fit to the rays, and both fused.

    python benchmarks/absolute_pose.py --motion ../shared/data/mocap/cmu_h36m17_30hz.npz

On test subjects, never trained on, from 2 to 6 m: what the 2D net said of rendered people (exact cameras),
and their motion on bodies of random stature before random cameras, with exact 2D and through the error model.
By distance and by pose, the height unknown and given. The net's depth is placed by its rays; "over time" is
the fused distance, or that of either part, through the filter that the pipeline has; errors are shares of
the distance. Then what a floor that is known tells, right and wrong by some degrees and centimetres; and
people seen through the wrong field of view.
"""

from __future__ import annotations

import itertools
import json
import math
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
from floor_witness import LEVEL_SUBJECTS, floor_rows, spoken

from realtime.bones import put_together, take_apart
from realtime.engines.open import open_engine
from realtime.lift import LiftedPerson, Lifter
from realtime.machine import processor
from realtime.models.catalogue import DEFAULT_LIFTER, lifter
from realtime.root import place
from realtime.size import BodySize, KnownSize
from realtime.skeleton import H36M17
from realtime.stream.bodies import Bodies
from realtime.stream.distance import DistanceFilter
from realtime.types import Array, FloatArray
from training.lifters.augment import ClipSampler
from training.lifters.takes import Take, drawn_takes, takes_of
from training.mocap.motion import load_motion
from training.mocap.split import TEST_SUBJECTS

RESULTS = Path(__file__).parent / "results"
WAYS = ("net", "rays", "fused", "net over time", "rays over time", "over time")
_FPS = 30
NEAR_M, FAR_M = 2.0, 6.0
_BANDS_M = (2.0, 3.0, 4.0, 6.0)
_PELVIS = H36M17.index("pelvis")
_BENT_DEG, _FOLDED_DEG = 120.0, 80.0


class Placed(NamedTuple):
    """Frames of one kind of input. error: ways to (F,) shares of the distance; within: (F,) the fused
    depth's error is inside its sigma. distance_m: (F,). posture: (F,) names. off: (F, 2) the logarithms of
    the net's and the rays' depth over the true one. take: (F,) which take a frame is of."""

    error: dict[str, Array]
    within: Array
    distance_m: Array
    posture: Array
    off: Array
    take: Array


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


def placed(takes: Sequence[Take], said: Sequence[Sequence[LiftedPerson]], height_given: bool) -> Placed:
    """What a lifter said of takes, placed in each of the ways."""
    rows = [row for take, words in zip(takes, said, strict=True) for row in _rows(take, words, height_given)]
    error = {way: np.array([row[0][n] for row in rows]) for n, way in enumerate(WAYS)}
    truth_m = np.stack([row[3] for row in rows])
    off = np.array([row[1] for row in rows])
    take_of = np.array([row[4] for row in rows])
    distance_m = truth_m[:, _PELVIS, 2]
    return Placed(error, np.array([row[2] for row in rows]), distance_m, postures(truth_m), off, take_of)


def listened(live: Lifter, take: Take) -> list[LiftedPerson]:
    """What a lifter says of a take, frame by frame."""
    return [said for said, _ in spoken(live, take, Bodies())]


def counted(take: Take) -> Array:
    """(T,) the frames that count: somebody was seen, 2 to 6 m away."""
    depth_m = take.truth_m[:, _PELVIS, 2]
    return np.asarray((take.score > 0).any(axis=1) & (depth_m >= NEAR_M) & (depth_m <= FAR_M))


def _rows(
    take: Take, words: Sequence[LiftedPerson], height_given: bool
) -> Iterator[tuple[list[float], list[float], bool, FloatArray, int]]:
    """Of each frame that counts: errors, the logarithms of net's and rays' depth over the true one, ...

    Poses have steady bones, as the pipeline makes them.
    """
    body = BodySize(KnownSize(take.stature_m if height_given else None))
    filters = [DistanceFilter() for _ in range(len(WAYS) // 2)]
    counts = counted(take)
    for t, said in enumerate(words):
        direction, length_m = take_apart(said.relative_m)
        scale = body.learn(length_m, None, 1 / _FPS)
        steady = said._replace(relative_m=put_together(direction, body.length_m))
        rays, score, truth_m = take.rays[t], take.score[t], take.truth_m[t]
        known = scale if height_given else None
        answers = [place(as_told, rays, score, known) for as_told in _ways(steady)]
        roots_m = [root_m for root_m, _ in answers]
        fused_m, sigma_m = answers[-1]
        for one, (root_m, _) in zip(filters, answers, strict=True):
            far_m = max(float(np.linalg.norm(root_m)), 1e-3)
            calm_m = one.update(far_m, 1 / _FPS if t else None, bool(score.any()))
            roots_m.append(root_m * np.float32(calm_m / far_m))
        if not counts[t]:
            continue
        true_m = truth_m[_PELVIS]
        miss = [float(np.linalg.norm(r - true_m) / np.linalg.norm(true_m)) for r in roots_m]
        off = [math.log(float(r[2] / true_m[2])) for r in roots_m[:2]]
        yield miss, off, abs(float(fused_m[2] - true_m[2])) <= sigma_m, truth_m, id(take)


def _ways(said: LiftedPerson) -> tuple[LiftedPerson, ...]:
    """What was said, so told that `place` takes the net's depth alone, the rays alone, and both."""
    return said._replace(root_sigma_m=np.nan), said._replace(root_depth_m=np.nan), said


def groups_of(distance_m: Array, posture: Array) -> dict[str, Array]:
    """Frames by distance and by pose, (F,) bool each."""
    bands = {
        f"{low:g} to {high:g} m": (distance_m >= low) & (distance_m < high)
        for low, high in itertools.pairwise(_BANDS_M)
    }
    return bands | {name: posture == name for name in ("standing", "sitting", "squatting")}


def table(found: Placed) -> dict[str, object]:
    """Means over all frames, by distance and by pose, percent of the distance."""

    def row(some: Array) -> dict[str, float]:
        means = {way: round(100 * float(error[some].mean()), 2) for way, error in found.error.items()}
        return {"frames": int(some.sum()), **means, "in_sigma": round(float(found.within[some].mean()), 3)}

    groups = groups_of(found.distance_m, found.posture)
    every = np.ones(len(found.within), bool)
    return {"all": row(every)} | {name: row(some) for name, some in groups.items() if some.any()}


def errors_apart(found: Placed) -> dict[str, object]:
    """The depths' errors of net and rays, percent: what is the same over a take, what drifts slower than a
    second, what changes faster; how each goes together; and the least that any weights of the two leave, in
    hindsight."""
    parts = {name: np.zeros_like(found.off) for name in ("constant", "slow", "fast")}
    least = 0.0
    for take in np.unique(found.take):
        own = found.take == take
        off = found.off[own]
        parts["constant"][own] = off.mean(axis=0)
        rest = off - off.mean(axis=0)
        window = np.ones(min(_FPS, len(off)))
        counts = np.convolve(np.ones(len(off)), window, "same")
        slow = np.stack([np.convolve(part, window, "same") / counts for part in rest.T], axis=1)
        parts["slow"][own], parts["fast"][own] = slow, rest - slow
        least += min(np.abs(np.exp(off @ (w, 1 - w)) - 1).sum() for w in np.linspace(0, 1, 41))
    every = [np.abs(np.exp(found.off @ (w, 1 - w)) - 1).mean() for w in np.linspace(0, 1, 41)]
    alone = np.abs(np.exp(found.off) - 1).mean(axis=0)
    return {
        name: {
            "net": round(100 * float(part[:, 0].std()), 2),
            "rays": round(100 * float(part[:, 1].std()), 2),
            "correlation": round(float(np.corrcoef(part.T)[0, 1]), 2),
        }
        for name, part in parts.items()
    } | {
        "mean depth error, net and rays": [round(100 * float(v), 2) for v in alone],
        "of the best weights in hindsight, one pair for all": round(100 * float(min(every)), 2),
        "of the best weights in hindsight, a pair for each take": round(
            100 * float(least) / len(found.off), 2
        ),
    }


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
            words = listened(live, replace(take, rays=rays, depth=depth))
            roots_m = [place(*of_frame)[0] for of_frame in zip(words, rays, take.score, strict=True)]
            depths.append(np.array(roots_m, np.float64)[:, 2])
        seen = (take.score > 0).any(axis=1)
        ratios.append((depths[1] / depths[0])[seen])
    return {"depth_ratio_median": float(np.median(np.concatenate(ratios))), "formula": float(1 / factor)}


def known_floor(live: Lifter, takes: Sequence[Take]) -> dict[str, object]:
    """Takes with their floor known, or wrong, by distance and by pose."""
    counts = [counted(take) for take in takes]
    truth_m = np.concatenate([take.truth_m[count] for take, count in zip(takes, counts, strict=True)])
    groups = groups_of(truth_m[:, _PELVIS, 2], postures(truth_m))
    return {"frames": len(truth_m)} | floor_rows(live, takes, counts, groups)


def _show(title: str, rows: object) -> None:
    print(title)
    for group, row in dict(rows).items():  # type: ignore[call-overload]
        print(f"  {group:30s} {row}", flush=True)


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
        words = [listened(live, take) for take in takes]
        for height_given in (False, True):
            key = title + (", height given" if height_given else "")
            found = placed(takes, words, height_given)
            said[key] = table(found) | {"errors apart": errors_apart(found)}
            _show(key, said[key])
    level = ClipSampler(load_motion(motion_file).of_subjects(LEVEL_SUBJECTS))
    on_floors = {
        "rendered people on the floor": [take for take in records if take.subject in LEVEL_SUBJECTS],
        "rendered people on steps": [take for take in records if take.subject not in LEVEL_SUBJECTS],
        "any stature, error model, on the floor": drawn_takes(level, clips // 4, 5 * _FPS, "noise", seed),
    }
    for title, takes in on_floors.items():
        said[title] = known_floor(live, takes)
        _show(title, said[title])
    said["45 degrees taken for 60"] = view = through_wrong_view(live, records, 45.0, 60.0)
    print(view)
    engine.close()
    path = RESULTS / f"absolute_pose_{time.strftime('%Y-%m-%d')}.json"
    path.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
