"""Where fetched models and built engines live: a folder a user, or what `REALTIME_POSE3D_CACHE` names."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

ENVIRONMENT_VARIABLE = "REALTIME_POSE3D_CACHE"


def cache_dir() -> Path:
    """The root of the cache. It need not exist yet."""
    named = os.environ.get(ENVIRONMENT_VARIABLE)
    return Path(named) if named else Path(platformdirs.user_cache_dir("realtime-pose3d", appauthor=False))


def model_dir(name: str) -> Path:
    """The folder of one fetched model set, such as `blazepose`."""
    return cache_dir() / "models" / name
