"""A stage for tests of pictures: an OpenGL context where there is one, and light."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.errors import UsageError
from training.places.surface import Light


@pytest.fixture(scope="session")
def opengl() -> None:
    """Skips, saying why, where nothing can be drawn."""
    from training.render.gl import context

    try:
        context()
    except UsageError as error:
        pytest.skip(str(error))


@pytest.fixture
def daylight() -> Light:
    towards = np.array([-0.4, 0.8, 0.45], np.float32)
    ones = np.ones(3, np.float32)
    return Light(towards / np.linalg.norm(towards), 0.7 * ones, 0.5 * ones, 0.2 * ones)
