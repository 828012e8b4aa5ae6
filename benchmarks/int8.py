#!/usr/bin/env python3
"""How much the image nets lose in INT8, and what they gain: explicit quantisation (Q/DQ) of BlazePose's nets.

    python benchmarks/int8.py --models /tmp/int8

Quantised is what goes into the convolutions, weights per channel and activations per tensor, calibrated on
crops of the sample; the comparison is with FP32 on other frames of it, in pixels of the net's input.

`exact` is with Q/DQ computed in float, as any hardware has it that adds products of bytes without loss
(TensorRT, processors with VNNI). `here` is what OpenVINO makes of it on this processor: without VNNI pairs
of products saturate at 16 bits when weights use all 8. `noise` is what two grey levels of Gaussian noise on
the input do to the FP32 net, for scale; `equalised`, what equalising alone does. Some of the images show
little of a person, where any change moves the answer by tens of pixels: the median over images of an image's
mean tells more than the mean over all.

Times are of OpenVINO with two threads, all forms of a net in turn. --models: a folder that keeps the
quantised nets, so that a second run on a quiet machine is over in a minute. Saved under benchmarks/results.
"""

from __future__ import annotations

import argparse
import datetime
import json
import logging
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from export.probes import Answer, ImageProbe, sample_images
from realtime.engines.base import Engine
from realtime.engines.openvino import OpenVinoEngine
from realtime.machine import processor
from realtime.manifest import Manifest
from realtime.models import catalogue
from realtime.types import Array

RESULTS = Path(__file__).parent / "results"
CALIBRATION, TEST = 24, 24
THREADS = 2
TURNS, RUNS = 12, 12
NOISE_LEVELS = 2
TAILS = {"blazepose-detector": "t304_NCHW", "blazepose-landmark-full": "t299_NCHW_linear"}
"""The first tensor after the backbone: the detector's pyramid and heads, the landmark net's regression."""

_CHANNELWISE = {"Add", "Clip", "MaxPool", "Resize"}
_RELU6 = 6.0
_LEAST_SHARE = 0.02


@dataclass(frozen=True, slots=True)
class Way:
    """How a net is quantised.

    symmetric: activations without a zero point, as TensorRT takes them. weight_bits: 7 where pairs of
    products must not saturate. float_tail: what comes after the backbone stays in float. equalised: channels
    are brought nearer to each other's range first: see `equalised`.
    """

    symmetric: bool
    weight_bits: int = 8
    float_tail: bool = False
    equalised: bool = False

    @property
    def stem(self) -> str:
        """A file name."""
        return "-".join(f"{name}_{int(value)}" for name, value in asdict(self).items())


WAYS = (
    Way(symmetric=True),
    Way(symmetric=True, float_tail=True),
    Way(symmetric=True, float_tail=True, equalised=True),
    Way(symmetric=False),
    Way(symmetric=False, float_tail=True),
    Way(symmetric=False, weight_bits=7, float_tail=True),
    Way(symmetric=False, weight_bits=7, float_tail=True, equalised=True),
)


class Crops(CalibrationDataReader):  # type: ignore[misc]
    """Gives the calibration one image after the other."""

    def __init__(self, images: Sequence[Mapping[str, Array]]) -> None:
        self._images = iter(images)

    def get_next(self) -> dict[str, Array] | None:
        return dict(image) if (image := next(self._images, None)) else None


class Exact:
    """A network as it is written: optimised, Q/DQ becomes this processor's integer kernels."""

    def __init__(self, model: Path) -> None:
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.intra_op_num_threads = THREADS
        self._session = ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self._names = [node.name for node in self._session.get_outputs()]

    def infer(self, feeds: Mapping[str, Array]) -> Mapping[str, Array]:
        """Run the network once."""
        return dict(zip(self._names, self._session.run(self._names, dict(feeds)), strict=True))


