"""Rendered clips for tests: people as coloured discs, made in a moment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from realtime.camera import Intrinsics
from realtime.skeleton import H36M17
from tests.training.dataset.discs import DiscFactory
from training.dataset.dataset import DatasetSettings, write_dataset
from training.images.samples import (
    BOX,
    DEPTH_M,
    HEAD,
    IMAGE,
    IN_IMAGE,
    JOINTS,
    POSE_M,
    REGION,
    VISIBLE,
)
from training.images.systems.system import Held
from training.render.annotation import load_annotation

CLIPS = 8


def write_discs(folder: Path, clips: int = CLIPS, seed: int = 5) -> Path:
    """A folder of JPEG clips; the person number p of each has the subject `body-p`."""
    write_dataset(folder, DiscFactory(), DatasetSettings(clips, seed, "frames"), {})
    for path in (folder / "clips").glob("*.npz"):
        truth = load_annotation(path)
        names = tuple(f"body-{person}" for person in range(truth.people))
        replace(truth, takes=names, subjects=names).save(path)
    return folder


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small tensors are not worth a second thread, which other work on the machine would hold up."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def discs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight clips of five frames, of one person and of two in turn."""
    return write_discs(tmp_path_factory.mktemp("images") / "discs")


def scattered(many: int, side_px: int = 96, seed: int = 3) -> Held:
    """Crops with each joint a disc of its own colour, anywhere, at any depth: the picture alone tells."""
    rng = np.random.default_rng(seed)
    camera = Intrinsics.from_fov(60, 640, 480, "calibrated")
    hues = np.uint8([[[180 * joint // len(H36M17), 255, 255] for joint in range(len(H36M17))]])
    colours = cv2.cvtColor(hues, cv2.COLOR_HSV2RGB)[0].tolist()
    joints = rng.uniform(0.25, 0.75, (many, len(H36M17), 2)).astype(np.float32)
    depth_m = rng.uniform(-0.5, 0.5, (many, len(H36M17))).astype(np.float32)
    depth_m[:, H36M17.index("pelvis")] = 0
    image = rng.integers(60, 90, (many, side_px, side_px, 3), np.uint8)
    for picture, places in zip(image, joints, strict=True):
        for place, colour in zip((places * side_px).astype(int).tolist(), colours, strict=True):
            cv2.circle(picture, place, 3, colour, cv2.FILLED)
    region = np.tile(np.float32([320, 240, 400]), (many, 1))
    points_px = region[:, None, :2] + (joints - 0.5) * region[:, None, 2:]
    everywhere = np.ones((many, len(H36M17)), bool)
    samples = {
        IMAGE: image, REGION: region, JOINTS: joints, IN_IMAGE: everywhere, VISIBLE: everywhere,
        DEPTH_M: depth_m, POSE_M: camera.unproject(points_px, 3 + depth_m),
        HEAD: np.full(many, 0.08, np.float32), BOX: np.tile(np.float32([0.2, 0.2, 0.8, 0.8]), (many, 1)),
    }  # fmt: skip
    return Held(samples, (camera,) * many)
