"""Do people keep their identities: rendered people who cross and hide, and what each person costs.

    python benchmarks/identities.py --makehuman DIR --motion FILE --clips DIR    # draws what DIR lacks
    python benchmarks/identities.py --video ../shared/data/video/two_people.mp4
    python benchmarks/identities.py --cost

The truth of a frame are the people of whom a quarter or more can be seen. A tracked person is one of them
when the boxes round their 17 joints overlap by an IoU of 0.5 or more; one who is on somebody hidden counts
neither way. IDF1 and MOTA are those of `motmetrics`; `_half_shown`: of people of whom half can be seen.
"""

from __future__ import annotations

import json
import platform
import shlex
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import cv2
import motmetrics
import numpy as np

import realtime.sample as sample
from realtime.camera import Intrinsics
from realtime.decode import iou
from realtime.machine import processor
from realtime.stream.assemble import Options, assemble
from realtime.stream.associate import assign
from realtime.stream.track import Tracker
from realtime.types import Array, FloatArray, Frame, ImageArray, Person
from training.dataset.crossings import FPS, SCENES, CrossingStudio
from training.dataset.dataset import images_of
from training.dataset.video import Coding, read_video, write_h264
from training.render.annotation import ClipAnnotation, FrameAnnotation, load_annotation

RESULTS = Path(__file__).parent / "results"
LEAST_SHOWN, HALF_SHOWN, LEAST_IOU = 0.25, 0.5, 0.5
METRICS = (
    "idf1", "mota", "num_switches", "num_fragmentations", "num_misses", "num_false_positives", "num_objects",
)  # fmt: skip
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "as it is": {},
    "clothes ignored": {"_LOOK_WEIGHT": 0.0},
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


def scored(
    truth: ClipAnnotation, followed: Followed, least_shown: float = LEAST_SHOWN
) -> motmetrics.MOTAccumulator:
    """Every frame's people against the truth."""
    accumulator = motmetrics.MOTAccumulator(auto_id=True)
    truth_px = boxes(truth.keypoints_px)
    for frame, people in enumerate(followed.people):
        said_px = boxes(np.stack([p.keypoints_px[:, :2] for p in people])) if people else np.zeros((0, 4))
        overlap = np.array([iou(box, truth_px[frame]) for box in said_px]).reshape(-1, truth.people)
        distance = np.where(overlap >= LEAST_IOU, 1 - overlap, np.nan).T
        counted = np.flatnonzero(truth.shown[frame] >= least_shown)
        matched = {said for _, said in assign(distance[counted], 1.0)}
        on_hidden = np.isfinite(np.delete(distance, counted, axis=0)).any(axis=0)
        kept = [n for n in range(len(people)) if n in matched or not on_hidden[n]]
        accumulator.update(counted, [people[n].id for n in kept], distance[np.ix_(counted, kept)])
    return accumulator


def boxes(points_px: FloatArray) -> FloatArray:
    """The boxes (..., 4) round joints (..., J, 2)."""
    return np.concatenate([points_px.min(axis=-2), points_px.max(axis=-2)], axis=-1)


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
        accumulators, halves, rows = [], [], {}
        for scene, (video, truth_path) in files.items():
            truth = load_annotation(truth_path)
            followed = follow(read_video(video), truth.intrinsics, truth.people, truth.fps)
            accumulators.append(scored(truth, followed))
            halves.append(scored(truth, followed, HALF_SHOWN))
            rows[scene] = {
                "frames": truth.frames, "people": truth.people, "identities": identities(followed),
                "longest_hidden_s": round(longest_hidden_s(truth), 2), "searches": followed.searches,
            }  # fmt: skip
        for name, value in kept.items():
            setattr(Tracker, name, value)
        for scored_clips, names, suffix in (
            (accumulators, METRICS, ""),
            (halves, METRICS[:2], "_half_shown"),
        ):
            table = motmetrics.metrics.create().compute_many(
                scored_clips, metrics=names, names=list(files), generate_overall=True
            )
            for scene, row in table.to_dict(orient="index").items():
                added = {name + suffix: round(float(value), 4) for name, value in row.items()}
                rows.setdefault(scene, {}).update(added)
        out[variant] = rows
        for scene, row in rows.items():
            print(f"{variant:16} {scene:18} " + " ".join(f"{k} {v:g}" for k, v in row.items()), flush=True)
    return out


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
@click.option("--ablations", is_flag=True, help="Measure without clothes and without places in space too.")
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
