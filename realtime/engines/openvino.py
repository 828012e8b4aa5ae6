"""OpenVINO on the CPU, in FP32: its own default on CPUs with BF16 is faster but pixels off."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import openvino as ov

from realtime.engines.base import TensorSpec, check_feeds
from realtime.engines.onnx_file import check_onnx_file
from realtime.errors import EngineError
from realtime.types import Array


class OpenVinoEngine:
    """An ONNX file compiled by OpenVINO. Raises EngineError when the file does not load."""

    backend = "openvino"
    precision = "fp32"

    def __init__(self, model: Path, threads: int = 0) -> None:
        check_onnx_file(model)
        settings: dict[str, str | int] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": threads,
        }
        try:
            network = _core().read_model(str(model))
            # Compiling may leave an inner tensor's name on a port: the names are those before it.
            taken, self._names = (
                [port.any_name for port in ports] for ports in (network.inputs, network.outputs)
            )
            compiled = _core().compile_model(network, "CPU", settings)
        except Exception as error:  # the binding raises plain RuntimeError and its children
            raise EngineError(f"OpenVINO cannot load {model}: {error}") from error
        self.inputs = {name: _spec(port) for name, port in zip(taken, compiled.inputs, strict=True)}
        self.outputs = {name: _spec(port) for name, port in zip(self._names, compiled.outputs, strict=True)}
        self._places = {name: place for place, name in enumerate(taken)}
        self._request: ov.InferRequest | None = compiled.create_infer_request()

    def infer(self, feeds: Mapping[str, Array]) -> Mapping[str, Array]:
        """Run the network once."""
        if self._request is None:
            raise EngineError("the engine is closed")
        check_feeds(self.inputs, feeds)
        # Not the request's own `infer`: with one thread that swallows failures and leaves the outputs of
        # the run before (seen in OpenVINO 2026.4).
        try:
            self._request.start_async(
                {self._places[name]: array for name, array in feeds.items()}, share_inputs=True
            )
            self._request.wait()
        except Exception as error:
            raise EngineError(f"OpenVINO failed: {error}") from error
        return {name: self._request.get_output_tensor(k).data for k, name in enumerate(self._names)}

    def close(self) -> None:
        """Free the compiled network."""
        self._request = None


@functools.cache
def _core() -> ov.Core:
    """The one core of this process: closing several leaves a signal stack behind that no longer exists,
    and the next signal (Ctrl-C) crashes."""
    return ov.Core()


def _spec(port: ov.Output) -> TensorSpec:
    shape = tuple(d.get_length() if d.is_static else None for d in port.partial_shape)
    return TensorSpec(shape, np.dtype(port.element_type.to_dtype()))
