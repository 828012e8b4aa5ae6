"""Every detector family: a generated network of its interface, read back in image pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.own_model import Changes, fill
from realtime.decode import detector_decoder, iou
from realtime.decode.geometry import suppress
from realtime.engines.open import open_engine
from realtime.errors import ManifestError
from realtime.manifest import Manifest
from realtime.models import catalogue
from realtime.preprocess import UnitMap
from realtime.stream.networks import Detector
from realtime.types import Array, Boxes, Frame
from tests import own_models
from tests.own_models import Seen, write_net

Outputs = Mapping[str, Array]
FIRST, SECOND = (200.0, 100.0, 300.0, 420.0), (400.0, 60.0, 520.0, 460.0)


@dataclass(frozen=True)
class Family:
    """A kind of detector: its template, and what makes its outputs out of boxes in its input."""

    template: str
    outputs: Callable[[Sequence[Seen], int], Outputs]
    suppresses: bool = False
    changes: Changes = field(default_factory=Changes)


FAMILIES = {
    "yolox raw": Family("yolox-nano", partial(own_models.yolox, decoded=False)),
    "yolox decoded": Family(
        "yolox-tiny", partial(own_models.yolox, decoded=True), changes=Changes(options={"decoded": True})
    ),
    "yolov8": Family("yolov8n", own_models.yolov8),
    "yolov8 transposed": Family("yolov8n", partial(own_models.yolov8, transposed=True)),
    "rtmdet suppressed": Family("rtmdet-nano", own_models.rtmdet_suppressed, True),
    "ssd torchvision": Family("ssd-torchvision", own_models.ssd_torchvision, True),
    "ssd tensorflow": Family("ssd-tensorflow", own_models.ssd_tensorflow, True),
}


def in_input(box: Sequence[float], manifest: Manifest, width: int, height: int) -> tuple[float, ...]:
    """Where a frame's box (pixel indices) lies in the input: the letterbox written out once more."""
    assert manifest.image is not None
    size = np.array([manifest.image.width, manifest.image.height])
    corners = np.array(box).reshape(2, 2) + 0.5
    if manifest.image.fit == "stretch":
        return tuple((corners * size / (width, height)).ravel())
    scale = min(size / (width, height))
    free = size - np.round(np.array([width, height]) * scale)
    shift = free // 2 if manifest.image.anchor == "centre" else 0
    return tuple((corners * scale + shift).ravel())


def run_family(family: Family, folder: Path, frame: Frame, people: Sequence[tuple[Any, float, int]]) -> Boxes:
    """What the family's decoder finds in a frame, from a network that says where these are."""
    like = fill_probe(family)
    assert like.image is not None
    seen = [
        Seen(in_input(box, like, frame.width, frame.height), score, label)  # type: ignore[arg-type]
        for box, score, label in people
    ]
    image = like.image
    shape = (1, image.height, image.width, 3) if image.layout == "NHWC" else (1, 3, image.height, image.width)
    outputs = family.outputs(seen, image.width)
    path = write_net(folder / "net.onnx", shape, outputs, image.tensor, image.dtype)
    manifest = fill(catalogue.template(family.template), path, family.changes)
    engine = open_engine(manifest.check_file(), "openvino", 1, "detector")
    try:
        return Detector(manifest, engine).detect(frame)
    finally:
        engine.close()


def fill_probe(family: Family) -> Manifest:
    from realtime.manifest import load_manifest

    return load_manifest(catalogue.template(family.template))


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("size", [(640, 480), (480, 640)])
def test_people_are_found_where_the_network_says(name: str, size: tuple[int, int], tmp_path: Path) -> None:
    family = FAMILIES[name]
    frame = Frame(np.full((size[1], size[0], 3), 90, np.uint8), 0, 0, 0.0)
    first, second = (FIRST, SECOND) if size[0] == 640 else ((50, 80, 160, 400), (250, 200, 400, 620))
    people: list[tuple[Any, float, int]] = [
        (first, 0.8, 0),
        (second, 0.95, 0),
        ((10, 10, 90, 90), 0.99, 1),  # sure, but no person
        ((10, 300, 60, 450), 0.1, 0),  # a person, but not sure
    ]
    if not family.suppresses:
        moved = tuple(np.add(second, (9, 20, 9, 20)))
        people.append((moved, 0.6, 0))  # the same person once more
    boxes = run_family(family, tmp_path, frame, people)
    assert len(boxes) == 2
    np.testing.assert_allclose(boxes.xyxy_px, [second, first], atol=0.02)
    np.testing.assert_allclose(boxes.score, [0.95, 0.8], atol=1e-3)
    region = boxes.regions[1]
    assert (region.cx_px, region.cy_px) == pytest.approx(
        ((first[0] + first[2]) / 2, (first[1] + first[3]) / 2), abs=0.02
    )
    assert region.size_px == pytest.approx(1.25 * (first[3] - first[1]), abs=0.05)
    assert region.angle_rad == 0


def plain(decoder: str, outputs: Outputs, **more: Any) -> Manifest:
    """A manifest of a 320x320 detector with these outputs."""
    like = fill_probe(FAMILIES["rtmdet suppressed"])
    tensors = {
        name: replace(next(iter(like.outputs.values())), shape=value.shape) for name, value in outputs.items()
    }
    return replace(like, decoder=decoder, outputs=tensors, **({"options": {}, "tensors": {}} | more))


def decoded(manifest: Manifest, outputs: Outputs) -> Boxes:
    """Read in pixels of the input itself."""
    unit_map = UnitMap(np.eye(2, dtype=np.float32) * 320, np.zeros(2, np.float32))
    return detector_decoder(manifest).boxes(outputs, unit_map)


