"""Preprocessing inside the network against the CPU path, on pictures and on keypoints."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime as ort
import pytest
from click.testing import CliRunner
from onnx import TensorProto, helper, numpy_helper

import realtime.sample as sample
from export.cli import cli
from export.preprocess_graph import PREFIX, attach_preprocessing
from export.variants import with_preprocessing
from realtime.cache import ENVIRONMENT_VARIABLE
from realtime.engines.library import installed
from realtime.engines.open import open_engine
from realtime.errors import EngineError, ModelError, UsageError
from realtime.manifest import ImageInput, Manifest, Role, TensorInfo, load_manifest, sha256_of
from realtime.models.catalogue import DEFAULT_LIFTER
from realtime.preprocess import UnitMap, feeder
from realtime.stream.networks import Detector, Estimator
from realtime.types import Array, Frame, Region
from tests.fakes import frame as fake_frame


def mirror_net(folder: Path, role: Role, opset: int = 17, **image: Any) -> Manifest:
    """A network that gives its image back, doubled, and its manifest."""
    spec = ImageInput("image", 48, 64, **image)
    shape = (1, 64, 48, 3) if spec.layout == "NHWC" else (1, 3, 64, 48)
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n in ("image", "twice")]
    nodes = [helper.make_node("Mul", ["image", "two"], ["twice"])]
    two = numpy_helper.from_array(np.array(2, np.float32), "two")
    graph = helper.make_graph(nodes, "mirror", values[:1], values[1:], [two])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    path = folder / "mirror.onnx"
    path.write_bytes(model.SerializeToString())
    tensors = {"image": TensorInfo(shape)}, {"twice": TensorInfo(shape)}
    return Manifest(
        "mirror", role, path.name, sha256_of(path), "", "a test", *tensors, spec, "none", "coco-17",
        directory=folder,
    )  # fmt: skip


def attached(manifest: Manifest, folder: Path) -> Manifest:
    """The manifest of the same network with its preprocessing in front, written and read back."""
    content, described = attach_preprocessing(manifest.path, manifest)
    described = replace(described, directory=folder)
    described.path.write_bytes(content)
    described.path.with_suffix(".json").write_text(described.to_json())
    loaded = load_manifest(described.path.with_suffix(".json"))
    assert loaded == described
    loaded.check_file()
    return loaded


@pytest.fixture(scope="module")
def frames() -> list[Frame]:
    """Every twelfth frame of the sample clip's first five seconds."""
    clip = cv2.VideoCapture(str(sample.clip_path()))
    images = [clip.read()[1] for _ in range(120)]
    clip.release()
    return [Frame(image, n, 0, 0.0) for n, image in enumerate(images[::12])]


def seen_by(manifest: Manifest, feeds: Mapping[str, Array]) -> Array:
    """The image that a mirror with its preprocessing inside gives back."""
    session = ort.InferenceSession(str(manifest.path), providers=["CPUExecutionProvider"])
    twice: Array = session.run(None, dict(feeds))[0]
    return twice / 2


EXACT = int(cv2.__version__.split(".")[0]) >= 5
"""Whether this OpenCV places pixels exactly, not to 1/32 of one as before version 5."""

LEVELS = {"scale": 1.0}
REGIONS = (Region(320, 240, 300, 0.0), Region(200, 300, 500, 0.7), Region(600, 40, 250, -2.0))


@pytest.mark.parametrize(
    "image",
    [
        {"layout": "NCHW", "colour": "BGR"},
        {"layout": "NHWC", "colour": "RGB", "beyond": "pad", "pad": 114},
        {"layout": "NHWC", "colour": "RGB", "beyond": "pad"},
    ],
)
@pytest.mark.parametrize("opset", [13, 17])
def test_crops_differ_by_a_grey_level_at_most_and_hardly_ever(
    frames: list[Frame], tmp_path: Path, image: dict[str, Any], opset: int
) -> None:
    plain = mirror_net(tmp_path, "estimator", opset, **LEVELS, **image)
    inside = attached(plain, tmp_path)
    assert plain.image is not None
    assert inside.image is not None
    off = []
    for region in REGIONS:
        unit_map = UnitMap.of_region(region, plain.image.aspect)
        expected = feeder(plain.image).crop(frames[0], unit_map)["image"]
        got = seen_by(inside, feeder(inside.image).crop(frames[0], unit_map))
        off.append(np.abs(got - expected))
    assert np.max(off) <= (1 if EXACT else 8)
    assert np.mean(off) < (0.001 if EXACT else 0.1)


