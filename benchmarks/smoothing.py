"""What smoothing buys and costs: calm, error and lag by strength, sliding feet and the floor.

    python benchmarks/smoothing.py --videos ../shared/data/video [--lifter unified]

Everything is measured on what a lifter answered to BlazePose's 2D. `records`: rendered held-out people, with
exact truth. `sample`: the sample clip through the pipeline, with exact truth. Real videos have no truth, so
their acceleration counts as the error: that of people is small beside it. The answers are kept, and only
what comes after it is run again.

lag: `added_lag` is what the peak of the cross-correlation of velocities with the truth's moves by;
`lag_fed_truth` the same for the exact truth put through the filter, free of noise; `told` is what the filter
says of itself. Feet: a foot stands while its true ankle moves by less than 0.15 m/s.
"""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import click
import numpy as np

from realtime.bones import bone_of, take_apart
from realtime.engines.open import open_engine
from realtime.lift import LiftedPerson, Lifter
from realtime.machine import processor
from realtime.models.catalogue import DEFAULT_LIFTER, lifter
from realtime.root import place
from realtime.sample import NAME, load_truth
from realtime.size import KnownSize
from realtime.skeleton import H36M17
from realtime.stream.assemble import Options, assemble, find_intrinsics, find_source
from realtime.stream.bodies import Bodies
from realtime.stream.body import BodySettings
from realtime.stream.stages import PosePerception
from realtime.types import Array, FloatArray, Pose3D
from training.lifters.replay import seen_by_net
from training.lifters.takes import shipped_records
from training.records.store import load_records

RESULTS = Path(__file__).parent / "results"
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
VIDEOS = ("pose_1", "pose_squats", "two_people", "walk_side")
_ANKLES = H36M17.indices("l_ankle", "r_ankle")
_LEGS = [[bone_of(f"{side}_knee"), bone_of(f"{side}_ankle")] for side in "lr"]
_SETTLING = 10
_LEAST_FRAMES = 50
_FARTHEST_LAG = 8
_STANDS_M_S = 0.15


@dataclass
class Answers:
    """What a lifter said of one person: lists over frames. truth_m: (T, 17, 3) where it is known."""

    name: str
    lifted: list[LiftedPerson] = field(default_factory=list)
    rays: list[FloatArray] = field(default_factory=list)
    score: list[FloatArray] = field(default_factory=list)
    time_s: list[float] = field(default_factory=list)
    truth_m: FloatArray | None = None
    stature_m: float | None = None

    @property
    def interval_s(self) -> float:
        return float(np.median(np.diff(self.time_s)))


@dataclass
class Track:
    """A person as shown: (T, 17, 3) root-relative, (T, 3) root; what the filter told of its lag."""

    pose_m: FloatArray
    root_m: FloatArray
    told_ms: Array

    @property
    def absolute_m(self) -> FloatArray:
        return self.pose_m + self.root_m[:, None]


class Listening(Bodies):
    """Keeps what comes in for every person."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.heard: dict[int, Answers] = {}
        self._name = name

    def update(
        self,
        ids: Sequence[int],
        lifted: Sequence[LiftedPerson],
        rays: FloatArray,
        score: FloatArray,
        time_s: float,
    ) -> list[Pose3D]:
        for n, person in enumerate(ids):
            kept = self.heard.setdefault(person, Answers(f"{self._name}-{person}"))
            kept.lifted.append(lifted[n])
            kept.rays.append(rays[n].copy())
            kept.score.append(score[n].copy())
            kept.time_s.append(time_s)
        return super().update(ids, lifted, rays, score, time_s)


def from_records(name: str) -> list[Answers]:
    """The shipped records of held-out people, each clip from a fresh state."""
    manifest = lifter(name)
    engine = open_engine(manifest.check_file(), "onnxruntime", 1)
    net, records, found = Lifter(manifest, engine), load_records(shipped_records()), []
    for i in range(records.clips):
        clip = records.clip(i)
        seen = seen_by_net(clip)
        stature_m = float(clip.height_m[0])
        one = Answers("records", truth_m=clip.pose_m, stature_m=stature_m)
        for t in range(len(seen.rays)):
            now = slice(t, t + 1)
            one.lifted.append(net.step(seen.rays[now], seen.score[now], (0,), seen.depth[now]).person(0))
        one.rays, one.score = list(seen.rays), list(seen.score)
        one.time_s = [t / float(clip.fps[0]) for t in range(len(seen.rays))]
        net.drop(0)
        found.append(one)
    engine.close()
    return found


def from_video(source_name: str, name: str) -> list[Answers]:
    """A video's people who are followed for long enough, through the pipeline."""
    options = Options(lifter=name, people=2 if "two_people" in source_name else 1)
    source, is_sample = find_source(source_name)
    perception = assemble(options, find_intrinsics(options, source.info, is_sample)).perception
    assert isinstance(perception, PosePerception)
    listening = perception.bodies = Listening(Path(source_name).stem)
    try:
        while (frame := source.read()) is not None:
            perception.process(frame)
    finally:
        perception.close()
        source.close()
    found = [one for one in listening.heard.values() if len(one.lifted) >= _LEAST_FRAMES]
    if is_sample:
        truth = load_truth()
        for one in found:
            frames = np.round(np.array(one.time_s) * float(truth["fps"])).astype(int)
            one.truth_m, one.stature_m = truth["pose_m"][frames], float(truth["height_m"])
    return found


