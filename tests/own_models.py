"""Generated networks with the interfaces of real ones, whose answers are known: no weights, no training.

`python -m tests.own_models FOLDER` writes a detector like YOLOX's and an estimator like RTMPose's.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from realtime.types import Array, FloatArray

TYPES = {"float32": TensorProto.FLOAT, "int32": TensorProto.INT32, "uint8": TensorProto.UINT8}


def write_net(
    path: Path,
    shape: Sequence[int],
    outputs: Mapping[str, Array],
    tensor: str = "input",
    dtype: str = "float32",
    opset: int = 17,
) -> Path:
    """An ONNX file that looks at its image and then says the same whatever it saw."""
    floats = tensor if dtype == "float32" else "as_float"
    nodes = [
        helper.make_node("ReduceMean", [floats], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
    ]
    if dtype != "float32":
        nodes.insert(0, helper.make_node("Cast", [tensor], [floats], to=TensorProto.FLOAT))
    constants = [numpy_helper.from_array(np.array(0, np.float32), "zero")]
    said = []
    for name, value in outputs.items():
        kind = helper.np_dtype_to_tensor_dtype(value.dtype)
        constants.append(numpy_helper.from_array(value, f"{name}_said"))
        nothing = "nothing"
        if value.dtype != np.float32:
            nothing = f"{name}_nothing"
            nodes.append(helper.make_node("Cast", ["nothing"], [nothing], to=kind))
        nodes.append(helper.make_node("Add", [f"{name}_said", nothing], [name]))
        said.append(helper.make_tensor_value_info(name, kind, value.shape))
    image = helper.make_tensor_value_info(tensor, TYPES[dtype], list(shape))
    graph = helper.make_graph(nodes, "generated", [image], said, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path


@dataclass(frozen=True)
class Seen:
    """A box in a network's input, in its pixels, edge to edge: what, how sure, and of which class."""

    box: tuple[float, float, float, float]
    score: float
    label: int


