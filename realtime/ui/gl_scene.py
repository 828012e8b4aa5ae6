"""The 3D view in OpenGL: lit bodies, soft shadows, lines, into an image in memory. Knows nothing of Qt.

It makes a context of its own, off screen, and belongs to the thread that made it. N people, S pieces.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from realtime.errors import EngineUnavailableError
from realtime.scene import BODY_SIDE, BONES, Side, body_ends
from realtime.strokes import Rgb
from realtime.types import Array, FloatArray, ImageArray
from realtime.ui import gl_shaders
from realtime.ui.theme import Theme
from realtime.view3d import OrbitCamera

_NEAR_M, _FAR_M = 0.2, 80.0
_BONE_M, _JOINT_M = 0.032, 0.044
_SHADOW_M = 0.13
_SAMPLES = 4
_SOFTWARE = ("llvmpipe", "softpipe", "swrast", "swiftshader", "gdi generic", "software")


@dataclass(frozen=True, slots=True)
class Lines:
    """S lines. ends_m: (S, 2, 3). rgb: one for all, or (S, 3). width_px: one or (S,). strength: (S,)."""

    ends_m: FloatArray
    rgb: Rgb | Array
    width_px: float | FloatArray
    strength: FloatArray


@dataclass(frozen=True, slots=True)
class Shot:
    """Everything one image of the 3D view shows.

    size_px: width and height of the image. density: of its pixels on the screen. poses_m: (N, 17, 3).
    strength: (N, 33) of bones, then joints. mirrored: left and right of the canvas swapped.
    """

    camera: OrbitCamera
    size_px: tuple[int, int]
    density: float
    floor_m: float
    poses_m: FloatArray
    ids: tuple[int, ...]
    strength: FloatArray
    lines: tuple[Lines, ...]
    theme: Theme
    mirrored: bool = False


def clip_from_world(camera: OrbitCamera, size: tuple[float, float], mirrored: bool = False) -> FloatArray:
    """(4, 4) from camera space to clip space whose y goes down."""
    turn = camera.view_from_world
    view = np.eye(4, dtype=np.float32)
    view[:3, :3] = turn
    view[:3, 3] = -turn @ np.array(camera.target_m, np.float32) + (0, 0, camera.distance_m)
    focal = 2 * camera.focal_px(size)
    across = -1 if mirrored else 1
    span = _FAR_M - _NEAR_M
    project = np.array(
        [
            [across * focal / size[0], 0, 0, 0],
            [0, focal / size[1], 0, 0],
            [0, 0, (_FAR_M + _NEAR_M) / span, -2 * _FAR_M * _NEAR_M / span],
            [0, 0, 1, 0],
        ],
        np.float32,
    )
    return project @ view


class GlScene:
    """A context, its shaders and buffers. `draw` gives an image; `close` frees everything.

    Raises EngineUnavailableError when there is no OpenGL 3.3 here.
    """

    def __init__(self) -> None:
        self._context = _open_context()
        self.device = str(self._context.info["GL_RENDERER"])
        context = self._context
        self._body = context.program(gl_shaders.BODY_VERTEX, gl_shaders.BODY_FRAGMENT)
        self._shadow = context.program(gl_shaders.SHADOW_VERTEX, gl_shaders.SHADOW_FRAGMENT)
        self._line = context.program(gl_shaders.LINE_VERTEX, gl_shaders.LINE_FRAGMENT)
        ball, order = _ball()
        self._ball = context.buffer(ball.tobytes())
        self._ball_order = context.buffer(order.tobytes())
        self._square = context.buffer(np.array([(-1, -1), (1, -1), (-1, 1), (1, 1)], np.float32).tobytes())
        self._strip = context.buffer(np.array([(0, -1), (0, 1), (1, -1), (1, 1)], np.float32).tobytes())
        self._size = (0, 0)
        self._targets: tuple[Any, Any] | None = None

    @property
    def is_software(self) -> bool:
        """Whether a processor draws in place of a graphics card."""
        return any(name in self.device.lower() for name in _SOFTWARE)

    def draw(self, shot: Shot) -> ImageArray:
        """(H, W, 4) RGBX, top row first."""
        multi, plain = self._fit(shot.size_px)
        multi.use()
        context = self._context
        context.clear(*(v / 255 for v in shot.theme.canvas), 1.0)
        matrix = clip_from_world(shot.camera, shot.size_px, shot.mirrored)
        transposed = np.ascontiguousarray(matrix.T).tobytes()
        finite = np.asarray(np.isfinite(shot.poses_m).all(axis=(1, 2)))
        self._draw_shadows(shot, finite, transposed)
        for lines in shot.lines:
            self._draw_lines(lines, shot, transposed)
        self._draw_bodies(shot, finite, transposed)
        context.copy_framebuffer(plain, multi)
        width, height = shot.size_px
        return np.frombuffer(plain.read(components=4), np.uint8).reshape(height, width, 4)

    def close(self) -> None:
        """Free the context; harmless to repeat."""
        if self._targets is not None:
            for target in self._targets:
                target.release()
            self._targets = None
        self._context.release()

    def _fit(self, size: tuple[int, int]) -> tuple[Any, Any]:
        if self._targets is None or size != self._size:
            for target in self._targets or ():
                target.release()
            context = self._context
            samples = min(_SAMPLES, context.max_samples)
            multi = context.framebuffer(
                context.renderbuffer(size, samples=samples), context.depth_renderbuffer(size, samples=samples)
            )
            plain = context.framebuffer(context.renderbuffer(size))
            self._targets, self._size = (multi, plain), size
        return self._targets

    def _draw_shadows(self, shot: Shot, finite: Array, matrix: bytes) -> None:
        ends = shot.poses_m[finite][:, BONES].reshape(-1, 2, 3)
        gl, program = self._context, self._shadow
        program["to_clip"].write(matrix)
        program["reach"].value, program["floor_y"].value = _SHADOW_M, shot.floor_m
        program["canvas"].value, program["shadow"].value = _unit(shot.theme.canvas), _unit(shot.theme.shadow)
        gl.enable_only(gl.BLEND)
        gl.blend_equation = gl.MIN
        self._instances(program, self._square, ends.reshape(-1, 6), "3f/start 3f/end")
        gl.blend_equation = gl.FUNC_ADD

    def _draw_lines(self, lines: Lines, shot: Shot, matrix: bytes) -> None:
        count = len(lines.ends_m)
        rows = np.empty((count, 11), np.float32)
        rows[:, :6] = lines.ends_m.reshape(-1, 6)
        rows[:, 6] = np.asarray(lines.width_px) * shot.density / 2
        rows[:, 7:10] = np.asarray(lines.rgb, np.float32) / 255
        rows[:, 10] = lines.strength
        gl, program = self._context, self._line
        program["to_clip"].write(matrix)
        program["size"].value = shot.size_px
        gl.enable_only(gl.BLEND)
        gl.blend_func = gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA
        self._instances(program, self._strip, rows, "3f/start 3f/end 1f/radius 4f/paint")

    def _draw_bodies(self, shot: Shot, finite: Array, matrix: bytes) -> None:
        rows = body_rows(shot, finite)
        gl, program = self._context, self._body
        program["to_clip"].write(matrix)
        program["eye"].value = tuple(map(float, shot.camera.eye_m))
        program["shade"].value = _unit(shot.theme.shade if shot.theme.name == "dark" else shot.theme.text)
        gl.enable_only(gl.BLEND | gl.DEPTH_TEST)
        gl.blend_func = gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA
        layout = "3f/start 3f/end 1f/radius 4f/paint 1f/hollow"
        self._instances(program, self._ball, rows, layout, self._ball_order)

    def _instances(
        self, program: Any, corners: Any, rows: FloatArray, layout: str, order: Any = None
    ) -> None:
        """Draw one shape for every row. layout: what a row is, as `form/name` pairs."""
        gl = self._context
        if not len(rows):
            return
        forms, names = zip(*(part.split("/") for part in layout.split()), strict=True)
        buffer = gl.buffer(rows.astype("f4").tobytes())
        corner = (corners, "2f" if order is None else "3f", "corner")
        each = (buffer, f"{' '.join(forms)} /i", *names)
        vertices = gl.vertex_array(program, [corner, each], index_buffer=order)
        vertices.render(gl.TRIANGLE_STRIP if order is None else gl.TRIANGLES, instances=len(rows))
        vertices.release()
        buffer.release()


def body_rows(shot: Shot, finite: Array) -> FloatArray:
    """(K, 12) capsules of bones and joints, farthest first: ends, radius, colour and strength, hollow."""
    poses_m, strength = shot.poses_m[finite], shot.strength[finite]
    people, parts = len(poses_m), len(BODY_SIDE)
    rows = np.zeros((people, parts, 12), np.float32)
    rows[..., :6] = body_ends(poses_m).reshape(people, parts, 6)
    is_joint = np.arange(parts) >= len(BONES)
    rows[..., 6] = np.where(is_joint, _JOINT_M, _BONE_M)
    ids = np.array(shot.ids, np.intp)[finite]
    for n, identity in enumerate(ids.tolist()):
        rows[n, :, 7:10] = [shot.theme.body(side, identity) for side in BODY_SIDE.tolist()]
    rows[..., 7:10] /= 255
    rows[..., 10] = strength
    rows[..., 11] = is_joint & (BODY_SIDE == Side.RIGHT)
    flat = rows.reshape(-1, 12)
    flat = flat[flat[:, 10] > 0]
    depth = shot.camera.to_view(flat[:, :3])[:, 2]
    return flat[np.argsort(-depth, kind="stable")]


def _unit(rgb: Rgb) -> tuple[float, float, float]:
    return rgb[0] / 255, rgb[1] / 255, rgb[2] / 255


def _ball(rings: int = 8, sides: int = 12) -> tuple[FloatArray, Array]:
    """A unit sphere's corners, with two at the equator so that it can be drawn out, and its triangles."""
    half = np.linspace(-np.pi / 2, 0, rings // 2 + 1)
    height = np.concatenate([half - 1e-4, -half[::-1] + 1e-4])
    turn = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    h, t = (axis.ravel() for axis in np.meshgrid(height, turn, indexing="ij"))
    corners = np.stack([np.cos(h) * np.cos(t), np.sin(h), np.cos(h) * np.sin(t)], axis=1).astype(np.float32)
    a = (np.arange(len(height) - 1)[:, None] * sides + np.arange(sides)).ravel()
    b = (np.arange(len(height) - 1)[:, None] * sides + (np.arange(sides) + 1) % sides).ravel()
    order = np.stack([a, b, a + sides, b, b + sides, a + sides], axis=1).astype(np.int32)
    return corners, order


def _open_context() -> Any:
    try:
        import moderngl
    except ImportError as error:
        raise EngineUnavailableError("OpenGL needs moderngl: pip install moderngl") from error
    attempts: list[dict[str, Any]] = [{"backend": "egl"}, {}] if sys.platform.startswith("linux") else [{}]
    reasons = []
    for attempt in attempts:
        try:
            return moderngl.create_context(standalone=True, require=330, **attempt)
        except Exception as error:  # each platform's loader raises what it likes
            reasons.append(str(error) or type(error).__name__)
    raise EngineUnavailableError(f"there is no OpenGL 3.3 here ({'; '.join(dict.fromkeys(reasons))})")
