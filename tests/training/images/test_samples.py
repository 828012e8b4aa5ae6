"""Crops and frames are cut where the truth says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from realtime.errors import UsageError
from realtime.skeleton import H36M17
from training.images.samples import (
    BOX,
    BOXES,
    DEPTH_M,
    HEAD,
    IMAGE,
    IN_IMAGE,
    JOINTS,
    POSE_M,
    REGION,
    SHOWN,
    VISIBLE,
    ClipFiles,
    Cut,
    clips_of,
    count,
    crops,
    frames,
    joined,
    live_region,
)

NECK, HEAD_JOINT = H36M17.indices("neck", "head")
CUT = Cut(side_px=128, stride=2)


def clip(discs: Path, number: int = 1) -> ClipFiles:
    return clips_of(discs)[number]


def test_every_second_frame_and_everybody(discs: Path) -> None:
    samples, cameras = crops(clip(discs), CUT)
    assert count(samples) == len(cameras) == 3 * 2
    assert samples[IMAGE].shape == (6, 128, 128, 3)
    assert samples[IMAGE].dtype == np.uint8
    assert samples[JOINTS].shape == (6, 17, 2)
    assert samples[IN_IMAGE].dtype == samples[VISIBLE].dtype == np.bool_


def test_joints_lie_on_their_discs(discs: Path) -> None:
    samples, _ = crops(clip(discs, 2), CUT)
    for image, joints, seen in zip(samples[IMAGE], samples[JOINTS], samples[VISIBLE], strict=True):
        cells = np.clip((joints * 128).astype(int), 0, 127)
        blue = image[..., 2].astype(int) - image[..., 0]  # the discs' BGR is 250, 200, 40
        assert (blue[cells[seen, 1], cells[seen, 0]] > 60).mean() > 0.8
        assert (blue > 60).mean() < 0.3


def test_units_and_regions_give_the_pixels_back(discs: Path) -> None:
    truth = clip(discs).annotation()
    samples, _ = crops(clip(discs), CUT)
    region = samples[REGION][:, None]
    points_px = region[..., :2] + (samples[JOINTS] - 0.5) * region[..., 2:]
    assert np.allclose(points_px[:2], truth.keypoints_px[0], atol=0.01)
    box_px = region[:2][..., :2] + (samples[BOX][:2].reshape(2, 2, 2) - 0.5) * region[:2, :, 2:]
    assert np.allclose(box_px.reshape(2, 4), truth.box_px[0], atol=0.01)
    live = live_region(truth.box_px[0, 0])
    assert samples[REGION][0, 2] == pytest.approx(live.size_px * CUT.margin, rel=1e-5)


def test_depth_is_behind_the_pelvis_and_the_head_is_side_on(discs: Path) -> None:
    samples, cameras = crops(clip(discs), CUT)
    assert np.allclose(samples[DEPTH_M], samples[POSE_M][..., 2] - samples[POSE_M][:, :1, 2])
    head_m = samples[HEAD] * samples[REGION][:, 2] * samples[POSE_M][:, HEAD_JOINT, 2] / cameras[0].fx
    assert np.allclose(
        head_m, np.linalg.norm(samples[POSE_M][:, HEAD_JOINT] - samples[POSE_M][:, NECK], axis=1), rtol=0.02
    )


def test_somebody_hardly_seen_is_left_out(discs: Path, tmp_path: Path) -> None:
    truth = clip(discs).annotation()
    hidden = replace(truth, shown=np.where(np.arange(2) == 0, 0.2, truth.shown).astype(np.float32))
    folder = tmp_path / "clips"
    folder.mkdir()
    hidden.save(folder / "000000.npz")
    (folder / "000000").symlink_to(clip(discs).folder)
    samples, _ = crops(clips_of(tmp_path)[0], CUT)
    assert count(samples) == 3


def test_without_crop_and_resize_the_whole_frame_of_one_person(discs: Path) -> None:
    whole = Cut(side_px=128, stride=5, whole=True)
    assert count(crops(clip(discs, 1), whole)[0]) == 0
    samples, cameras = crops(clip(discs, 2), whole)
    assert samples[REGION][0, 2] == max(cameras[0].width, cameras[0].height)
    assert whole.live_share == 1


def test_frames_have_boxes_of_all(discs: Path) -> None:
    samples, cameras = frames(clip(discs), CUT)
    truth = clip(discs).annotation()
    assert samples[BOXES].shape == (3, 3, 4)
    assert (samples[SHOWN][:, 2] == 0).all()
    assert (samples[BOXES][:, 2] == 0).all()
    region = samples[REGION][:, None, None]
    edges_px = region[..., :2] + (samples[BOXES][:, :2].reshape(3, 2, 2, 2) - 0.5) * region[..., 2:]
    assert np.allclose(edges_px.reshape(3, 2, 4), truth.box_px[::2], atol=0.01)
    assert len(cameras) == 3


def test_samples_are_joined_and_none_are_none(discs: Path) -> None:
    one = crops(clip(discs), CUT)[0]
    assert count(joined([{}, one, one])) == 12
    assert joined([]) == {}
    assert clips_of(discs / "nowhere") == []


def test_bad_clips_and_cuts_are_named(discs: Path, tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "000000.npz").write_bytes(b"no truth")
    with pytest.raises(UsageError, match="not the annotation"):
        crops(clips_of(tmp_path)[0], CUT)
    with pytest.raises(UsageError, match="side"):
        Cut(side_px=3)
