#!/usr/bin/env python3
"""How well the straight lines of a room tell the focal length, on rendered places whose cameras are known.

    python benchmarks/focal_length.py --motion ../shared/data/mocap/cmu_h36m17_30hz.npz \\
        --makehuman ../shared/data/makehuman

One picture each of rooms, streets and yards, with the people in it (their edges count as any others). Errors
are |log(estimated / true focal length)|, beside that of assuming 60 degrees. The distortion is left out
and the middle of the picture taken for the principal point, as a user would have to. Saved under
benchmarks/results.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from calibration.errors import CalibrationError
from calibration.focal import TELLING, focal_of_lines
from realtime.camera import Intrinsics
from realtime.level import shrunk, straight_lines
from realtime.profiling.machine import describe
from realtime.types import Array
from training.render.clip import ClipSettings, Studio

RESULTS = Path(__file__).parent / "results"
_SIGMAS = (0.0, 0.06, 0.1, 0.15, TELLING, math.inf)


def estimates(studio: Studio, seed: int, pictures: int) -> Iterator[tuple[float, float, float]]:
    """Of every picture that has edges: the log error, its sigma, and the log error of assuming 60 degrees."""
    for number in tqdm(range(pictures), disable=None):
        clip = studio.clip(seed, number)
        image, _ = next(iter(clip.render()))
        camera = clip.intrinsics
        try:
            found = focal_of_lines([straight_lines(*shrunk(image))], camera.width, camera.height)
        except CalibrationError:
            continue
        assumed = Intrinsics.assumed(camera.width, camera.height).fx
        yield math.log(found.focal_px / camera.fx), found.log_sigma, math.log(assumed / camera.fx)


def summary(rows: Array) -> dict[str, float]:
    """Of rows (N, 3) of `estimates`."""
    if not len(rows):
        return {"pictures": 0}
    off, assumed = np.abs(rows[:, 0]), np.abs(rows[:, 2])
    return {
        "pictures": len(rows),
        "median_log_error": round(float(np.median(off)), 3),
        "at_90_percent": round(float(np.percentile(off, 90)), 3),
        "in_sigma": round(float((off < rows[:, 1]).mean()), 3),
        "median_assuming_60": round(float(np.median(assumed)), 3),
        "at_90_percent_assuming_60": round(float(np.percentile(assumed, 90)), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--motion", type=Path, required=True)
    parser.add_argument("--makehuman", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=300)
    parser.add_argument("--seed", type=int, default=41)
    options = parser.parse_args()
    settings = ClipSettings(frames=1, part="test", long_side_px=(480, 960), oversampling=1)
    studio, machine = Studio(options.makehuman, [options.motion], settings), describe()
    rows = np.array(list(estimates(studio, options.seed, options.pictures)))
    by_sigma = {
        f"sigma {low:g} to {high:g}": summary(rows[(rows[:, 1] >= low) & (rows[:, 1] < high)])
        for low, high in itertools.pairwise(_SIGMAS)
    }
    found = {
        "machine": machine, "seed": options.seed, "pictures": options.pictures, "all": summary(rows),
        "usable": summary(rows[rows[:, 1] <= TELLING]), **by_sigma,
    }  # fmt: skip
    print(json.dumps(found, indent=1))
    out = RESULTS / f"focal_length_{machine['date'][:10]}.json"
    out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
