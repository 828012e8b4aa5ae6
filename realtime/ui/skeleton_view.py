"""The 3D view: people in metres, the floor, the camera. OpenGL where it is quick, else a software painter."""

# Qt names the methods that are overridden here.
# ruff: noqa: N802

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QHideEvent,
    QImage,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from realtime.camera import Intrinsics
from realtime.scene import Scene, Side, absolute_poses_m, scene
from realtime.scenery import GRID_STEP_M, shown_level
from realtime.strokes import Rgb, one_ink, paint_bodies, paint_lines
from realtime.trails import Trails, Way
from realtime.types import FloatArray, Person
from realtime.ui.choices import Drawing
from realtime.ui.gl_scene import Shot
from realtime.ui.gl_worker import GlWorker
from realtime.ui.pace import Pace
from realtime.ui.paint import KeptLayer, Layer, Sprite, colour
from realtime.ui.scene_words import distance_words, mirrored_scene, paint_label
from realtime.ui.shots import shot_of
from realtime.ui.theme import DARK, Theme
from realtime.view3d import Follower, OrbitCamera, Size

_DEG_PER_PX = 0.35
_DEG_PER_KEY = 10.0
_ZOOM_PER_STEP = 1.15
_WHEEL_STEP = 120
_MOST_DISTANCES = 3
_WIDE_PX = 480
_PAINTING_SHARE = 0.08
"""Of a core, for painting people in software. A laptop paints every frame in it; a slow machine every other,
as the pipeline has better use for the time."""
_LONGEST_BEAT_MS = 100.0
_LATE_MS = 5
"""By how much a result may be late before it is not waited for any longer."""
PAINTED = "painter"
OPENGL = "opengl"


