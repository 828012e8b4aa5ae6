"""A manifest filled in from a template and an ONNX file, and the whole program run on such models."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from click.testing import CliRunner

import realtime.sample as sample
from export.own_model import Changes, command, fill, write_beside
from realtime.errors import ManifestError, ModelError, PoseError, UsageError
from realtime.manifest import load_manifest
from realtime.models import catalogue
from realtime.skeleton import COCO17, H36M17
from realtime.stream.assemble import Options, assemble, find_source
from realtime.types import Array
from tests import own_models
from tests.own_models import Seen, write_net

ROOT = Path(__file__).resolve().parents[2]
BOX = (240.0, 60.0, 400.0, 420.0)
"""Where every generated detector sees its person in the sample's 640x480 frames, pixel edges."""


def detector(folder: Path, template: str, outputs: Callable[..., Mapping[str, Array]]) -> None:
    """A detector that sees one person at BOX."""
    image = load_manifest(catalogue.template(template)).image
    assert image is not None
    size = np.array([image.width, image.height])
    scale = size / (640, 480) if image.fit == "stretch" else np.full(2, image.width / 640)
    shift = np.array([0, (image.height - 480 * scale[1]) / 2 if image.anchor == "centre" else 0])
    if image.fit == "stretch":
        shift[:] = 0
    corners = np.array(BOX).reshape(2, 2) * scale + shift
    person = Seen(tuple(float(v) for v in corners.ravel()), 0.9, 0)  # type: ignore[arg-type]
    sides = (image.height, image.width)
    shape = (1, *sides, 3) if image.layout == "NHWC" else (1, 3, *sides)
    path = write_net(
        folder / "detector.onnx", shape, outputs([person], image.width), image.tensor, image.dtype
    )
    write_beside(fill(catalogue.template(template), path))


def estimator(folder: Path, template: str, outputs: Callable[..., Mapping[str, Array]]) -> Path:
    """An estimator that sees its person fill the crop but for a tenth all round; gives its manifest."""
    image = load_manifest(catalogue.template(template)).image
    assert image is not None
    width, height = image.width, image.height
    said = outputs(own_models.standing_index(width, height), np.full(17, 0.9, np.float32), width, height)
    shape = (1, height, width, 3) if image.layout == "NHWC" else (1, 3, height, width)
    path = write_net(folder / "pose.onnx", shape, said, dtype=image.dtype)
    return write_beside(fill(catalogue.template(template), path, Changes(detector="detector.json")))


PAIRS = {
    "yolox, rtmpose": ("yolox-nano", partial(own_models.yolox, decoded=False), "rtmpose-m", own_models.simcc),
    "rtmdet, hrnet": ("rtmdet-nano", own_models.rtmdet_suppressed, "hrnet-w32", own_models.heatmap),
    "yolov8, vitpose": ("yolov8n", own_models.yolov8, "vitpose-s", partial(own_models.heatmap, udp=True)),
    "ssd, movenet": ("ssd-tensorflow", own_models.ssd_tensorflow, "movenet-lightning", own_models.movenet),
}


