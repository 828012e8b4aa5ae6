"""What all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from export import zoo
from realtime.errors import FetchError

ROOT = Path(__file__).resolve().parent.parent
_SCREEN = ("tests/ui/", "tests/calibration/", "tests/commands/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With `-n`, a file's tests stay together, as they share what is slow to make, and so do all that open
    windows, as there is one screen."""
    for item in items:
        path = item.path.relative_to(ROOT).as_posix()
        item.add_marker(pytest.mark.xdist_group("screen" if path.startswith(_SCREEN) else path))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real motion, videos and photos beside the checkout."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent: real motion, videos and photos are needed here")
    return folder


def skip_if_unreachable(error: FetchError) -> None:
    """Skip the test when the package index could not be reached; anything else is a failure."""
    if "could not download" in str(error):
        pytest.skip(str(error))
    raise error


@pytest.fixture(scope="session")
def blazepose() -> Path:
    """The folder of BlazePose's ONNX files and manifests, in the user's own cache."""
    try:
        return zoo.fetch("blazepose").directory
    except FetchError as error:
        skip_if_unreachable(error)
        raise