def as_lifted(one: Answers) -> Track:
    """Nothing done: every frame's pose where the root's fit puts it."""
    placed = [place(*frame)[0] for frame in zip(one.lifted, one.rays, one.score, strict=True)]
    pose_m = np.stack([lifted.relative_m for lifted in one.lifted])
    return Track(pose_m, np.stack(placed), np.zeros(len(placed)))


def run(one: Answers, settings: BodySettings) -> Track:
    """One person through what comes after the lifter."""
    bodies, poses, told = Bodies(settings), [], []
    for lifted, rays, score, time_s in zip(one.lifted, one.rays, one.score, one.time_s, strict=True):
        poses += bodies.update([0], [lifted], rays[None], score[None], time_s)
        told.append(bodies.lag_ms)
    return Track(np.stack([p.relative_m for p in poses]), np.stack([p.root_m for p in poses]), np.array(told))


def told_truth(one: Answers) -> Answers:
    """The same person as an errorless net and lifter would have them."""
    truth_m = one.truth_m
    assert truth_m is not None
    sure = np.full(len(H36M17), 0.95, np.float32)
    lifted = [LiftedPerson(p - p[0], float(p[0, 2]), 0.01, sure) for p in truth_m]
    rays = [np.asarray(p[:, :2] / p[:, 2:], np.float32) for p in truth_m]
    return replace(one, lifted=lifted, rays=rays, score=[np.ones(len(H36M17), np.float32)] * len(rays))


def correlation(said_m: FloatArray, true_m: FloatArray) -> Array:
    """Of velocities, at every whole lag of what is said behind the truth."""
    said, true = (np.diff(x[_SETTLING:].reshape(len(x) - _SETTLING, -1), axis=0) for x in (said_m, true_m))
    frames = len(said)
    lags = range(-_FARTHEST_LAG, _FARTHEST_LAG + 1)
    return np.array(
        [
            (said[max(0, k) : frames + min(0, k)] * true[max(0, -k) : frames + min(0, -k)]).sum()
            / (frames - abs(k))
            for k in lags
        ]
    )


def lag_frames(pairs: Sequence[tuple[FloatArray, FloatArray]]) -> float:
    """Where the summed correlations peak, by the parabola through the three highest."""
    summed = np.sum([correlation(said, true) for said, true in pairs], axis=0)
    top = int(np.clip(np.argmax(summed), 1, len(summed) - 2))
    before, at, after = summed[top - 1 : top + 2]
    return float(top + (before - after) / (2 * (before - 2 * at + after)) - _FARTHEST_LAG)


def change(points_m: FloatArray, order: int) -> Array:
    """Millimetres a frame (to the order): (T - order, ...) of (T, ..., 3)."""
    return np.asarray(1000 * np.linalg.norm(np.diff(points_m, order, axis=0), axis=-1))


def against_truth(people: Sequence[Answers], tracks: Sequence[Track]) -> dict[str, float]:
    """Errors in the mean over frames, and how fast feet move that truly stand."""
    kept: dict[str, list[Array]] = {}
    for one, track in zip(people, tracks, strict=True):
        truth_m = one.truth_m
        assert truth_m is not None
        seen = np.array([score.any() for score in one.score])
        seen[:_SETTLING] = False
        three = seen[2:] & seen[1:-1] & seen[:-2]
        relative_m = truth_m - truth_m[:, :1]
        off_m = track.pose_m - relative_m
        feet_m, step_s = truth_m[:, _ANKLES], one.interval_s
        stand = (change(feet_m, 1) / 1000 < _STANDS_M_S * step_s) & seen[1:, None]
        for name, values in {
            "mpjpe_mm": 1000 * np.linalg.norm(off_m[seen][:, 1:], axis=-1),
            "mrpe_mm": 1000 * np.linalg.norm((track.root_m - truth_m[:, 0])[seen], axis=-1),
            "accel_mm": change(off_m, 2)[three][:, 1:],
            "absolute_accel_mm": change(track.absolute_m - truth_m, 2)[three],
            "mpjve_mm": change(off_m, 1)[seen[1:] & seen[:-1]][:, 1:],
            "standing_foot_m_s": (change(track.absolute_m[:, _ANKLES], 1) / 1000 / step_s)[stand],
        }.items():
            kept.setdefault(name, []).append(values.ravel())
    means = {name: float(np.concatenate(values).mean()) for name, values in kept.items()}
    feet = np.concatenate(kept["standing_foot_m_s"])
    return means | {"standing_foot_median_m_s": float(np.median(feet))}


