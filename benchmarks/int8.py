#!/usr/bin/env python3
"""How much the image nets lose in INT8: explicit quantisation (Q/DQ), calibrated on crops of the sample.

    python benchmarks/int8.py

Convolutions are quantised, weights per channel, activations per tensor. Symmetric, as TensorRT takes them,
with the whole range or 99.999 % of what was seen; with a zero point, which TensorRT does not take; and the
first of these with the last ten convolutions left in float. The comparison is with FP32 in ONNX Runtime on
other frames of the sample, in pixels of the net's input. Times are of ONNX Runtime on this processor and
say nothing of a GPU. Saved under benchmarks/results.
"""

from __future__ import annotations

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
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

from export.probes import ImageProbe, sample_images
from realtime.engines.onnxruntime import OnnxRuntimeEngine
from realtime.machine import processor
from realtime.manifest import Manifest
from realtime.models import catalogue
from realtime.types import Array

RESULTS = Path(__file__).parent / "results"
CALIBRATION, TEST = 24, 24


@dataclass(frozen=True, slots=True)
class Way:
    """How a net is quantised. keep_last: convolutions at its end that stay in float."""

    symmetric: bool = True
    method: str = "MinMax"
    keep_last: int = 0


WAYS = (Way(), Way(method="Percentile"), Way(keep_last=10), Way(symmetric=False))


class Crops(CalibrationDataReader):  # type: ignore[misc]
    """Gives the calibration one image after the other."""

    def __init__(self, images: Sequence[Mapping[str, Array]]) -> None:
        self._images = iter(images)

    def get_next(self) -> dict[str, Array] | None:
        return dict(image) if (image := next(self._images, None)) else None


def split(manifest: Manifest) -> tuple[list[Mapping[str, Array]], list[Mapping[str, Array]]]:
    """Images to calibrate on and others to test on, in turn through the clip."""
    images = list(sample_images(manifest, CALIBRATION + TEST))
    every = len(images) // TEST
    test = images[::every][:TEST]
    return [image for n, image in enumerate(images) if n % every or n // every >= TEST], test


def convolutions(model: Any, keep_last: int) -> list[str]:
    """The names of the nodes to quantise: all convolutions but the last ones."""
    found = [node.name for node in model.graph.node if node.op_type == "Conv"]
    return found[: len(found) - keep_last]


def quantised(manifest: Manifest, images: Sequence[Mapping[str, Array]], way: Way, to: Path) -> None:
    model = onnx.load(manifest.check_file())
    for number, node in enumerate(model.graph.node):
        node.name = node.name or f"node_{number}"
    named = to.with_suffix(".named.onnx")
    onnx.save(model, named)
    quantize_static(
        named, to, Crops(images), quant_format=QuantFormat.QDQ, per_channel=True,
        activation_type=QuantType.QInt8, weight_type=QuantType.QInt8,
        nodes_to_quantize=convolutions(model, way.keep_last),
        calibrate_method=CalibrationMethod[way.method],
        extra_options={"ActivationSymmetric": way.symmetric, "WeightSymmetric": True},
    )  # fmt: skip


def run_ms(engine: OnnxRuntimeEngine, image: Mapping[str, Array], runs: int = 50) -> float:
    costs = []
    for _ in range(runs):
        begun_ns = time.perf_counter_ns()
        engine.infer(image)
        costs.append((time.perf_counter_ns() - begun_ns) / 1e6)
    return float(np.median(costs))


def row(manifest: Manifest, way: Way) -> dict[str, Any]:
    calibration, test = split(manifest)
    probe = ImageProbe(manifest, test)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "int8.onnx"
        quantised(manifest, calibration, way, path)
        full, small = OnnxRuntimeEngine(manifest.path, 2), OnnxRuntimeEngine(path, 2)
        reference, found = probe.ask(full), probe.ask(small)
        pairs = zip(found.places, reference.places, reference.counts, strict=True)
        off = [np.linalg.norm(a - b, axis=-1) for a, b, counts in pairs if counts and a.shape == b.shape]
        off_px = np.concatenate(off) if off else np.zeros(1)
        told = {
            "net": manifest.name,
            **asdict(way),
            "images": len(test),
            "images_that_count": len(off),
            "mean_px": round(float(off_px.mean()), 3),
            "p99_px": round(float(np.percentile(off_px, 99)), 3),
            "max_px": round(float(off_px.max()), 3),
            "fp32_ms": round(run_ms(full, test[0]), 2),
            "int8_ms": round(run_ms(small, test[0]), 2),
        }
        full.close()
        small.close()
    return told


def main() -> None:
    logging.disable(logging.WARNING)
    rows = []
    for manifest in catalogue.image_models(catalogue.BLAZEPOSE):
        for way in WAYS:
            rows.append(row(manifest, way))
            print(json.dumps(rows[-1]), flush=True)
    date = datetime.date.today().isoformat()
    out = RESULTS / f"int8_{date}.json"
    out.write_text(json.dumps({"date": date, "machine": processor(), "rows": rows}, indent=2) + "\n")
    print(f"wrote {out}")


if __name__ == "__main__":
    main()
