"""How well poses are told when the camera is rolled, or looks up or down: the sample, as such cameras see it.

    python benchmarks/turned_camera.py

A camera turned about its own centre sees the same rays: its picture is the sample's under a homography, and
its truth is the sample's, turned. So nothing is rendered again, and the person is in no other place or light.
The whole pipeline runs, the body's size unknown. The picture is as large as the turned frame needs. Its rim
would be the straightest line in it: with `--level` the lines of the picture as it was are turned with it.
"""

from __future__ import annotations

import json
import math
import shlex
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click
import cv2
import numpy as np

from realtime.camera import Intrinsics
from realtime.level import outside, shrunk, straight_lines
from realtime.machine import processor
from realtime.models.catalogue import DEFAULT_LIFTER
from realtime.sample import camera, load_truth
from realtime.stream.assemble import Options, assemble, find_source
from realtime.stream.stages import PosePerception
from realtime.types import Array, FloatArray, Frame, ImageArray, Person
from training.lifters.metrics import mpjpe_mm, pa_mpjpe_mm, root_error_mm
from training.mocap.rotations import axis_angle

RESULTS = Path(__file__).parent / "results"
TURNS_DEG = ((0, 0), (-30, 0), (-15, 0), (15, 0), (30, 0), (45, 0), (0, -15), (0, 15), (0, 30), (15, 20))
"""Roll, clockwise, and how far the camera looks down, degrees."""
_LOOKS = (0, 30, 90)


def turn_of(roll_deg: float, down_deg: float) -> Array:
    """(3, 3): the camera's space before to its space after it is tilted down and then rolled."""
    down = axis_angle(np.array([1.0, 0.0, 0.0]), math.radians(down_deg))
    rolled = axis_angle(np.array([0.0, 0.0, 1.0]), math.radians(-roll_deg))
    return np.asarray(rolled @ down)


def turned_camera(before: Intrinsics, turn: Array) -> tuple[Intrinsics, Array]:
    """The turned camera, its picture large enough for all of the frame, and the homography to its pixels."""
    homography = before.matrix @ turn @ np.linalg.inv(before.matrix)
    right, bottom = before.width - 1.0, before.height - 1.0
    corners = np.array([[[0, 0], [right, 0], [0, bottom], [right, bottom]]], np.float64)
    reached = cv2.perspectiveTransform(corners, homography)[0]
    low, high = np.floor(reached.min(axis=0)), np.ceil(reached.max(axis=0))
    width, height = (int(v) + 1 for v in high - low)
    after = replace(before, cx=before.cx - low[0], cy=before.cy - low[1], width=width, height=height)
    return after, after.matrix @ turn @ np.linalg.inv(before.matrix)


class TurnedLines:
    """The straight lines of the sample's own picture at some frames, as the turned camera sees them."""

    def __init__(self, homography: Array, pictures: dict[int, ImageArray]) -> None:
        self._homography, self._pictures = homography, pictures

    def update(self, frame: Frame, boxes_px: FloatArray) -> FloatArray | None:
        """Those outside the people (P, 4) who are seen now."""
        if frame.index not in self._pictures:
            return None
        ends = straight_lines(*shrunk(self._pictures[frame.index])).reshape(-1, 1, 2)
        turned = cv2.perspectiveTransform(ends.astype(np.float64), self._homography)
        return outside(turned.reshape(-1, 4).astype(np.float32), boxes_px)

    def close(self) -> None:
        """Nothing is held."""


def followed(
    intrinsics: Intrinsics, homography: Array, lifter: str, level: bool
) -> Iterator[tuple[int, Person]]:
    """Who is seen, by frame, in the sample as the turned camera sees it."""
    pictures: dict[int, ImageArray] = {}
    options = Options(lifter=lifter, level=False)
    source, _ = find_source("sample")
    assembly = assemble(options, intrinsics)
    if level:
        assert isinstance(assembly.perception, PosePerception)
        assembly.perception.lines = TurnedLines(homography, pictures)
    size = (intrinsics.width, intrinsics.height)
    try:
        while (frame := source.read()) is not None:
            if frame.index in _LOOKS:
                pictures[frame.index] = frame.image
            image = cv2.warpPerspective(frame.image, homography, size)
            turned = Frame(image, frame.index, frame.captured_ns, frame.media_s)
            for result in assembly.perception.process(turned):
                if result.people:
                    yield result.frame.index, result.people[0]
    finally:
        assembly.perception.close()
        source.close()


def errors(found: list[tuple[int, Person]], truth_m: FloatArray) -> dict[str, float]:
    """truth_m: (T, 17, 3) absolute, in the turned camera's space."""
    true_m = truth_m[[index for index, _ in found]]
    relative_m = np.stack([person.pose.relative_m for _, person in found])
    root_m = np.stack([person.pose.root_m for _, person in found])
    around_m = true_m - true_m[:, :1]
    return {
        "found": len(found),
        "mpjpe_mm": round(float(mpjpe_mm(relative_m, around_m).mean()), 1),
        "pa_mpjpe_mm": round(float(pa_mpjpe_mm(relative_m, around_m).mean()), 1),
        "mrpe_mm": round(float(root_error_mm(root_m, true_m[:, 0]).mean()), 1),
    }


@click.command()
@click.option("--lifter", default=DEFAULT_LIFTER, show_default=True)
@click.option("--level", is_flag=True, help="Tell the camera's tilt from the picture's straight lines.")
def main(lifter: str, level: bool) -> None:
    """Measure, save, print."""
    rows = []
    for roll_deg, down_deg in TURNS_DEG:
        turn = turn_of(roll_deg, down_deg)
        intrinsics, homography = turned_camera(camera(), turn)
        truth_m = (load_truth()["pose_m"] @ turn.T).astype(np.float32)
        row = errors(list(followed(intrinsics, homography, lifter, level)), truth_m)
        rows.append({"roll_deg": roll_deg, "down_deg": down_deg, **row})
        print(rows[-1], flush=True)
    said = {
        "machine": processor(), "date": time.strftime("%Y-%m-%d"), "lifter": lifter,
        "command": shlex.join(["python", "benchmarks/turned_camera.py", *sys.argv[1:]]), "rows": rows,
    }  # fmt: skip
    path = RESULTS / f"turned_camera_{'level_' if level else ''}{time.strftime('%Y-%m-%d')}.json"
    path.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
