"""The thread that draws the 3D view in OpenGL, so that the window never waits for a driver."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue

import numpy as np
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from realtime.stream.worker import Worker
from realtime.ui.gl_scene import GlScene, Shot

log = logging.getLogger(__name__)

_PATIENCE = 24
SLOW_MS = 12.0
"""A 3D view that takes longer than this to draw, in the median, is left to the software painter."""


class GlWorker(QObject):
    """Draws the newest shot that was asked for; older ones that wait are left out.

    drawn: an image, top row first, and the shot it shows. gave_up: why it draws no more; the painter goes on.
    auto: give up when the processor draws in place of a graphics card, or when drawing is slow.
    """

    drawn = Signal(QImage, object)
    gave_up = Signal(str)
    ready = Signal(str)

    def __init__(self, auto: bool = True, make: Callable[[], GlScene] = GlScene) -> None:
        super().__init__()
        self._auto = auto
        self._make = make
        self._wanted: SimpleQueue[Shot | None] = SimpleQueue()
        self._thread = Worker("draw-3d", self._run, self._ended)
        self._started = False

    def ask(self, shot: Shot) -> None:
        """Ask for an image; it comes by `drawn`, unless a newer one was asked for before.

        The first one starts the thread: what it says at once must find somebody connected.
        """
        self._wanted.put(shot)
        if not self._started:
            self._started = True
            self._thread.start()

    def close(self, timeout_s: float = 1.0) -> bool:
        """End the thread. True if it ended within `timeout_s`."""
        if not self._started:
            return True
        self._wanted.put(None)
        return self._thread.join(timeout_s)

    def _run(self) -> None:
        scene = self._make()
        try:
            if self._auto and scene.is_software:
                self.gave_up.emit(f"OpenGL is drawn by the processor here ({scene.device})")
                return
            self.ready.emit(scene.device)
            self._draw_all(scene)
        finally:
            scene.close()

    def _draw_all(self, scene: GlScene) -> None:
        spent_ms: list[float] = []
        while (shot := self._newest()) is not None:
            begun_ns = time.perf_counter_ns()
            pixels = scene.draw(shot)
            spent_ms.append((time.perf_counter_ns() - begun_ns) / 1e6)
            height, width = pixels.shape[:2]
            image = QImage(pixels.data, width, height, width * 4, QImage.Format.Format_RGBX8888).copy()
            image.setDevicePixelRatio(shot.density)
            self.drawn.emit(image, shot)
            if self._auto and len(spent_ms) >= _PATIENCE:
                median_ms = float(np.median(spent_ms[1:]))
                if median_ms > SLOW_MS:
                    self.gave_up.emit(f"OpenGL takes {median_ms:.0f} ms a picture here ({scene.device})")
                    return
                spent_ms.clear()

    def _newest(self) -> Shot | None:
        """The newest shot asked for, waiting for one; None to end."""
        shot = self._wanted.get()
        while shot is not None:
            try:
                shot = self._wanted.get_nowait()
            except Empty:
                break
        return shot

    def _ended(self, error: BaseException | None) -> None:
        if error is not None:
            log.info("the 3D view is painted in software: %s", error)
            self.gave_up.emit(str(error) or type(error).__name__)