@pytest.mark.parametrize(
    "image", [{"anchor": "centre"}, {"anchor": "top-left", "pad": 114}, {"fit": "stretch"}]
)
@pytest.mark.parametrize("size", [(640, 480), (480, 640), (31, 200)])
def test_whole_frames_are_letterboxed_alike(
    frames: list[Frame], tmp_path: Path, image: dict[str, Any], size: tuple[int, int]
) -> None:
    plain = mirror_net(tmp_path, "detector", **LEVELS, **image)
    inside = attached(plain, tmp_path)
    assert plain.image is not None
    assert inside.image is not None
    frame = Frame(cv2.resize(frames[3].image, size), 0, 0, 0.0)
    expected, _ = feeder(plain.image).whole(frame)
    got = seen_by(inside, feeder(inside.image).whole(frame)[0])
    # cv2.resize weighs in 1/2048 and rounds twice.
    off = np.abs(got - expected["image"])
    assert off.max() <= 1
    assert off.mean() < 0.2


def test_scale_offset_and_channels(frames: list[Frame], tmp_path: Path) -> None:
    numbers = {"scale": (0.01, 0.02, 0.03), "offset": (-1.0, 0.5, 2.0)}
    plain = mirror_net(tmp_path, "estimator", layout="NCHW", colour="RGB", **numbers)
    inside = attached(plain, tmp_path)
    assert plain.image is not None
    assert inside.image is not None
    unit_map = UnitMap.of_region(REGIONS[0], 0.75)
    got = seen_by(inside, feeder(inside.image).crop(frames[0], unit_map))
    expected = feeder(plain.image).crop(frames[0], unit_map)["image"]
    np.testing.assert_allclose(got, expected, atol=0.031)
    assert np.abs(got - expected).mean() < (1e-4 if EXACT else 1e-2)


@pytest.fixture(scope="module")
def blazepose_inside(blazepose: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Manifest]]:
    """BlazePose's detector and landmark net with their preprocessing inside."""
    folder = tmp_path_factory.mktemp("inside")
    yield [attached(load_manifest(blazepose / f"{part}.json"), folder) for part in ("detector", "landmark")]
    shutil.rmtree(folder)


@pytest.mark.network
def test_blazepose_sees_the_same(
    blazepose: Path, blazepose_inside: list[Manifest], frames: list[Frame]
) -> None:
    plain = [load_manifest(blazepose / f"{part}.json") for part in ("detector", "landmark")]
    engines = [open_engine(m.path, "openvino", 2) for m in (*plain, *blazepose_inside)]
    detectors = [Detector(m, e) for m, e in ((plain[0], engines[0]), (blazepose_inside[0], engines[2]))]
    nets = [Estimator(m, e) for m, e in ((plain[1], engines[1]), (blazepose_inside[1], engines[3]))]
    off_px, box_off_px = [], []
    for frame in frames:
        boxes, same = (detector.detect(frame) for detector in detectors)
        box_off_px.append(np.abs(boxes.xyxy_px - same.xyxy_px).max())
        keypoints, alike = (net.estimate(frame, boxes.regions[0])[0] for net in nets)
        off_px.append(np.abs(keypoints.xy_px - alike.xy_px).max())
    for engine in engines:
        engine.close()
    if not EXACT:
        pytest.skip("this OpenCV places pixels to 1/32 of one, which moves BlazePose's joints by 1 px")
    assert max(off_px) < 0.1
    assert max(box_off_px) < 0.2


def exported(folder: Path, *words: str) -> Path:
    """The estimator's manifest that `realtime-export onnx blazepose --preprocessing` writes."""
    told = CliRunner().invoke(
        cli, ["onnx", "blazepose", "--preprocessing", "-o", str(folder), *words], catch_exceptions=False
    )
    assert told.stdout.splitlines()[-1].endswith(f"realtime-demo --models {folder / 'landmark-frame.json'}")
    return folder / "landmark-frame.json"