SEEN = (Seen((40, 50, 120, 250), 0.9, 0), Seen((200, 60, 260, 200), 0.97, 1))


@pytest.mark.parametrize(
    ("decoder", "outputs", "more"),
    [
        ("rtmdet-raw", own_models.rtmdet_raw(SEEN, 320), {}),
        ("yolov8", own_models.yolov8(SEEN[:1], 320, 56), {"tensors": {"output": "output0"}}),
        (
            "boxes",
            own_models.ssd_raw(SEEN, 320),
            {"options": {"person": 1, "order": "cxcywh", "units": "unit"}},
        ),
        (
            "boxes",
            {"boxes": np.array([[[*s.box, s.score, s.label] for s in SEEN]], np.float32)},
            {},
        ),
        (
            "boxes",
            {
                "boxes": np.array([[s.box for s in SEEN[:1]]], np.float32),
                "scores": np.array([[[0.9]]], np.float32),
            },
            {},
        ),
    ],
)
def test_other_exports_of_the_same_nets(decoder: str, outputs: Outputs, more: dict[str, Any]) -> None:
    boxes = decoded(plain(decoder, outputs, **more), outputs)
    np.testing.assert_allclose(boxes.xyxy_px, [SEEN[0].box], atol=1e-2)
    np.testing.assert_allclose(boxes.score, [0.9], atol=1e-5)


@pytest.mark.parametrize("count", [0, 1])
def test_nobody_is_an_empty_array(count: int) -> None:
    outputs = {"dets": np.zeros((1, count, 5), np.float32), "labels": np.zeros((1, count), np.int64)}
    boxes = decoded(plain("boxes", outputs, tensors={"boxes": "dets"}), outputs)
    assert boxes.xyxy_px.shape == (0, 4)
    assert boxes.regions == ()


def test_the_thresholds_are_the_manifests() -> None:
    outputs = own_models.yolov8(
        [Seen((40, 50, 120, 250), 0.9, 0), Seen((60, 50, 140, 250), 0.7, 0), Seen((200, 9, 300, 99), 0.3, 0)],
        320,
    )

    def found(**options: Any) -> int:
        return len(decoded(plain("yolov8", outputs, tensors={"output": "output0"}, options=options), outputs))

    assert found() == 1
    assert found(max_iou=0.7) == 2
    assert found(min_score=0.2) == 2
    assert found(person=3) == 0


@pytest.mark.parametrize(
    ("manifest", "outputs", "complaint"),
    [
        (
            plain("yolov8", {"output": np.zeros((1, 84, 99))}, options={"person": 80}),
            {"output": np.zeros((1, 84, 99))},
            "tells 80 classes apart, so class 80 is none",
        ),
        (
            plain("yolox", {"output": np.ones((1, 12, 85))}),
            {"output": np.ones((1, 12, 85))},
            "gives 12 boxes where an input of its size has 2100 cells",
        ),
        (
            plain("boxes", {"boxes": np.zeros((1, 3, 4))}),
            {"boxes": np.zeros((1, 3, 4))},
            "gives no scores",
        ),
        (
            plain("rtmdet-raw", own_models.rtmdet_raw(SEEN, 256)),
            own_models.rtmdet_raw(SEEN, 256),
            "gives 1024 cells at stride 8 where an input of its size has 1600",
        ),
    ],
)
def test_outputs_that_contradict_the_manifest(manifest: Manifest, outputs: Outputs, complaint: str) -> None:
    with pytest.raises(ManifestError, match=complaint):
        decoded(manifest, outputs)


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ({"options": {"min_scroe": 0.1}}, "no option 'min_scroe'; known: person, min_score, max_iou"),
        ({"options": {"min_score": "high"}}, "option 'min_score' must be of type float, not 'high'"),
        ({"options": {"min_score": 1.5}}, "'min_score' must lie between 0 and 1, not 1.5"),
        ({"options": {"person": -1}}, "counts classes from 0"),
        ({"options": {"order": "yxxy"}}, "'order' must be one of xyxy, yxyx, cxcywh"),
        ({"tensors": {"objects": "dets"}}, "reads no objects; `tensors` can name boxes, scores, labels"),
        ({}, "needs an output 'boxes'; say which of dets it is under `tensors`"),
    ],
)
def test_bad_options_are_named(more: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ManifestError, match=complaint) as caught:
        detector_decoder(plain("boxes", {"dets": np.zeros((1, 1, 5))}, **more))
    assert "\n" not in str(caught.value)


corner = st.integers(0, 60)
box = st.tuples(corner, corner, st.integers(1, 40), st.integers(1, 40)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)


@given(st.lists(box, min_size=1, max_size=10), st.floats(0.05, 0.95), st.randoms())
def test_suppression_keeps_the_best_and_nothing_that_overlaps_it(
    corners: list[tuple[int, ...]], most: float, random: Any
) -> None:
    boxes = np.array(corners, np.float32)
    score = np.array([random.random() for _ in corners], np.float32)
    kept = suppress(boxes, score, most)
    assert kept[0] == score.argmax()
    assert list(score[kept]) == sorted(score[kept], reverse=True)
    for n, one in enumerate(kept):
        assert (iou(boxes[one], boxes[kept[n + 1 :]]) <= most).all()
    for gone in set(range(len(boxes))) - set(kept):
        better = [k for k in kept if score[k] >= score[gone]]
        assert iou(boxes[gone], boxes[better]).max() > most
