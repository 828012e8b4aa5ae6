"""What every engine does, on every back end that runs here; a TensorRT that does not, on a fake GPU."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any, get_args

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from realtime.engines.base import Engine, TensorSpec
from realtime.engines.library import Kind
from realtime.engines.open import Backend, Choice, available, choose, open_engine
from realtime.errors import EngineError, EngineUnavailableError, UsageError
from realtime.types import Array
from tests.engines.fake_machine import FakeMachine

BACKENDS = available()
FAKED: tuple[Kind, ...] = tuple(kind for kind in get_args(Kind) if kind not in BACKENDS)
FLOAT = np.dtype(np.float32)


def values(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


WEIGHTS, KERNEL = values(3, 5, seed=1), values(4, 3, 3, 3, seed=2)


def save(graph: Any, path: Path) -> Path:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def write_model(folder: Path) -> Path:
    """Two inputs, two outputs: `sum` = x @ w + b with a free batch, `edges` = a convolution of an image."""
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["product"]),
            helper.make_node("Add", ["product", "b"], ["sum"]),
            helper.make_node("Conv", ["image", "kernel"], ["edges"], pads=[1, 1, 1, 1]),
        ],
        "contract",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3]),
            helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 8, 8]),
        ],
        [
            helper.make_tensor_value_info("sum", TensorProto.FLOAT, ["batch", 5]),
            helper.make_tensor_value_info("edges", TensorProto.FLOAT, [1, 4, 8, 8]),
        ],
        [
            numpy_helper.from_array(WEIGHTS, "w"),
            numpy_helper.from_array(np.arange(5, dtype=np.float32), "b"),
            numpy_helper.from_array(KERNEL, "kernel"),
        ],
    )
    return save(graph, folder / "model.onnx")


def feeds(batch: int = 2, seed: int = 0) -> dict[str, Array]:
    return {"x": values(batch, 3, seed=seed), "image": values(1, 3, 8, 8, seed=seed)}


def expected(fed: Mapping[str, Array]) -> dict[str, Array]:
    padded = np.pad(fed["image"], ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    return {
        "sum": fed["x"] @ WEIGHTS + np.arange(5, dtype=np.float32),
        "edges": np.einsum("nchwij,ocij->nohw", windows, KERNEL),
    }


def assert_right(engine: Engine, fed: Mapping[str, Array]) -> None:
    found = engine.infer(fed)
    assert found.keys() == engine.outputs.keys()
    for name, wanted in expected(fed).items():
        assert found[name].dtype == FLOAT
        np.testing.assert_allclose(found[name], wanted, rtol=1e-5, atol=1e-5)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path)


@pytest.fixture(params=[*BACKENDS, *FAKED])
def backend(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Backend:
    """Each back end; those that cannot run here get a fake GPU."""
    if request.param in FAKED:
        cache = tmp_path_factory.mktemp("cache")
        FakeMachine().install(monkeypatch, *FAKED, cache=cache)
    chosen: Backend = request.param
    return chosen


@pytest.fixture
def engine(backend: Backend, model: Path) -> Iterator[Engine]:
    opened = open_engine(model, backend, 1)
    yield opened
    opened.close()


def test_an_engine_says_what_it_takes_and_gives(engine: Engine, backend: Backend) -> None:
    assert engine.backend == backend
    assert engine.precision == "fp32"
    assert engine.inputs == {
        "x": TensorSpec((None, 3), FLOAT),
        "image": TensorSpec((1, 3, 8, 8), FLOAT),
    }
    assert engine.outputs == {
        "sum": TensorSpec((None, 5), FLOAT),
        "edges": TensorSpec((1, 4, 8, 8), FLOAT),
    }


def test_results_are_right_for_any_batch(engine: Engine) -> None:
    for batch in (1, 7, 2, 1):
        assert_right(engine, feeds(batch, seed=batch))


def test_arrays_need_not_be_contiguous_or_writable(engine: Engine) -> None:
    fed = feeds()
    fed["image"] = np.ascontiguousarray(fed["image"].transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    fed["x"] = np.repeat(fed["x"], 2, axis=0)[::2]
    for array in fed.values():
        array.flags.writeable = False
        assert not array.flags.c_contiguous
    assert_right(engine, fed)


def test_what_is_fed_is_not_changed(engine: Engine) -> None:
    fed = feeds()
    before = {name: array.copy() for name, array in fed.items()}
    engine.infer(fed)
    for name, array in before.items():
        np.testing.assert_array_equal(fed[name], array)


def test_new_numbers_in_the_same_array_are_seen(engine: Engine) -> None:
    fed = feeds(seed=1)
    assert_right(engine, fed)
    for name, array in feeds(seed=2).items():
        fed[name][:] = array
    assert_right(engine, fed)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": values(2, 3)}, r"the engine takes \['image', 'x'\], but was fed \['image', 'x', 'y'\]"),
        ({"x": None}, r"the engine takes \['image', 'x'\], but was fed \['image'\]"),
        ({"x": values(2, 4)}, r"input 'x' must be float32 \(any, 3\), not float32 \(2, 4\)"),
        ({"x": values(3)}, r"input 'x' must be float32 \(any, 3\), not float32 \(3,\)"),
        ({"x": values(2, 3).astype(np.float64)}, r"input 'x' must be .*, not float64 \(2, 3\)"),
        ({"image": values(2, 3, 8, 8)}, r"input 'image' must be float32 \(1, 3, 8, 8\), not float32 \(2, 3"),
    ],
)
def test_feeds_that_do_not_fit_are_refused_and_harm_nothing(
    engine: Engine, change: Mapping[str, Array | None], message: str
) -> None:
    wrong = {name: array for name, array in {**feeds(), **change}.items() if array is not None}
    with pytest.raises(EngineError, match=message):
        engine.infer(wrong)
    assert_right(engine, feeds())


@pytest.mark.parametrize("backend", [b for b in BACKENDS if not b.startswith("tensorrt")], indirect=True)
def test_a_run_that_fails_in_the_library_is_our_error(tmp_path: Path, backend: Backend) -> None:
    graph = helper.make_graph(
        [helper.make_node("Reshape", ["x", "pairs"], ["y"])],
        "pairs",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["half", 2])],
        [numpy_helper.from_array(np.array([-1, 2], np.int64), "pairs")],
    )
    engine = open_engine(save(graph, tmp_path / "pairs.onnx"), backend, 1)
    with pytest.raises(EngineError, match="failed: ") as caught:
        engine.infer({"x": values(3)})
    assert "\n" not in str(caught.value)
    np.testing.assert_array_equal(engine.infer({"x": values(6)})["y"], values(6).reshape(3, 2))


def test_closing(engine: Engine) -> None:
    assert_right(engine, feeds())
    engine.close()
    with pytest.raises(EngineError, match="the engine is closed"):
        engine.infer(feeds())
    engine.close()


def test_closing_one_engine_leaves_another_of_the_same_file(
    engine: Engine, backend: Backend, model: Path
) -> None:
    other = open_engine(model, backend, 1)
    other.close()
    assert_right(engine, feeds())


def missing(_: Path) -> None:
    """Nothing is written."""


def as_text(path: Path) -> None:
    path.write_text("This is not a model, but a letter to whoever opens it.\n")


def as_folder(path: Path) -> None:
    path.mkdir()


def empty(path: Path) -> None:
    path.touch()


def cut_short(path: Path) -> None:
    whole = write_model(path.parent).read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])


def with_weights_outside(path: Path) -> None:
    model = onnx.load(write_model(path.parent))
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)


def with_a_constant_outside(path: Path) -> None:
    """A weight outside, in a node's attribute, where a check of the initialisers alone would miss it."""
    secret = path.parent / "secret.bin"
    secret.write_bytes(values(3).tobytes())
    tensor = TensorProto(name="t", data_type=TensorProto.FLOAT, dims=[3], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=secret.name)
    graph = helper.make_graph(
        [helper.make_node("Constant", [], ["c"], value=tensor), helper.make_node("Add", ["x", "c"], ["y"])],
        "outside",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [3])],
    )
    save(graph, path)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (missing, "cannot read .*: No such file or directory; fetch or export the model again"),
        (as_folder, "cannot read .*: Is a directory"),
        (as_text, "is not an ONNX model, or is cut short"),
        (empty, "is not an ONNX model, or is cut short"),
        (cut_short, "is not an ONNX model, or is cut short"),
        (with_weights_outside, "keeps weights in other files, which is refused"),
        (with_a_constant_outside, "keeps weights in other files, which is refused"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(
    tmp_path: Path, backend: Backend, spoil: Callable[[Path], None], message: str
) -> None:
    path = tmp_path / "bad.onnx"
    spoil(path)
    with pytest.raises(EngineError, match=message) as caught:
        open_engine(path, backend, 1)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("backend", BACKENDS, indirect=True)
def test_an_operator_the_library_lacks_is_our_error(tmp_path: Path, backend: Backend) -> None:
    graph = helper.make_graph(
        [helper.make_node("Levitate", ["x"], ["y"])],
        "unknown",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [3])],
    )
    path = save(graph, tmp_path / "unknown.onnx")
    with pytest.raises(EngineError, match="Levitate") as caught:
        open_engine(path, backend, 1)
    assert "\n" not in str(caught.value)


