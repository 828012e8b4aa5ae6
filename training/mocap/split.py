"""Who is trained on, who validates, who is tested on: whole bodies, and no motion on two sides.

Many takes of the file are one recording on two bodies: `cmueval-mean` wears retargets of cmu-02, -07,
-08, -16, -35 and -39, and `iclone-donor` the recordings of subjects 5, 6 and 7. Splitting by `subject`
alone would therefore test on motion that was trained on. So the retargets of held-out takes are named
here and belong to no side (found by bone angles, see tests/training/mocap/test_split.py).

- test: cmu-03 (walking on uneven ground, jumping), cmu-07 and cmu-08 (walks at many strides), cmu-16
  (jumps, turns, runs, walks): four real bodies, neither body nor motion seen in training.
- validation: cmu-39 (walks) and cmu-02 (walk, run, jump, punch, wash, swing), for its varied arms. The
  motion of cmu-02 is unseen, but `cmueval-mean` is in training and has the same bone lengths.
- training: everyone else.

Nine takes of `cmueval-mean` are wrong in the file and belong to no side either: see `UNRELIABLE`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from training.mocap.motion import Motion

TEST_SUBJECTS = ("cmu-03", "cmu-07", "cmu-08", "cmu-16")
VALIDATION_SUBJECTS = ("cmu-02", "cmu-39")
_EXTRA = (*range(13, 18), *range(27, 35), *range(37, 47))
RETARGETS_OF_HELD_OUT = frozenset(
    [f"train_walking_walking_{k}" for k in (1, 4, 5)]
    + [f"train_walking_extra_walking_{k}" for k in _EXTRA]
    + [f"007_{k:02d}" for k in range(1, 13)]
)

UNRELIABLE = frozenset(
    ["train_directing_traffic_directing_traffic_1"]
    + [f"train_walking_extra_walking_{k}" for k in (22, 23, 24, 25, 26, 48, 49, 50)]
)
"""Takes whose heading is mirrored once the person has turned by some 90 degrees, and broken at the wrap.

While they walk, 17 to 100 % of the frames face more than 60 degrees off the way they go. Where the heading
wraps, in all but walks 25 and 26 (110 degrees off from end to end), the hips turn by 21 to 152 degrees in one
frame. Kept are test basketball 1 and train basketball 5, which face backwards throughout without a break,
as 006_06 to 006_09 of `iclone-donor` do: that may be a player's retreat.
"""


def is_training(sequence: Recorded) -> bool:
    """Whether a take may be trained on."""
    held_out = sequence.subject in TEST_SUBJECTS + VALIDATION_SUBJECTS
    return not held_out and sequence.name not in RETARGETS_OF_HELD_OUT | UNRELIABLE


def training_part(motion: Motion) -> Motion:
    """The takes to train on."""
    return Motion(tuple(s for s in motion.sequences if is_training(s)), motion.fps)


def validation_part(motion: Motion) -> Motion:
    """The takes that choose and calibrate."""
    chosen = (s for s in motion.sequences if s.subject in VALIDATION_SUBJECTS and s.name not in UNRELIABLE)
    return Motion(tuple(chosen), motion.fps)


PARTS = ("all", "training", "validation", "test")


class Recorded(Protocol):
    """What a take must say of itself to be put on a side."""

    @property
    def name(self) -> str: ...

    @property
    def subject(self) -> str: ...


Take = TypeVar("Take", bound=Recorded)


def select(takes: Iterable[Take], part: str) -> list[Take]:
    """The takes of one of PARTS; "all" are those that are sound, held out or not."""
    sides: dict[str, Callable[[Recorded], bool]] = {
        "all": lambda take: True,
        "training": is_training,
        "validation": lambda take: take.subject in VALIDATION_SUBJECTS,
        "test": lambda take: take.subject in TEST_SUBJECTS,
    }
    return [take for take in takes if sides[part](take) and take.name not in UNRELIABLE]
