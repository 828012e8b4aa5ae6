"""What goes wrong when a camera is measured."""

from __future__ import annotations

from realtime.errors import PoseError


class CalibrationError(PoseError):
    """The images do not yield a camera: no board, too few views, or views that do not fix it."""