def test_two_engines_in_two_threads(model: Path, backend: Backend) -> None:
    def work(seed: int) -> None:
        engine = open_engine(model, backend, 1)
        for step in range(50):
            assert_right(engine, feeds(1 + step % 3, seed=seed + step))
        engine.close()

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(work, seed) for seed in (0, 1000)]:
            done.result()


def test_engines_agree(model: Path) -> None:
    results = {backend: open_engine(model, backend, 1).infer(feeds()) for backend in BACKENDS}
    for other in results.values():
        for name, wanted in results[BACKENDS[0]].items():
            np.testing.assert_allclose(other[name], wanted, atol=1e-5)


LIBRARIES = ("onnxruntime", "openvino", "tensorrt", "tensorrt_rtx")


def installed_only(monkeypatch: pytest.MonkeyPatch, *present: str) -> None:
    """Make it look as if of the inference libraries only these were installed."""
    find: Callable[..., ModuleSpec | None] = importlib.util.find_spec

    def find_spec(name: str, *rest: Any) -> ModuleSpec | None:
        hidden = name in LIBRARIES and name not in present
        return None if hidden else find(name, *rest)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)


def test_auto_takes_the_fastest_that_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        installed_only(patch, "openvino", "onnxruntime")
        assert available() == ("openvino", "onnxruntime")
        assert choose("auto") == "openvino"
    installed_only(monkeypatch, "onnxruntime")
    assert available() == ("onnxruntime",)
    assert choose("auto") == "onnxruntime"


def test_what_was_asked_for_is_never_replaced_silently(monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
    installed_only(monkeypatch, "onnxruntime")
    message = "openvino is not installed: pip install openvino, or use --engine auto"
    with pytest.raises(EngineUnavailableError, match=message):
        open_engine(model, "openvino")


def test_with_no_library_the_fix_is_named(monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
    installed_only(monkeypatch)
    with pytest.raises(EngineUnavailableError, match="no inference library is installed: pip install"):
        open_engine(model)


def test_an_unknown_engine_is_bad_use() -> None:
    with pytest.raises(UsageError, match="unknown engine 'abacus'; known: auto, onnxruntime, openvino"):
        choose("abacus")  # type: ignore[arg-type]


@pytest.mark.parametrize("choice", [c for c in get_args(Choice) if c in BACKENDS])
def test_the_engine_opened_is_the_one_asked_for(model: Path, choice: Choice) -> None:
    assert open_engine(model, choice, 1).backend == choice
