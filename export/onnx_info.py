"""Facts about an ONNX file that need no inference."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import onnx

from realtime.errors import ModelError

_FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE)


def parameter_count(path: Path) -> int:
    """Floating-point numbers stored as weights. Raises ModelError when the file is no ONNX model."""
    try:
        model = onnx.load(str(path))
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot read {path} as an ONNX model: export it again") from error
    except Exception as error:  # protobuf raises a type of its own
        raise ModelError(f"{path} is not an ONNX model: export it again") from error
    return weights_in(model)


def weights_in(model: Any) -> int:
    """Floating-point numbers stored as weights in an `onnx.ModelProto`."""
    return sum(math.prod(w.dims) for w in model.graph.initializer if w.data_type in _FLOATS)
