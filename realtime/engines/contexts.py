"""Contexts to run a plan in, and the kernels that TensorRT-RTX compiles for them, kept between runs."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Any

from realtime.engines.cuda import Cuda, Device
from realtime.engines.library import Library
from realtime.engines.store import EngineStore, PlanKey
from realtime.errors import EngineError

log = logging.getLogger(__name__)

KERNELS_SUFFIX = ".kernels"


@dataclass(frozen=True, slots=True)
class KernelFile:
    """Where the kernels of one plan are kept for one GPU and driver."""

    store: EngineStore
    key: PlanKey

    @classmethod
    def beside(cls, plans: EngineStore, key: PlanKey, device: Device) -> KernelFile:
        """The file in the folder of the plans that belongs to a plan on this GPU."""
        options = f"{key.options} driver={device.driver}".strip()
        return cls(
            EngineStore(plans.folder, KERNELS_SUFFIX), replace(key, device=str(device), options=options)
        )

    def load(self) -> bytes:
        """What was kept; nothing if there is none, or none that can be trusted."""
        return self.store.load(self.key) or b""

    def save(self, kernels: bytes) -> None:
        """Keep kernels in the place of those before. A folder that takes nothing costs a line in the log."""
        try:
            self.store.save(self.key, kernels)
        except OSError as error:
            log.info("compiled kernels are not kept in %s: %s", self.store.folder, error.strerror)


class Contexts:
    """Makes the contexts of one plan. graphs: let the library launch each run as a CUDA graph, where it can.

    TensorRT-RTX compiles kernels for the GPU when it first runs a shape; `kept` is where they come from, and
    go to at `close`. TensorRT has nothing of the kind: its plans are compiled.
    """

    def __init__(
        self, library: Library, engine: Any, cuda: Cuda, graphs: bool, kept: KernelFile | None = None
    ) -> None:
        self.captures = hasattr(library.module, "CudaGraphStrategy")
        self._library = library
        self._engine = engine
        self._cuda = cuda
        self._graphs = graphs
        self._kept = kept
        self._kernels: Any = None
        self._loaded = b""

    def make(self) -> Any:
        """A new context. Raises EngineError where there is no room for it."""
        self._library.forget_errors()
        context = (
            self._engine.create_execution_context(self._config())
            if self.captures
            else self._engine.create_execution_context()
        )
        if context is None:
            raise EngineError(
                f"{self._library.kind} cannot make room to run on {self._cuda.device}: {self._library.why()}"
            )
        return context

    def close(self) -> None:
        """Keep the kernels compiled since those that were kept, and let go of the plan."""
        kernels, self._kernels, self._engine = self._kernels, None, None
        if kernels is None or self._kept is None:
            return
        serialized = kernels.serialize()
        content = b"" if serialized is None else bytes(memoryview(serialized))
        if content and content != self._loaded:
            self._kept.save(content)

    def _config(self) -> Any:
        strategy = self._library.module.CudaGraphStrategy
        config = self._engine.create_runtime_config()
        config.cuda_graph_strategy = strategy.WHOLE_GRAPH_CAPTURE if self._graphs else strategy.DISABLED
        if self._kept is not None:
            if self._kernels is None:
                self._kernels = self._open_kernels(config, self._kept)
            if not config.set_runtime_cache(self._kernels):
                log.info("%s takes no kernels that were kept: %s", self._library.kind, self._library.why())
        return config

    def _open_kernels(self, config: Any, kept: KernelFile) -> Any:
        kernels, known = config.create_runtime_cache(), kept.load()
        if known and kernels.deserialize(known):
            self._loaded = known
        elif known:
            log.info("%s compiles its kernels anew: those kept are of another driver", self._library.kind)
        return kernels
