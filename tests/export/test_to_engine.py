"""Every model becomes an engine, by TensorRT-RTX's own parser and builder; no GPU is needed for that."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner

from export.cli import cli
from export.info import describe
from export.mixed import InMemory
from export.precision import to_float16
from export.probes import probe_for
from export.to_engine import build_engine, parse_shapes, same_batch
from export.to_onnx import Provenance, export_step
from export.variants import load_network
from export.whole import exact_nodes
from realtime.cache import ENVIRONMENT_VARIABLE
from realtime.engines.build import ShapeRange
from realtime.engines.library import installed, why_not
from realtime.engines.open import available
from realtime.engines.store import read_header
from realtime.errors import EngineError, PoseError, UsageError
from realtime.manifest import Manifest, Role, sha256_of
from realtime.models.catalogue import DEFAULT_LIFTER, lifter
from tests.export.conftest import Halved
from tests.export.graphs import graph, node
from tests.export.lifters import SMALL, small_net

MOST_SECONDS = 60

needs_builder = pytest.mark.skipif(
    not installed("tensorrt-rtx"), reason="tensorrt-rtx is not installed: pip install tensorrt-rtx"
)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def with_file(manifest: Manifest, file: Path) -> Manifest:
    return replace(manifest, directory=file.parent, file=file.name, sha256=sha256_of(file))


@needs_builder
def test_every_model_builds_in_both_precisions(cache: Path, halved: Mapping[str, Halved]) -> None:
    began_ns = time.perf_counter_ns()
    built = [
        build_engine(manifest, "tensorrt-rtx")
        for net in halved.values()
        for manifest in (net.manifest, with_file(net.manifest, net.file))
    ]
    seconds = (time.perf_counter_ns() - began_ns) / 1e9
    assert seconds < MOST_SECONDS
    assert [b.precision for b in built] == ["fp32", "fp16"] * 3
    assert len({b.path for b in built}) == 6
    for one in built:
        assert one.new
        header = read_header(one.path)
        assert header.plan_bytes > 1_000_000
        assert header.key.kind == "tensorrt-rtx"


@needs_builder
@pytest.mark.parametrize("name", SMALL)
def test_every_lifters_net_builds(name: str, cache: Path, tmp_path: Path) -> None:
    """In FP32 and in FP16, for few people, with all that it takes and gives."""
    manifest = export_step(small_net(name), tmp_path, Provenance("a test"))
    model = load_network(manifest.path)
    half = tmp_path / "half.onnx"
    half.write_bytes(
        to_float16(model, exact_nodes(model, probe_for(manifest, 30), InMemory)).SerializeToString()
    )
    shapes = parse_shapes("rays:1x17x2", "rays:2x17x2", "rays:4x17x2")
    for made, precision in ((manifest, "fp32"), (with_file(manifest, half), "fp16")):
        built = build_engine(made, "tensorrt-rtx", shapes=shapes)
        assert built.precision == precision
        told = dict(describe(built.path))["shapes"].split()
        assert [shape.split(":")[0] for shape in told] == sorted(manifest.inputs)


@needs_builder
def test_an_engine_is_built_once_and_says_what_it_is(cache: Path) -> None:
    first = CliRunner().invoke(cli, ["build", DEFAULT_LIFTER], catch_exceptions=False)
    assert "tensorrt-rtx fp32 built in" in first.stdout
    again = CliRunner().invoke(cli, ["build", DEFAULT_LIFTER], catch_exceptions=False)
    assert "is already here" in again.stdout
    (plan,) = (cache / "engines").glob("*.plan")
    told = dict(describe(plan))
    assert told["model"] == f"SHA-256 {sha256_of(lifter(DEFAULT_LIFTER).path)}"
    assert told["engine"].startswith("tensorrt-rtx ")
    assert told["for"] == "any GPU that the library knows"
    reason = why_not("tensorrt-rtx")
    assert told["runs here"] == (f"no: {reason}" if reason else "yes")
    listed = CliRunner().invoke(cli, ["list"], catch_exceptions=False).stdout
    assert "shipped, 1 engine " in listed


@needs_builder
def test_trtexecs_words_reach_the_builder(cache: Path, tmp_path: Path) -> None:
    sizes = {"rays": "17x2", "score": "17"}
    smallest, usual, largest = (",".join(f"{n}:{k}x{s}" for n, s in sizes.items()) for k in (1, 2, 3))
    state = lifter(DEFAULT_LIFTER).state[-1]
    size = "x".join(map(str, state.shape))
    words = [
        *("--minShapes", smallest, "--optShapes", usual, "--maxShapes", largest),
        *("--memPoolSize", "workspace:256", "--timingCacheFile", str(tmp_path / "times")),
        *("--builderOptimizationLevel", "2"),
    ]
    done = CliRunner().invoke(cli, ["build", DEFAULT_LIFTER, *words], catch_exceptions=False)
    assert done.exit_code == 0
    key = read_header(next((cache / "engines").glob("*.plan"))).key
    assert "rays:1x17x2:2x17x2:3x17x2" in key.shapes
    assert f"{state.input}:1x{size}:2x{size}:3x{size}" in key.shapes, "as those that are named"
    assert "workspace_mib=256" in key.options
    assert "builder_optimization_level=2" in key.options


@needs_builder
def test_a_damaged_engine_is_named(cache: Path) -> None:
    path = build_engine(lifter(DEFAULT_LIFTER), "tensorrt-rtx").path
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(EngineError, match="cut short"):
        describe(path)


@needs_builder
def test_wrong_models_are_named(cache: Path, tmp_path: Path) -> None:
    shipped = lifter(DEFAULT_LIFTER)
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(shipped.path.read_bytes()[:100_000])
    outside = tmp_path / "outside.onnx"
    onnx.save(onnx.load(shipped.path), outside, save_as_external_data=True, location="weights.bin")
    strange = tmp_path / "strange.onnx"
    model = graph([node("NoSuchOperator", "x w", "y", domain="elsewhere")], {"w": np.ones(4, np.float32)})
    model.opset_import.append(onnx.helper.make_opsetid("elsewhere", 1))
    strange.write_bytes(model.SerializeToString())
    for file, message in ((cut, "cut short"), (outside, "weights in other files"), (strange, "cannot parse")):
        with pytest.raises(EngineError, match=message):
            build_engine(with_file(shipped, file), "tensorrt-rtx")
    with pytest.raises(PoseError, match="cut short"):
        build_engine(with_file(shipped, cut), "tensorrt-rtx", "fp16")
    assert not list(cache.rglob("*.plan"))


@needs_builder
def test_a_cache_that_takes_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path / "file"))
    with pytest.raises(EngineError, match=f"cannot be kept in .*{ENVIRONMENT_VARIABLE}"):
        build_engine(lifter(DEFAULT_LIFTER), "tensorrt-rtx")


def test_shapes_in_trtexecs_words() -> None:
    assert parse_shapes("a:1x3", "", "a:4x3,b:2") == {
        "a": ShapeRange((1, 3), (4, 3), (4, 3)),
        "b": ShapeRange((2,), (2,), (2,)),
    }
    assert parse_shapes("", "", "") == {}
    for words in (("a=1x3", "", ""), ("a:1xN", "", ""), ("a:4x3", "a:1x3", "")):
        with pytest.raises(UsageError):
            parse_shapes(*words)


def test_inputs_share_one_batch() -> None:
    manifest = lifter(DEFAULT_LIFTER)
    given = parse_shapes("rays:1x17x2", "rays:2x17x2", "rays:4x17x2")
    shapes = same_batch(manifest, given)
    assert shapes.keys() == manifest.inputs.keys()
    assert all([shape[0] for shape in sizes] == [1, 2, 4] for sizes in shapes.values())
    assert {name: sizes.optimum[1:] for name, sizes in shapes.items()} == {
        name: info.shape[1:] for name, info in manifest.inputs.items()
    }
    assert same_batch(manifest, {}) == {}
    with pytest.raises(UsageError, match="share one batch"):
        same_batch(manifest, parse_shapes("rays:1x17x2", "rays:2x17x2,score:3x17", "rays:4x17x2"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "name one model"),
        ((DEFAULT_LIFTER, "--all"), "name one model"),
        (("nothing",), "unknown model 'nothing'"),
        (("rtmpose-s",), "realtime-export fetch rtmpose-s"),
        ((DEFAULT_LIFTER, "--backend", "openvino"), "runs ONNX files itself"),
        ((DEFAULT_LIFTER, "--memPoolSize", "much"), "give MiB"),
    ],
)
def test_bad_use_is_said(cache: Path, words: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        CliRunner().invoke(cli, ["build", *words], catch_exceptions=False)


def test_without_a_command_the_demo_is_made_ready(blazepose: Path) -> None:
    told = CliRunner().invoke(cli, [], catch_exceptions=False)
    lines = [line.split(maxsplit=2) for line in told.stdout.splitlines()]
    names = ["blazepose-detector", "blazepose-landmark-full", DEFAULT_LIFTER]
    assert [name for name, *_ in lines] == names
    roles: tuple[Role, ...] = ("detector", "estimator", "lifter")
    assert [backend for _, backend, _ in lines] == [f"{available(role)[0]}:" for role in roles]
    reason = why_not("tensorrt-rtx")
    if installed("tensorrt-rtx") and reason:
        assert all(reason in said for *_, said in lines)
