"""How well a walker tells the focal length, on rendered people whose cameras are known exactly.

    python benchmarks/focal_length.py [RECORDS.npz ...] [-o FILE.json]

For each clip the joints as the 2D net saw them (`seen`) and the exact ones (`exact`) are given to
calibration.focal; errors are |log(estimated / true focal length)|, beside that of assuming 60 degrees. The
centre of the image is taken for the principal point and the distortion is left out, as a user would have to.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from calibration.errors import CalibrationError
from calibration.focal import Walk, focal_from_walk
from realtime.camera import Intrinsics
from realtime.machine import processor
from realtime.types import Array
from training.records.store import Records, load_records

DEFAULT = Path(__file__).parent.parent / "training" / "records" / "blazepose_test.npz"
TILTS_DEG = ((0, 5), (5, 10), (10, 15), (15, 90))


def clips(records: Records, exact: bool) -> Iterator[tuple[float, ...]]:
    """Of every clip that shows a whole person: tilt, degrees; log error; its sigma; log error of assuming 60;
    whether the estimate says it is usable."""
    for n, frames in enumerate(records.bounds):
        camera = records.cameras[n]
        points = records.exact_px[frames] if exact else records.seen_px[frames]
        score = np.where(records.found[frames][:, None], 1.0 if exact else records.score[frames], 0.0)
        keypoints = np.concatenate([points, np.broadcast_to(score, points.shape[:2])[..., None]], axis=2)
        try:
            found = focal_from_walk(Walk(keypoints.astype(np.float32), camera.width, camera.height))
        except CalibrationError:
            continue
        assumed = Intrinsics.assumed(camera.width, camera.height).fx
        tilt_deg = abs(math.degrees(math.asin(float(records.up[n][2]))))
        yield (
            tilt_deg,
            math.log(found.focal_px / camera.fx),
            found.log_sigma,
            math.log(assumed / camera.fx),
            found.usable,
        )


def summary(rows: Array) -> dict[str, float]:
    """Medians of rows (N, 5) of `clips`, and how the stated sigmas compare with the errors."""
    if not len(rows):
        return {"clips": 0}
    return {
        "clips": len(rows),
        "median_log_error": round(float(np.median(np.abs(rows[:, 1]))), 4),
        "median_log_error_assumed_60": round(float(np.median(np.abs(rows[:, 3]))), 4),
        "median_log_sigma": round(float(np.median(rows[:, 2])), 4),
        "rms_of_error_over_sigma": round(float(np.sqrt(((rows[:, 1] / rows[:, 2]) ** 2).mean())), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("records", nargs="*", type=Path, default=[DEFAULT])
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    records = [load_records(path) for path in given.records]
    out: dict[str, object] = {
        "machine": processor(),
        "date": datetime.date.today().isoformat(),
        "records": [path.name for path in given.records],
        "clips": sum(r.clips for r in records),
    }
    for name, exact in (("exact", True), ("seen", False)):
        rows = np.array([row for r in records for row in clips(r, exact)]).reshape(-1, 5)
        out[name] = {
            "all": summary(rows),
            "usable": summary(rows[rows[:, 4] > 0]),
            **{
                f"tilt_{low}_{high}_deg": summary(rows[(rows[:, 0] >= low) & (rows[:, 0] < high)])
                for low, high in TILTS_DEG
            },
        }
    text = json.dumps(out, indent=1)
    print(text)
    if given.output is not None:
        given.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
