"""Do people keep their identities: rendered people who cross and hide, and what each person costs.

    python benchmarks/identities.py --makehuman DIR --motion FILE --clips DIR    # draws what DIR lacks
    python benchmarks/identities.py --video ../shared/data/video/two_people.mp4
    python benchmarks/identities.py --cost

Who is matched with whom, and where the rest is lost: `identity_scores.py`. IDF1 and MOTA are those of
`motmetrics`; `_half_shown`: of people of whom half can be seen; `_joint_boxes`: by boxes round the 17 joints,
as the figures before 2026-11-27 were.
"""

from __future__ import annotations

import json
import platform
import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import cv2
import motmetrics
import numpy as np
from identity_scores import CAUSES, HALF_SHOWN, LEAST_SHOWN, METRICS, Kind, causes, scored

import realtime.sample as sample
from realtime.camera import Intrinsics
from realtime.machine import processor
from realtime.stream.assemble import Options, assemble
from realtime.stream.track import Tracker
from realtime.types import Array, Frame, ImageArray, Person
from training.dataset.crossings import FPS, SCENES, CrossingStudio
from training.dataset.dataset import images_of
from training.dataset.video import Coding, read_video, write_h264
from training.render.annotation import ClipAnnotation, FrameAnnotation, load_annotation

RESULTS = Path(__file__).parent / "results"
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "as it is": {},
    "clothes ignored": {"_LOOK_WEIGHT": 0.0},
    "nobody carried on while hidden": {"_carried": lambda self, time_s: []},
    "place in space ignored": {"hint": lambda self, results, intrinsics: None},
}
_COST_PEOPLE, _TILE_PX = 4, 480


@dataclass(frozen=True, slots=True)
class Followed:
    """What was said of a clip: for each frame the people, and the frames in which the detector ran."""

    people: list[tuple[Person, ...]]
    searches: int


def follow(images: Iterator[ImageArray], intrinsics: Intrinsics, people: int, fps: float) -> Followed:
    """Run the whole path, detector to absolute pose, over a clip."""
    assembly = assemble(Options(people=people), intrinsics)
    said: list[tuple[Person, ...]] = []
    searches = 0
    try:
        for index, image in enumerate(images):
            for result in assembly.perception.process(
                Frame(image, index, time.perf_counter_ns(), index / fps)
            ):
                said.append(result.people)
                searches += result.age_ms.get("detect", 0) > 0
    finally:
        assembly.perception.close()
    return Followed(said, searches)


def longest_hidden_s(truth: ClipAnnotation) -> float:
    """How long somebody who is seen again later is hidden, at the longest."""
    longest = 0
    for shown in (truth.shown >= LEAST_SHOWN).T:
        seen = np.flatnonzero(shown)
        longest = max(longest, int(np.diff(seen).max(initial=1)) - 1)
    return longest / truth.fps


def clip_files(clips: Path, studio: CrossingStudio | None, name: str, seed: int) -> tuple[Path, Path]:
    """The video and the truth of a scene, drawn now if they are not there."""
    video, truth = (clips / f"{name}_{seed}{suffix}" for suffix in (".mp4", ".npz"))
    if not truth.exists():
        if studio is None:
            raise click.UsageError(f"{truth} is not there: name --makehuman and --motion to draw it")
        clip, frames = studio.clip(name, seed), list[FrameAnnotation]()
        size = clip.intrinsics.width, clip.intrinsics.height
        write_h264(video, images_of(clip, frames), size, FPS, Coding("fast", 20))
        clip.annotation(frames).save(truth)
    return video, truth


