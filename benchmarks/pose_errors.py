"""The errors of poses in one row, for benchmarks that compare what lifters are told."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from realtime.types import FloatArray
from training.lifters.metrics import mpjpe_mm, n_mpjpe_mm, pa_mpjpe_mm
from training.lifters.takes import Take

MEASURES = {"mpjpe_mm": mpjpe_mm, "n_mpjpe_mm": n_mpjpe_mm, "pa_mpjpe_mm": pa_mpjpe_mm}


def errors_mm(pose_m: FloatArray, take: Take) -> FloatArray:
    """(F, measures) of the frames of a take in which anyone is seen. pose_m: (T, 17, 3) root-relative."""
    seen, truth_m = (take.score > 0).any(axis=1), take.truth_m - take.truth_m[:, :1]
    found = [measure(pose_m[seen], truth_m[seen]) for measure in MEASURES.values()]
    return np.stack(found, axis=1).astype(np.float32)


def mean_row(errors: Sequence[FloatArray]) -> dict[str, float]:
    """Means over the frames of all takes, by name."""
    means = np.concatenate(errors).mean(axis=0).tolist()
    return {name: round(mean, 2) for name, mean in zip(MEASURES, means, strict=True)}