def split(manifest: Manifest) -> tuple[list[Mapping[str, Array]], list[Mapping[str, Array]]]:
    """Images to calibrate on and others to test on, in turn through the clip."""
    images = list(sample_images(manifest, CALIBRATION + TEST))
    every = len(images) // TEST
    test = images[::every][:TEST]
    return [image for n, image in enumerate(images) if n % every or n // every >= TEST], test


def noisy(manifest: Manifest, images: Sequence[Mapping[str, Array]]) -> list[Mapping[str, Array]]:
    """The images with noise of `NOISE_LEVELS` grey levels."""
    assert manifest.image is not None
    rng, deviation = np.random.default_rng(0), NOISE_LEVELS * np.max(manifest.image.scale)
    return [
        {name: value + rng.normal(0, deviation, value.shape).astype(np.float32) for name, value in i.items()}
        for i in images
    ]


def quantise(manifest: Manifest, images: Sequence[Mapping[str, Array]], way: Way, to: Path) -> None:
    model = onnx.load(manifest.check_file())
    for number, node in enumerate(model.graph.node):
        node.name = node.name or f"node_{number}"
    if way.equalised:
        model = equalised(model, images)
    convolutions = [n for n in kept_whole(manifest, model, way) if n.op_type == "Conv"]
    with tempfile.TemporaryDirectory() as folder:
        named = Path(folder) / "named.onnx"
        onnx.save(model, named)
        quantize_static(
            named, to, Crops(images), quant_format=QuantFormat.QDQ, per_channel=True,
            activation_type=QuantType.QInt8 if way.symmetric else QuantType.QUInt8,
            weight_type=QuantType.QInt8, reduce_range=way.weight_bits == 7,
            nodes_to_quantize=[node.name for node in convolutions],
            extra_options={
                "ActivationSymmetric": way.symmetric,
                "WeightSymmetric": True,
                # A range of what comes out would be that before the clip, which cuts most of it off.
                "OpTypesToExcludeOutputQuantization": ["Conv"],
            },
        )  # fmt: skip


def kept_whole(manifest: Manifest, model: Any, way: Way) -> list[Any]:
    """The nodes that may be quantised."""
    nodes = list(model.graph.node)
    if not way.float_tail:
        return nodes
    return nodes[: next(n for n, node in enumerate(nodes) if TAILS[manifest.name] in node.output)]


def equalised(model: Any, images: Sequence[Mapping[str, Array]]) -> Any:
    """The same function with channels of more equal range: each scaled up where it is made and down where it
    is read. Exact up to values larger than any in the images. Source: Nagel et al., Data-Free Quantization
    Through Weight Equalization and Bias Correction (2019), section 4.1; here by the activations' ranges, half
    of the way, within what ReLU6 lets through.
    """
    graph, largest = model.graph, largest_seen(model, images)
    together: dict[str, set[str]] = {}
    fixed = {value.name for value in (*graph.input, *graph.output)}
    for node in graph.node:
        names = {name for name in (*node.input, *node.output) if name in largest}
        if node.op_type in _CHANNELWISE:
            names = set().union(names, *(together.get(name, set()) for name in names))
            together |= dict.fromkeys(names, names)
        elif node.op_type != "Conv":
            fixed |= names
    clipped = {node.output[0] for node in graph.node if node.op_type == "Clip"}

    def scale(name: str) -> Array:
        group = together.get(name, {name})
        if group & fixed or name not in largest:
            return np.ones(1)
        top = np.max([largest[member] for member in group & clipped or group], axis=0)
        whole = _RELU6 if group & clipped else top.max()
        return np.asarray(np.sqrt(whole / np.maximum(top, whole * _LEAST_SHARE)))

    weights = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Conv":
            source, made = scale(node.input[0]), scale(node.output[0]).reshape(-1, 1, 1, 1)
            weight, bias = (weights[name] for name in node.input[1:])
            kernel, shift = numpy_helper.to_array(weight), numpy_helper.to_array(bias)
            shape = (-1, 1, 1, 1) if kernel.shape[1] == 1 else (1, -1, 1, 1)
            kernel, shift = kernel * made / source.reshape(shape), shift.reshape(-1) * made.reshape(-1)
            weight.CopyFrom(numpy_helper.from_array(kernel.astype(np.float32), weight.name))
            bias.CopyFrom(numpy_helper.from_array(shift.astype(np.float32), bias.name))
    return model


def largest_seen(model: Any, images: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """By name, the largest magnitude in each channel (C,) of every map (1, C, H, W)."""
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    names = [name for node in model.graph.node for name in node.output]
    del watched.graph.output[:]
    watched.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    session = ort.InferenceSession(watched.SerializeToString(), providers=["CPUExecutionProvider"])
    largest: dict[str, Array] = {}
    for image in images:
        for name, value in zip(names, session.run(names, dict(image)), strict=True):
            if value.ndim == 4:
                top = np.abs(value).max(axis=(0, 2, 3))
                largest[name] = np.maximum(top, largest.get(name, top))
    return largest


def loss(reference: Answer, found: Answer, label: str) -> dict[str, float]:
    """How far the points of images that count lie from the reference."""
    pairs = zip(found.places, reference.places, reference.counts, strict=True)
    off = [np.linalg.norm(a - b, axis=-1) for a, b, counts in pairs if counts and a.shape == b.shape]
    all_px, each_px = np.concatenate(off), np.array([image.mean() for image in off])
    return {
        f"{label}_median_px": round(float(np.median(each_px)), 3),
        f"{label}_mean_px": round(float(all_px.mean()), 3),
        f"{label}_p99_px": round(float(np.percentile(all_px, 99)), 3),
        f"{label}_worst_image_px": round(float(each_px.max()), 3),
        f"{label}_images": len(off),
    }


def run_ms(engines: Mapping[str, Engine], image: Mapping[str, Array]) -> dict[str, dict[str, float]]:
    """Each engine's time, by turns of `RUNS` runs, the first two of which warm the caches."""
    costs: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(TURNS):
        for name, engine in engines.items():
            for run in range(RUNS):
                begun_ns = time.perf_counter_ns()
                engine.infer(image)
                if run > 1:
                    costs[name].append((time.perf_counter_ns() - begun_ns) / 1e6)
    return {
        name: {"p50_ms": round(float(np.median(c)), 2), "min_ms": round(min(c), 2)}
        for name, c in costs.items()
    }


def rows(manifest: Manifest, folder: Path) -> list[dict[str, Any]]:
    calibration, test = split(manifest)
    probe = ImageProbe(manifest, test)
    full = OpenVinoEngine(manifest.path, THREADS)
    reference = probe.ask(full)
    found = ImageProbe(manifest, noisy(manifest, test)).ask(full)
    alone = folder / f"{manifest.name}-equalised.onnx"
    onnx.save(equalised(onnx.load(manifest.path), calibration), alone)
    told: list[dict[str, Any]] = [{"net": manifest.name, "way": "fp32", **loss(reference, found, "noise")}]
    told[0] |= loss(reference, probe.ask(Exact(alone)), "equalised")
    engines: dict[str, Engine] = {"fp32": full}
    for way in WAYS:
        path = folder / f"{manifest.name}-{way.stem}.onnx"
        if not path.exists():
            quantise(manifest, calibration, way, path)
        engines[way.stem] = here = OpenVinoEngine(path, THREADS)
        row = {"net": manifest.name, "way": way.stem, **asdict(way)}
        row |= loss(reference, probe.ask(Exact(path)), "exact") | loss(reference, probe.ask(here), "here")
        told.append(row)
    times = run_ms(engines, test[0])
    for row in told:
        row |= times[row["way"]]
    return told


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", type=Path, required=True, metavar="FOLDER")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    options.models.mkdir(parents=True, exist_ok=True)
    found = []
    for manifest in catalogue.image_models(catalogue.BLAZEPOSE):
        for row in rows(manifest, options.models):
            found.append(row)
            print(json.dumps(row), flush=True)
    date = datetime.date.today().isoformat()
    report = {"date": date, "machine": processor(), "threads": THREADS, "noise_levels": NOISE_LEVELS}
    out = RESULTS / f"int8_{date}.json"
    out.write_text(json.dumps(report | {"rows": found}, indent=2) + "\n")
    print(f"wrote {out}")


if __name__ == "__main__":
    main()
