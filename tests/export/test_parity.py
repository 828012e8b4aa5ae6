"""BlazePose converted gives what LiteRT gives on the published files, on real images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from ai_edge_litert.interpreter import Interpreter

from export import zoo
from export.tflite import convert
from realtime.engines.open import Backend, available, open_engine
from realtime.manifest import load_manifest
from realtime.types import Array, FloatArray, ImageArray

pytestmark = pytest.mark.network

Network = Callable[[FloatArray], Mapping[str, Array]]

# Where a person is: file, frame, centre and size of a square in px, and how far it is turned.
PEOPLE = (
    ("image/pose.jpg", 0, 491, 466, 641, 0),
    ("image/pose.jpg", 0, 491, 466, 641, 30),
    ("video/pose_1.mp4", 60, 280, 317, 447, 0),
    ("video/pose_squats.mp4", 0, 310, 581, 1040, 5),
    ("video/pose_squats.mp4", 32, 275, 730, 841, -60),
    ("video/walk_side.mp4", 115, 852, 779, 637, 11),
    ("video/two_people.mp4", 0, 776, 1298, 1539, 0),
)
FILES = tuple(dict.fromkeys((file, frame) for file, frame, *_ in PEOPLE))


def image(folder: Path, file: str, frame: int) -> ImageArray:
    capture = cv2.VideoCapture(str(folder / file))
    capture.set(cv2.CAP_PROP_POS_FRAMES, frame)
    read, bgr = capture.read()
    capture.release()
    assert read
    return np.asarray(bgr, np.uint8)


def turned_square(
    bgr: ImageArray, centre_px: tuple[float, float], size_px: float, angle_deg: float, side: int
) -> FloatArray:
    """(1, side, side, 3) RGB in [0, 1]: a turned square of the image, black beyond its edge."""
    turn = cv2.getRotationMatrix2D(centre_px, angle_deg, side / size_px)
    turn[:, 2] += side / 2 - np.array(centre_px)
    crop = cv2.warpAffine(bgr, turn, (side, side), flags=cv2.INTER_LINEAR)
    rgb = np.asarray(cv2.cvtColor(crop, cv2.COLOR_BGR2RGB), np.float32)
    return rgb[None] / np.float32(255)


def noise(side: int) -> FloatArray:
    return np.random.default_rng(7).random((1, side, side, 3), np.float32)


@pytest.fixture(scope="module")
def detector_images(shared_data: Path) -> list[FloatArray]:
    """Whole images, letterboxed, in [-1, 1], and noise."""
    images = [image(shared_data, file, frame) for file, frame in FILES]
    boxed = [turned_square(i, (i.shape[1] / 2, i.shape[0] / 2), max(i.shape), 0, 224) for i in images]
    return [x * 2 - 1 for x in [*boxed, noise(224)]]


@pytest.fixture(scope="module")
def people(shared_data: Path) -> list[FloatArray]:
    """Crops of people, some turned, in [0, 1]."""
    return [
        turned_square(image(shared_data, file, frame), (x, y), size, angle, 256)
        for file, frame, x, y, size, angle in PEOPLE
    ]


def litert(content: bytes, outputs: Mapping[str, str]) -> Network:
    interpreter = Interpreter(model_content=content, num_threads=2)
    interpreter.allocate_tensors()
    place = interpreter.get_input_details()[0]["index"]
    index = {detail["name"]: detail["index"] for detail in interpreter.get_output_details()}

    def run(x: FloatArray) -> Mapping[str, Array]:
        interpreter.set_tensor(place, x)
        interpreter.invoke()
        return {name: interpreter.get_tensor(index[source]) for name, source in outputs.items()}

    return run


@pytest.fixture(scope="module")
def reference(blazepose_tflite: Mapping[str, bytes]) -> Mapping[str, Network]:
    """LiteRT on the published files, by ONNX file name."""
    return {
        network.manifest.file: litert(blazepose_tflite[network.manifest.file], network.outputs)
        for network in zoo.SETS["blazepose"].networks
    }


def worst(
    folder: Path, file: str, backend: Backend, reference: Network, images: list[FloatArray]
) -> dict[str, float]:
    """The largest difference of each output over all images."""
    manifest = load_manifest((folder / file).with_suffix(".json"))
    engine = open_engine(manifest.check_file(), backend, 2)
    errors = dict.fromkeys(manifest.outputs, 0.0)
    for x in images:
        expected, found = reference(x), engine.infer({"image": x})
        assert found.keys() == expected.keys() == errors.keys()
        for name in errors:
            assert found[name].shape == expected[name].shape == manifest.outputs[name].shape
            errors[name] = max(errors[name], float(np.abs(found[name] - expected[name]).max()))
    engine.close()
    return errors


@pytest.mark.parametrize("backend", available())
def test_detector(
    blazepose: Path,
    reference: Mapping[str, Network],
    detector_images: list[FloatArray],
    backend: Backend,
) -> None:
    run = reference["detector.onnx"]
    assert all(run(x)["scores"].max() > 1 for x in detector_images[:-1]), "each image shows a person"
    errors = worst(blazepose, "detector.onnx", backend, run, detector_images)
    assert errors["boxes"] < 1e-2, "pixels of 224"
    assert errors["scores"] < 1e-2, "logits"


@pytest.mark.parametrize("backend", available())
def test_landmark_net(
    blazepose: Path,
    reference: Mapping[str, Network],
    people: list[FloatArray],
    backend: Backend,
) -> None:
    run = reference["landmark.onnx"]
    assert all(run(x)["presence"].item() > 0.5 for x in people), "each crop shows a person"
    errors = worst(blazepose, "landmark.onnx", backend, run, [*people, noise(256)])
    # Each of the 39 landmarks: x, y, z in pixels of 256, then logits of visibility and presence.
    assert errors["landmarks"] < 1e-2
    assert errors["world_landmarks"] < 1e-3, "metres"
    assert errors["presence"] < 1e-3
    assert errors["heatmap"] < 1e-3


def test_the_fetched_files_are_what_the_converter_makes(
    blazepose: Path, blazepose_tflite: Mapping[str, bytes]
) -> None:
    for network in zoo.SETS["blazepose"].networks:
        name = network.manifest.file
        model = convert(blazepose_tflite[name], network.outputs, network.manifest.name)
        assert model == onnx.load(blazepose / name)


@pytest.mark.parametrize(("file", "transposes"), [("detector.onnx", 7), ("landmark.onnx", 2)])
def test_the_graphs_are_lean(blazepose: Path, file: str, transposes: int) -> None:
    graph = onnx.load(blazepose / file).graph
    kinds = [node.op_type for node in graph.node]
    assert "Pad" not in kinds
    assert kinds.count("Transpose") == transposes, "the input, and what leaves as NHWC"
    made = {output for node in graph.node for output in node.output}
    used = {name for node in graph.node for name in node.input} | {output.name for output in graph.output}
    assert made <= used, "nothing is computed for nothing"


def test_the_segmentation_branch_is_left_out(blazepose: Path) -> None:
    graph = onnx.shape_inference.infer_shapes(onnx.load(blazepose / "landmark.onnx")).graph
    shapes = [[d.dim_value for d in v.type.tensor_type.shape.dim] for v in graph.value_info]
    assert [1, 8, 256, 256] not in shapes
    assert [1, 48, 64, 64] in shapes, "the branch of the heatmap stays"
