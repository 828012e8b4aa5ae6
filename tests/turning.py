"""Rotations for property tests."""

from __future__ import annotations

import numpy as np

from realtime.types import FloatArray


def turned(seed: int) -> FloatArray:
    """(3, 3) a random proper rotation."""
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    q *= np.sign(np.diag(r))
    if np.linalg.det(q) < 0:
        q[:, 0] *= -1
    return q.astype(np.float32)
