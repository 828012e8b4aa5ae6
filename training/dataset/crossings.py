"""Scenes in which people pass, hide and turn round before one camera, drawn with exact truth.

They are what trackers are measured on (`benchmarks/identities.py`). World: metres, y up, the camera over the
origin, looking along -z.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from realtime.camera import Intrinsics
from realtime.errors import UsageError
from realtime.skeleton import H36M17
from training.dataset.choreography import Turn, bend
from training.mocap.perform import perform
from training.mocap.takes import Take, load_takes
from training.people.makehuman import MakeHumanData, load_makehuman
from training.places.place import Place, draw_place
from training.places.solids import box, together
from training.places.surface import Finish, linear
from training.render.cast import cast_person
from training.render.clip import ClipSettings, Player, StudioClip
from training.render.framing import turned
from training.render.lens import Viewpoint, look_at
from training.render.sensor import Grain, draw_sensor

FPS, FRAMES = 30, 120
WIDTH, HEIGHT = 640, 480
_FOV_DEG, _CAMERA_HEIGHT_M, _LOOKS_AT_M = 66.0, 1.5, (0.0, 0.95, -4.2)
_SWAY_M = 0.15
"""How much start and depth of a way differ from seed to seed, at most."""
_PELVIS = H36M17.index("pelvis")
_SCREEN = Finish("grain", linear(196, 188, 172), size_m=0.4, strength=0.08, gloss=0.02)


@dataclass(frozen=True, slots=True)
class Way:
    """What one person does: a take, played over the clip's frames, on a line across the picture.

    heading_deg: which way the take goes, 0 to the camera's right, 90 away from it. middle_m: x and z of the
    pelvis half-way through the clip. turns: changes of heading, in frames of the clip.
    """

    take: str
    heading_deg: float
    middle_m: tuple[float, float]
    turns: tuple[Turn, ...] = ()


@dataclass(frozen=True, slots=True)
class Scene:
    """Who walks where, and the screens they pass behind: x, z and width of each, in metres."""

    ways: tuple[Way, ...]
    screens: tuple[tuple[float, float, float], ...] = ()


_RIGHT, _LEFT = 0.0, 180.0

SCENES: Mapping[str, Scene] = {
    "crossing": Scene((Way("39_01", _RIGHT, (0.0, -3.3)), Way("39_02", _LEFT, (0.0, -4.4)))),
    "close_crossing": Scene((Way("35_12", _RIGHT, (0.1, -3.6)), Way("16_16", _LEFT, (-0.1, -4.2)))),
    "diagonal": Scene((Way("39_05", -30.0, (0.0, -4.0)), Way("39_14", 205.0, (-0.3, -5.0)))),
    "overtaking": Scene((Way("39_03", _RIGHT, (0.0, -4.6)), Way("06_01", _RIGHT, (0.0, -3.7)))),
    "turning_back": Scene(
        (
            Way("39_04", _RIGHT, (0.2, -3.4), (Turn(45, 75, 180.0),)),
            Way("39_09", _LEFT, (-0.2, -4.5), (Turn(45, 75, -180.0),)),
        )
    ),
    "three": Scene(
        (
            Way("39_01", _RIGHT, (0.2, -3.1)),
            Way("35_15", _LEFT, (0.0, -4.1)),
            Way("10_04", _RIGHT, (-0.4, -5.0)),
        )
    ),
    "hidden": Scene(
        (Way("39_06", _RIGHT, (0.0, -4.6)), Way("35_29", _LEFT, (0.0, -5.3))), ((0.0, -3.6, 1.15),)
    ),
}
"""Two people who cross, at 1.1 m and at 0.6 m in depth, on slanting ways, one past the other, and who meet
and turn round where one hides the other; three people; two who meet behind a screen that hides each for 1 s
or more."""


class CrossingStudio:
    """Makes the scenes: the same name and seed give the same clip.

    motion: the CMU file of 17 joints. Raises UsageError or MotionFileError when a file does not serve.
    """

    def __init__(self, makehuman: Path, motion: Path) -> None:
        self._data: MakeHumanData = load_makehuman(makehuman)
        self._takes = {take.name: take for take in load_takes(motion)}
        self._grain = Grain()

    def clip(self, name: str, seed: int) -> StudioClip:
        """A scene of SCENES; the seed draws bodies, clothes, the place, the sensor and where exactly they go.

        Raises UsageError for a name or a take that is not there.
        """
        if name not in SCENES:
            raise UsageError(f"no scene is called {name!r}: choose of {', '.join(SCENES)}")
        scene = SCENES[name]
        rng = np.random.default_rng([seed, list(SCENES).index(name)])
        players = tuple(self._player(rng, way) for way in scene.ways)
        view = camera()
        place = _place(rng, players, view, scene.screens)
        settings = ClipSettings(FRAMES, FPS, oversampling=1, long_side_px=(WIDTH, WIDTH))
        drawing = np.random.default_rng([seed, 1])
        return StudioClip(settings, players, view, place, draw_sensor(rng), self._grain, drawing)

    def _player(self, rng: np.random.Generator, way: Way) -> Player:
        if way.take not in self._takes:
            raise UsageError(
                f"the motion file has no take {way.take!r}, needed for this scene: "
                "name the CMU file of 17 joints at 30 Hz"
            )
        actor = cast_person(self._data, rng)
        take = directed(self._takes[way.take], way)
        pose = perform(actor.body, actor.figure.soles(actor.body), take, FPS)[:FRAMES]
        middle = pose.root_m[FRAMES // 2, [0, 2]]
        at = np.array(way.middle_m) + rng.uniform(-_SWAY_M, _SWAY_M, 2)
        return Player(actor, turned(pose, 0.0, (at - middle).astype(np.float32)), way.take, take.subject)


def camera() -> Viewpoint:
    """The scenes' camera: 66 degrees across 640 pixels, 1.5 m high."""
    lens = replace(Intrinsics.from_fov(_FOV_DEG, WIDTH, HEIGHT), source="calibrated")
    position = np.array([0.0, _CAMERA_HEIGHT_M, 0.0], np.float32)
    return look_at(lens, position, np.array(_LOOKS_AT_M, np.float32))


def directed(take: Take, way: Way) -> Take:
    """A take turned to its heading and bent, stretched in time to last all frames of a clip."""
    stretched = take.joints_at(take.fps * (FRAMES + 1) / len(take))[: FRAMES + 1].astype(np.float64)
    course = (stretched[-1, _PELVIS] - stretched[0, _PELVIS])[[0, 2]]
    by = np.arctan2(course[1], course[0]) + np.radians(way.heading_deg)
    c, s = np.cos(by), np.sin(by)
    joints = stretched @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]).T
    return Take(take.name, take.subject, float(FPS), bend(joints, way.turns).astype(np.float32))


def _place(
    rng: np.random.Generator,
    players: Sequence[Player],
    view: Viewpoint,
    screens: Sequence[tuple[float, float, float]],
) -> Place:
    paths = np.concatenate([player.pose.root_m[:, [0, 2]] for player in players])
    place = draw_place(rng, keep_clear=paths, camera=view.position_m)
    stands = [box((x, 1.05, z), (width, 2.1, 0.06), _SCREEN) for x, z, width in screens]
    return replace(place, surface=together([place.surface, *stands]))
