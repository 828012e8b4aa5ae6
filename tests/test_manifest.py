from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from realtime.errors import ManifestError, ModelError
from realtime.manifest import ImageInput, Manifest, StateTensor, TensorInfo, load_manifest, sha256_of

INPUTS = {"rays": {"shape": [1, 6, 8, 3], "dtype": "float32"}}
IMAGE = {
    "tensor": "rays", "width": 8, "height": 6, "scale": 0.5, "offset": -1.0, "fit": "stretch", "pad": 114,
}  # fmt: skip
DETECTOR = {"role": "detector", "decoder": "some", "image": IMAGE, "inputs": INPUTS, "state": []}


def lifter(folder: Path) -> Manifest:
    model = folder / "net.onnx"
    model.write_bytes(b"weights")
    return Manifest(
        name="net", role="lifter", file="net.onnx", sha256=sha256_of(model), licence="Apache-2.0",
        origin="a test", inputs={"rays": TensorInfo((-1, 17, 2)), "state_0": TensorInfo((-1, 4))},
        outputs={"pose": TensorInfo((-1, 17, 3)), "next_state_0": TensorInfo((-1, 4))},
        state=(StateTensor("state_0", "next_state_0", (4,)),), skeleton="h36m-17",
        receptive_field=27, metrics={"mpjpe_mm": 50.0},
    )  # fmt: skip


def written(folder: Path, **changes: Any) -> Path:
    node = json.loads(lifter(folder).to_json()) | changes
    path = folder / "net.json"
    path.write_text(json.dumps({k: v for k, v in node.items() if v is not ...}))
    return path


def test_a_manifest_survives_being_written(tmp_path: Path) -> None:
    loaded = load_manifest(written(tmp_path))
    assert loaded == lifter(tmp_path)
    assert loaded.check_file() == tmp_path / "net.onnx"


def test_image_section_survives(tmp_path: Path) -> None:
    loaded = load_manifest(written(tmp_path, **DETECTOR))
    assert loaded.image == ImageInput("rays", 8, 6, scale=0.5, offset=-1.0, fit="stretch", pad=114)
    (tmp_path / "again.json").write_text(loaded.to_json())
    assert load_manifest(tmp_path / "again.json") == loaded


def test_what_only_some_models_need_is_not_written(tmp_path: Path) -> None:
    assert not json.loads(lifter(tmp_path).to_json()).keys() & {"options", "tensors", "detector", "lags"}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"inputs": {"rays": {"shape": [1, 3, 6, 8], "dtype": "float32"}}}, "image section says float32"),
        ({"inputs": {"rays": {"shape": [1, 6, 8, 3], "dtype": "uint8"}}}, "image section says float32"),
        ({"inputs": {**INPUTS, "extra": {"shape": [1], "dtype": "float32"}}}, "nothing feeds: extra"),
        ({"image": IMAGE | {"fit": "crop"}}, "fit must be one of letterbox, stretch, not 'crop'"),
        ({"image": IMAGE | {"anchor": "left"}}, "anchor must be one of"),
        ({"image": IMAGE | {"pad": 300}}, "grey level from 0 to 255, not 300"),
        ({"image": IMAGE | {"dtype": "uint8"}}, "scale 1, offset 0"),
        ({"image": IMAGE | {"colour": "GRB"}}, "colour must be one of RGB, BGR"),
        ({"image": IMAGE | {"transform": "map"}}, "image section says uint8"),
        ({"tensors": {"boxes": "dets"}}, "'dets' is not among the outputs"),
        ({"detector": "../detector.json"}, "plain file name"),
        ({"role": "estimator", "skeleton": ""}, "needs a skeleton, one of h36m-17, coco-17"),
    ],
)
def test_contradictions_about_the_image_are_named(
    tmp_path: Path, changes: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ManifestError, match=complaint) as caught:
        load_manifest(written(tmp_path, **(DETECTOR | changes)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"version": 2}, "version 1"),
        ({"role": "poet"}, "role"),
        ({"file": "../net.onnx"}, "plain file name"),
        ({"skeleton": "cat-9"}, "cat-9"),
        ({"name": ...}, "name"),
        ({"surprise": 1}, "surprise"),
        ({"inputs": 3}, "not a model manifest"),
        ({"role": "estimator"}, "image section"),
        ({"state": [{"input": "state_1", "output": "next_state_0", "shape": [4]}]}, "state_1"),
        ({"image": {"tensor": "pixels", "width": 1, "height": 1}}, "pixels"),
    ],
)
def test_contradictions_are_named(tmp_path: Path, changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ManifestError, match=complaint):
        load_manifest(written(tmp_path, **changes))


LAGGED: dict[str, Any] = {"lags": [-1, 0, 4], "inputs": {"state_0": {"shape": [-1, 4], "dtype": "float32"}}}
LAGGED["inputs"]["lag"] = {"shape": [-1, 3], "dtype": "float32"}


def test_lags_survive(tmp_path: Path) -> None:
    loaded = load_manifest(written(tmp_path, **LAGGED))
    assert loaded.lags == (-1, 0, 4)
    (tmp_path / "again.json").write_text(loaded.to_json())
    assert load_manifest(tmp_path / "again.json") == loaded


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"lags": [0, 4]}, "there are 2 lags"),
        ({"lags": [1, 2, 4]}, "distinct with 0 among them"),
        ({"lags": [0, 4, 4]}, "distinct with 0 among them"),
        ({"lags": [0, 1.5, 4]}, "whole numbers"),
        ({"lags": [0, True, 4]}, "whole numbers"),
        ({"lags": ["0", 1, 4]}, "whole numbers"),
        ({"lags": 3}, "not a model manifest"),
        ({"lags": ...}, "distinct with 0 among them"),
        (
            {"inputs": {"state_0": {"shape": [-1, 4], "dtype": "float32"}}},
            "only a lifter with an input 'lag'",
        ),
        ({"inputs": LAGGED["inputs"] | {"lag": {"shape": [], "dtype": "float32"}}}, "there are 3 lags"),
    ],
)
def test_contradictions_about_lags_are_named(tmp_path: Path, changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ManifestError, match=complaint):
        load_manifest(written(tmp_path, **(LAGGED | changes)))


def test_not_json_and_missing(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(ManifestError, match="not JSON"):
        load_manifest(tmp_path / "a.json")
    with pytest.raises(ManifestError, match="cannot read"):
        load_manifest(tmp_path / "b.json")


def test_another_file_is_refused(tmp_path: Path) -> None:
    manifest = load_manifest(written(tmp_path))
    manifest.path.write_bytes(b"other weights")
    with pytest.raises(ModelError, match="SHA-256 differs"):
        manifest.check_file()
    manifest.path.unlink()
    with pytest.raises(ModelError, match="is missing"):
        manifest.check_file()
