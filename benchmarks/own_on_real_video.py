"""How far the image nets trained on rendered people alone carry on real video, beside BlazePose.

python benchmarks/own_on_real_video.py --videos ../shared/data/video [--picture FILE.jpg]
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import click
import cv2
import numpy as np

from realtime.draw import draw_people
from realtime.machine import processor
from realtime.stream.assemble import Options, assemble, find_intrinsics, find_source
from realtime.types import Array, Person

RESULTS = Path(__file__).parent / "results"
VIDEOS = ("pose_1", "pose_squats", "walk_side", "two_people")
MODELS = ("blazepose", "integral-regression", "cpn")
_CELL_HEIGHT_PX = 240


def seen(video: Path, models: str, most: int) -> tuple[list[tuple[Person, ...]], Array]:
    """Who is seen in each frame, and the picture (H, W, 3) of a frame in the middle."""
    options = Options(models=models, people=2 if video.stem == "two_people" else 1)
    source, is_sample = find_source(str(video))
    assembly = assemble(options, find_intrinsics(options, source.info, is_sample))
    frames: list[tuple[Person, ...]] = []
    drawn: Array = np.zeros((0, 0, 3), np.uint8)
    try:
        while len(frames) < most and (frame := source.read()) is not None:
            for result in assembly.perception.process(frame):
                frames.append(result.people)
                if len(frames) == most // 2:
                    drawn = result.frame.image.copy()
                    draw_people(drawn, result.people)
    finally:
        assembly.perception.close()
        source.close()
    return frames, drawn


def compared(said: list[tuple[Person, ...]], other: list[tuple[Person, ...]]) -> dict[str, float]:
    """Frames with a person; how far joints are from the other's nearest person, in % of their height."""
    misses = []
    for people, theirs in zip(said, other, strict=True):
        for person in theirs:
            height_px = max(float(np.ptp(person.keypoints_px[:, 1])), 1.0)
            errors = [
                np.linalg.norm(p.keypoints_px[:, :2] - person.keypoints_px[:, :2], axis=1) for p in people
            ]
            if errors:
                misses.append(100 * min(errors, key=np.median) / height_px)
    joints = np.stack(misses) if misses else np.zeros((0, 17))
    return {
        "frames": len(said),
        "frames_with_a_person": sum(map(bool, said)) / max(len(said), 1),
        "people_a_frame": sum(map(len, said)) / max(len(said), 1),
        "difference_median_percent": float(np.median(joints)) if len(joints) else float("nan"),
        "difference_p90_percent": float(np.percentile(joints, 90)) if len(joints) else float("nan"),
    }


def _pages(lines: list[Array]) -> Array:
    """Lines (H, W, 3) of one height below each other, side by side where two fit."""
    widest = max(line.shape[1] for line in lines)
    rows = [lines[0]]
    for line in lines[1:]:
        if rows[-1].shape[1] + line.shape[1] <= widest:
            rows[-1] = np.concatenate([rows[-1], line], axis=1)
        else:
            rows.append(line)
    padded = [
        cv2.copyMakeBorder(row, 0, 0, 0, widest - row.shape[1], cv2.BORDER_CONSTANT, value=(255, 255, 255))
        for row in rows
    ]
    return np.concatenate(padded)


@click.command()
@click.option("--videos", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--most", default=150, show_default=True, help="Frames of each video.")
@click.option(
    "--picture",
    type=click.Path(path_type=Path),
    help="Overlays: BlazePose, integral-regression, cpn for each video.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Default: benchmarks/results.")
def main(videos: Path, most: int, picture: Path | None, out: Path | None) -> None:
    """Measure, draw, save, print."""
    rows, lines = [], []
    for video in VIDEOS:
        answers = {name: seen(videos / f"{video}.mp4", name, most) for name in MODELS}
        usual = answers["blazepose"][0]
        for name, (said, _) in answers.items():
            rows.append({"video": video, "models": name} | compared(said, usual))
            print(
                " ".join(f"{k} {v:.3g}" if isinstance(v, float) else str(v) for k, v in rows[-1].items()),
                flush=True,
            )
        cells = [image for _, image in answers.values() if image.size]
        width = round(cells[0].shape[1] * _CELL_HEIGHT_PX / cells[0].shape[0]) if cells else 0
        lines.append(np.concatenate([cv2.resize(c, (width, _CELL_HEIGHT_PX)) for c in cells], axis=1))
    if picture:
        cv2.imwrite(str(picture), _pages(lines), [cv2.IMWRITE_JPEG_QUALITY, 80])
    date = time.strftime("%Y-%m-%d")
    path = out or RESULTS / f"own_on_real_video_{date}.json"
    said = {"machine": processor(), "date": date, "most_frames": most, "rows": rows}
    path.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
