"""Preprocessing inside the network: crop, resize, normalise, so that a frame is uploaded once, as it is.

The grey levels are rounded to whole ones as the CPU path (`realtime.preprocess`) has them: half a level of
difference moves BlazePose's joints by up to 1.7 px. OpenCV before version 5 rounds positions to 1/32 pixel,
this and OpenCV 5 do not. `tests/export/test_preprocess_graph.py` bounds the difference.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import TensorProto, helper, numpy_helper

from realtime.errors import ModelError, UsageError
from realtime.manifest import ImageInput, Manifest, TensorInfo
from realtime.types import Array

PREFIX = "preprocess/"
"""Of every node added. They need FP32: half precision cannot tell neighbouring pixels of a frame apart."""

FRAME, TRANSFORM = "frame", "transform"
_OPSET = 16
"""The first with GridSample."""

_DTYPES = {"float32": TensorProto.FLOAT, "int32": TensorProto.INT32, "uint8": TensorProto.UINT8}


def attach_preprocessing(
    model_path: Path, manifest: Manifest, frame_size: tuple[int, int] | None = None
) -> tuple[bytes, Manifest]:
    """A network with its preprocessing in front, and the manifest that goes with it.

    The new network takes `frame` (H, W, 3) uint8 BGR and `transform` (2, 3) float32, from the centres of its
    input's pixels to the frame's pixels (`UnitMap.matrix`). Outside the frame it sees what the manifest says.
    The batch is one. frame_size: width and height of the only frames it takes; any without. The returned
    manifest names `<stem>-frame.onnx`, to be written beside it. Raises UsageError where the model takes no
    image or has its preprocessing already, and ModelError where it cannot be read or brought to an operator
    set with GridSample.
    """
    if manifest.image is None:
        raise UsageError(f"{manifest.name} takes no image: there is no preprocessing to attach")
    if manifest.image.transform:
        raise UsageError(f"{manifest.name} has its preprocessing inside already")
    model = _at_least_opset(_load(model_path), model_path)
    taken = {value.name for value in (*model.graph.input, *model.graph.output, *model.graph.initializer)}
    taken |= {name for node in model.graph.node for name in node.output}
    if clash := taken & {FRAME, TRANSFORM}:
        raise ModelError(f"{model_path} has a tensor named {min(clash)} already: rename it in the model")
    builder = _Builder(manifest.image, _beyond(manifest))
    builder.build()
    _put_in_front(model, builder, manifest.image.tensor, model_path)
    width, height = frame_size or (-1, -1)
    if frame_size:
        sizes = next(v for v in model.graph.input if v.name == FRAME).type.tensor_type.shape.dim
        sizes[0].dim_value, sizes[1].dim_value = height, width
    content: bytes = model.SerializeToString(deterministic=True)
    inputs = {FRAME: TensorInfo((height, width, 3), "uint8"), TRANSFORM: TensorInfo((2, 3))}
    attached = replace(
        manifest,
        name=f"{manifest.name}-frame",
        file=f"{Path(manifest.file).stem}-frame.onnx",
        sha256=hashlib.sha256(content).hexdigest(),
        origin=f"{manifest.origin}; preprocessing put in front of {manifest.file} ({manifest.sha256})",
        inputs=inputs,
        image=replace(manifest.image, tensor=FRAME, transform=TRANSFORM),
    )
    return content, attached


def _beyond(manifest: Manifest) -> str:
    """`cut`: beyond the frame it is all padding; `blend`: padding fades in over a pixel; `rim`."""
    assert manifest.image is not None
    if manifest.role == "detector":
        return "cut"
    return "rim" if manifest.image.beyond == "rim" else "blend"


def _load(path: Path) -> Any:
    try:
        model = onnx.load(str(path))
        onnx.checker.check_model(model)
    except (OSError, DecodeError, ValueError, onnx.checker.ValidationError) as error:
        raise ModelError(f"cannot read {path} as an ONNX model ({error}): export it again") from error
    return model


def _at_least_opset(model: Any, path: Path) -> Any:
    version = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 0)
    if version >= _OPSET:
        return model
    try:
        return onnx.version_converter.convert_version(model, _OPSET)
    except Exception as error:  # the converter raises whatever its C++ side does
        raise ModelError(
            f"{path} uses operator set {version} and cannot be brought to {_OPSET} ({error}): export it with "
            f"operator set {_OPSET} or newer"
        ) from error


def _put_in_front(model: Any, builder: _Builder, tensor: str, path: Path) -> None:
    graph = model.graph
    image = next((value for value in graph.input if value.name == tensor), None)
    if image is None:
        raise ModelError(f"{path} has no input {tensor!r}: mend its manifest")
    graph.input.remove(image)
    graph.input.extend(
        [
            helper.make_tensor_value_info(FRAME, TensorProto.UINT8, ["frame_height", "frame_width", 3]),
            helper.make_tensor_value_info(TRANSFORM, TensorProto.FLOAT, [2, 3]),
        ]
    )
    graph.initializer.extend(builder.constants)
    nodes = [*builder.nodes, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model)


class _Builder:
    """Collects the nodes from frame and transform to the network's image tensor."""

    def __init__(self, image: ImageInput, beyond: str) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._image = image
        self._beyond = beyond
        self._frame = ""

    def build(self) -> None:
        """Fill `nodes` and `constants`; the last node gives the image tensor."""
        # Before all else: TensorRT does nothing with bytes but cast them.
        self._frame = self._node("Cast", [FRAME], to=TensorProto.FLOAT)
        size = self._frame_size()
        source_px = self._source_px()
        pixels = self._sample(self._grid(source_px, size))
        if self._beyond == "cut":
            pixels = self._cut(pixels, source_px, size)
        self._normalise(pixels)

    def _node(self, op: str, inputs: Sequence[str], output: str = "", **attributes: Any) -> str:
        name = f"{PREFIX}{len(self.nodes)}_{op}"
        self.nodes.append(helper.make_node(op, inputs, [output or name], name=name, **attributes))
        return output or name

    def _constant(self, value: Array) -> str:
        name = f"{PREFIX}constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def _number(self, value: float) -> str:
        return self._constant(np.array(value, np.float32))

    def _frame_size(self) -> str:
        """(1, 2) the frame's width and height."""
        shape = self._node("Shape", [self._frame])
        size = self._node("Gather", [shape, self._constant(np.array([[1, 0]], np.int64))])
        return self._node("Cast", [size], to=TensorProto.FLOAT)

    def _source_px(self) -> str:
        """(pixels, 2) where each of the input's pixels lies in the frame.

        Not as a matrix product: GPUs round its factors to ten bits.
        """
        y, x = np.mgrid[: self._image.height, : self._image.width].astype(np.float32)
        columns = self._node("Transpose", [TRANSFORM], perm=[1, 0])
        along_x, along_y, shift = (
            self._node("Gather", [columns, self._constant(np.array([n], np.int64))]) for n in range(3)
        )
        right = self._node("Mul", [self._constant(x.reshape(-1, 1)), along_x])
        down = self._node("Mul", [self._constant(y.reshape(-1, 1)), along_y])
        return self._node("Add", [self._node("Add", [right, down]), shift])

    def _grid(self, source_px: str, size: str) -> str:
        """(1, height, width, 2) the same, -1 to 1 across the frame, edge to edge."""
        doubled = self._node("Mul", [source_px, self._number(2)])
        share = self._node("Div", [self._node("Add", [doubled, self._number(1)]), size])
        grid = self._node("Sub", [share, self._number(1)])
        shape = np.array([1, self._image.height, self._image.width, 2], np.int64)
        return self._node("Reshape", [grid, self._constant(shape)])

    def _sample(self, grid: str) -> str:
        """(1, 3, height, width) BGR grey levels."""
        planes = self._node("Transpose", [self._frame], perm=[2, 0, 1])
        planes = self._node("Unsqueeze", [planes, self._constant(np.array([0], np.int64))])
        if self._beyond != "blend":
            return self._node("GridSample", [planes, grid], mode="bilinear", padding_mode="border")
        pad = self._number(self._image.pad)
        less = self._node("Sub", [planes, pad])
        sampled = self._node("GridSample", [less, grid], mode="bilinear", padding_mode="zeros")
        return self._node("Add", [sampled, pad])

    def _cut(self, pixels: str, source_px: str, size: str) -> str:
        """Padding wherever the middle of an input pixel lies outside the frame."""
        after = self._node("Greater", [source_px, self._number(-0.5)])
        before = self._node("Less", [source_px, self._node("Sub", [size, self._number(0.5)])])
        inside = self._node("Cast", [self._node("And", [after, before])], to=TensorProto.FLOAT)
        x, y = (
            self._node("Gather", [inside, self._constant(np.array([n], np.int64))], axis=1) for n in (0, 1)
        )
        shape = np.array([1, 1, self._image.height, self._image.width], np.int64)
        both = self._node("Reshape", [self._node("Mul", [x, y]), self._constant(shape)])
        shown = self._node("Greater", [both, self._number(0.5)])
        return self._node("Where", [shown, pixels, self._number(self._image.pad)])

    def _normalise(self, pixels: str) -> None:
        image = self._image
        pixels = self._node("Round", [pixels])
        if image.colour == "RGB":
            order = self._constant(np.array([2, 1, 0], np.int64))
            pixels = self._node("Gather", [pixels, order], axis=1)
        if image.dtype != "float32":
            pixels = self._node("Cast", [pixels], to=_DTYPES[image.dtype])
        else:
            scale, offset = (
                np.broadcast_to(np.asarray(v, np.float32), 3).reshape(1, 3, 1, 1)
                for v in (image.scale, image.offset)
            )
            pixels = self._node("Mul", [pixels, self._constant(scale)])
            pixels = self._node("Add", [pixels, self._constant(offset)])
        order_of_axes = [0, 2, 3, 1] if image.layout == "NHWC" else [0, 1, 2, 3]
        self._node("Transpose", [pixels], image.tensor, perm=order_of_axes)