@pytest.mark.parametrize("pair", PAIRS)
def test_a_pair_of_ones_own_goes_through_the_whole_program(pair: str, tmp_path: Path) -> None:
    detector_template, boxes, template, joints = PAIRS[pair]
    detector(tmp_path, detector_template, boxes)
    manifest = estimator(tmp_path, template, joints)
    source, _ = find_source(sample.NAME)
    ready = assemble(Options(models=str(manifest), engine="openvino"), sample.camera())
    try:
        frames = [source.read() for _ in range(5)]
        results = [r for frame in frames if frame is not None for r in ready.perception.process(frame)]
    finally:
        ready.perception.close()
        source.close()
    image = load_manifest(manifest).image
    assert image is not None
    # The crop is the box, a quarter larger, widened or heightened to the input's aspect.
    high_px = 1.25 * (BOX[3] - BOX[1])
    centre = np.array([(BOX[0] + BOX[2]) / 2, (BOX[1] + BOX[3]) / 2]) - 0.5
    size = np.array([image.width, image.height])
    index = own_models.standing_index(image.width, image.height)
    expected = centre + ((index + 0.5) / size - 0.5) * np.array([high_px * image.aspect, high_px])
    assert [len(result.people) for result in results] == [1] * 5
    # A net may be an input pixel off, and each frame's crop follows from the joints of the one before.
    within_px = 1.1 * high_px / image.height
    for n, result in enumerate(results):
        points = result.people[0].keypoints_px
        for name in ("l_shoulder", "r_wrist", "l_hip", "r_ankle"):
            off = points[H36M17.index(name), :2] - expected[COCO17.index(name)]
            assert np.abs(off).max() < within_px * (n + 1), (n, name, off)
        assert np.isfinite(result.people[0].pose.absolute_m).all()
    first = results[0].people[0].box_px
    # Round the whole person: the joints, and some of the head and shoes beyond them.
    beyond = np.array([expected[0, 1] - first[1], first[3] - expected[15, 1]])
    assert (beyond > -within_px).all()
    assert (beyond < 0.15 * (expected[15, 1] - expected[0, 1])).all()


