"""Choosing an engine: what was asked for, or the fastest that is present, and saying which, and why."""

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from realtime.engines.base import Engine, State
from realtime.engines.library import Kind, installed, why_not
from realtime.errors import EngineError, EngineUnavailableError, UsageError
from realtime.manifest import Role

log = logging.getLogger(__name__)

Backend = Literal["tensorrt", "tensorrt-rtx", "onnxruntime", "openvino"]
Choice = Literal["auto", "onnxruntime", "openvino", "tensorrt", "tensorrt-rtx"]
_ON_GPU: tuple[Kind, ...] = get_args(Kind)

# Fastest first, as measured (benchmarks/results): OpenVINO wins on convolutions over images, ONNX Runtime
# on a lifter's step, which is many small operations.
_ON_CPU: Mapping[Role, tuple[Backend, ...]] = {
    "detector": ("openvino", "onnxruntime"),
    "estimator": ("openvino", "onnxruntime"),
    "lifter": ("onnxruntime", "openvino"),
}


@dataclass(frozen=True, slots=True)
class Opened:
    """An engine. fallback: what would have been faster and why it does not run; empty if nothing was lost."""

    engine: Engine
    fallback: str = ""


def available(role: Role = "estimator") -> tuple[Backend, ...]:
    """The back ends that can run on this machine, the fastest for such a net first."""
    return _available(role, _reasons())


def _reasons() -> Mapping[Kind, str]:
    """Why each TensorRT that is installed does not run here; empty for one that does."""
    return {kind: why_not(kind) for kind in _ON_GPU if installed(kind)}


def _available(role: Role, reasons: Mapping[Kind, str]) -> tuple[Backend, ...]:
    on_gpu = tuple(kind for kind, reason in reasons.items() if not reason)
    present: tuple[Backend, ...] = on_gpu + tuple(
        b for b in _ON_CPU[role] if importlib.util.find_spec(b) is not None
    )
    return present


def choose(choice: Choice = "auto", role: Role = "estimator") -> Backend:
    """The back end that a choice means on this machine. Raises EngineUnavailableError if it cannot run."""
    if choice not in get_args(Choice):
        raise UsageError(f"unknown engine {choice!r}; known: {', '.join(get_args(Choice))}")
    if choice == "auto":
        return _first(available(role))
    if choice in _ON_GPU:
        reason = why_not(choice) if installed(choice) else f"{choice} is not installed: pip install {choice}"
        if reason:
            raise EngineUnavailableError(f"{reason}; --engine auto takes the best that runs here")
    elif importlib.util.find_spec(choice) is None:
        raise EngineUnavailableError(f"{choice} is not installed: pip install {choice}, or use --engine auto")
    return choice


def _first(present: tuple[Backend, ...]) -> Backend:
    if not present:
        raise EngineUnavailableError("no inference library is installed: pip install openvino")
    return present[0]


def open_reported(
    model: Path,
    choice: Choice = "auto",
    threads: int = 0,
    role: Role = "estimator",
    state: State = (),
    half: Path | None = None,
) -> Opened:
    """Load an ONNX file into the chosen back end; `auto` goes on to the next where a TensorRT cannot.

    threads: 0 leaves it to the library. state: what the engine may keep by itself; those that cannot take
    it from the feeds. half: the model's FP16 form, which a GPU runs in its place. What was asked for by name
    is never replaced: it raises EngineError instead.
    """
    if choice != "auto":
        return Opened(_open(choose(choice, role), model, threads, state, half))
    reasons = _reasons()
    present = _available(role, reasons)
    first = _first(present)
    lost = [reason for reason in reasons.values() if reason]
    for backend in present:
        try:
            engine = _open(backend, model, threads, state, half)
        except EngineError as error:
            if backend not in _ON_GPU:
                raise
            lost.append(str(error))
            continue
        return Opened(engine, "; ".join(lost) if backend not in _ON_GPU else "")
    raise EngineUnavailableError(f"{'; '.join(lost)}; nothing but {first} is here: pip install openvino")


def threads_for(role: Role) -> int:
    """Threads for a network on the CPU. A lifter's step is over before a second thread has woken up."""
    return 1 if role == "lifter" else os.cpu_count() or 1


def open_engine(
    model: Path, choice: Choice = "auto", threads: int = 0, role: Role = "estimator", state: State = ()
) -> Engine:
    """`open_reported`, with the fallback as a warning."""
    opened = open_reported(model, choice, threads, role, state)
    if opened.fallback:
        log.warning("%s runs in %s: %s", model.name, opened.engine.backend, opened.fallback)
    return opened.engine


def _open(backend: Backend, model: Path, threads: int, state: State, half: Path | None) -> Engine:
    log.info("%s runs in %s", model.name, backend)
    if backend == "openvino":
        from realtime.engines.openvino import OpenVinoEngine

        return OpenVinoEngine(model, threads)
    if backend == "onnxruntime":
        from realtime.engines.onnxruntime import OnnxRuntimeEngine, OnnxRuntimeSteps

        return OnnxRuntimeSteps(model, threads, state) if state else OnnxRuntimeEngine(model, threads)
    from realtime.engines.tensorrt import open_tensorrt

    if half is not None:
        try:
            return open_tensorrt(backend, half, state)
        except EngineUnavailableError:
            raise
        except EngineError as error:
            log.warning("%s: in FP32, for its FP16 form does not run (%s)", model.name, error)
    return open_tensorrt(backend, model, state)
