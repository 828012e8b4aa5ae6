"""A maker of clips for tests: people as coloured discs at known joints, drawn in a moment.

Run as a module it renders a dataset and says so: `python -m tests.training.dataset.discs OUT CLIPS PROCESSES
STUCK_AT`; a line for each clip done, and one when the clip STUCK_AT stops in its middle, for good.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import cv2
import numpy as np

from realtime.camera import Intrinsics
from realtime.commands.shell import run
from realtime.errors import UsageError
from realtime.types import FloatArray, ImageArray
from tests.fakes import standing_pose
from training.dataset.dataset import DatasetSettings, write_dataset
from training.render.annotation import ClipAnnotation, FrameAnnotation, collected

FRAMES = 5
STUCK = "stuck"


@dataclass(frozen=True)
class DiscFactory:
    """Makes the maker. At its clip `kill_at` the process kills itself, at `fail_at` it raises, at
    `refuse_at` it raises a UsageError, at `stuck_at` it stops half way and says so on stdout."""

    kill_at: int = -1
    fail_at: int = -1
    refuse_at: int = -1
    stuck_at: int = -1

    def __call__(self) -> DiscMaker:
        return DiscMaker(self)


class DiscMaker:
    def __init__(self, trouble: DiscFactory) -> None:
        self._trouble = trouble

    def clip(self, seed: int, number: int) -> DiscClip:
        if number == self._trouble.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if number == self._trouble.fail_at:
            raise ZeroDivisionError("no such luck\nat all")
        if number == self._trouble.refuse_at:
            raise UsageError("the motion is too short: name another")
        return DiscClip(seed, number, stuck=number == self._trouble.stuck_at)

    def close(self) -> None:
        pass


class DiscClip:
    """One or two people, drifting, in front of noise."""

    frames, fps = FRAMES, 29.97

    def __init__(self, seed: int, number: int, stuck: bool = False) -> None:
        self._rng = np.random.default_rng((seed, number))
        self._stuck = stuck
        self.people = 1 + number % 2
        self.intrinsics = Intrinsics.from_fov(70, 96 + 32 * (number % 3), 96, "calibrated")
        self.takes = tuple(f"take-{number}-{person}" for person in range(self.people))
        self.subjects = tuple(f"body-{person}" for person in range(self.people))
        self._root_m = self._rng.uniform((-0.4, 0, 2), (0.4, 0.2, 3), (self.people, 3))

    def render(self) -> Iterator[tuple[ImageArray, FrameAnnotation]]:
        for frame in range(self.frames):
            if self._stuck and frame == self.frames // 2:
                os.write(1, f"{STUCK}\n".encode())
                signal.pause()
            poses_m = (standing_pose() + self._root_m[:, None] + (0.01 * frame, 0, 0)).astype(np.float32)
            truth = self._truth(poses_m)
            yield self._image(truth.keypoints_px), truth

    def annotation(self, frames: Sequence[FrameAnnotation]) -> ClipAnnotation:
        height_m = np.full(self.people, 1.7, np.float32)
        up = np.array([0, -1, 0], np.float32)
        return collected(frames, height_m, (self.intrinsics, up, 1.0), self.fps)

    def _truth(self, poses_m: FloatArray) -> FrameAnnotation:
        points_px = self.intrinsics.project(poses_m)
        limits = np.array([self.intrinsics.width - 1, self.intrinsics.height - 1])
        visible = ((points_px >= 0) & (points_px <= limits)).all(axis=-1)
        low, high = (np.clip(f(points_px, axis=1), 0, limits) for f in (np.min, np.max))
        box_px = np.concatenate([low, high], axis=1).astype(np.float32)
        return FrameAnnotation(poses_m, points_px, visible, box_px, visible.mean(axis=1, dtype=np.float32))

    def _image(self, points_px: FloatArray) -> ImageArray:
        size = self.intrinsics.height, self.intrinsics.width, 3
        image = self._rng.integers(60, 90, size, np.uint8)
        for person, joints in enumerate(np.round(points_px).astype(int).tolist()):
            for joint in joints:
                cv2.circle(image, joint, 2, (40, 220, 250) if person else (250, 200, 40), cv2.FILLED)
        return image


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.argument("clips", type=int)
@click.argument("processes", type=int)
@click.argument("stuck_at", type=int)
def main(out: Path, clips: int, processes: int, stuck_at: int) -> None:
    def said(frames: int) -> None:
        os.write(1, b"clip\n")

    factory = DiscFactory(stuck_at=stuck_at)
    write_dataset(out, factory, DatasetSettings(clips, seed=4), {"maker": "discs"}, processes, said)


if __name__ == "__main__":
    run(main)