def by_itself(tracks: Sequence[Track]) -> dict[str, float]:
    """Acceleration where there is no truth, and how bones vary and legs differ."""
    varies, uneven = [], []
    for track in tracks:
        length_m = np.stack([take_apart(pose)[1] for pose in track.pose_m[_SETTLING:].astype(np.float32)])
        varies.append(100 * length_m.std(axis=0) / length_m.mean(axis=0))
        left, right = (length_m[:, leg].sum(axis=1) for leg in _LEGS)
        uneven.append(100 * np.abs(left - right) / ((left + right) / 2))
    accel = [change(track.pose_m, 2)[_SETTLING:, 1:].ravel() for track in tracks]
    absolute = [change(track.absolute_m, 2)[_SETTLING:].ravel() for track in tracks]
    return {
        "accel_mm": float(np.concatenate(accel).mean()),
        "absolute_accel_mm": float(np.concatenate(absolute).mean()),
        "bones_vary_percent": float(np.median(np.concatenate(varies))),
        "worst_bone_varies_percent": float(np.concatenate(varies).max()),
        "legs_uneven_percent": float(np.median(np.concatenate(uneven))),
    }


def told_frames(people: Sequence[Answers], tracks: Sequence[Track]) -> float:
    """What the filter told of its lag, weighted by how much really moved, in frames."""
    late = moved = 0.0
    for one, track in zip(people, tracks, strict=True):
        assert one.truth_m is not None
        energy = np.square(np.diff(one.truth_m, axis=0)).sum(axis=(1, 2))[_SETTLING:]
        late += float(energy @ track.told_ms[1 + _SETTLING :]) / 1000 / one.interval_s
        moved += float(energy.sum())
    return late / moved


def rows_of(
    name: str, people: Sequence[Answers], size: Callable[[Answers], KnownSize]
) -> list[dict[str, object]]:
    """As lifted, then by strength, then on the floor."""
    plain = [as_lifted(one) for one in people]
    with_truth = all(one.truth_m is not None for one in people)

    def figures(tracks: Sequence[Track]) -> dict[str, float]:
        found = by_itself(tracks)
        return found | against_truth(people, tracks) if with_truth else found

    def lag(tracks: Sequence[Track], absolute: bool = True) -> float:
        pairs = [
            (t.absolute_m, one.truth_m) if absolute else (t.pose_m, one.truth_m - one.truth_m[:, :1])
            for one, t in zip(people, tracks, strict=True)
            if one.truth_m is not None
        ]
        return lag_frames(pairs)

    raw = figures(plain)
    rows: list[dict[str, object]] = [{"clips": name, "strength": None} | _rounded(raw)]
    for strength, stand in [*((s, False) for s in STRENGTHS), (0.5, True)]:
        tracks = [run(one, BodySettings(strength, size(one), stand)) for one in people]
        found = figures(tracks)
        for key in ("accel_mm", "absolute_accel_mm"):
            found[f"{key}_ratio"] = found[key] / raw[key]
        if with_truth:
            exact = [told_truth(one) for one in people]
            fed = [run(one, BodySettings(strength, stand=stand)) for one in exact]
            found |= {
                "added_lag_frames": lag(tracks) - lag(plain),
                "added_relative_lag_frames": lag(tracks, False) - lag(plain, False),
                "lag_fed_truth_frames": lag(fed),
                "relative_lag_fed_truth_frames": lag(fed, False),
                "told_fed_truth_frames": told_frames(exact, fed),
            }
        rows.append({"clips": name, "strength": strength, "floor": stand} | _rounded(found))
        print(rows[-1], flush=True)
    return rows


def _rounded(found: dict[str, float]) -> dict[str, object]:
    return {key: round(value, 3) for key, value in found.items()}


def cost_us(people: Sequence[Answers]) -> dict[str, float]:
    """The median time a frame of one person takes after the lifter, and placing alone, microseconds."""
    bodies, whole, placing = Bodies(), [], []
    for one in people[:12]:
        for lifted, rays, score, time_s in zip(one.lifted, one.rays, one.score, one.time_s, strict=True):
            begun = time.perf_counter_ns()
            bodies.update([0], [lifted], rays[None], score[None], time_s)
            between = time.perf_counter_ns()
            place(lifted, rays, score)
            whole.append(between - begun)
            placing.append(time.perf_counter_ns() - between)
    return {"whole_us": float(np.median(whole)) / 1e3, "place_us": float(np.median(placing)) / 1e3}


@click.command()
@click.option("--videos", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--lifter", "name", default=DEFAULT_LIFTER, show_default=True)
def main(videos: Path, name: str) -> None:
    """Measure, print, save."""
    records = from_records(name)
    cost = cost_us(records)
    print(cost)
    rows = rows_of("records", records, lambda one: KnownSize())
    rows += rows_of("records, height given", records, lambda one: KnownSize(one.stature_m))
    rows += rows_of("sample", from_video(NAME, name), lambda one: KnownSize())
    for video in VIDEOS:
        for one in from_video(str(videos / f"{video}.mp4"), name):
            rows += rows_of(one.name, [one], lambda _: KnownSize())
    date = time.strftime("%Y-%m-%d")
    said = {
        "machine": processor(),
        "date": date,
        "command": shlex.join(["python", "benchmarks/smoothing.py", *sys.argv[1:]]),
        "lifter": name,
        "cost_a_person": cost,
        "rows": rows,
    }
    (RESULTS / f"smoothing_{date}.json").write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
