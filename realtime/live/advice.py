"""What to tell a person who stands before the camera, from what the results show. The gravest first."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from realtime.skeleton import H36M17
from realtime.stream.ledger import Snapshot
from realtime.types import FloatArray, ImageArray, Person, Result

DARK_LEVEL = 38.0
"""Mean brightness (0 to 255) under which a picture counts as too dark."""
NEAR_M = 1.1
"""A pelvis nearer than this counts as too close."""
_SEEN_SCORE = 0.3
_FIRM_S = 1.0
_FIRM_AGAIN_S = 0.5
_SLOW_FRAMES = 45
_SLOW_RATIO = 1.25
_PARTS: Mapping[str, tuple[str, ...]] = {
    "head": ("head", "neck"),
    "left arm": ("l_elbow", "l_wrist"),
    "right arm": ("r_elbow", "r_wrist"),
    "legs": ("l_knee", "r_knee", "l_ankle", "r_ankle"),
}


class Topic(enum.Enum):
    """What an advice is about."""

    TOO_DARK = "too dark"
    NO_PERSON = "no person"
    TOO_CLOSE = "too close"
    CUT_OFF = "cut off"
    SLOW = "slow"


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to tell. title: what is the matter. hint: what to do."""

    topic: Topic
    title: str
    hint: str


def brightness(image: ImageArray) -> float:
    """Mean level of an image, from one pixel in 16 by 16."""
    sample = image[::16, ::16]
    return float(sample.mean()) if sample.size else 0.0


def parts_cut_off(person: Person, width: int, height: int) -> list[str]:
    """Which parts of a person lie beyond the picture's rim. A part counts when most of it does."""
    x, y, score = person.keypoints_px.T
    with np.errstate(invalid="ignore"):
        outside = (x < 0) | (y < 0) | (x > width - 1) | (y > height - 1) | ~np.isfinite(x + y)
    return [
        part
        for part, joints in _PARTS.items()
        if outside[H36M17.indices(*joints)].mean() > 0.5
        and (score[H36M17.indices(*joints)] < _SEEN_SCORE).mean() >= 0.5
    ]


class Advisor:
    """Looks at every new result, and says one thing once it has held for a second.

    It goes by the frames' own times, so that what is paused keeps what was said.
    """

    def __init__(self) -> None:
        self._topic: Topic | None = None
        self._since_s = 0.0
        self._advice: Advice | None = None

    def clear(self) -> None:
        """Another source: forget what was seen."""
        self._topic = self._advice = None

    def look(self, result: Result, snapshot: Snapshot | None, fps: float, live: bool) -> Advice | None:
        """What to say now. snapshot: of the ledger. fps: of the source."""
        found = _gravest(result) or (_slow(snapshot, fps, live) if snapshot is not None else None)
        topic = found.topic if found is not None else None
        now_s = result.frame.captured_ns / 1e9
        if topic is not self._topic:
            self._topic, self._since_s = topic, now_s
        firm_s = _FIRM_S if topic is not None else _FIRM_AGAIN_S
        said = self._advice.topic if self._advice is not None else None
        if topic is said or now_s - self._since_s >= firm_s:
            self._advice = found
        return self._advice


def _gravest(result: Result) -> Advice | None:
    frame = result.frame
    if not result.people:
        if brightness(frame.image) < DARK_LEVEL:
            return Advice(Topic.TOO_DARK, "It is too dark to see", "Turn on a light, or face a window")
        return Advice(
            Topic.NO_PERSON, "No one in view", "Step into the picture, so that your whole body can be seen"
        )
    person = _nearest(result.people)
    distance_m = float(np.linalg.norm(person.pose.root_m))
    cut = parts_cut_off(person, frame.width, frame.height)
    if (distance_m < NEAR_M or _fills(person.box_px, frame.width, frame.height)) and cut:
        return Advice(Topic.TOO_CLOSE, "Too close", "Step back, until your whole body is in the picture")
    if cut:
        what = " and ".join(cut)
        verb = "are" if len(cut) > 1 or cut == ["legs"] else "is"
        return Advice(
            Topic.CUT_OFF,
            f"Your {what} {verb} out of the picture",
            "Step back, or turn the camera; what is hidden is guessed",
        )
    if brightness(frame.image) < DARK_LEVEL:
        return Advice(Topic.TOO_DARK, "It is rather dark", "More light makes the joints steadier")
    return None


def _nearest(people: Sequence[Person]) -> Person:
    return min(people, key=lambda person: float(np.nan_to_num(person.pose.root_m[2], nan=np.inf)))


def _fills(box_px: FloatArray, width: int, height: int) -> bool:
    x0, y0, x1, y1 = box_px.tolist()
    return bool((x1 - x0) > 0.9 * width or (y1 - y0) > 1.3 * height)


def _slow(snapshot: Snapshot, fps: float, live: bool) -> Advice | None:
    """Whether the machine cannot keep up with the source, and what would help."""
    if len(snapshot.recent) < _SLOW_FRAMES or fps <= 0:
        return None
    # The median interval: a pause is no slowness.
    done_ns = np.array([entry.done_ns for entry in snapshot.recent[-_SLOW_FRAMES:]])
    reached = 1e9 / max(float(np.median(np.diff(done_ns))), 1.0)
    if reached * _SLOW_RATIO >= fps:
        return None
    rate = f"{reached:.0f} of {fps:.0f} pictures a second"
    shares = {name: p.p50_ms for name, p in snapshot.stages.items() if name in ("detect", "estimate", "lift")}
    worst = max(shares, key=lambda name: shares[name], default="estimate")
    help_ = {
        "lift": "choose the lifter videopose-tcn",
        "detect": "follow fewer people",
        "estimate": "follow fewer people, close other programs, or choose a smaller picture",
    }[worst]
    what = "pictures are left out" if live else "the clip plays slower"
    return Advice(Topic.SLOW, f"This machine keeps up with {rate}", f"So {what}: {help_}")
