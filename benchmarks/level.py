#!/usr/bin/env python3
"""How well the straight lines of a picture tell the camera's tilt, and what that is worth to poses.

    python benchmarks/level.py --motion ../shared/data/mocap/cmu_h36m17_30hz.npz \\
        --makehuman ../shared/data/makehuman

Pictures of rendered places (rooms, streets, yards), whose cameras are known: in how many of them lines say
which way is up, how far off that is, how often within the sigma told, and what it takes. Then the shipped
records of test people, 256 to 480 pixels: the first picture of each clip is rendered again and looked at, and
the lifter is told nothing, what feet and bodies say of the floor, what the picture's lines say (and the floor
where they say nothing, as live), or the truth. Poses are as the lifter gives them, before smoothing. Last,
what the camera's height tells of where people of unknown size are, who walk on the floor: the lines alone,
the height and the lines, the height and the true tilt; in clips whose lines answered.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from floor_witness import LEVEL_SUBJECTS, floor_of, spoken
from pose_errors import errors_mm, mean_row

from realtime.camera import Intrinsics
from realtime.engines.open import open_engine
from realtime.floor import LEVEL_SIGMA
from realtime.level import Level, level_of, outside, shrunk, straight_lines
from realtime.lift import Lifter, told_up
from realtime.models.catalogue import DEFAULT_LIFTER, lifter
from realtime.profiling.machine import describe
from realtime.skeleton import H36M17
from realtime.stream.bodies import Bodies
from realtime.stream.body import BodySettings
from realtime.types import FloatArray
from training.lifters.takes import Take, takes_of
from training.mocap.motion import Motion, load_motion
from training.mocap.split import select
from training.records.store import load_records
from training.render.clip import ClipSettings, Studio, StudioClip

RESULTS = Path(__file__).parent / "results"
TOLD = ("nothing", "the floor's estimate", "the lines alone", "lines and floor, as live", "the truth")
_TEST_RECORDS, _TEST_SEED = Path("training/records/blazepose_test.npz"), 7


class Look(NamedTuple):
    """What one picture's lines said. off_deg: NaN where nothing. ms: shrinking, finding lines, the tilt."""

    level: Level | None
    off_deg: float
    ms: tuple[float, float, float]


def look(clip: StudioClip) -> Look:
    """At the first picture of a clip, its people left out."""
    image, truth = next(iter(clip.render()))
    camera: Intrinsics = clip.intrinsics
    times = [time.perf_counter()]
    small = shrunk(image)
    times.append(time.perf_counter())
    lines_px = outside(straight_lines(*small), truth.box_px[truth.shown > 0])
    times.append(time.perf_counter())
    level = level_of(lines_px, camera)
    times.append(time.perf_counter())
    up = clip.annotation([truth]).up
    off = math.nan if level is None else math.degrees(math.acos(min(1.0, float(level.up @ up))))
    shrinking, finding, tilting = (1e3 * np.diff(times)).tolist()
    return Look(level, off, (shrinking, finding, tilting))


def summary(looks: list[Look]) -> dict[str, object]:
    """Of many pictures."""
    off = np.array([one.off_deg for one in looks])
    said = np.isfinite(off)
    sigma = np.degrees([one.level.sigma_rad for one in looks if one.level is not None])
    return {
        "pictures": len(looks),
        "answered": round(float(said.mean()), 3),
        "off_deg_at_50_90_95_99_percent": np.percentile(off[said], (50, 90, 95, 99)).round(2).tolist(),
        "worst_deg": round(float(off[said].max()), 1),
        "in_sigma": round(float((off[said] < sigma).mean()), 3),
        "median_sigma_deg": round(float(np.median(sigma)), 2),
        "median_ms_shrink_lines_tilt": np.median([one.ms for one in looks], axis=0).round(1).tolist(),
    }


def first_pictures(studio: Studio) -> Iterator[Look]:
    """Looks at the clips of the shipped test records, one a record."""
    camera = load_records(_TEST_RECORDS).cameras
    records, number = 0, 0
    while records < len(camera):
        clip = studio.clip(_TEST_SEED, number)
        number += 1
        found = look(clip)
        while records < len(camera) and math.isclose(camera[records].fx, clip.intrinsics.fx, rel_tol=1e-6):
            yield found
            records += 1
        if number > len(camera):
            raise SystemExit("the shipped records are not of these clips: rendering has changed since")


