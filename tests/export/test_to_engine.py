"""Every model becomes an engine, by TensorRT-RTX's own parser and builder; no GPU is needed for that."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner

from export.cli import cli
from export.info import describe
from export.models import everything
from export.to_engine import build_engine, parse_shapes, same_batch
from realtime.cache import ENVIRONMENT_VARIABLE
from realtime.engines.build import ShapeRange, plan_key
from realtime.engines.forms import half_form
from realtime.engines.library import installed, load_library, why_not
from realtime.engines.lock import only_one
from realtime.engines.open import available
from realtime.engines.store import EngineStore, read_header
from realtime.errors import EngineError, ModelError, PoseError, UsageError
from realtime.manifest import Manifest, Role, sha256_of
from realtime.models.catalogue import DEFAULT_LIFTER, lifter, lifter_names, own_names
from tests.export.conftest import Forms
from tests.export.graphs import graph, node

QUICK = "residual-lifter"
"""A lifter that builds in half a second."""

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
def test_every_model_builds(blazepose: Path, cache: Path, tmp_path: Path) -> None:
    """All that is shipped and fetched, as a user builds it."""
    shutil.copytree(blazepose, cache / "models" / blazepose.name)
    told = CliRunner().invoke(cli, ["build", "--all", "--backend", "tensorrt-rtx"], catch_exceptions=False)
    lines = {line.split()[0]: line for line in told.stdout.splitlines()}
    assert lines.keys() == {"blazepose-detector", "blazepose-landmark-full", *own_names(), *lifter_names()}
    assert all("tensorrt-rtx fp32 built in" in line for line in lines.values())
    plans = list((cache / "engines").glob("*.plan"))
    sizes = {read_header(path).key.model_sha256: read_header(path).plan_bytes for path in plans}
    for manifest in everything():
        assert sizes[manifest.sha256] > manifest.path.stat().st_size / 2


@needs_builder
def test_every_model_builds_in_half_precision(cache: Path, halved: Forms) -> None:
    for manifest, form in halved.values():
        built = build_engine(form, "tensorrt-rtx")
        assert (built.name, built.precision, built.new) == (manifest.name, "fp16", True)


@needs_builder
def test_an_engine_is_built_once_and_says_what_it_is(cache: Path) -> None:
    first = CliRunner().invoke(cli, ["build", QUICK], catch_exceptions=False)
    assert "tensorrt-rtx fp32 built in" in first.stdout
    again = CliRunner().invoke(cli, ["build", QUICK], catch_exceptions=False)
    assert "is already here" in again.stdout
    (plan,) = (cache / "engines").glob("*.plan")
    told = dict(describe(plan))
    assert told["model"] == f"SHA-256 {sha256_of(lifter(QUICK).path)}"
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
    path = build_engine(lifter(QUICK), "tensorrt-rtx").path
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
        build_engine(lifter(QUICK), "tensorrt-rtx")


def start_build(model: str) -> subprocess.Popen[str]:
    """`realtime-export build` in a process of its own."""
    command = [sys.executable, "-m", "export.cli", "build", model, "--backend", "tensorrt-rtx"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@needs_builder
def test_of_two_programs_that_build_the_same_one_builds(cache: Path) -> None:
    """Both are held up at the lock until both are there."""
    library = load_library("tensorrt-rtx")
    store = EngineStore()
    key = plan_key(library, lifter(QUICK).path, "", {})
    store.folder.mkdir(parents=True)
    with only_one(store.path(key).with_suffix(".lock"), "holding both up"):
        programs = [start_build(QUICK) for _ in range(2)]
        for program in programs:
            assert program.stderr is not None
            assert f"another process is building {key.name}.plan" in program.stderr.readline()
    told = [program.communicate(timeout=120) for program in programs]
    assert [program.returncode for program in programs] == [0, 0], told
    plan = store.load(key)
    assert plan is not None
    assert store.plans() == (store.path(key),)
    assert {path.suffix for path in store.folder.iterdir()} == {".plan", ".lock"}, "no piece is left"
    header = read_header(store.path(key))
    assert all(str(store.path(key)) in said for said, _ in told)
    assert header.plan_bytes == len(plan)


@needs_builder
@pytest.mark.skipif(sys.platform == "win32", reason="limits are POSIX's")
def test_a_disk_that_takes_only_a_piece_is_said_and_keeps_nothing(cache: Path) -> None:
    """Real writes that fail: no file may grow beyond 100 kB, a fraction of an engine."""
    code = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)); "
        "from export.cli import main; main()"
    )
    words = ["build", QUICK, "--backend", "tensorrt-rtx"]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"error: the engine of {QUICK} is built but cannot")
    assert "File too large" in done.stderr
    assert [path.suffix for path in (cache / "engines").iterdir()] == [".lock"]


@needs_builder
def test_an_engine_of_another_release_is_named_and_not_used(cache: Path) -> None:
    """What a release left behind lies there still after an update."""
    path = build_engine(lifter(QUICK), "tensorrt-rtx").path
    store, key = EngineStore(), read_header(path).key
    old = replace(key, library="1.2.0.54")
    plan = store.load(key)
    assert plan is not None
    other = store.save(old, plan)
    path.unlink()
    told = dict(describe(other))["runs here"]
    assert (
        told == f"no: it was built by tensorrt-rtx 1.2.0.54, and {key.library} is installed: build it again"
    )
    again = build_engine(lifter(QUICK), "tensorrt-rtx")
    assert (again.new, again.path) == (True, path)


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


@needs_builder
def test_with_a_gpu_the_demo_is_made_ready_in_half_precision(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a model does not bear in FP16 is built in FP32, and the reason is said."""
    monkeypatch.setattr("export.engine_commands.available", lambda role: ("tensorrt-rtx",))
    monkeypatch.setattr("export.engine_commands.zoo.fetch", lambda name, progress: None)
    monkeypatch.setattr("export.models.demo_models", lambda: (lifter(QUICK),))
    told = CliRunner().invoke(cli, [], catch_exceptions=False).stdout
    form = half_form(lifter(QUICK))
    assert form is not None
    (plan,) = EngineStore().plans()
    assert told.splitlines()[-1].split() == [QUICK, "tensorrt-rtx:", "fp16", "engine", str(plan)]
    assert read_header(plan).key.model_sha256 == sha256_of(form)

    def too_far(*_: object) -> Manifest:
        raise ModelError("it loses too much in FP16")

    shutil.rmtree(cache)
    monkeypatch.setattr("export.variants.find_mixed", too_far)
    told = CliRunner().invoke(cli, [], catch_exceptions=False).stdout
    assert told.splitlines()[-1].endswith(" (not in fp16: it loses too much in FP16)")
    (plan,) = EngineStore().plans()
    assert read_header(plan).key.precision == "fp32"
