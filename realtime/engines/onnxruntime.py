"""ONNX Runtime on the CPU: the reference back end."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import onnxruntime as ort

from realtime.engines.base import TensorSpec, check_feeds
from realtime.engines.onnx_file import check_onnx_file
from realtime.errors import EngineError
from realtime.types import Array

_DTYPES = {
    "tensor(float)": np.float32,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(uint8)": np.uint8,
    "tensor(bool)": np.bool_,
}


class OnnxRuntimeEngine:
    """An ONNX file in ONNX Runtime, FP32, CPU. Raises EngineError when the file does not load.

    threads: 0 leaves it to the library. settings: session configuration entries beyond the usual ones.
    """

    backend = "onnxruntime"
    precision = "fp32"

    def __init__(
        self, model: Path, threads: int = 0, settings: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        check_onnx_file(model)
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 4
        # Spinning threads would take the second core from capture and drawing.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        for key, value in settings.items():
            options.add_session_config_entry(key, value)
        try:
            self._session: ort.InferenceSession | None = ort.InferenceSession(
                str(model), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # the binding raises a private type per failure
            raise EngineError(f"ONNX Runtime cannot load {model}: {error}") from error
        self.inputs = {node.name: _spec(node) for node in self._session.get_inputs()}
        self.outputs = {node.name: _spec(node) for node in self._session.get_outputs()}
        self._names = list(self.outputs)

    def infer(self, feeds: Mapping[str, Array]) -> Mapping[str, Array]:
        """Run the network once."""
        if self._session is None:
            raise EngineError("the engine is closed")
        check_feeds(self.inputs, feeds)
        try:
            results = self._session.run(self._names, dict(feeds))
        except Exception as error:
            raise EngineError(f"ONNX Runtime failed: {error}") from error
        return dict(zip(self._names, results, strict=True))

    def close(self) -> None:
        """Free the session."""
        self._session = None


def _spec(node: ort.NodeArg) -> TensorSpec:
    if node.type not in _DTYPES:
        raise EngineError(f"tensor {node.name!r} has type {node.type}, which this engine does not feed")
    shape = tuple(size if isinstance(size, int) else None for size in node.shape)
    return TensorSpec(shape, np.dtype(_DTYPES[node.type]))
