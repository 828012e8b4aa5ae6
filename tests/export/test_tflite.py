"""The converter on small TFLite files written by hand, against LiteRT running the same files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from export.tflite import convert
from realtime.engines.open import open_engine
from realtime.errors import ModelError
from realtime.types import Array
from tests.export.flat import FlatOperator, FlatTensor, Levels, write_tflite

SAME, VALID = 0, 1
NONE, RELU, RELU_N1_TO_1, RELU6 = 0, 1, 2, 3
CONV = {"stride_w": 1, "stride_h": 1, "dilation_w": 1, "dilation_h": 1, "activation": NONE, "padding": VALID}
DEPTHWISE = {**CONV, "multiplier": 1}
POOL = {"stride_w": 2, "stride_h": 2, "filter_w": 3, "filter_h": 3, "activation": NONE, "padding": SAME}


def values(*shape: int, seed: int = 0) -> Array:
    """Numbers about zero, some beyond 6."""
    return (np.random.default_rng(seed).standard_normal(shape) * 4).astype(np.float32)


def constant(name: str, array: Array) -> FlatTensor:
    return FlatTensor(name, array.shape, array, str(array.dtype))


def pads(*rows: tuple[int, int]) -> FlatTensor:
    return constant("pads", np.array(rows, np.int32))


def model(tensors: Sequence[FlatTensor], operators: Sequence[FlatOperator], *outputs: str) -> bytes:
    """A TFLite file; its input is the first tensor, its outputs the ones named, else the last."""
    return write_tflite(tensors, operators, [tensors[0].name], outputs or [tensors[-1].name])


def litert(data: bytes, x: Array) -> dict[str, Array]:
    interpreter = Interpreter(model_content=data, num_threads=1)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    return {d["name"]: interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()}


def check(folder: Path, data: bytes, *outputs: str) -> list[str]:
    """Assert that the converted file gives what LiteRT gives, and give back its operators."""
    converted = convert(data, {name: name for name in outputs or ("y",)}, "small")
    path = folder / "small.onnx"
    path.write_bytes(converted.SerializeToString())
    shape = [size.dim_value for size in converted.graph.input[0].type.tensor_type.shape.dim]
    x = values(*shape, seed=99)
    expected = litert(data, x)
    engine = open_engine(path, "onnxruntime", 1)
    found = engine.infer({"image": x})
    for name in outputs or ("y",):
        assert found[name].shape == expected[name].shape
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-5, atol=1e-4)
    return [node.op_type for node in converted.graph.node]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    size=st.tuples(st.integers(3, 9), st.integers(3, 9)),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    dilation=st.integers(1, 2),
    padding=st.sampled_from([SAME, VALID]),
    activation=st.sampled_from([NONE, RELU, RELU6]),
    depthwise=st.booleans(),
)
def test_convolution_of_any_geometry(
    tmp_path: Path, size: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int], dilation: int,
    padding: int, activation: int, depthwise: bool,
) -> None:  # fmt: skip
    extent = [(k - 1) * dilation + 1 for k in kernel]
    assume(padding == SAME or all(e <= s for e, s in zip(extent, size, strict=True)))
    assume(dilation == 1 or stride == (1, 1))
    count = [
        -(-s // t) if padding == SAME else (s - e) // t + 1
        for s, e, t in zip(size, extent, stride, strict=True)
    ]
    weights = values(1, *kernel, 6, seed=1) if depthwise else values(5, *kernel, 3, seed=1)
    channels = 6 if depthwise else 5
    options = {
        "stride_h": stride[0], "stride_w": stride[1], "dilation_h": dilation, "dilation_w": dilation,
        "padding": padding, "activation": activation,
    } | ({"multiplier": 2} if depthwise else {})  # fmt: skip
    data = model(
        [
            FlatTensor("x", (1, *size, 3)),
            constant("w", weights),
            constant("b", values(channels, seed=2)),
            FlatTensor("y", (1, *count, channels)),
        ],
        [FlatOperator("DEPTHWISE_CONV_2D" if depthwise else "CONV_2D", ["x", "w", "b"], ["y"], options)],
    )
    check(tmp_path, data)


def test_grouped_convolution(tmp_path: Path) -> None:
    data = model(
        [
            FlatTensor("x", (1, 5, 4, 4)),
            constant("w", values(6, 3, 3, 2)),
            constant("b", values(6)),
            FlatTensor("y", (1, 3, 2, 6)),
        ],
        [FlatOperator("CONV_2D", ["x", "w", "b"], ["y"], CONV)],
    )
    check(tmp_path, data)


def test_zero_padding_becomes_part_of_every_convolution_it_feeds(tmp_path: Path) -> None:
    stride2 = {"stride_h": 2, "stride_w": 2}
    data = model(
        [
            FlatTensor("x", (1, 8, 8, 4)),
            pads((0, 0), (1, 2), (2, 1), (0, 0)),
            FlatTensor("p", (1, 11, 11, 4)),
            constant("w", values(3, 3, 3, 4)),
            constant("d", values(1, 3, 3, 4)),
            constant("b3", values(3)),
            constant("b4", values(4)),
            FlatTensor("a", (1, 5, 5, 3)),
            FlatTensor("s", (1, 6, 6, 4)),
        ],
        [
            FlatOperator("PAD", ["x", "pads"], ["p"]),
            FlatOperator("CONV_2D", ["p", "w", "b3"], ["a"], {**CONV, **stride2}),
            FlatOperator(
                "DEPTHWISE_CONV_2D", ["p", "d", "b4"], ["s"], {**DEPTHWISE, **stride2, "padding": SAME}
            ),
        ],
        "a",
        "s",
    )
    assert "Pad" not in check(tmp_path, data, "a", "s")


def test_channel_padding_before_an_addition_stays(tmp_path: Path) -> None:
    data = model(
        [
            FlatTensor("x", (1, 4, 4, 3)),
            pads((0, 0), (0, 0), (0, 0), (0, 2)),
            FlatTensor("p", (1, 4, 4, 5)),
            constant("c", values(1, 4, 4, 5)),
            FlatTensor("y", (1, 4, 4, 5)),
        ],
        [
            FlatOperator("PAD", ["x", "pads"], ["p"]),
            FlatOperator("ADD", ["p", "c"], ["y"], {"activation": RELU}),
        ],
    )
    assert check(tmp_path, data).count("Pad") == 1


def test_zero_padding_before_pooling_stays(tmp_path: Path) -> None:
    data = model(
        [
            FlatTensor("x", (1, 5, 5, 2)),
            pads((0, 0), (1, 1), (1, 1), (0, 0)),
            FlatTensor("p", (1, 7, 7, 2)),
            constant("minus", np.full((1, 7, 7, 2), -50, np.float32)),
            FlatTensor("low", (1, 7, 7, 2)),
            FlatTensor("y", (1, 4, 4, 2)),
        ],
        [
            FlatOperator("PAD", ["x", "pads"], ["p"]),
            FlatOperator("ADD", ["p", "minus"], ["low"], {"activation": NONE}),
            FlatOperator("MAX_POOL_2D", ["low"], ["y"], POOL),
        ],
    )
    assert "Pad" in check(tmp_path, data)


@pytest.mark.parametrize(("align", "half"), [(0, 0), (0, 1), (1, 0)])
@pytest.mark.parametrize("target", [(6, 10), (7, 4), (2, 3)])
def test_bilinear_resize(tmp_path: Path, target: tuple[int, int], align: int, half: int) -> None:
    data = model(
        [
            FlatTensor("x", (1, 3, 5, 2)),
            constant("size", np.array(target, np.int32)),
            FlatTensor("y", (1, *target, 2)),
        ],
        [FlatOperator("RESIZE_BILINEAR", ["x", "size"], ["y"], {"align_corners": align, "half_pixel": half})],
    )
    check(tmp_path, data)


def enlarged(outputs: int, kernel: int = 1) -> bytes:
    """An enlargement of 6 channels, then a convolution to `outputs` channels with an activation."""
    return model(
        [
            FlatTensor("x", (1, 4, 4, 6)),
            constant("size", np.array([8, 8], np.int32)),
            FlatTensor("big", (1, 8, 8, 6)),
            constant("w", values(outputs, kernel, kernel, 6)),
            constant("b", values(outputs)),
            FlatTensor("y", (1, 8, 8, outputs)),
        ],
        [
            FlatOperator("RESIZE_BILINEAR", ["x", "size"], ["big"], {"align_corners": 0, "half_pixel": 1}),
            FlatOperator("CONV_2D", ["big", "w", "b"], ["y"], {**CONV, "activation": RELU6, "padding": SAME}),
        ],
    )


def test_channels_are_mixed_before_an_enlargement(tmp_path: Path) -> None:
    operators = check(tmp_path, enlarged(outputs=3))
    assert operators.index("Conv") < operators.index("Resize") < operators.index("Clip")


@pytest.mark.parametrize("data", [enlarged(outputs=8), enlarged(outputs=3, kernel=3)])
def test_a_convolution_that_would_not_gain_stays_after_the_enlargement(tmp_path: Path, data: bytes) -> None:
    operators = check(tmp_path, data)
    assert operators.index("Resize") < operators.index("Conv")


@pytest.mark.parametrize("axis", [1, 2, 3, -1, -2])
def test_concatenation_along_any_axis(tmp_path: Path, axis: int) -> None:
    shape = [1, 3, 4, 5]
    shape[axis] *= 2
    data = model(
        [FlatTensor("x", (1, 3, 4, 5)), FlatTensor("s", (1, 3, 4, 5)), FlatTensor("y", tuple(shape))],
        [
            FlatOperator("LOGISTIC", ["x"], ["s"]),
            FlatOperator("CONCATENATION", ["x", "s"], ["y"], {"axis": axis, "activation": NONE}),
        ],
    )
    check(tmp_path, data)


@pytest.mark.parametrize("shape", [(1, 24, 1), (24,), (1, 2, 6, 2), (1, 1, 1, 24)])
def test_reshape_reads_in_tflites_order(tmp_path: Path, shape: tuple[int, ...]) -> None:
    data = model(
        [
            FlatTensor("x", (1, 2, 3, 4)),
            FlatTensor("s", (1, 2, 3, 4)),
            constant("shape", np.array(shape, np.int32)),
            FlatTensor("y", shape),
        ],
        [FlatOperator("LOGISTIC", ["x"], ["s"]), FlatOperator("RESHAPE", ["s", "shape"], ["y"])],
    )
    check(tmp_path, data)


def test_reshape_of_a_single_pixel_needs_no_transpose(tmp_path: Path) -> None:
    data = model(
        [
            FlatTensor("x", (1, 2, 2, 3)),
            constant("w", values(7, 2, 2, 3)),
            constant("b", values(7)),
            FlatTensor("p", (1, 1, 1, 7)),
            constant("shape", np.array([1, 7], np.int32)),
            FlatTensor("y", (1, 7)),
        ],
        [
            FlatOperator("CONV_2D", ["x", "w", "b"], ["p"], CONV),
            FlatOperator("RESHAPE", ["p", "shape"], ["y"]),
        ],
    )
    assert check(tmp_path, data) == ["Transpose", "Conv", "Reshape"]


def test_depth_to_space(tmp_path: Path) -> None:
    data = model(
        [FlatTensor("x", (1, 3, 2, 12)), FlatTensor("y", (1, 6, 4, 3))],
        [FlatOperator("DEPTH_TO_SPACE", ["x"], ["y"], {"block_size": 2})],
    )
    check(tmp_path, data)


def sparse_rows(dense: Array) -> tuple[Array, Levels]:
    """A (O, 1, 1, I) constant stored row by row, zeros left out."""
    rows = [np.flatnonzero(row) for row in dense[:, 0, 0, :]]
    segments = np.cumsum([0, *map(len, rows)]).astype(np.uint16)
    levels: list[Any] = [dense.shape[0], 1, 1, (segments, np.concatenate(rows).astype(np.uint8))]
    return dense[dense != 0], Levels([0, 1, 2, 3], [], levels)


def sparse_blocks(dense: Array) -> tuple[Array, Levels]:
    """A (O, 1, 1, I) constant stored as blocks of 2 x 2, blocks of zeros left out."""
    outputs, _, _, inputs = dense.shape
    blocks = dense.reshape(outputs // 2, 2, inputs // 2, 2).transpose(0, 2, 1, 3)
    used = [np.flatnonzero(np.abs(row).sum(axis=(1, 2))) for row in blocks]
    segments = np.cumsum([0, *map(len, used)]).astype(np.int32)
    stored = np.concatenate([row[k].ravel() for row, k in zip(blocks, used, strict=True)])
    levels: list[Any] = [outputs // 2, 1, 1, (segments, np.concatenate(used).astype(np.int32)), 2, 2]
    return stored, Levels([0, 1, 2, 3, 4, 5], [0, 3], levels)


@pytest.mark.parametrize("store", [sparse_rows, sparse_blocks])
def test_half_precision_and_sparse_constants_become_plain_weights(tmp_path: Path, store: Any) -> None:
    dense = values(4, 1, 1, 6).astype(np.float16)
    dense[0, 0, 0, 2:4] = dense[1, 0, 0, 2:4] = dense[2:4, 0, 0, :2] = 0
    stored, levels = store(dense)
    data = model(
        [
            FlatTensor("x", (1, 3, 3, 6)),
            FlatTensor("sparse", dense.shape, stored, "float16", levels),
            FlatTensor("half", dense.shape, dtype="float16"),
            FlatTensor("w", dense.shape),
            constant("b16", values(4).astype(np.float16)),
            FlatTensor("b", (4,)),
            FlatTensor("y", (1, 3, 3, 4)),
        ],
        [
            FlatOperator("DENSIFY", ["sparse"], ["half"]),
            FlatOperator("DEQUANTIZE", ["half"], ["w"]),
            FlatOperator("DEQUANTIZE", ["b16"], ["b"]),
            FlatOperator("CONV_2D", ["x", "w", "b"], ["y"], CONV),
        ],
    )
    assert check(tmp_path, data) == ["Transpose", "Conv", "Transpose"]


def transposed_branch() -> bytes:
    """Output y, and output z that needs an operator the converter lacks."""
    return model(
        [
            FlatTensor("x", (1, 2, 3, 4)),
            constant("order", np.array([0, 2, 1, 3], np.int32)),
            FlatTensor("y", (1, 2, 3, 4)),
            FlatTensor("z", (1, 3, 2, 4)),
        ],
        [FlatOperator("LOGISTIC", ["x"], ["y"]), FlatOperator("TRANSPOSE", ["x", "order"], ["z"])],
        "y",
        "z",
    )


def test_what_only_feeds_other_outputs_is_left_out(tmp_path: Path) -> None:
    assert "Sigmoid" in check(tmp_path, transposed_branch(), "y")


def test_outputs_are_named_and_ordered_as_asked(tmp_path: Path) -> None:
    data = model(
        [FlatTensor("x", (1, 2)), FlatTensor("y", (1, 2)), FlatTensor("z", (1, 2))],
        [FlatOperator("LOGISTIC", ["x"], ["y"]), FlatOperator("LOGISTIC", ["y"], ["z"])],
        "y",
        "z",
    )
    converted = convert(data, {"second": "z", "first": "y", "again": "y"}, "small")
    assert [output.name for output in converted.graph.output] == ["second", "first", "again"]
    path = tmp_path / "small.onnx"
    path.write_bytes(converted.SerializeToString())
    x = values(1, 2)
    found, expected = open_engine(path, "onnxruntime", 1).infer({"image": x}), litert(data, x)
    for name, source in (("second", "z"), ("first", "y"), ("again", "y")):
        np.testing.assert_allclose(found[name], expected[source], rtol=1e-6)


def test_the_same_file_gives_the_same_bytes() -> None:
    first, second = (convert(enlarged(3), {"y": "y"}, "small") for _ in range(2))
    assert first.SerializeToString(deterministic=True) == second.SerializeToString(deterministic=True)


def convolution(**changes: Any) -> bytes:
    weights = changes.pop("weights", constant("w", values(2, 1, 1, 3)))
    return model(
        [FlatTensor("x", (1, 4, 4, 3)), weights, constant("b", values(2)), FlatTensor("y", (1, 4, 4, 2))],
        [FlatOperator("CONV_2D", ["x", "w", "b"], ["y"], {**CONV, **changes})],
    )


@pytest.mark.parametrize(
    ("data", "outputs", "message"),
    [
        (transposed_branch(), "z", "operator TRANSPOSE is not supported"),
        (convolution(activation=RELU_N1_TO_1), "y", "activation number 2 of a Conv is not supported"),
        (convolution(weights=FlatTensor("w", (2, 1, 1, 3))), "y", "CONV_2D with input 1 computed at"),
        (convolution(stride_h=0), "y", "shapes contradict each other: .* strides must only contain positive"),
        (convolution(stride_h=0, padding=SAME), "y", "damaged"),
        (convolution(), "nothing", "computes no tensor 'nothing'; its outputs: y"),
        (b"PK\x03\x04 not a model", "y", "not a TFLite model"),
        (b"", "y", "not a TFLite model"),
    ],
)  # fmt: skip
def test_what_cannot_be_converted_is_named(data: bytes, outputs: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        convert(data, {outputs: outputs}, "small")


def test_a_quantised_model_is_refused_by_name() -> None:
    weights = FlatTensor("w8", (2, 1, 1, 3), np.ones((2, 1, 1, 3), np.int8), "int8")
    quantised = model(
        [
            FlatTensor("x", (1, 4, 4, 3)),
            weights,
            FlatTensor("w", (2, 1, 1, 3)),
            FlatTensor("y", (1, 4, 4, 2)),
        ],
        [FlatOperator("DEQUANTIZE", ["w8"], ["w"]), FlatOperator("CONV_2D", ["x", "w"], ["y"], CONV)],
    )
    with pytest.raises(ModelError, match="DEQUANTIZE of int8 is not supported: the model is quantised"):
        convert(quantised, {"y": "y"}, "small")
    integers = model(
        [FlatTensor("x", (1, 4), dtype="int8"), FlatTensor("y", (1, 4), dtype="int8")],
        [FlatOperator("LOGISTIC", ["x"], ["y"])],
    )
    with pytest.raises(ModelError, match="LOGISTIC on int8 is not supported"):
        convert(integers, {"y": "y"}, "small")


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_an_error_of_ours_or_still_a_model(data: st.DataObject) -> None:
    whole = enlarged(outputs=3)
    damaged = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for _ in range(data.draw(st.integers(0, 3)) if damaged else 0):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        converted = convert(bytes(damaged), {"y": "y"}, "small")
    except ModelError:
        return
    assert [output.name for output in converted.graph.output] == ["y"]