def recorded(folder: Path, models: str | Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Header and frames of the demo's record of the sample, run in ONNX Runtime."""
    record = folder / "out.jsonl"
    words = ["--source", "sample", "--headless", "--frames", "20", "--engine", "onnxruntime"]
    command = [sys.executable, "-m", "realtime.commands.demo", *words, "--models", str(models)]
    done = subprocess.run([*command, "--record", str(record)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    header, *frames = map(json.loads, record.read_text().splitlines())
    return header["header"], frames


def joints(frames: list[dict[str, Any]], name: str) -> Array:
    return np.array([frame["people"][0][name] for frame in frames])


@pytest.mark.network
@pytest.mark.parametrize("words", [(), ("--frame-size", "640x480")])
def test_the_demo_runs_nets_that_take_frames(blazepose: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    header, frames = recorded(tmp_path, exported(tmp_path, *words))
    assert [m["name"] for m in header["models"]][:2] == [
        "blazepose-detector-frame",
        "blazepose-landmark-full-frame",
    ]
    _, expected = recorded(tmp_path, "blazepose")
    off_px = np.linalg.norm(
        joints(frames, "keypoints_px")[..., :2] - joints(expected, "keypoints_px")[..., :2], axis=-1
    )
    off_m = np.linalg.norm(joints(frames, "pose_m") - joints(expected, "pose_m"), axis=-1)
    # The detector's box, a tenth of a pixel off, is where all later regions come from; the person is 280 px
    # tall, and the net itself 4 px from the truth.
    assert off_px.mean() < 1
    assert np.median(off_m) < 0.02


@pytest.mark.network
def test_frames_of_another_size_are_refused(blazepose: Path, tmp_path: Path) -> None:
    manifest = load_manifest(exported(tmp_path, "--frame-size", "320x240"))
    engine = open_engine(manifest.check_file(), "onnxruntime", 1)
    estimator = Estimator(manifest, engine)
    estimator.estimate(fake_frame(width=320, height=240), Region(160, 120, 200, 0))
    with pytest.raises(
        EngineError, match=r"input 'frame' must be uint8 \(240, 320, 3\), not uint8 \(480, 640"
    ):
        estimator.estimate(fake_frame(width=640, height=480), Region(320, 240, 200, 0))


@pytest.mark.network
@pytest.mark.skipif(not installed("tensorrt-rtx"), reason="tensorrt-rtx is not installed: pip install it")
def test_nets_that_take_frames_of_one_size_build(
    blazepose: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, other = exported(tmp_path, "--frame-size", "640x480"), exported(tmp_path / "any")
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path / "cache"))
    for name in ("detector-frame", "landmark-frame"):
        words = ["build", str(manifest.with_stem(name)), "--backend", "tensorrt-rtx"]
        told = CliRunner().invoke(cli, words, catch_exceptions=False)
        assert "tensorrt-rtx fp32 built in" in told.stdout
    with pytest.raises(EngineError, match=r"input 'frame' has a free size that is not the batch"):
        CliRunner().invoke(cli, ["build", str(other)], catch_exceptions=False)


def test_an_estimator_takes_its_own_detector_along(tmp_path: Path) -> None:
    detector = mirror_net(tmp_path, "detector")
    shutil.copy(detector.path, tmp_path / "finder.onnx")
    (tmp_path / "finder.json").write_text(replace(detector, file="finder.onnx").to_json())
    estimator = mirror_net(tmp_path, "estimator")
    for n, (name, wanted) in enumerate(
        (("finder.json", "finder-frame.json"), ("rtmdet-nano", "rtmdet-nano"), ("", ""))
    ):
        made = with_preprocessing([replace(estimator, detector=name)], tmp_path / f"out{n}")
        assert [m.role for m in made] == ["detector", "estimator"][-len(made) :]
        assert len(made) == (2 if name == "finder.json" else 1)
        assert load_manifest(made[-1].path.with_suffix(".json")).detector == wanted


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("blazepose", "--frame-size", "640x480"), "give that too"),
        (("blazepose", "--preprocessing", "--frame-size", "640"), "such as 640x480"),
        (("blazepose", "--preprocessing", "--frame-size", "0x480"), "such as 640x480"),
        ((DEFAULT_LIFTER, "--preprocessing"), "takes no image"),
    ],
)
def test_bad_use_is_said(words: tuple[str, ...], message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        CliRunner().invoke(cli, ["onnx", *words, "-o", str(tmp_path)], catch_exceptions=False)
    assert not list(tmp_path.iterdir())


def test_every_node_added_can_be_told_by_its_name(tmp_path: Path) -> None:
    content, _ = attach_preprocessing((m := mirror_net(tmp_path, "estimator")).path, m)
    nodes = onnx.load_from_string(content).graph.node
    assert [node.op_type for node in nodes if not node.name.startswith(PREFIX)] == ["Mul"]


def test_what_cannot_be_done_is_said(tmp_path: Path) -> None:
    manifest = mirror_net(tmp_path, "estimator")
    with pytest.raises(UsageError, match="has its preprocessing inside already"):
        attach_preprocessing(manifest.path, attached(manifest, tmp_path))
    with pytest.raises(UsageError, match="takes no image"):
        attach_preprocessing(manifest.path, replace(manifest, image=None))
    other = ImageInput("picture", 48, 64)
    with pytest.raises(ModelError, match="has no input 'picture'"):
        attach_preprocessing(manifest.path, replace(manifest, image=other))
    (tmp_path / "broken.onnx").write_bytes(b"no network")
    with pytest.raises(ModelError, match="as an ONNX model"):
        attach_preprocessing(tmp_path / "broken.onnx", manifest)