def _centres(seen: Seen) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = seen.box
    return (x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0


def yolox(seen: Sequence[Seen], size: int, decoded: bool, classes: int = 80) -> dict[str, FloatArray]:
    """Each box told by the cell of the finest level that its centre lies in."""
    table = np.zeros((1, sum((size // s) ** 2 for s in (8, 16, 32)), 5 + classes), np.float32)
    for one in seen:
        x, y, width, height = _centres(one)
        column, row = int(x // 8), int(y // 8)
        values = (x, y, width, height)
        if not decoded:
            values = (x / 8 - column, y / 8 - row, float(np.log(width / 8)), float(np.log(height / 8)))
        cell = table[0, row * (size // 8) + column]
        cell[:4], cell[4], cell[5 + one.label] = values, 0.96, one.score / 0.96
    return {"output": table}


def yolov8(seen: Sequence[Seen], size: int, columns: int = 84, transposed: bool = False) -> dict[str, Array]:
    """Boxes by centre and size in pixels; any column will do for each."""
    table = np.zeros((1, columns, (size // 8) ** 2), np.float32)
    for n, one in enumerate(seen):
        table[0, :4, 7 * n] = _centres(one)
        table[0, 4 + one.label, 7 * n] = one.score
    return {"output0": np.ascontiguousarray(table.transpose(0, 2, 1)) if transposed else table}


def rtmdet_suppressed(seen: Sequence[Seen], _size: int) -> dict[str, Array]:
    """As mmdeploy exports it."""
    dets = np.array([[*one.box, one.score] for one in seen], np.float32)[None]
    return {"dets": dets, "labels": np.array([[one.label for one in seen]], np.int64)}


def rtmdet_raw(seen: Sequence[Seen], size: int, classes: int = 2) -> dict[str, Array]:
    """Each box told by a cell of the middle level."""
    outputs: dict[str, Array] = {}
    for stride in (8, 16, 32):
        side = size // stride
        outputs[f"cls_{stride}"] = np.full((1, classes, side, side), -12, np.float32)
        outputs[f"reg_{stride}"] = np.ones((1, 4, side, side), np.float32)
    for one in seen:
        x0, y0, x1, y1 = one.box
        column, row = int((x0 + x1) / 32), int((y0 + y1) / 32)
        outputs["cls_16"][0, one.label, row, column] = np.log(one.score / (1 - one.score))
        reach = (column * 16 - x0, row * 16 - y0, x1 - column * 16, y1 - row * 16)
        outputs["reg_16"][0, :, row, column] = reach
    return outputs


def ssd_torchvision(seen: Sequence[Seen], _size: int) -> dict[str, Array]:
    """Class 0 is the background, so a person is 1."""
    return {
        "boxes": np.array([one.box for one in seen], np.float32),
        "scores": np.array([one.score for one in seen], np.float32),
        "labels": np.array([one.label + 1 for one in seen], np.int64),
    }


def ssd_tensorflow(seen: Sequence[Seen], size: int) -> dict[str, Array]:
    """y before x, shares of the input, classes as floats."""
    boxes = np.array([[one.box[k] / size for k in (1, 0, 3, 2)] for one in seen], np.float32)
    return {
        "detection_boxes": boxes[None],
        "detection_scores": np.array([[one.score for one in seen]], np.float32),
        "detection_classes": np.array([[one.label + 1 for one in seen]], np.float32),
    }


def ssd_raw(seen: Sequence[Seen], size: int, classes: int = 21) -> dict[str, Array]:
    """Centre and size as shares of the input, and a probability for each class, background first."""
    boxes = np.array([np.array(_centres(one)) / size for one in seen], np.float32)
    scores = np.zeros((1, len(seen), classes), np.float32)
    for n, one in enumerate(seen):
        scores[0, n, one.label + 1], scores[0, n, 0] = one.score, 1 - one.score
    return {"boxes": boxes[None], "scores": scores}


def simcc(index: FloatArray, score: FloatArray, width: int, height: int) -> dict[str, Array]:
    """Two bins a pixel; a Gaussian round each joint's, as the training's labels have it."""
    outputs: dict[str, Array] = {}
    for axis, (name, pixels) in enumerate((("simcc_x", width), ("simcc_y", height))):
        bins = np.arange(2 * pixels)
        middle = np.round(2 * index[:, axis])[:, None]
        outputs[name] = (score[:, None] * np.exp(-((bins - middle) ** 2) / 50.0))[None].astype(np.float32)
    return outputs


def heatmap(
    index: FloatArray, score: FloatArray, width: int, height: int, udp: bool = False
) -> dict[str, Array]:
    """A Gaussian of two cells round each joint, on a map of a quarter of the input's size."""
    grid = np.array([width // 4, height // 4], np.float64)
    size = np.array([width, height], np.float64)
    middle = index / ((size - 1) / (grid - 1) if udp else size / grid)
    rows, columns = np.mgrid[: height // 4, : width // 4]
    far = (columns - middle[:, 0, None, None]) ** 2 + (rows - middle[:, 1, None, None]) ** 2
    maps = score[:, None, None] * np.exp(-far / 8)
    return {"output": maps[None].astype(np.float32)}


def heatmap_centred(index: FloatArray, score: FloatArray, width: int, height: int) -> dict[str, Array]:
    """The same where a cell stands for the middle of its four by four pixels, not for the first of them."""
    return heatmap(index - 1.5, score, width, height)


def movenet(index: FloatArray, score: FloatArray, width: int, height: int) -> dict[str, Array]:
    """y, x, score."""
    unit = (index + 0.5) / np.array([width, height])
    table = np.concatenate([unit[:, ::-1], score[:, None]], axis=1)
    return {"output_0": table[None, None].astype(np.float32)}


def standing_index(width: int, height: int) -> FloatArray:
    """(17, 2) places of COCO's joints in an input, which fill it but for a tenth all round, symmetric."""
    x = {"l": 0.62, "r": 0.38, "n": 0.5}
    rows = (0.1, 0.12, 0.12, 0.14, 0.14, 0.25, 0.25, 0.38, 0.38, 0.5, 0.5, 0.52, 0.52, 0.7, 0.7, 0.9, 0.9)
    sides = "n" + "lr" * 8
    unit = np.array([[x[side], row] for side, row in zip(sides, rows, strict=True)])
    return (unit * (width, height) - 0.5).astype(np.float32)


def main() -> None:
    """Write the example of docs/own-models.md: someone in the middle of a 640x480 picture."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    share = 416 / 640
    person = Seen((240 * share, 60 * share, 400 * share, 420 * share), 0.9, 0)
    write_net(folder / "detector.onnx", (1, 3, 416, 416), yolox([person], 416, False), "images")
    joints = simcc(standing_index(192, 256), np.full(17, 0.9, np.float32), 192, 256)
    write_net(folder / "pose.onnx", (1, 3, 256, 192), joints)


if __name__ == "__main__":
    main()
