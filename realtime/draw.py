"""Painting on images: people over the camera's picture, the 3D view, the time a frame took.

Images are (H, W, 3) uint8 BGR and painted in place; colours are named in RGB.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from realtime.camera import Intrinsics
from realtime.scene import BODY_SIDE, BONES, Side, Strokes, body_ends, scene
from realtime.scenery import GRID_STEP_M
from realtime.stream.ledger import CAPTURE, STAGES, TOTAL
from realtime.strokes import (
    Ink,
    Rgb,
    bgr,
    one_ink,
    paint_bodies,
    paint_bodies_through,
    paint_lines,
    paint_path,
)
from realtime.types import FloatArray, ImageArray, Person, Result
from realtime.view3d import Follower

# Okabe and Ito's sky blue and orange: told apart with every common kind of colour blindness.
LEFT: Rgb = (86, 180, 233)
RIGHT: Rgb = (240, 160, 32)
PEOPLE: tuple[Rgb, ...] = ((236, 239, 244), (0, 190, 140), (226, 140, 190), (240, 228, 66))
"""The middle of each body, so that people are told apart; by id, again from the start after the last."""

BACKGROUND: Rgb = (22, 25, 31)
SHADOW: Rgb = (11, 12, 16)
GRID: Rgb = (70, 79, 94)
CAMERA: Rgb = (150, 160, 176)
TEXT: Rgb = (230, 233, 238)
MUTED: Rgb = (146, 155, 170)
ALARM: Rgb = (255, 170, 150)
STAGE_COLOURS: Mapping[str, Rgb] = {
    CAPTURE: (112, 122, 140),
    "detect": (64, 176, 166),
    "estimate": (140, 124, 216),
    "lift": (226, 196, 84),
}

_FONT = cv2.FONT_HERSHEY_SIMPLEX
# OpenCV 4 has no glyph for the sign; OpenCV 5 draws text with a real font.
PLUS_MINUS = "±" if hasattr(cv2, "FontFace") else "+/-"
_FAINTEST_SCORE = 0.05


def colour_of(side: int, person_id: int) -> Rgb:
    """The colour of a body part of a person."""
    if side == Side.LEFT:
        return LEFT
    return RIGHT if side == Side.RIGHT else PEOPLE[person_id % len(PEOPLE)]


def _ink(people: Sequence[Person]) -> Ink:
    ids = [person.id for person in people]
    return lambda side, who: colour_of(side, ids[who])


def bone_px(width: float, height: float) -> float:
    """How wide to paint a bone on a picture of this size."""
    return max(2.0, math.sqrt(width * height) / 180)


def overlay_strokes(people: Sequence[Person], scale: float, thick_px: float) -> Strokes:
    """People's 2D joints as strokes on an image shown at `scale`; fainter and thinner when unsure.

    thick_px: width of a bone that is surely seen. Joints without a place or nearly without score are
    left out, and the bones that end in them.
    """
    points = np.zeros((0, 17, 3), np.float32)
    if people:
        points = np.stack([person.keypoints_px for person in people])
    score = np.where(np.isfinite(points).all(axis=-1), np.clip(points[..., 2], 0, 1), 0)
    ends_px = body_ends((points[..., :2] + 0.5) * scale - 0.5)
    strength = body_ends(score[..., None]).min(axis=(2, 3))
    thick = np.where(np.arange(len(BODY_SIDE)) < len(BONES), thick_px, thick_px * 1.7)
    who = np.repeat(np.arange(len(people)), len(BODY_SIDE))
    strokes = Strokes(
        ends_px.reshape(-1, 2, 2).astype(np.float32),
        np.tile(BODY_SIDE, len(people)),
        who,
        (thick * (0.5 + 0.5 * strength)).ravel().astype(np.float32),
        strength.ravel().astype(np.float32),
    )
    return strokes[strokes.strength >= _FAINTEST_SCORE]


def draw_people(image: ImageArray, people: Sequence[Person], scale: float = 1.0) -> None:
    """Paint skeletons, boxes and labels on an image that shows the frame at `scale`."""
    draw_bodies(image, people, scale)
    for person in people:
        if (box_px := shown_box(person, scale)) is not None:
            colour = colour_of(Side.MIDDLE, person.id)
            draw_corners(image, box_px, colour)
            draw_tag(image, person_tag(person), (float(box_px[0]), float(box_px[1]) - 6), colour)


def draw_bodies(image: ImageArray, people: Sequence[Person], scale: float) -> None:
    """Paint skeletons on an image that shows the frame at `scale`."""
    strokes = overlay_strokes(people, scale, bone_px(image.shape[1], image.shape[0]))
    paint_bodies_through(image, strokes, _ink(people), SHADOW)


def shown_box(person: Person, scale: float) -> FloatArray | None:
    """A person's box in pixels of an image that shows the frame at `scale`; None where it is no numbers."""
    if not np.isfinite(person.box_px).all():
        return None
    box_px: FloatArray = (person.box_px + np.float32(0.5)) * np.float32(scale) - np.float32(0.5)
    return box_px


def draw_corners(image: ImageArray, box_px: FloatArray, colour: Rgb) -> None:
    """Paint the corners of a box: left, top, right, bottom, in pixels of the image."""
    x0, y0, x1, y1 = box_px.tolist()
    arm = min(x1 - x0, y1 - y0) * 0.12
    for x, dx in ((x0, arm), (x1, -arm)):
        for y, dy in ((y0, arm), (y1, -arm)):
            paint_path(image, np.array([[x + dx, y], [x, y], [x, y + dy]], np.float32), colour)


