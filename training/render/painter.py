"""Drawing people in a place, in OpenGL: key light with shadows, light from all around, textures by formula.

What stands still is drawn once a clip; a frame adds the people and their shadows. Every pixel also says whose
body part it shows and how far away it is. World: metres, y up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np

from realtime.types import Array, FloatArray, ImageArray
from training.places.surface import Light, Surface
from training.render.cast import Actor
from training.render.gl import context, program, set_uniforms
from training.render.lens import Viewpoint
from training.render.meshes import OUTSIDE, PARTS, ByPattern, PersonMesh, Posed, table
from training.render.squares import SQUARE_PX, Squares
from training.render.views import columns, depth_m, light_matrix, seen_by

_STILL_SHADOW_PX, _LIVE_SHADOW_PX = 2048, 512
_MOST_SHADES, _SHADE_RADIUS_M = 32, 0.09
# Texture units, by sampler name.
_UNITS = {
    "finishes": 0, "still_shadow": 1, "live_shadow": 2,
    "ambient_map": 3, "key_map": 4, "where_map": 5, "normal_map": 6, "plain_map": 7,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Exposure:
    """How a camera turns light into numbers. gain: linear BGR factors. vignette: light lost in corners."""

    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    vignette: float = 0.0


@dataclass(frozen=True, slots=True)
class Painted:
    """One picture: image (H, W, 3) uint8 BGR, and what its pixels show.

    identity: (H, W) uint16 person and bone, and raw_depth (H, W), as OpenGL has them. Whole pictures of them
    are large: `at` says what a few pixels show.
    """

    image: ImageArray
    identity: Array
    raw_depth: FloatArray

    def at(self, row: Array, column: Array) -> Seen:
        """What the pixels at rows and columns (N,) show."""
        person, part = np.divmod(self.identity[row, column].astype(np.int16), PARTS)
        return Seen(person - 1, part, depth_m(self.raw_depth[row, column]))

    @property
    def person(self) -> Array:
        """(H, W) -1 or the person seen."""
        return np.asarray(self.identity.astype(np.int16) // PARTS - 1)

    @property
    def depth_m(self) -> FloatArray:
        """(H, W) metres along the optical axis, of whatever is seen."""
        return depth_m(self.raw_depth)


class Seen(NamedTuple):
    """What N pixels show. person: (N,) -1 or the person seen; part: their bone. depth_m: (N,)."""

    person: Array
    part: Array
    depth_m: FloatArray


class Painter:
    """Draws the same people, in ever new poses, in one place before one camera.

    view: a camera without distortion. background: linear RGB where the place has nothing.
    """

    def __init__(
        self,
        place: Surface,
        light: Light,
        actors: Sequence[Actor],
        view: Viewpoint,
        exposure: Exposure = Exposure(),
        background: tuple[float, float, float] = (0.5, 0.6, 0.7),
    ) -> None:
        self._gl, self._light, self._view = context(), light, view
        self._size = (view.intrinsics.width, view.intrinsics.height)
        finishes = [*place.finishes, *(f for actor in actors for f in actor.finishes)]
        self._finishes = self._gl.texture((3, len(finishes)), 4, table(finishes).tobytes(), dtype="f4")
        self._background = background
        self._common = {
            "clip_from_world": columns(seen_by(view)),
            "towards_key": tuple(map(float, light.towards)),
            "key_light": tuple(map(float, light.key)),
            "light_above": tuple(map(float, light.above)),
            "light_below": tuple(map(float, light.below)),
            "gain": exposure.gain[::-1],
            "vignette": exposure.vignette,
            "image_size": tuple(map(float, self._size)),
            "eye": tuple(map(float, view.position_m)),
            "tile_px": float(SQUARE_PX),
            **_UNITS,
        }
        first = np.cumsum([len(place.finishes), *(len(actor.finishes) for actor in actors)])
        self._people = [PersonMesh(a, n, int(f)) for n, (a, f) in enumerate(zip(actors, first, strict=False))]
        self._still_shadow = _shadow_map(self._gl, _STILL_SHADOW_PX)
        self._live_shadow = _shadow_map(self._gl, _LIVE_SHADOW_PX)
        self._target = self._gl.framebuffer(
            [self._gl.renderbuffer(self._size, 4), self._gl.renderbuffer(self._size, 1, dtype="u2")],
            self._gl.depth_renderbuffer(self._size),
        )
        self._claim = object()
        self._bake(place)

    def paint(self, people: Sequence[Posed]) -> Painted:
        """Draw the people, one pose each, and say what each pixel shows."""
        image = self.picture(people)
        return self._with_identities(image)

    def picture(self, people: Sequence[Posed]) -> ImageArray:
        """(H, W, 3) uint8 BGR: the people, one pose each."""
        for person, posed in zip(self._people, people, strict=True):
            person.move(posed)
        live = self._cast_live_shadow(people)
        self._textures()
        self._target.use()
        self._backdrop(people, live)
        for person in self._people:
            person.draw(self.claim, live)
        width, height = self._size
        image = np.frombuffer(self._target.read(components=4), np.uint8).reshape(height, width, 4)
        # The projection puts the image's first row at the buffer's first: no flip is needed.
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGBA2BGR), np.uint8)

    def claim(self, target: Any) -> None:
        """Give a program this painter's uniforms, unless it has them since it was last used."""
        if target.extra is not self._claim:
            set_uniforms(target, self._common | self._still)
            target.extra = self._claim

    def _bake(self, place: Surface) -> None:
        """Draw what stands still, once."""
        centre, span = _extent(place, self._view)
        matrix, texel_m = light_matrix(self._light.towards, centre, span, _STILL_SHADOW_PX)
        self._still = {
            "still_light": matrix,
            "still_spread": max(self._light.softness_m / texel_m, 0.7) / _STILL_SHADOW_PX,
        }
        data = np.concatenate([place.points_m, place.normals, place.place_m], axis=1).astype(np.float32)
        vertices = self._gl.buffer(data.tobytes())
        finish = self._gl.buffer(place.finish.astype(np.int32).tobytes())
        drawing = ByPattern(place.triangles, place.finish, place.finishes)
        caster = self._gl.vertex_array(
            program("shadow", "shadow.frag"), [(vertices, "3f 24x", "point")], drawing.indices
        )
        self._gl.enable(self._gl.DEPTH_TEST)
        frame = self._still_shadow[1]
        frame.use()
        frame.clear(depth=1.0)
        # Walls and ceilings face inwards: seen from a light outside they show their backs and cast nothing.
        self._gl.front_face = OUTSIDE
        self._gl.enable(self._gl.CULL_FACE)
        set_uniforms(caster.program, {"clip_from_world": matrix})
        caster.render()
        self._gl.disable(self._gl.CULL_FACE)
        self._baked_maps = [
            self._gl.texture(self._size, 4, dtype=kind) for kind in ("f2", "f2", "f4", "f2", "f1")
        ]
        baked = self._gl.framebuffer(self._baked_maps[:4], self._gl.depth_renderbuffer(self._size))
        baked.use()
        baked.clear(depth=1.0)
        buffers = [(vertices, "3f 3f 3f", "point", "normal", "place"), (finish, "1i", "finish")]
        self._textures()
        drawing.arrays("still", buffers, cull=False)
        drawing.draw(self.claim, {})
        width, height = self._size
        where = np.frombuffer(self._baked_maps[2].read(), np.float32).reshape(height, width, 4)
        self._fill_background(where)
        self._gl.framebuffer(self._baked_maps[-1]).use()
        self._gl.disable(self._gl.DEPTH_TEST)
        whole = self._gl.vertex_array(program("whole", "light.glsl", "plain.frag"), [])
        self.claim(whole.program)
        whole.render(vertices=3)
        self._plan_frames(where)

    def _plan_frames(self, where: FloatArray) -> None:
        """Make ready what each frame uses to draw the place. where: (H, W, 4), as in `Squares`."""
        self._grid = Squares(self._view, where)
        self._dirty = self._grid.all()
        self._tiles = self._gl.buffer(reserve=8 * self._dirty.size, dynamic=True)
        self._empty, self._shaded = (
            self._gl.vertex_array(made, [(self._tiles, "2f", "middle_px")])
            for made in (program("tiles", "backdrop.frag"), program("tiles", "light.glsl", "shade.frag"))
        )
        self._gl.enable(self._gl.PROGRAM_POINT_SIZE)

    def _fill_background(self, where: FloatArray) -> None:
        """Where nothing was drawn, the background's light. where: (H, W, 4), as in `Squares`."""
        empty = where[..., 3].ravel() == 0.0
        if empty.any():
            ambient = np.frombuffer(self._baked_maps[0].read(), np.float16).reshape(-1, 4).copy()
            ambient[empty, :3] = self._background
            self._baked_maps[0].write(ambient.tobytes())

    def _textures(self) -> None:
        maps = (self._finishes, self._still_shadow[0], self._live_shadow[0], *self._baked_maps)
        for unit, texture in enumerate(maps):
            texture.use(unit)

    def _cast_live_shadow(self, people: Sequence[Posed]) -> dict[str, Any]:
        """Draw the people's depths as the key light sees them."""
        frame = self._live_shadow[1]
        frame.use()
        frame.clear(depth=1.0)
        points = [posed.points_m for posed in people if len(posed.points_m)]
        low = np.min([p.min(axis=0) for p in points], axis=0) if points else np.zeros(3)
        high = np.max([p.max(axis=0) for p in points], axis=0) if points else np.ones(3)
        span = float(np.linalg.norm(high - low)) + 0.1
        matrix, texel_m = light_matrix(self._light.towards, (low + high) / 2, span, _LIVE_SHADOW_PX)
        self._gl.enable(self._gl.DEPTH_TEST)
        for person in self._people:
            person.cast(matrix)
        spread = max(self._light.softness_m / texel_m, 0.7) / _LIVE_SHADOW_PX
        return {"live_light": matrix, "live_spread": spread}

    def _backdrop(self, people: Sequence[Posed], live: dict[str, Any]) -> None:
        """The place, with people's shadows, drawn only in those squares of the image that they touch."""
        self._gl.depth_func = "1"
        self._draw_squares(self._empty, self._dirty, {})
        self._gl.depth_func = "<"
        shades = np.concatenate([posed.shades_m for posed in people]) if people else np.zeros((0, 3))
        spheres = np.zeros((_MOST_SHADES, 4), np.float32)
        spheres[: len(shades), :3], spheres[:, 3] = shades[:_MOST_SHADES], _SHADE_RADIUS_M
        near = {"near_parts": spheres.tobytes(), "near_count": min(len(shades), _MOST_SHADES)}
        light = np.frombuffer(live["live_light"], np.float32).reshape(4, 4)
        touched = self._grid.touched(people, light)
        self._gl.disable(self._gl.DEPTH_TEST)
        self._draw_squares(self._shaded, touched, live | near)
        self._gl.enable(self._gl.DEPTH_TEST)
        self._dirty = touched | self._grid.covered(people)

    def _draw_squares(self, drawing: Any, which: Array, uniforms: dict[str, Any]) -> None:
        """Draw some of the squares (R, C) of the image."""
        middles_px = self._grid.middles_px(which)
        if not len(middles_px):
            return
        self._tiles.write(middles_px.tobytes())
        self.claim(drawing.program)
        set_uniforms(drawing.program, uniforms)
        drawing.render(self._gl.POINTS, vertices=len(middles_px))

    def _with_identities(self, image: ImageArray) -> Painted:
        width, height = self._size
        identity = np.frombuffer(
            self._target.read(components=1, attachment=1, dtype="u2", alignment=1), np.uint16
        ).reshape(height, width)
        raw = np.frombuffer(self._target.read(components=1, attachment=-1, dtype="f4"), np.float32).reshape(
            height, width
        )
        return Painted(image, identity, raw)


def _shadow_map(gl: Any, size_px: int) -> tuple[Any, Any]:
    texture = gl.depth_texture((size_px, size_px))
    texture.compare_func = "<="
    texture.repeat_x = texture.repeat_y = False
    return texture, gl.framebuffer(depth_attachment=texture)


def _extent(place: Surface, view: Viewpoint) -> tuple[Array, float]:
    """The middle and size of what is near enough to cast shadows that are seen."""
    flat = place.points_m[(np.abs(place.points_m - view.position_m) < 15.0).all(axis=1)]
    if not len(flat):
        return view.position_m, 10.0
    low, high = flat.min(axis=0), flat.max(axis=0)
    return (low + high) / 2, float(np.linalg.norm(high - low)) + 0.5