def poses(live: Lifter, take: Take, level: Level | None, told: str) -> FloatArray:
    """(T, 17, 3) metres, as the lifter has them."""
    bodies = Bodies()
    if told == "lines and floor, as live" and level is not None:
        bodies.see_level(level)
    of_lines = None if level is None else told_up(level.up, level.sigma_rad)
    truth = told_up(take.up, LEVEL_SIGMA)
    ups: dict[str, Callable[[], FloatArray | None]] = {
        "nothing": lambda: None, "the lines alone": lambda: of_lines, "the truth": lambda: truth,
    }  # fmt: skip
    up = ups.get(told, lambda: bodies.told_up)
    return np.stack([said.relative_m for said, _ in spoken(live, take, bodies, up)])


def off_percent(live: Lifter, take: Take, settings: BodySettings, level: Level | None) -> float:
    """How far the pelvis is off, as the pipeline has it, mean of the frames, percent of its distance."""
    bodies = Bodies(settings)
    if level is not None:
        bodies.see_level(level)
    roots_m = np.stack([pose.root_m for _, pose in spoken(live, take, bodies)])
    true_m = take.truth_m[:, H36M17.index("pelvis")]
    off = np.linalg.norm(roots_m - true_m, axis=1) / np.linalg.norm(true_m, axis=1)
    return 100 * float(off[(take.score > 0).any(axis=1)].mean())


def by_height(live: Lifter, takes: Sequence[Take], looks: Sequence[Look]) -> dict[str, object]:
    """What the camera's height is worth with each tilt, means over the clips whose lines answered."""
    rows = [
        (
            off_percent(live, take, BodySettings(), one.level),
            off_percent(live, take, BodySettings(camera_height_m=take.floor_m), one.level),
            off_percent(live, take, BodySettings(floor=floor_of(take, (0.0, 0.0))), None),
        )
        for take, one in zip(takes, looks, strict=True)
        if one.level is not None and take.subject in LEVEL_SUBJECTS
    ]
    names = ("lines", "lines, camera's height", "true floor")
    means = {name: round(float(v), 2) for name, v in zip(names, np.mean(rows, axis=0), strict=True)}
    return {"clips": len(rows)} | means


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--motion", type=Path, required=True)
    parser.add_argument("--makehuman", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=300)
    parser.add_argument("--seed", type=int, default=31)
    parser.add_argument("--lifter", default=DEFAULT_LIFTER)
    options = parser.parse_args()
    machine, manifest, motion = describe(), lifter(options.lifter), load_motion(options.motion)
    large = ClipSettings(frames=1, part="test", long_side_px=(480, 960), oversampling=1)
    studio = Studio(options.makehuman, [options.motion], large)
    pictures = summary([look(studio.clip(options.seed, n)) for n in range(options.pictures)])
    print(json.dumps(pictures), flush=True)
    small = ClipSettings(part="test", long_side_px=(256, 480), oversampling=1)
    looks = list(first_pictures(Studio(options.makehuman, [options.motion], small)))
    of_records = summary(looks)
    print(json.dumps(of_records), flush=True)
    takes = takes_of(Motion(tuple(select(motion.sequences, "test")), motion.fps), "records", 0)
    engine = open_engine(manifest.check_file(), "onnxruntime", 2, manifest.role, manifest.state_pairs)
    live, rows = Lifter(manifest, engine), []
    for told in TOLD:
        errors = [errors_mm(poses(live, t, one.level, told), t) for t, one in zip(takes, looks, strict=True)]
        of_answered = [e for e, one in zip(errors, looks, strict=True) if one.level is not None]
        row = {"told": told, **mean_row(errors), "mpjpe_mm_where_answered": mean_row(of_answered)["mpjpe_mm"]}
        rows.append(row)
        print(json.dumps(row), flush=True)
    heights = by_height(live, takes, looks)
    print(json.dumps(heights), flush=True)
    engine.close()
    found = {
        "machine": machine, "lifter": manifest.sha256, "seed": options.seed, "pictures": pictures,
        "first pictures of records": of_records, "rows": rows, "root off, percent": heights,
    }  # fmt: skip
    out = RESULTS / f"level_{machine['date'][:10]}.json"
    out.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
