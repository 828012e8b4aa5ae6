"""Who is trained on, who validates, who is tested on: whole bodies, and no motion on two sides.

Many takes of the file are one recording on two bodies: `cmueval-mean` wears retargets of cmu-02, -07,
-08, -16, -35 and -39, and `iclone-donor` the recordings of subjects 5, 6 and 7. Splitting by `subject`
alone would therefore test on motion that was trained on. So the retargets of held-out takes are named
here and belong to no side (found by bone angles, see tests/training/test_split.py).

- test: cmu-03 (walking on uneven ground, jumping), cmu-07 and cmu-08 (walks at many strides), cmu-16
  (jumps, turns, runs, walks): four real bodies, neither body nor motion seen in training.
- validation: cmu-39 (walks) and cmu-02 (walk, run, jump, punch, wash, swing), for its varied arms. The
  motion of cmu-02 is unseen, but `cmueval-mean` is in training and has the same bone lengths.
- training: everyone else.
"""

from __future__ import annotations

from training.mocap.motion import Motion, Sequence

TEST_SUBJECTS = ("cmu-03", "cmu-07", "cmu-08", "cmu-16")
VALIDATION_SUBJECTS = ("cmu-02", "cmu-39")
_EXTRA = (*range(13, 18), *range(27, 35), *range(37, 47))
RETARGETS_OF_HELD_OUT = frozenset(
    [f"train_walking_walking_{k}" for k in (1, 4, 5)]
    + [f"train_walking_extra_walking_{k}" for k in _EXTRA]
    + [f"007_{k:02d}" for k in range(1, 13)]
)


def is_training(sequence: Sequence) -> bool:
    """Whether a take may be trained on."""
    held_out = sequence.subject in TEST_SUBJECTS + VALIDATION_SUBJECTS
    return not held_out and sequence.name not in RETARGETS_OF_HELD_OUT


def training_part(motion: Motion) -> Motion:
    """The takes to train on."""
    return Motion(tuple(s for s in motion.sequences if is_training(s)), motion.fps)


def validation_part(motion: Motion) -> Motion:
    """The takes that choose and calibrate."""
    return Motion(tuple(s for s in motion.sequences if s.subject in VALIDATION_SUBJECTS), motion.fps)
