"""What the tests of the TensorRT engine share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engines.counter import KINDS, write_counter
from tests.engines.fake_machine import FakeMachine


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The plan of the counting net."""
    return write_counter(tmp_path_factory.mktemp("counter")).read_bytes()


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeMachine:
    """Both TensorRTs are here, and so is a GPU; the cache is empty."""
    fake = FakeMachine()
    fake.install(monkeypatch, *KINDS, cache=tmp_path / "cache")
    return fake
