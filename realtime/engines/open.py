"""Choosing an engine: what was asked for, or the fastest that is present, and saying which."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

from realtime.engines.base import Engine
from realtime.errors import EngineUnavailableError, UsageError
from realtime.manifest import Role

log = logging.getLogger(__name__)

Backend = Literal["onnxruntime", "openvino"]
Choice = Literal["auto", "onnxruntime", "openvino", "tensorrt", "tensorrt-rtx"]

# Fastest first, as measured (benchmarks/results): OpenVINO wins on convolutions over images, ONNX Runtime
# on a lifter's step, which is many small operations.
_PREFERRED: Mapping[Role, tuple[Backend, ...]] = {
    "detector": ("openvino", "onnxruntime"),
    "estimator": ("openvino", "onnxruntime"),
    "lifter": ("onnxruntime", "openvino"),
}


def available(role: Role = "estimator") -> tuple[Backend, ...]:
    """The back ends whose library is installed here, the fastest for such a net first."""
    return tuple(b for b in _PREFERRED[role] if importlib.util.find_spec(b) is not None)


def choose(choice: Choice = "auto", role: Role = "estimator") -> Backend:
    """The back end that a choice means on this machine. Raises EngineUnavailableError if it is absent."""
    if choice not in get_args(Choice):
        raise UsageError(f"unknown engine {choice!r}; known: {', '.join(get_args(Choice))}")
    present = available(role)
    if choice == "auto":
        if not present:
            raise EngineUnavailableError("no inference library is installed: pip install openvino")
        return present[0]
    for backend in present:
        if backend == choice:
            return backend
    if choice in ("tensorrt", "tensorrt-rtx"):
        raise EngineUnavailableError(
            f"this version has no {choice} engine yet: use --engine auto, openvino or onnxruntime"
        )
    raise EngineUnavailableError(f"{choice} is not installed: pip install {choice}, or use --engine auto")


def open_engine(model: Path, choice: Choice = "auto", threads: int = 0, role: Role = "estimator") -> Engine:
    """Load an ONNX file into the chosen back end. threads: 0 leaves it to the library."""
    backend = choose(choice, role)
    log.info("%s runs in %s", model.name, backend)
    if backend == "openvino":
        from realtime.engines.openvino import OpenVinoEngine

        return OpenVinoEngine(model, threads)
    from realtime.engines.onnxruntime import OnnxRuntimeEngine

    return OnnxRuntimeEngine(model, threads)