def measured_scenes(
    files: Mapping[str, tuple[Path, Path]], variants: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """IDF1, MOTA and what makes them up, by variant and scene."""
    out: dict[str, Any] = {}
    for variant, changes in variants.items():
        kept = {name: getattr(Tracker, name) for name in changes}
        for name, value in changes.items():
            setattr(Tracker, name, value)
        clips: list[tuple[ClipAnnotation, Followed]] = []
        rows: dict[str, dict[str, Any]] = {}
        for scene, (video, truth_path) in files.items():
            truth = load_annotation(truth_path)
            followed = follow(read_video(video), truth.intrinsics, truth.people, truth.fps)
            clips.append((truth, followed))
            rows[scene] = {
                "frames": truth.frames, "people": truth.people, "identities": identities(followed),
                "longest_hidden_s": round(longest_hidden_s(truth), 2), "searches": followed.searches,
                "lost_to": causes(truth, followed.people),
            }  # fmt: skip
        for name, value in kept.items():
            setattr(Tracker, name, value)
        _add_scores(rows, clips)
        out[variant] = rows
        for scene, row in rows.items():
            said = " ".join(f"{k} {v:g}" for k, v in row.items() if k != "lost_to")
            print(f"{variant:16} {scene:18} {said} {row['lost_to']}", flush=True)
    return out


def _add_scores(rows: dict[str, dict[str, Any]], clips: Sequence[tuple[ClipAnnotation, Followed]]) -> None:
    """Add to the rows, one a clip, what the clips are scored with, and a row of all."""
    names = list(rows)
    rows["OVERALL"] = {"lost_to": {c: sum(rows[name]["lost_to"][c] for name in names) for c in CAUSES}}
    kinds: tuple[tuple[str, float, Kind], ...] = (
        ("", LEAST_SHOWN, "whole"),
        ("_half_shown", HALF_SHOWN, "whole"),
        ("_joint_boxes", LEAST_SHOWN, "joints"),
    )
    for suffix, least_shown, kind in kinds:
        table = motmetrics.metrics.create().compute_many(
            [scored(truth, followed.people, least_shown, kind) for truth, followed in clips],
            metrics=METRICS[:2] if suffix else METRICS, names=names, generate_overall=True,
        )  # fmt: skip
        for scene, row in table.to_dict(orient="index").items():
            rows[scene] |= {name + suffix: round(float(value), 4) for name, value in row.items()}
    rows["OVERALL"]["idf1_mean_of_clips"] = round(float(np.mean([rows[n]["idf1"] for n in names])), 4)


def identities(followed: Followed) -> int:
    """How many identities were given."""
    return len({person.id for people in followed.people for person in people})


def measured_video(path: Path, people: int) -> dict[str, Any]:
    """A real clip, where there is no truth: how many frames show which identities, and how far they moved."""
    images = list(read_video(path))
    height, width = images[0].shape[:2]
    followed = follow(iter(images), Intrinsics.assumed(width, height), people, 60.0)
    frames: dict[int, int] = {}
    jumps: dict[int, float] = {}
    last: dict[int, Array] = {}
    for said in followed.people:
        for person in said:
            frames[person.id] = frames.get(person.id, 0) + 1
            centre = person.keypoints_px[:, :2].mean(axis=0)
            moved = float(np.linalg.norm(centre - last.get(person.id, centre)))
            jumps[person.id] = max(jumps.get(person.id, 0.0), moved)
            last[person.id] = centre
    return {
        "frames": len(images), "frames_of_identity": frames, "searches": followed.searches,
        "largest_step_px": {k: round(v, 1) for k, v in jumps.items()},
    }  # fmt: skip


def measured_cost(rounds: int) -> dict[str, Any]:
    """Time a frame with 1 to 4 people in view, all followed: one picture of four tiles, in turn."""
    tiles = [cv2.resize(image, (_TILE_PX, _TILE_PX * 3 // 4)) for image in read_video(sample.clip_path())]
    empty = np.full_like(tiles[0], 128)
    lens = Intrinsics.assumed(2 * _TILE_PX, 2 * tiles[0].shape[0])
    counts = range(1, _COST_PEOPLE + 1)
    running = {n: assemble(Options(people=n), lens).perception for n in counts}
    spent: dict[int, list[Mapping[str, float]]] = {n: [] for n in counts}
    try:
        for index in range(rounds):
            tile = tiles[index % len(tiles)]
            for n in counts:
                four = [tile if k < n else empty for k in range(4)]
                image = np.vstack([np.hstack(four[:2]), np.hstack(four[2:])])
                frame = Frame(image, index, time.perf_counter_ns(), index / FPS)
                for result in running[n].process(frame):
                    if index > 10 and len(result.people) == n:
                        spent[n].append(result.age_ms)
    finally:
        for perception in running.values():
            perception.close()
    table = {
        n: {"frames": len(rows)}
        | {
            s: round(float(np.median([r.get(s, 0.0) for r in rows])), 2)
            for s in ("estimate", "lift", "total")
        }
        for n, rows in spent.items()
    }
    totals = np.array([table[n]["total"] for n in counts])
    return {"people": table, "ms_a_person_more": round(float(np.polyfit(list(counts), totals, 1)[0]), 2)}


@click.command()
@click.option("--makehuman", type=click.Path(path_type=Path))
@click.option("--motion", type=click.Path(path_type=Path))
@click.option("--clips", type=click.Path(path_type=Path), help="Folder of the clips; drawn into it.")
@click.option("--scenes", default=",".join(SCENES), show_default=True)
@click.option("--seeds", default="1", show_default=True)
@click.option("--ablations", is_flag=True, help="Measure with one thing left out too, in turn.")
@click.option("--video", type=click.Path(path_type=Path, exists=True), help="A real clip of two people.")
@click.option("--cost", is_flag=True, help="Measure the time for each added person.")
@click.option("--rounds", default=200, show_default=True, help="Frames of the cost measurement.")
def main(
    makehuman: Path | None, motion: Path | None, clips: Path | None, scenes: str, seeds: str, ablations: bool,
    video: Path | None, cost: bool, rounds: int,
) -> None:  # fmt: skip
    """Draw, follow, score, save."""
    date = time.strftime("%Y-%m-%d")
    path = RESULTS / f"identities_{date}.json"
    said = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    command = shlex.join(["python", "benchmarks/identities.py", *sys.argv[1:]])
    stamp = {"machine": processor(), "python": platform.python_version(), "date": date, "command": command}
    if clips is not None:
        clips.mkdir(parents=True, exist_ok=True)
        studio = CrossingStudio(makehuman, motion) if makehuman and motion else None
        wanted = [(name, int(seed)) for seed in seeds.split(",") for name in scenes.split(",")]
        files = {f"{name} {seed}": clip_files(clips, studio, name, seed) for name, seed in wanted}
        chosen = VARIANTS if ablations else {"as it is": VARIANTS["as it is"]}
        clips_said = said.setdefault("rendered", {})
        clips_said[", ".join(files)] = stamp | {"variants": measured_scenes(files, chosen)}
    if video is not None:
        said["video"] = stamp | {video.stem: measured_video(video, 2)}
        print(said["video"])
    if cost:
        said["cost"] = stamp | measured_cost(rounds)
        print(said["cost"])
    path.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
