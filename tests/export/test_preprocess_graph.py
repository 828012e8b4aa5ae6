"""Preprocessing inside the network against the CPU path, on pictures and on keypoints."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

import realtime.sample as sample
from export.preprocess_graph import PREFIX, attach_preprocessing
from realtime.engines.open import open_engine
from realtime.errors import ModelError, UsageError
from realtime.manifest import ImageInput, Manifest, Role, TensorInfo, load_manifest, sha256_of
from realtime.preprocess import UnitMap, feeder
from realtime.stream.track import Detector, Estimator
from realtime.types import Array, Frame, Region


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


@pytest.mark.network
def test_tensorrt_rtx_builds_it(blazepose_inside: list[Manifest]) -> None:
    if importlib.util.find_spec("tensorrt_rtx") is None:
        pytest.skip("tensorrt-rtx is not installed")
    import tensorrt_rtx as trt

    logger = trt.Logger(trt.Logger.ERROR)
    builder = trt.Builder(logger)
    network = builder.create_network()
    parser = trt.OnnxParser(network, logger)
    manifest = blazepose_inside[1]
    parsed = parser.parse(manifest.path.read_bytes())
    assert parsed, [str(parser.get_error(n)) for n in range(parser.num_errors)]
    config, profile = builder.create_builder_config(), builder.create_optimization_profile()
    profile.set_shape("frame", (16, 16, 3), (720, 1280, 3), (2160, 3840, 3))
    config.add_optimization_profile(profile)
    plan = builder.build_serialized_network(network, config)
    assert plan is not None
    assert plan.nbytes > manifest.path.stat().st_size / 2


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
