"""A machine with a GPU and both TensorRTs, all of them fakes."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from realtime.engines.build import BuildOptions, Shapes
from realtime.engines.library import Kind, Library
from realtime.errors import EngineError
from tests.engines.fake_gpu import FakeCuda
from tests.engines.fake_tensorrt import fake_library


class FakeMachine:
    """A machine with a GPU and both TensorRTs: what `open_engine` finds once `installed` here.

    cudas: the share of the GPU of every engine opened. built: the models that were built. plans: what the
    next builds give, if not the model itself. build_error: why a build fails. memory: the GPU's, in bytes.
    """

    def __init__(self) -> None:
        self.cudas: list[FakeCuda] = []
        self.built: list[Path] = []
        self.build_error = ""
        self.plans: list[bytes] = []
        self.memory = 1 << 30
        self._own = threading.local()

    def install(self, patch: pytest.MonkeyPatch, *kinds: Kind, cache: Path) -> None:
        """Make it look as if this were the machine, with these libraries."""
        patch.setenv("REALTIME_POSE3D_CACHE", str(cache))
        patch.setattr("realtime.engines.open.installed", lambda kind: kind in kinds)
        patch.setattr("realtime.engines.open.why_not", lambda kind: "")
        patch.setattr("realtime.engines.tensorrt.load_library", self._load)
        patch.setattr("realtime.engines.tensorrt.open_cuda", lambda: self._own.cuda)
        patch.setattr("realtime.engines.tensorrt.build_with", self._build)

    def _load(self, kind: Kind) -> Library:
        self._own.cuda = FakeCuda(memory=self.memory)
        self.cudas.append(self._own.cuda)
        return fake_library(self._own.cuda, kind)

    def _build(self, library: Library, model: Path, shapes: Shapes, options: BuildOptions) -> bytes:
        if self.build_error:
            raise EngineError(self.build_error)
        self.built.append(model)
        return self.plans.pop(0) if self.plans else model.read_bytes()
