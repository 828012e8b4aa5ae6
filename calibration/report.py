"""A calibration in words, for a terminal and for the head of a camera file."""

from __future__ import annotations

from datetime import date

from calibration.solve import PARAMETERS, Calibration
from calibration.views import Views


def summary(calibration: Calibration) -> str:
    """One line: how well, from what, how sure."""
    camera = calibration.intrinsics
    values = (camera.fx, camera.fy, camera.cx, camera.cy)
    known = zip(PARAMETERS, values, calibration.sigma, strict=True)
    parts = ", ".join(f"{name} {value:.1f} ± {sigma:.1f}" for name, value, sigma in known)
    return f"RMS {calibration.rms_px:.3f} px over {len(calibration.used)} views; {parts} px"


def lines(calibration: Calibration, views: Views) -> list[str]:
    """Everything worth saying about a calibration, a line each."""
    out = [
        f"  {v.name}: RMS {v.rms_px:.3f} px, tilt {v.tilt_deg:.0f} degrees, {v.distance_m:.2f} m away"
        for v in calibration.used
    ]
    out += [
        f"  {v.name}: left out, it lies {v.rms_px:.2f} px from what the other views say (board moved, bent, "
        "or misread?)"
        for v in calibration.outliers
    ]
    out += [f"  {name}: not used: {miss.reason}" for name, miss in views.missed]
    camera = calibration.intrinsics
    out += [
        summary(calibration),
        "± is one standard deviation: the larger of the residuals' and of leaving views out",
        f"{camera.fov_deg:.1f} degrees across the longer side; {camera.model}, "
        f"{', '.join(f'{k:.4f}' for k in camera.distortion)}",
    ]
    return out + [f"warning: {warning}" for warning in calibration.warnings]


def comment(calibration: Calibration, views: Views) -> str:
    """The head of the camera file: what it rests on."""
    return f"{summary(calibration)}; {views.board}; {date.today().isoformat()}"
