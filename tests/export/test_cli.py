"""`realtime-export` as a user meets it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from click.testing import CliRunner, Result
from onnx import TensorProto, helper

from export import zoo
from export.cli import cli
from realtime.cache import ENVIRONMENT_VARIABLE
from tests.export.tiny import FILE, write_wheel

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The wheel of a small set that the zoo knows; the cache is empty."""
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(zoo, "SETS", {"tiny": write_wheel(tmp_path / "offered")})
    return tmp_path / "offered" / FILE


@pytest.fixture
def adder(tmp_path: Path) -> Path:
    """An ONNX file with one operator and one weight of three numbers."""
    shape = ["batch", 3]
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "w"], ["y"])],
        "add",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [helper.make_tensor("w", TensorProto.FLOAT, [3], [1, 2, 3])],
    )
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], producer_name="a test"), tmp_path / "add.onnx")
    return tmp_path / "add.onnx"


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments], catch_exceptions=False)


def rows(result: Result) -> dict[str, str]:
    return dict(line.split(maxsplit=1) for line in result.stdout.splitlines())


def program(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "export.cli", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_list_tells_what_is_cached(tiny: Path) -> None:
    assert invoke("list").stdout.split()[:6] == ["tiny", "CC0-1.0", "0.4", "MB", "to", "download"]
    assert "not fetched" in invoke("list").stdout
    zoo.fetch("tiny", tiny)
    assert "cached" in invoke("list").stdout


def test_list_tells_addresses_hashes_and_licences() -> None:
    told = invoke("list", "--sources").stdout
    for model in zoo.PUBLISHED.values():
        _, found, rest = told.partition(f"{model.name} ")
        assert found
        line, address, file = rest.splitlines()[:3]
        assert "Apache-2.0" in line
        assert address.strip().startswith("https://download.openmmlab.com/mmpose/")
        assert address.strip() == model.archive.address
        assert f"SHA-256 {model.archive.sha256}, as other" in file or "hash unknown: give --sha256" in file
    wheel = zoo.SETS["blazepose"].wheel
    assert f"{wheel.file} through pip's package index, SHA-256 {wheel.sha256}" in told


def test_fetch_tells_where_and_does_nothing_twice(tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "models" / "tiny"
    assert invoke("fetch", "tiny", "--wheel", tiny).stdout == f"fetched tiny into {folder}\n"
    assert invoke("fetch", "tiny").stdout == f"tiny is already here, nothing to do: {folder}\n"
    forced = invoke("fetch", "tiny", "--wheel", tiny, "--force")
    assert forced.stdout == f"fetched tiny into {folder}\n"
    assert forced.stderr == "", "no bar where nothing is downloaded"


@pytest.mark.parametrize("name", ["net.onnx", "net.json"])
def test_info_of_a_fetched_model_tells_of_its_manifest(tiny: Path, name: str) -> None:
    told = rows(invoke("info", zoo.fetch("tiny", tiny).directory / name))
    assert told["input"] == "image float32 (1, 4, 4, 3)"
    assert told["output"] == "squashed float32 (1, 4, 4, 3)"
    assert told["operators"] == "3: Transpose 2, Sigmoid 1"
    assert told["producer"] == "realtime-pose3d"
    assert told["opset"] == "ai.onnx 17"
    assert (told["model"], told["licence"]) == ("tiny, detector", "CC0-1.0")
    assert "warning" not in told


def test_info_warns_of_a_file_that_is_not_its_manifests(tiny: Path, adder: Path) -> None:
    folder = zoo.fetch("tiny", tiny).directory
    (folder / "net.onnx").write_bytes(adder.read_bytes())
    assert "SHA-256 differs" in rows(invoke("info", folder / "net.onnx"))["warning"]
    (folder / "net.onnx").unlink()
    assert "is missing" in rows(invoke("info", folder / "net.json"))["warning"]


def test_info_of_any_onnx_file(adder: Path) -> None:
    told = rows(invoke("info", adder))
    assert told["input"] == "x float32 (batch, 3)"
    assert told["parameters"] == "3"
    assert told["file"] == f"{adder} ({adder.stat().st_size:,} bytes)"
    assert "licence" not in told


@pytest.mark.parametrize("name", ["", "list", "fetch", "info", "build", "verify", "onnx", "manifest"])
def test_help_shows_examples(name: str) -> None:
    command = (name,) if name else ()
    result = invoke(*command, "--help")
    assert result.exit_code == 0
    assert f"realtime-export {' '.join(command)}" in result.stdout[result.stdout.index("Example") :]


def test_bad_use_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("this is no model\n")
    (tmp_path / "empty.onnx").touch()
    for arguments, message in (
        (("fetch", "nothing"), "error: unknown model set 'nothing'; known: blazepose"),
        (("fetch", "blazepose", "--wheel", tmp_path), "is a directory"),
        (("info", tmp_path / "none.onnx"), "does not exist"),
        (("info", tmp_path / "text.onnx"), "is not an ONNX model"),
        (("info", tmp_path / "empty.onnx"), "is not an ONNX model"),
    ):
        done = program(*arguments)
        assert done.returncode == 2
        assert message in done.stderr
        assert done.stderr.count("\n") == 1
        assert done.stderr.startswith("error: ")


def test_a_failure_is_one_line_and_exit_code_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path / "cache"))
    wheel = tmp_path / "some.whl"
    wheel.write_bytes(b"PK")
    done = program("fetch", "blazepose", "--wheel", wheel)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {wheel} is not the published mediapipe-0.10.21-")
    assert done.stderr.count("\n") == 1
