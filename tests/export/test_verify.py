"""`verify` and `onnx`: what is the same passes, what is not is named, torch weights come through."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from click.testing import CliRunner
from onnx import numpy_helper

from export.cli import cli
from export.to_onnx import Provenance, export_step
from export.variants import load_network, slimmed_copy
from realtime.cache import ENVIRONMENT_VARIABLE
from realtime.engines.forms import form_path
from realtime.errors import ModelError, UsageError
from realtime.manifest import Manifest, load_manifest, sha256_of
from realtime.models.catalogue import DEFAULT_LIFTER, lifter
from tests.export.lifters import SMALL, save_checkpoint, small_net


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path / "cache"))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def invoke(*words: object) -> str:
    done = CliRunner().invoke(cli, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


@pytest.fixture
def small(tmp_path: Path) -> Manifest:
    """A small lifter's ONNX file."""
    return export_step(small_net("unified"), tmp_path / "small", Provenance("a test"))


def checkpoint(folder: Path, name: str = "unified", seed: int = 4) -> Path:
    """What a training run leaves behind."""
    return save_checkpoint(small_net(name, seed), folder)


def test_the_shipped_lifter_is_the_same_in_every_back_end_here() -> None:
    told = invoke("verify", DEFAULT_LIFTER)
    assert "TOO FAR" not in told
    (decoded,) = (line for line in told.splitlines() if "openvino fp32" in line and " decoded " in line)
    assert " mm, 98 % within" in decoded
    for name in lifter(DEFAULT_LIFTER).outputs:
        assert f"openvino fp32       {name} " in told


def test_a_form_that_is_too_far_off_is_named(small: Manifest) -> None:
    model = load_network(small.path)
    for tensor in model.graph.initializer:
        if tensor.name.endswith("head.bias"):
            changed = numpy_helper.to_array(tensor) + np.float32(0.05)
            tensor.CopyFrom(numpy_helper.from_array(changed, tensor.name))
    path = form_path(small, "fp16")
    path.parent.mkdir(parents=True)
    onnx.save(model, path.with_suffix(".onnx"))
    sha256 = sha256_of(path.with_suffix(".onnx"))
    path.write_text(replace(small, file=f"{path.stem}.onnx", sha256=sha256).to_json())
    with pytest.raises(ModelError, match=r"unified in onnxruntime fp16.*too far"):
        invoke("verify", small.path)


@pytest.mark.parametrize("name", SMALL)
def test_torch_weights_become_onnx_and_are_the_same(name: str, tmp_path: Path) -> None:
    weights = checkpoint(tmp_path, name)
    assert "exported from" in invoke("onnx", name, "--checkpoint", weights, "-o", tmp_path / "out")
    path = tmp_path / "out" / f"{name}.onnx"
    kinds = {node.op_type for node in load_network(path).graph.node}
    assert "Constant" not in kinds
    told = invoke("verify", path, "--checkpoint", weights)
    assert any("torch" in line and " decoded " in line for line in told.splitlines())
    assert "TOO FAR" not in told
    assert load_manifest(path.with_suffix(".json")).inputs["rays"].shape == (-1, 17, 2)


def test_other_torch_weights_are_too_far(small: Manifest, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"unified in torch.*too far"):
        invoke("verify", small.path, "--checkpoint", checkpoint(tmp_path, seed=5))
    with pytest.raises(ModelError, match="is of another net"):
        invoke("verify", small.path, "--checkpoint", checkpoint(tmp_path, "depth-tcn"))
    bare = export_step(small_net("residual-lifter"), tmp_path / "small", Provenance("a test"))
    with pytest.raises(ModelError, match="is of another net"):
        invoke("verify", bare.path, "--checkpoint", checkpoint(tmp_path, "abs-lifter"))


def test_without_torch_weights_a_slimmed_copy_is_made(tmp_path: Path) -> None:
    told = invoke("onnx", DEFAULT_LIFTER, "--out", tmp_path)
    assert "torch weights are not here" in told
    made = load_manifest(tmp_path / f"{DEFAULT_LIFTER}.json")
    assert made.check_file().stat().st_size <= lifter(DEFAULT_LIFTER).path.stat().st_size
    with pytest.raises(ModelError, match="is the original"):
        slimmed_copy(made, tmp_path)


def test_what_is_no_checkpoint_or_no_net_is_said(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    (tmp_path / "text.npz").write_text("no archive")
    for name in ("other.npz", "text.npz"):
        with pytest.raises(ModelError, match="is no checkpoint"):
            invoke("onnx", DEFAULT_LIFTER, "--checkpoint", tmp_path / name, "-o", tmp_path / "out")
    with pytest.raises(UsageError, match="there is no torch net 'blazepose'"):
        invoke("onnx", "blazepose", "--checkpoint", checkpoint(tmp_path), "-o", tmp_path / "out")