def person_tag(person: Person) -> str:
    """Who it is and how far the pelvis is from the camera, in metres."""
    distance_m = float(np.linalg.norm(person.pose.root_m))
    return f"#{person.id}   {distance_m:.2f} m" if np.isfinite(distance_m) else f"#{person.id}"


def fit_image(image: ImageArray, width: int, height: int) -> ImageArray:
    """An image at another size, without the shimmer that a single large step down leaves."""
    while image.shape[0] >= 2 * height and image.shape[1] >= 2 * width:
        # Exact halves are the fast case of INTER_AREA; any other ratio is six times slower than linear.
        half = (image.shape[1] // 2, image.shape[0] // 2)
        image = np.asarray(cv2.resize(image, half, interpolation=cv2.INTER_AREA), np.uint8)
    if image.shape[:2] == (height, width):
        return image
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def draw_tag(image: ImageArray, text: str, at_px: tuple[float, float], colour: Rgb) -> None:
    """Words on a dark plate whose lower left corner is at `at_px`, kept inside the image."""
    height, width = image.shape[:2]
    (w, h), _ = cv2.getTextSize(text, _FONT, _text_scale(image), 1)
    pad = max(3, h // 2)
    x = int(np.clip(at_px[0], 0, max(width - w - 2 * pad, 0)))
    y = int(np.clip(at_px[1], h + 2 * pad, height))
    plate = image[y - h - 2 * pad : y, x : x + w + 2 * pad]
    np.copyto(plate, (plate // 4 + np.array(bgr(BACKGROUND), np.uint8) // 4 * 3).astype(np.uint8))
    draw_text(image, text, (x + pad, y - pad), colour)


def draw_text(image: ImageArray, text: str, at_px: tuple[float, float], colour: Rgb) -> float:
    """Words whose baseline starts at `at_px`; returns where the next may start."""
    at = (round(at_px[0]), round(at_px[1]))
    scale = _text_scale(image)
    cv2.putText(image, text, at, _FONT, scale, bgr(colour), 1, cv2.LINE_AA)
    return at[0] + float(cv2.getTextSize(text, _FONT, scale, 1)[0][0])


def _text_scale(image: ImageArray) -> float:
    return 0.5 if image.shape[1] > 320 else 0.4


def draw_view(
    canvas: ImageArray, people: Sequence[Person], follower: Follower, intrinsics: Intrinsics
) -> None:
    """Paint the 3D view over the whole canvas: floor, camera, ruler, people."""
    _fill(canvas)
    seen = scene(follower, people, intrinsics, (float(canvas.shape[1]), float(canvas.shape[0])))
    groups = (
        (seen.shadows, one_ink(SHADOW)),
        (seen.floor, one_ink(GRID)),
        (seen.ruler, one_ink(MUTED)),
        (seen.camera, one_ink(CAMERA)),
    )
    paint_lines(canvas, groups, BACKGROUND)
    for number in seen.numbers:
        draw_text(canvas, number.text, (number.x_px, number.y_px), MUTED)
    paint_bodies(canvas, seen.people, _ink(people), SHADOW, BACKGROUND)
    for name in seen.names:
        colour = colour_of(Side.MIDDLE, people[name.person].id)
        draw_text(canvas, name.text, (name.x_px - 8, name.y_px), colour)
    _draw_legend(canvas)


def _fill(image: ImageArray) -> None:
    # Thirty times faster than assigning a colour to a slice.
    cv2.rectangle(image, (0, 0, image.shape[1], image.shape[0]), bgr(BACKGROUND), cv2.FILLED)


def _draw_legend(canvas: ImageArray) -> None:
    """Which colour is which side, and how wide a square of the floor is."""
    x, y = 12.0, 22.0
    for colour, word in ((LEFT, "left"), (RIGHT, "right")):
        cv2.circle(canvas, (round(x) + 4, round(y) - 5), 4, bgr(colour), cv2.FILLED, cv2.LINE_AA)
        x = draw_text(canvas, word, (x + 14, y), MUTED) + 14
    draw_text(canvas, f"squares {GRID_STEP_M:g} m", (x, y), MUTED)


def draw_latency(strip: ImageArray, result: Result) -> None:
    """Paint one line over the whole strip: the frame's time, its shares, and how far people are."""
    _fill(strip)
    baseline = strip.shape[0] / 2 + 5
    x = 12.0
    if TOTAL in result.age_ms:
        x = draw_text(strip, f"{result.age_ms[TOTAL]:.0f} ms", (x, baseline), TEXT) + 18
    for stage in (CAPTURE, *STAGES):
        if stage in result.age_ms:
            square = (round(x), round(baseline) - 9, 9, 9)
            cv2.rectangle(strip, square, bgr(STAGE_COLOURS[stage]), cv2.FILLED)
            x = draw_text(strip, f"{stage} {result.age_ms[stage]:.1f}", (x + 14, baseline), MUTED) + 14
    for shown in range(len(result.people), 0, -1):
        words = "   ".join(root_text(person) for person in result.people[:shown])
        width = cv2.getTextSize(words, _FONT, _text_scale(strip), 1)[0][0]
        if x + width + 12 <= strip.shape[1]:
            draw_text(strip, words, (strip.shape[1] - width - 12, baseline), TEXT)
            return


def root_text(person: Person) -> str:
    """Who it is, how far the pelvis is from the camera, and one standard deviation of its depth."""
    return f"{person_tag(person)} {PLUS_MINUS} {person.pose.root_sigma_m:.2f}"
