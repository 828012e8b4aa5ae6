"""The split: whole bodies, and no recording on two sides, checked on the real motion."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from realtime.skeleton import H36M17
from realtime.types import Array
from training.mocap.motion import Motion, Sequence, load_motion
from training.mocap.split import (
    RETARGETS_OF_HELD_OUT,
    TEST_SUBJECTS,
    UNRELIABLE,
    VALIDATION_SUBJECTS,
    is_training,
    training_part,
    validation_part,
)

# Frames whose bone angles differ by less are one recording: retargets lie below 0.020, other walks above.
_SAME = 0.0205
_BONES = (
    ("r_hip", "r_knee"), ("r_knee", "r_ankle"), ("l_hip", "l_knee"), ("l_knee", "l_ankle"),
    ("pelvis", "thorax"), ("l_shoulder", "l_elbow"), ("l_elbow", "l_wrist"),
    ("r_shoulder", "r_elbow"), ("r_elbow", "r_wrist"), ("r_hip", "l_hip"),
)  # fmt: skip


@pytest.fixture(scope="module")
def motion(shared_data: Path) -> Motion:
    return load_motion(shared_data / "mocap" / "cmu_h36m17_30hz.npz")


def _angles(sequence: Sequence) -> Array:
    """(T, 55) cosines between bones and each bone's steepness: blind to body size and heading."""
    ends = np.array([(H36M17.index(a), H36M17.index(b)) for a, b in _BONES])
    bones = sequence.positions_m[:, ends[:, 1]] - sequence.positions_m[:, ends[:, 0]]
    bones = bones / np.linalg.norm(bones, axis=-1, keepdims=True)
    rows, columns = np.triu_indices(len(_BONES), 1)
    cosines = (bones @ bones.transpose(0, 2, 1))[:, rows, columns]
    return np.concatenate([cosines, bones[:, :, 1]], axis=1)


def _is_recorded_in(sequence: Sequence, held_out: Array) -> bool:
    """Whether most of 12 frames of a take are also among the held-out frames."""
    frames = _angles(sequence)[np.linspace(0, len(sequence) - 1, 12).astype(int)]
    nearest = [np.abs(held_out - frame).mean(axis=1).min() for frame in frames]
    return float(np.median(nearest)) < _SAME


@pytest.fixture(scope="module")
def held_out(motion: Motion) -> Array:
    people = motion.of_subjects(TEST_SUBJECTS + VALIDATION_SUBJECTS)
    return np.concatenate([_angles(s) for s in people.sequences]).astype(np.float32)


def test_sides_share_no_subject(motion: Motion) -> None:
    train, validation = set(training_part(motion).subjects), set(validation_part(motion).subjects)
    assert not train & validation
    assert not (train | validation) & set(TEST_SUBJECTS)
    assert set(TEST_SUBJECTS) <= set(motion.subjects)
    assert training_part(motion).frames > 0.7 * motion.frames


def test_no_training_take_is_a_held_out_recording(motion: Motion, held_out: Array) -> None:
    walks = [s for s in training_part(motion).sequences if len(s) < 200]
    assert len(walks) > 80
    assert [s.name for s in walks if _is_recorded_in(s, held_out)] == []


def test_the_takes_left_out_are_such_recordings(motion: Motion, held_out: Array) -> None:
    """So the check above can fail: it knows the retargets for what they are."""
    left_out = [s for s in motion.sequences if s.name in RETARGETS_OF_HELD_OUT]
    assert len(left_out) == len(RETARGETS_OF_HELD_OUT)
    assert not any(is_training(s) for s in left_out)
    found = [_is_recorded_in(s, held_out) for s in left_out]
    assert np.mean(found) > 0.8


def _heading(sequence: Sequence) -> Array:
    """(T,) radians: where the hips face, seen from above."""
    left = sequence.positions_m[:, H36M17.index("l_hip")] - sequence.positions_m[:, H36M17.index("r_hip")]
    return np.asarray(np.arctan2(-left[:, 2], left[:, 0]), np.float64)


def _between(a: Array, b: Array) -> Array:
    """Degrees between angles, 0 to 180."""
    return np.asarray(np.degrees(np.abs((a - b + np.pi) % (2 * np.pi) - np.pi)))


def _turns_at_once(sequence: Sequence) -> float:
    """The most degrees that the hips turn in a frame."""
    heading = _heading(sequence)
    return float(_between(heading[1:], heading[:-1]).max())


def _walks_sideways(sequence: Sequence) -> float:
    """The share of the frames in which a person walks that face 60 to 150 degrees off the way they go."""
    place = sequence.positions_m[:, 0].astype(np.float64)
    step = place[10:] - place[:-10]
    moving = np.linalg.norm(step[:, [0, 2]], axis=1) > 0.5 / 3
    off = _between(np.arctan2(step[:, 0], step[:, 2]), _heading(sequence)[5:-5])[moving]
    return float(np.mean((off > 60) & (off < 150))) if len(off) else 0.0


def test_takes_with_a_mirrored_heading_are_on_no_side(motion: Motion) -> None:
    """They spin or walk sideways; no other take of that body does, so it is these that are wrong."""
    body = [s for s in motion.sequences if s.subject == "cmueval-mean"]
    walks = [s for s in body if "walking" in s.name or "traffic" in s.name]
    odd = {s.name for s in walks if _turns_at_once(s) > 20 or _walks_sideways(s) > 0.9}
    assert odd == UNRELIABLE
    assert max(_turns_at_once(s) for s in body if s.name not in UNRELIABLE) < 20
    for part in (training_part(motion), validation_part(motion)):
        assert not {s.name for s in part.sequences} & UNRELIABLE
    assert not {s.name for s in motion.sequences if s.subject in TEST_SUBJECTS} & UNRELIABLE
