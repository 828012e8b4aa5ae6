"""Who was said to be where against the truth: matches by box, IDF1 and MOTA, and where the rest was lost.

The truth of a frame are the people of whom a quarter or more can be seen. A tracked person is one of them
when their boxes overlap by an IoU of 0.5 or more; one who is on somebody hidden counts neither way. Boxes are
round the whole person, in the image: of the truth round the rendered body (`ClipAnnotation.box_px`), of the
tracked the box that they are reported with. "joints": round the 17 joints of both instead, narrow for
who is seen from the side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import motmetrics
import numpy as np

from realtime.decode import iou
from realtime.stream.associate import assign, similarity
from realtime.stream.motion import Foreseen, size_of
from realtime.types import Array, FloatArray, Person
from training.render.annotation import ClipAnnotation

LEAST_SHOWN, HALF_SHOWN, LEAST_IOU, LEAST_FIT = 0.25, 0.5, 0.5, 0.5
METRICS = (
    "idf1", "mota", "num_switches", "num_fragmentations", "num_misses", "num_false_positives", "num_objects",
)  # fmt: skip
CAUSES = (
    "missed_not_found_yet", "missed_joints_fit", "missed_not_followed", "false_joints_fit", "false_twice",
    "false_nobody", "other_identity",
)  # fmt: skip
"""Of frames of people. missed: not found yet; found, their joints fit (object keypoint similarity of those
that can be seen over 0.5) but not their box; anything else after they were first found. false: the other side
of a box that does not fit; somebody followed twice; nobody. other_identity: found, but as somebody else."""

Kind = Literal["whole", "joints"]


class Compared(NamedTuple):
    """One frame. people, said: those who count, of the truth and of those said. distance: 1 - IoU, NaN apart.

    matched: said index by person of the truth.
    """

    people: Array
    said: list[int]
    distance: Array
    matched: dict[int, int]


def compared(
    truth: ClipAnnotation, frame: int, said: Sequence[Person], least_shown: float, kind: Kind = "whole"
) -> Compared:
    """Who of those said in a frame is who of the truth."""
    if kind == "whole":
        limits = np.array([truth.intrinsics.width - 1, truth.intrinsics.height - 1] * 2, np.float32)
        truth_px, said_px = truth.box_px[frame], [np.clip(p.box_px, 0, limits) for p in said]
    else:
        truth_px = box_round(truth.keypoints_px[frame])
        said_px = [box_round(p.keypoints_px[:, :2]) for p in said]
    overlap = np.array([iou(box, truth_px) for box in said_px]).reshape(-1, truth.people)
    distance = np.where(overlap >= LEAST_IOU, 1 - overlap, np.nan).T
    people = np.flatnonzero(truth.shown[frame] >= least_shown)
    matched = {int(people[row]): column for row, column in assign(distance[people], 1.0)}
    on_hidden = np.isfinite(np.delete(distance, people, axis=0)).any(axis=0)
    kept = [n for n in range(len(said)) if n in matched.values() or not on_hidden[n]]
    return Compared(people, kept, distance[np.ix_(people, kept)], matched)


def scored(
    truth: ClipAnnotation,
    said: Sequence[Sequence[Person]],
    least_shown: float = LEAST_SHOWN,
    kind: Kind = "whole",
) -> motmetrics.MOTAccumulator:
    """Every frame's people against the truth."""
    accumulator = motmetrics.MOTAccumulator(auto_id=True)
    for frame, people in enumerate(said):
        one = compared(truth, frame, people, least_shown, kind)
        accumulator.update(one.people, [people[n].id for n in one.said], one.distance)
    return accumulator


def causes(truth: ClipAnnotation, said: Sequence[Sequence[Person]], kind: Kind = "whole") -> dict[str, int]:
    """How many frames of people were lost to what, by CAUSES."""
    count = dict.fromkeys(CAUSES, 0)
    found: set[int] = set()
    under: dict[tuple[int, int], int] = {}
    for frame, people in enumerate(said):
        one = compared(truth, frame, people, LEAST_SHOWN, kind)
        fits = _fits(truth, frame, people)
        free = [n for n in one.said if n not in one.matched.values()]
        for who in (int(w) for w in one.people):
            if who in one.matched:
                found.add(who)
                pair = who, people[one.matched[who]].id
                under[pair] = under.get(pair, 0) + 1
            elif any(fits[who, n] > LEAST_FIT for n in free):
                count["missed_joints_fit"] += 1
            else:
                count["missed_not_followed" if who in found else "missed_not_found_yet"] += 1
        for n in free:
            of = [who for who in one.people if fits[who, n] > LEAST_FIT]
            twice = bool(of) and all(who in one.matched for who in of)
            count["false_twice" if twice else "false_joints_fit" if of else "false_nobody"] += 1
    count["other_identity"] = sum(under.values()) - _under_their_own(under)
    return count


def box_round(points_px: FloatArray) -> FloatArray:
    """The boxes (..., 4) round joints (..., J, 2)."""
    return np.concatenate([points_px.min(axis=-2), points_px.max(axis=-2)], axis=-1)


def _fits(truth: ClipAnnotation, frame: int, said: Sequence[Person]) -> FloatArray:
    """(P, S) how well the joints that can be seen of each person fit those of each who was said."""
    if not said:
        return np.zeros((truth.people, 0), np.float32)
    said_px = np.stack([person.keypoints_px[:, :2] for person in said])
    rows = []
    for joints_px, seen in zip(truth.keypoints_px[frame], truth.visible[frame], strict=True):
        weight = np.broadcast_to(seen.astype(np.float32), said_px.shape[:2])
        row = similarity([Foreseen(joints_px, size_of(joints_px), 0.0)], said_px, weight)[0]
        rows.append(row if seen.any() else np.zeros_like(row))
    return np.stack(rows)


def _under_their_own(under: dict[tuple[int, int], int]) -> int:
    """How many matches keep to the identities that, one a person, keep most of them. Source: IDF1's own."""
    people, ids = (sorted({pair[k] for pair in under}) for k in (0, 1))
    most = max(under.values(), default=0)
    cost = np.array([[most - under.get((who, name), 0) for name in ids] for who in people], np.float64)
    return sum(under.get((people[row], ids[column]), 0) for row, column in assign(cost, 2.0 * most + 1))
