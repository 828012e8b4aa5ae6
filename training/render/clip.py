"""Clips drawn at random: who is seen, what they do, where, by which camera; their frames with the truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from realtime.errors import UsageError
from realtime.types import FloatArray, ImageArray
from training.mocap.bent import held_otherwise
from training.mocap.perform import perform
from training.mocap.split import select
from training.mocap.takes import load_takes
from training.people.body import Pose
from training.people.figure import Figure
from training.people.makehuman import MakeHumanData, load_makehuman
from training.places.place import Place, draw_place
from training.render.annotate import Annotator
from training.render.annotation import ClipAnnotation, FrameAnnotation, collected
from training.render.cast import Actor, cast_person
from training.render.framing import draw_camera, draw_positions, turned
from training.render.lens import Lens, Viewpoint
from training.render.meshes import Posed
from training.render.painter import Painter
from training.render.sensor import Grain, Sensor, draw_sensor

DRAWING = 3
"""Which way of drawing this is: raised when the same seed gives other pictures than before."""

_SHADING_BONES = ("LeftFoot", "RightFoot", "LeftToeBase", "RightToeBase", "Hips", "LeftLeg", "RightLeg")
_PACE = (0.85, 1.2)
_OCCLUDED_CLIPS = 0.3
_FINEST_CELL_M, _COARSEST_CELL_M = 0.005, 0.03


@dataclass(frozen=True, slots=True)
class ClipSettings:
    """What clips are like. people: how likely one, two and three people are.

    oversampling: pixels drawn for one of the image, along each side. long_side_px: its least and most.
    part: which takes of the motion are used, "all", "training", "validation" or "test". bent: share of the
    people who hold themselves otherwise than their take does (`training.mocap.bent`).
    """

    frames: int = 90
    fps: int = 30
    people: tuple[float, float, float] = (0.7, 0.2, 0.1)
    oversampling: int = 2
    long_side_px: tuple[int, int] = (320, 960)
    part: str = "all"
    bent: float = 0.0

    def __post_init__(self) -> None:
        low, high = self.long_side_px
        if self.frames < 1 or not 1 <= self.fps <= 240 or self.oversampling not in (1, 2, 3):
            raise UsageError("a clip needs a frame or more, 1 to 240 a second, and oversampling from 1 to 3")
        if not 64 <= low <= high <= 4096:
            raise UsageError(f"image sides must lie between 64 and 4096 pixels, not {low} to {high}")
        if not 0 <= self.bent <= 1:
            raise UsageError(f"the share of people who are bent must lie between 0 and 1, not {self.bent:g}")
        if min(self.people) < 0 or sum(self.people) <= 0:
            raise UsageError("say how likely one, two and three people are, not all zero")


@dataclass(frozen=True, slots=True)
class StudioFactory:
    """Makes a studio in whichever process it is called in."""

    makehuman: Path
    motion: tuple[Path, ...]
    settings: ClipSettings

    def __call__(self) -> Studio:
        return Studio(self.makehuman, self.motion, self.settings)


class Studio:
    """Makes clips: the same seed and number give the same clip, in any process."""

    def __init__(self, makehuman: Path, motion: Sequence[Path], settings: ClipSettings) -> None:
        self._data: MakeHumanData = load_makehuman(makehuman)
        self._settings = settings
        takes = [take for path in motion for take in select(load_takes(path), settings.part)]
        shortest = settings.frames * _PACE[1] / settings.fps
        self._takes = [take for take in takes if len(take) / take.fps >= shortest]
        if not self._takes:
            longest = max((len(take) / take.fps for take in takes), default=0.0)
            raise UsageError(
                f"no take lasts {shortest:.1f} s (the longest: {longest:.1f} s): ask for fewer frames a clip"
            )
        lengths = np.array([len(take) / take.fps for take in self._takes])
        self._chances = lengths / lengths.sum()
        self._grain = Grain()

    def clip(self, seed: int, number: int) -> StudioClip:
        """Draw a clip."""
        rng = np.random.default_rng([seed, number])
        count = 1 + int(rng.choice(3, p=np.array(self._settings.people) / sum(self._settings.people)))
        players = [self._player(rng) for _ in range(count)]
        offsets = draw_positions(rng, [player.pose.root_m for player in players])
        players = [replace(p, pose=turned(p.pose, 0.0, at)) for p, at in zip(players, offsets, strict=True)]
        joints_m = _joints(players)
        camera = draw_camera(rng, joints_m, self._settings.long_side_px)
        place = draw_place(
            rng,
            keep_clear=joints_m[..., 0, :][..., [0, 2]].reshape(-1, 2),
            camera=camera.position_m,
            occluders=int(rng.random() < _OCCLUDED_CLIPS) * int(rng.integers(1, 3)),
        )
        drawing = np.random.default_rng([seed, number, 1])
        return StudioClip(
            self._settings, tuple(players), camera, place, draw_sensor(rng), self._grain, drawing
        )

    def close(self) -> None:
        """Nothing is held but memory."""

    def _player(self, rng: np.random.Generator) -> Player:
        """Someone who plays part of a take, heading anywhere, about the origin."""
        actor = cast_person(self._data, rng)
        take = self._takes[int(rng.choice(len(self._takes), p=self._chances))]
        pace = rng.uniform(*_PACE)
        if self._settings.bent and rng.random() < self._settings.bent:
            take = replace(take, joints_m=held_otherwise(rng, take.joints_m), source=None)
        pose = perform(actor.body, actor.figure.soles(actor.body), take, self._settings.fps / pace)
        start = int(rng.integers(len(pose.root_m) - self._settings.frames + 1))
        pose = pose[start : start + self._settings.frames]
        middle = pose.root_m[:, [0, 2]].mean(axis=0)
        pose = turned(pose, 0.0, -middle)
        pose = turned(pose, float(rng.uniform(-np.pi, np.pi)), np.zeros(2, np.float32))
        return Player(actor, pose, take.name, take.subject)


@dataclass(frozen=True, slots=True)
class Player:
    """An actor and the poses (T) they go through, and which take of whom these were."""

    actor: Actor
    pose: Pose
    take: str
    subject: str


class StudioClip:
    """One clip, ready to be drawn."""

    def __init__(
        self,
        settings: ClipSettings,
        players: tuple[Player, ...],
        camera: Viewpoint,
        place: Place,
        sensor: Sensor,
        grain: Grain,
        rng: np.random.Generator,
    ) -> None:
        self.frames, self.fps = settings.frames, float(settings.fps)
        self.intrinsics = camera.intrinsics
        self.takes = tuple(player.take for player in players)
        self.subjects = tuple(player.subject for player in players)
        self._oversampling = settings.oversampling
        self._players, self._joints_m = players, _joints(players)
        self._camera, self._place, self._sensor = camera, place, sensor
        self._grain, self._rng = grain, rng
        self._lens = Lens(self.intrinsics)

    def render(self) -> Iterator[tuple[ImageArray, FrameAnnotation]]:
        """Draw all frames, in order."""
        figures = [self._detailed(player.actor) for player in self._players]
        actors = [replace(p.actor, figure=f) for p, f in zip(self._players, figures, strict=True)]
        painter = Painter(
            self._place.surface, self._place.light, actors, self._fine, self._sensor.exposure,
            self._place.background,
        )  # fmt: skip
        annotator = Annotator(self._camera, self._fine, actors)
        before = now = self._posed(actors, 0)
        for frame in range(self.frames):
            after = self._posed(actors, min(frame + 1, self.frames - 1))
            painted = painter.paint(now)
            truth = annotator.frame(painted, self._joints_m[frame], [posed.points_m for posed in now])
            steps = self._sensor.steps(self._motion_px(frame))
            picture = painted.image
            if steps > 1:
                moments = [
                    painter.picture(_between(before, now, after, at)) for at in self._sensor.moments(steps)
                ]
                picture = _mean(moments)
            picture = self._lens.through(picture, self._oversampling)
            yield self._sensor.record(picture, self._grain, self._rng), truth
            before, now = now, after

    def annotation(self, frames: Sequence[FrameAnnotation]) -> ClipAnnotation:
        """The truth of the whole clip from that of its frames."""
        heights = np.array([player.actor.body.height_m for player in self._players], np.float32)
        view = (self.intrinsics, self._camera.up, float(self._camera.position_m[1]))
        truth = collected(frames, heights, view, self.fps)
        return replace(truth, takes=self.takes, subjects=self.subjects)

    @cached_property
    def _fine(self) -> Viewpoint:
        pinhole = self._lens.pinhole
        fine = pinhole.scaled_to(pinhole.width * self._oversampling, pinhole.height * self._oversampling)
        return replace(self._camera, intrinsics=fine)

    def _detailed(self, actor: Actor) -> Figure:
        """The figure in as much detail as can be seen at the nearest it comes."""
        nearest_m = max(float(self._camera.camera_m(self._joints_m)[..., 2].min()), 0.3)
        cell_m = min(3.5 * nearest_m / self._fine.intrinsics.fx, _COARSEST_CELL_M)
        return actor.figure.simplified(cell_m) if cell_m > _FINEST_CELL_M else actor.figure

    def _posed(self, actors: Sequence[Actor], frame: int) -> list[Posed]:
        out = []
        for actor, player in zip(actors, self._players, strict=True):
            pose = player.pose[frame]
            points_m, normals = actor.figure.posed(actor.body, pose)
            heads = actor.body.bone_heads(pose)
            out.append(Posed(points_m, normals, heads[[actor.body.bone(name) for name in _SHADING_BONES]]))
        return out

    def _motion_px(self, frame: int) -> float:
        """How far the fastest joint in the image moves to the next frame."""
        pair = self._joints_m[[frame, min(frame + 1, self.frames - 1)]]
        at = self.intrinsics.project(self._camera.camera_m(pair))
        seen = ((at > 0) & (at < [self.intrinsics.width, self.intrinsics.height])).all(axis=(0, -1))
        return float(np.linalg.norm(at[1] - at[0], axis=-1)[seen].max(initial=0.0))


def _joints(players: Sequence[Player]) -> FloatArray:
    """(T, P, 17, 3) joints of the players in the world."""
    return np.stack([player.actor.body.joints(player.pose) for player in players], axis=1)


def _mean(pictures: Sequence[ImageArray]) -> ImageArray:
    """The mean of pictures, to the nearest level."""
    total = pictures[0].astype(np.uint16)
    for picture in pictures[1:]:
        np.add(total, picture, out=total)
    count = len(pictures)
    levels = np.rint(np.arange(255 * count + 1, dtype=np.float32) / np.float32(count)).astype(np.uint8)
    return np.asarray(levels[total])


def _between(before: list[Posed], now: list[Posed], after: list[Posed], at: float) -> list[Posed]:
    """The people at a moment around `now`, in frame intervals: between it and its neighbour."""
    share = np.float32(abs(at))
    return [
        Posed(a.points_m + share * (b.points_m - a.points_m), a.normals, a.shades_m)
        for a, b in zip(now, before if at < 0 else after, strict=True)
    ]
