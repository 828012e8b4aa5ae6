"""Records on disk: small, the same bytes each time, within the stated steps, and errors that say the fix."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from realtime.camera import Intrinsics
from realtime.errors import UsageError
from realtime.skeleton import H36M17
from tests.training.records.made_up import JOINTS, PINHOLE, WIDE, exact_records
from training.records.store import Records, joined, load_records, stature_px


@pytest.fixture(scope="module")
def records() -> Records:
    """Some found, some not, some hidden; scores and depths of all sizes."""
    made, rng = exact_records(clips=5, frames=37), np.random.default_rng(1)
    found = rng.random(made.frames) < 0.8
    nothing = found[:, None, None]
    return replace(
        made,
        found=found,
        seen_px=np.where(nothing, made.seen_px + rng.normal(0, 4, made.seen_px.shape), 0).astype(np.float32),
        score=np.where(found[:, None], rng.random(made.score.shape), 0).astype(np.float32),
        depth_px=np.where(found[:, None], rng.normal(0, 150, made.score.shape), np.nan).astype(np.float32),
        visible=rng.random(made.visible.shape) < 0.7,
    )


def test_what_is_saved_comes_back_within_the_stated_steps(records: Records, tmp_path: Path) -> None:
    path = tmp_path / "r.npz"
    records.save(path)
    back = load_records(path)
    np.testing.assert_allclose(back.seen_px, records.seen_px, atol=1 / 32 + 1e-4)
    assert (back.seen_px[~records.found] == 0).all()
    np.testing.assert_allclose(back.score, records.score, atol=0.5 / 255 + 1e-6)
    np.testing.assert_allclose(back.depth_px, records.depth_px, rtol=2**-11)
    np.testing.assert_allclose(back.pose_m, records.pose_m, atol=0.5e-4 + 1e-6)
    np.testing.assert_array_equal(back.pose_m[:, 0], records.pose_m[:, 0])
    for key in ("found", "visible", "lengths", "height_m", "up", "floor_m", "fps"):
        np.testing.assert_array_equal(getattr(back, key), getattr(records, key))
        assert getattr(back, key).dtype == getattr(records, key).dtype
    for key in ("cameras", "name", "subject", "net"):
        assert getattr(back, key) == getattr(records, key)


def test_the_same_records_give_the_same_bytes_and_so_do_those_read_back(
    records: Records, tmp_path: Path
) -> None:
    first, second, third = (tmp_path / name for name in ("a.npz", "b.npz", "c.npz"))
    records.save(first)
    records.save(second)
    load_records(first).save(third)
    assert first.read_bytes() == second.read_bytes() == third.read_bytes()


def test_a_frame_takes_at_most_250_bytes(tmp_path: Path) -> None:
    long, rng = exact_records(clips=1, frames=2000), np.random.default_rng(0)
    noise_px = rng.normal(0, 30, long.seen_px.shape).astype(np.float32)
    random = {key: rng.random((2000, JOINTS)).astype(np.float32) for key in ("score", "depth_px")}
    replace(long, seen_px=long.seen_px + noise_px, **random).save(tmp_path / "r.npz")  # type: ignore[arg-type]
    assert (tmp_path / "r.npz").stat().st_size < 250 * 2000


def test_a_joint_far_outside_is_moved_to_the_end_of_the_range_not_wrapped(tmp_path: Path) -> None:
    made = exact_records(clips=1, frames=2, cameras=(PINHOLE,))
    made.seen_px[0, 0], made.seen_px[1, 0] = (9000, -9000), (2500, 511.5)
    made.save(tmp_path / "r.npz")
    back = load_records(tmp_path / "r.npz")
    np.testing.assert_allclose(back.seen_px[0, 0], (511.5 + 2047.9375, 511.5 - 2047.9375))
    np.testing.assert_allclose(back.seen_px[1, 0], (2500, 511.5), atol=1 / 32)
    np.testing.assert_allclose(back.seen_px[:, 1:], made.seen_px[:, 1:], atol=1 / 32 + 1e-4)


def test_a_large_image_has_a_wider_range_and_a_coarser_step(tmp_path: Path) -> None:
    large = Intrinsics(6000, 6000, 3839.5, 2159.5, 7680, 4320)
    made = exact_records(clips=1, frames=2, cameras=(large,))
    made.seen_px[0, 0] = (-3600, 4319)
    made.save(tmp_path / "r.npz")
    np.testing.assert_allclose(load_records(tmp_path / "r.npz").seen_px, made.seen_px, atol=0.125 + 1e-3)


def test_every_lens_comes_back(tmp_path: Path) -> None:
    lenses = (
        PINHOLE,
        WIDE,
        Intrinsics(500, 500, 320, 240, 640, 480, (0.1, -0.02, 0.003, 0.0), "equidistant"),
        Intrinsics(500, 500, 320, 240, 640, 480, tuple(0.01 * i for i in range(8)), "rational_polynomial"),
    )
    exact_records(clips=4, frames=2, cameras=lenses).save(tmp_path / "r.npz")
    assert load_records(tmp_path / "r.npz").cameras == lenses


def test_exact_pixels_are_each_clips_own_camera_with_its_distortion(records: Records) -> None:
    for span, camera in zip(records.bounds, records.cameras, strict=True):
        np.testing.assert_array_equal(records.exact_px[span], camera.project(records.pose_m[span]))
    straight = replace(WIDE, distortion=()).project(records.pose_m[records.bounds[1]])
    assert np.abs(straight - records.exact_px[records.bounds[1]]).max() > 0.5


def test_a_clip_is_a_view_and_joining_the_clips_gives_the_records(records: Records) -> None:
    parts = [records.clip(i) for i in range(records.clips)]
    assert all(np.shares_memory(part.pose_m, records.pose_m) for part in parts)
    assert [part.name[0] for part in parts] == list(records.name)
    whole = joined(parts)
    for key in ("seen_px", "pose_m", "found", "lengths", "up"):
        np.testing.assert_array_equal(getattr(whole, key), getattr(records, key))
    assert (whole.cameras, whole.net) == (records.cameras, records.net)
    assert joined([whole, replace(whole, net="other")]).net == "made-up, other"


def test_size_is_stature_at_the_pelvis_and_does_not_shrink_with_a_crouch(records: Records) -> None:
    clip = records.clip(0)
    upright = np.array([[0, -clip.height_m[0] / 2, 0], [0, clip.height_m[0] / 2, 0]], np.float32)
    ends_px = PINHOLE.project(upright + np.array([0, 0, clip.pose_m[0, 0, 2]], np.float32))
    assert clip.sizes_px[0] == pytest.approx(ends_px[1, 1] - ends_px[0, 1], rel=1e-5)
    crouched = clip.pose_m.copy()
    crouched[:, H36M17.indices("r_ankle", "l_ankle")] -= np.array([0, 0.4, 0], np.float32)
    np.testing.assert_array_equal(replace(clip, pose_m=crouched).sizes_px, clip.sizes_px)
    sizes = stature_px(1000.0, 1.7, np.array([2.0, 0.05, -1.0]))
    np.testing.assert_allclose(sizes, [850, np.nan, np.nan])


def test_a_folder_of_shards_is_read_in_order(records: Records, tmp_path: Path) -> None:
    for i in reversed(range(records.clips)):
        records.clip(i).save(tmp_path / f"records-{i:05d}.npz")
    (tmp_path / "notes.txt").write_text("not a shard")
    back = load_records(tmp_path)
    assert back.name == records.name
    np.testing.assert_array_equal(back.pose_m[:, 0], records.pose_m[:, 0])


def test_an_empty_folder_names_the_command_that_fills_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="realtime-train records"):
        load_records(tmp_path)


def test_anything_else_is_refused_in_one_line(records: Records, tmp_path: Path) -> None:
    path = tmp_path / "r.npz"
    with pytest.raises(UsageError, match="cannot read"):
        load_records(path)
    path.write_bytes(b"not an archive")
    with pytest.raises(UsageError, match="not a file of records"):
        load_records(path)
    records.save(path)
    with np.load(path) as archive:
        good = dict(archive)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(UsageError, match="not a file of records"):
        load_records(path)
    broken = {
        "version": np.int32(99),
        "joints": np.array(H36M17.joints[::-1]),
        "lengths": good["lengths"] + np.int32(1),
        "seen": good["seen"][:-1],
        "score": good["score"].astype(object),
        "camera": -good["camera"],
        "model": np.array(["pinhole"] * records.clips),
        "others": np.zeros(3, np.int16),
    }
    for key, value in broken.items():
        np.savez(path, **(good | {key: value}))  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="not a file of records"):
            load_records(path)
        np.savez(path, **{k: v for k, v in good.items() if k != key})  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="not a file of records"):
            load_records(path)


def test_records_that_do_not_fit_are_refused(records: Records, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"score must be float32 \(185, 17\)"):
        replace(records, score=records.score[:-1])
    with pytest.raises(UsageError, match="found must be bool"):
        replace(records, found=records.found.astype(np.uint8))
    with pytest.raises(UsageError, match="5 clips need as many cameras"):
        replace(records, cameras=records.cameras[1:])
    with pytest.raises(UsageError, match="finite"):
        replace(records, seen_px=np.where(records.seen_px == 0, np.nan, records.seen_px))
    with pytest.raises(UsageError, match="at least one"):
        joined([])
    with pytest.raises(UsageError, match="in metres"):
        replace(records, pose_m=1000 * records.pose_m).save(tmp_path / "r.npz")
    with pytest.raises(UsageError, match="cannot write"):
        records.save(tmp_path / "absent" / "r.npz")