def run_printed(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A command as a document prints it, in an empty folder."""
    words = shlex.split(line)
    scripts = Path(sys.executable).parent
    program = [sys.executable] if words[0] == "python" else [str(scripts / words[0])]
    if not Path(program[0]).exists():
        pytest.skip(f"{words[0]} is not installed")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [*program, *words[1:]], cwd=folder, env=environment, capture_output=True, text=True, timeout=100
    )


def test_the_documents_commands_run_as_printed(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "own-models.md").read_text(encoding="utf-8")
    # The second block wants BlazePose; tests/export/test_preprocess_graph.py runs what it says.
    lines = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)[0].splitlines()
    assert len(lines) == 5
    for line in lines:
        done = run_printed(line, tmp_path)
        assert done.returncode == 0, done.stderr
    header, *frames = map(json.loads, (tmp_path / "example" / "pose.jsonl").read_text().splitlines())
    assert [m["name"] for m in header["header"]["models"]][:2] == ["detector", "pose"]
    assert [m["licence"] for m in header["header"]["models"]][:2] == ["CC0-1.0"] * 2
    assert len(frames) == 5
    for frame in frames:
        (person,) = frame["people"]
        x, y, score = person["keypoints_px"][H36M17.index("pelvis")]
        assert (x, score) == pytest.approx((319.5, 0.9), abs=1.0)
        assert y == pytest.approx(239.5 + 450 * 0.02, abs=2)


def test_a_manifest_that_does_not_fit_its_network_is_one_line(tmp_path: Path) -> None:
    detector(tmp_path, "yolox-nano", partial(own_models.yolox, decoded=False))
    path = estimator(tmp_path, "rtmpose-s", own_models.simcc)
    good = json.loads(path.read_text())

    def refused(changes: dict[str, Any], complaint: str) -> None:
        path.write_text(json.dumps(good | changes))
        with pytest.raises(PoseError, match=complaint) as caught:
            assemble(Options(models=str(path), engine="openvino"), sample.camera())
        assert "\n" not in str(caught.value)

    outputs = good["outputs"]
    refused({"outputs": outputs | {"more": outputs["simcc_x"]}}, "the network has no output 'more'")
    wider = {"simcc_x": {"shape": [1, 17, 400], "dtype": "float32"}}
    refused({"outputs": outputs | wider}, r"'simcc_x' is float32 \(1, 17, 384\) in the network, not")
    refused({"decoder": "simcc-2"}, "unknown estimator decoder 'simcc-2'; known: blazepose-landmark, heatmap")
    refused({"sha256": "0" * 64}, "SHA-256 differs")
    refused({"options": {"pading": 1.3}}, "no option 'pading'; known: padding, min_score")


def test_joints_that_contradict_the_skeleton_end_the_run_in_one_line(tmp_path: Path) -> None:
    detector(tmp_path, "yolox-nano", partial(own_models.yolox, decoded=False))
    path = estimator(tmp_path, "rtmpose-s", own_models.simcc)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"skeleton": "halpe-26"}))
    done = run_printed(f"realtime-demo --models {path} --source sample --headless --frames 2", tmp_path)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "gives 17 joints, but its skeleton halpe-26 has 26" in done.stderr.splitlines()[-1]


def heat_net(folder: Path, name: str = "heat", size: tuple[int, int] = (192, 256)) -> Path:
    width, height = size
    maps = {name: np.zeros((1, 17, height // 4, width // 4), np.float32)}
    return write_net(folder / "net.onnx", (1, 3, height, width), maps, "picture")


def test_the_file_tells_names_sizes_and_hash(tmp_path: Path) -> None:
    path = heat_net(tmp_path, size=(288, 384))
    runner = CliRunner()
    done = runner.invoke(command, ["hrnet-w32", str(path), "--option", "subpixel=dark", "--licence", "MIT"])
    assert done.exit_code == 0, done.output
    manifest = load_manifest(tmp_path / "net.json")
    assert manifest.check_file() == path
    assert manifest.image is not None
    assert (manifest.image.tensor, manifest.image.width, manifest.image.height) == ("picture", 288, 384)
    assert manifest.tensors == {"heatmap": "heat"}
    assert manifest.options["subpixel"] == "dark"
    assert (manifest.licence, manifest.name) == ("MIT", "net")
    again = runner.invoke(command, ["hrnet-w32", str(path)])
    assert isinstance(again.exception, UsageError)
    assert "exists already: use --force" in str(again.exception)


def test_what_does_not_fit_is_said(tmp_path: Path) -> None:
    path, template = heat_net(tmp_path), catalogue.template
    with pytest.raises(
        ModelError, match=r"has no output 'simcc_x': say which of heat .* --tensor simcc_x=NA"
    ):
        fill(template("rtmpose-s"), path)
    with pytest.raises(UsageError, match="has no output 'warm', only heat"):
        fill(template("hrnet-w32"), path, Changes(tensors={"heatmap": "warm"}))
    with pytest.raises(ManifestError, match="reads no cold; `tensors` can name heatmap"):
        fill(template("hrnet-w32"), path, Changes(tensors={"cold": "heat"}))
    with pytest.raises(ManifestError, match="no option 'blur'"):
        fill(template("hrnet-w32"), path, Changes(options={"blur": 3}))
    maps = {"output": np.zeros((1, 17, 64, 48), np.float32)}
    integer = write_net(tmp_path / "i.onnx", (1, 3, 256, 192), maps, dtype="int32")
    with pytest.raises(ModelError, match="image input of int32 takes pixels as they are"):
        fill(template("hrnet-w32"), integer)
    (tmp_path / "text.onnx").write_bytes(b"text")
    with pytest.raises(ModelError, match=r"as an ONNX model|no operators"):
        fill(template("hrnet-w32"), tmp_path / "text.onnx")


def test_weights_kept_elsewhere_are_refused(tmp_path: Path) -> None:
    model = onnx.load(heat_net(tmp_path))
    onnx.save(model, tmp_path / "apart.onnx", save_as_external_data=True, size_threshold=0)
    with pytest.raises(ModelError, match="keeps its weights in other files: save it as one file"):
        fill(catalogue.template("hrnet-w32"), tmp_path / "apart.onnx")


def test_a_manifest_that_would_not_load_is_not_written(tmp_path: Path) -> None:
    manifest = fill(catalogue.template("hrnet-w32"), heat_net(tmp_path))
    with pytest.raises(ManifestError, match="unknown skeleton 'cat-9'"):
        write_beside(replace(manifest, skeleton="cat-9"))
    assert [p.name for p in tmp_path.iterdir()] == ["net.onnx"]