class SkeletonView(QWidget):
    """Paints people where they stand. Dragging or the arrow keys walk around them, the wheel comes closer.

    A double click returns to the three-quarter view. drawing_changed: emitted with what draws, and why.
    resized: what lies over it has to find its place again.
    """

    drawing_changed = Signal(str, str)
    resized = Signal()

    def __init__(self, parent: QWidget | None = None, drawing: Drawing = "painter") -> None:
        super().__init__(parent)
        self.setAccessibleName("3D view")
        self.setAccessibleDescription("People as skeletons in metres; arrow keys turn the view")
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(160, 120)
        self.setCursor(Qt.CursorShape.OpenHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._follower = Follower()
        self._trails = Trails()
        self._with_trails = True
        self._theme = DARK
        self._mirrored = False
        self._people: tuple[Person, ...] = ()
        self._intrinsics: Intrinsics | None = None
        self._grabbed: QPointF | None = None
        self._gl: GlWorker | None = None
        self._drawn: tuple[QImage, Shot] | None = None
        self._kept = KeptLayer(self, self._paint_in_time)
        self._pace = Pace(_PAINTING_SHARE)
        self._seen_s, self._beat_ms = 0.0, 0.0
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setTimerType(Qt.TimerType.PreciseTimer)
        self._later.timeout.connect(self._paint_ahead)
        self._legend, self._distances = Sprite(), Sprite()
        self.wanted_drawing: Drawing = "painter"
        self.drawing, self.drawing_reason = PAINTED, ""
        self.set_drawing(drawing)

    def sizeHint(self) -> QSize:
        return QSize(640, 540)

    @property
    def camera(self) -> OrbitCamera:
        """The view as it would be painted now."""
        return self._follower.camera(self._size)

    @property
    def is_behind(self) -> bool:
        """Whether there is something newer than what is painted, which will be soon."""
        return self._later.isActive()

    @property
    def is_next(self) -> bool:
        """Whether it is painted as soon as there is nothing else to do."""
        return self._later.isActive() and self._later.interval() == 0

    @property
    def _size(self) -> Size:
        return float(self.width()), float(self.height())

    @property
    def _way(self) -> Way | None:
        return self._trails.way(self._follower.floor_m) if self._with_trails else None

    def set_drawing(self, drawing: Drawing) -> None:
        """Draw in OpenGL, in software, or in OpenGL only where that is quick. Until OpenGL is ready, and
        when it gives up, the software painter serves."""
        self.close_drawing()
        self.wanted_drawing = drawing
        if drawing != "painter":
            self._gl = GlWorker(auto=drawing == "auto")
            self._gl.drawn.connect(self._take)
            self._gl.gave_up.connect(self._fall_back)
        self._refresh()

    def close_drawing(self) -> None:
        """End the OpenGL thread, if there is one."""
        if self._gl is not None:
            self._gl.drawn.disconnect(self._take)
            self._gl.gave_up.disconnect(self._fall_back)
            self._gl.close()
            self._gl.deleteLater()
            self._gl = None
        self._drawn = None
        self.drawing, self.drawing_reason = PAINTED, ""

    def _take(self, image: QImage, shot: Shot) -> None:
        self._drawn = image, shot
        if self.drawing != OPENGL:
            self.drawing = OPENGL
            self.drawing_changed.emit(OPENGL, "")
        self._repaint()

    def _fall_back(self, reason: str) -> None:
        self.close_drawing()
        self.drawing_reason = reason
        self.drawing_changed.emit(PAINTED, reason)
        self._repaint()

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._theme = theme
        self._refresh()

    def set_mirrored(self, mirrored: bool) -> None:
        """Swap left and right of the canvas, as beside a mirrored picture."""
        self._mirrored = mirrored
        self._refresh()

    def set_trails(self, shown: bool) -> None:
        """Show where people were, or not."""
        self._with_trails = shown
        self._refresh()

    def show_people(
        self,
        people: tuple[Person, ...],
        intrinsics: Intrinsics | None,
        now_s: float,
        up: FloatArray | None = None,
    ) -> None:
        """Replace who is shown. now_s: when they were seen, on any steady clock. up: (3,) to show upright."""
        follower = self._follower
        people = shown_level(people, up, follower)
        self._people, self._intrinsics = people, intrinsics
        self._seen_s, self._beat_ms = now_s, min(max((now_s - self._seen_s) * 1e3, 0.0), _LONGEST_BEAT_MS)
        follower.update(absolute_poses_m(people), now_s)
        self._trails.update(people, now_s)
        self._refresh(in_time=True)

    def preset(self, name: str) -> None:
        """Take one of the named viewpoints."""
        self._follower.preset(name)
        self._refresh()

    def orbit(self, right_deg: float, up_deg: float) -> None:
        """Walk around; to the right as the canvas shows it."""
        self._follower.orbit(-right_deg if self._mirrored else right_deg, up_deg)
        self._refresh()

    def zoom(self, steps: float) -> None:
        """Come closer by so many steps of the wheel, or go away."""
        self._follower.zoom(_ZOOM_PER_STEP**steps)
        self._refresh()

    def _refresh(self, in_time: bool = False) -> None:
        """Show what there is now. in_time: or a little later, where painting would take too much time."""
        if self._gl is not None and self.isVisible():
            density = self.devicePixelRatioF()
            size_px = max(1, round(self.width() * density)), max(1, round(self.height() * density))
            view = (self._follower, self._people, self._intrinsics, self._way)
            shot = shot_of(*view, self._size, self._theme)
            self._gl.ask(replace(shot, size_px=size_px, density=density, mirrored=self._mirrored))
        if self.drawing != PAINTED:
            return
        if not in_time:
            self._repaint()
            return
        # With the result that is nearest: right after one the pipeline waits for its next frame, at any
        # other time it would share its processors.
        wait_ms, half_ms = self._pace.wait_ms(), math.ceil(self._beat_ms / 2)
        if wait_ms <= half_ms:
            self._later.start(0)
        elif not self._later.isActive():
            self._later.start(wait_ms + half_ms + _LATE_MS)

    def _paint_ahead(self) -> None:
        """Paint the layer between events: with the picture's in one go the window would answer later."""
        self._repaint()
        if self.isVisible():
            self._kept.painted()

    def _repaint(self) -> None:
        self._later.stop()
        self._kept.outdate()
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._grabbed = event.position()
            self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._grabbed is not None:
            moved = event.position() - self._grabbed
            self._grabbed = event.position()
            # The scene turns with the hand, so the eye goes the other way.
            self.orbit(-moved.x() * _DEG_PER_PX, moved.y() * _DEG_PER_PX)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._grabbed = None
            self.setCursor(Qt.CursorShape.OpenHandCursor)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.preset("three-quarter")

    def wheelEvent(self, event: QWheelEvent) -> None:
        self.zoom(event.angleDelta().y() / _WHEEL_STEP)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._refresh()
        self.resized.emit()

    def hideEvent(self, event: QHideEvent) -> None:
        self._grabbed = None
        self._later.stop()
        self._kept.outdate()
        super().hideEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            painter.drawImage(0, 0, self._kept.painted().image)

    def _paint_in_time(self, layer: Layer) -> None:
        with self._pace.spending():
            self._paint_layer(layer)

    def _paint_layer(self, layer: Layer) -> None:
        seen = scene(self._follower, self._people, self._intrinsics, self._size, self._way)
        if self._mirrored:
            seen = mirrored_scene(seen, float(self.width()))
        by_opengl = self._drawn[0] if self._drawn is not None else None
        if by_opengl is not None and by_opengl.deviceIndependentSize() != QRectF(self.rect()).size():
            by_opengl = None
        if by_opengl is None:
            layer.fill(self._theme.canvas)
            self._paint_strokes(layer, seen)
        with QPainter(layer.image) as painter:
            painter.setFont(self.font())
            if by_opengl is not None:
                painter.drawImage(0, 0, by_opengl)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._paint_words(painter, seen)

    def _paint_strokes(self, layer: Layer, seen: Scene) -> None:
        theme, ids = self._theme, [person.id for person in self._people]

        def body(side: int, who: int) -> Rgb:
            return theme.body(side, ids[who]) if who >= 0 else theme.muted

        lines = (
            (seen.shadows, one_ink(theme.shadow)),
            (seen.floor, one_ink(theme.grid)),
            (seen.ruler, one_ink(theme.muted)),
            (seen.camera, one_ink(theme.muted)),
            (seen.axes, one_ink(theme.text)),
            (seen.trails, body),
        )
        paint_lines(layer.pixels, lines, theme.canvas, layer.density)
        paint_bodies(layer.pixels, seen.people, body, theme.shade, theme.canvas, layer.density)

    def _paint_words(self, painter: QPainter, seen: Scene) -> None:
        for number in seen.numbers:
            paint_label(painter, number, self._theme.muted)
        for name in seen.names:
            paint_label(painter, name, self._theme.body(Side.MIDDLE, self._people[name.person].id))
        self._legend.paint(painter, QRectF(0, 0, 320, 40), self._theme.name, self._draw_legend)
        lines = tuple(distance_words(self._people[:_MOST_DISTANCES]))
        ids = tuple(person.id for person in self._people[: len(lines)])
        top = 10 if self.width() > _WIDE_PX else 34  # else it would lie over the legend
        box = QRectF(self.width() - 320, top, 320 - 18, 33 * len(lines))
        if lines:
            shows = self._theme.name, ids, lines
            self._distances.paint(painter, box, shows, partial(self._draw_distances, lines))

    def _draw_distances(self, lines: Sequence[str], painter: QPainter, box: QRectF) -> None:
        """How far the first people are from the camera, to be read from across a room."""
        font = painter.font()
        font.setPixelSize(26)
        font.setWeight(font.Weight.Light)
        painter.setFont(font)
        for n, (person, words) in enumerate(zip(self._people, lines, strict=False)):
            rgb = self._theme.body(Side.MIDDLE, person.id) if len(lines) > 1 else self._theme.text
            painter.setPen(colour(rgb))
            line = QRectF(0, n * 33, box.width(), 33)
            painter.drawText(line, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop), words)

    def _draw_legend(self, painter: QPainter, box: QRectF) -> None:
        """Which colour is which side, and how wide a square of the floor is."""
        theme = self._theme
        x, y = 16.0, 26.0
        for rgb, words in ((theme.left, "left"), (theme.right, "right"), (None, f"grid {GRID_STEP_M:g} m")):
            if rgb is not None:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(colour(rgb))
                painter.drawEllipse(QPointF(x + 5, y - 4.5), 5, 5)
                if rgb == theme.right:
                    painter.setBrush(colour(theme.canvas))
                    painter.drawEllipse(QPointF(x + 5, y - 4.5), 2.4, 2.4)
                x += 16
            painter.setPen(colour(theme.muted))
            painter.drawText(QPointF(x, y), words)
            x += painter.fontMetrics().horizontalAdvance(words) + 18
