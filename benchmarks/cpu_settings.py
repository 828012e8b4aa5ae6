#!/usr/bin/env python3
"""Which settings of the CPU libraries pay on this machine, in turn with those in use (A B C A B C).

    .venv/bin/python benchmarks/cpu_settings.py              # about four minutes

For BlazePose's two networks: OpenVINO and ONNX Runtime with other threads, pinning, hints and spinning, and
with pixels fed as bytes that the network itself converts. A ratio below 1 is faster than what is in use;
`cpu` is the processor time of all threads, which is what capture and drawing are left without.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import openvino as ov

from realtime.models import catalogue
from realtime.profiling.machine import describe
from realtime.profiling.measure import times_ms

RESULTS = Path(__file__).parent / "results"
CORES = os.cpu_count() or 1
OPENVINO: Mapping[str, Mapping[str, Any]] = {
    "in use": {},
    "one thread": {"INFERENCE_NUM_THREADS": 1},
    "pinned": {"ENABLE_CPU_PINNING": True},
    "one stream, no hint": {"PERFORMANCE_HINT": "CUMULATIVE_THROUGHPUT", "NUM_STREAMS": "1"},
    "denormals as zero": {"CPU_DENORMALS_OPTIMIZATION": True},
}
ONNXRUNTIME: Mapping[str, Mapping[str, str]] = {
    "in use": {},
    "one thread": {"threads": "1"},
    "spinning": {"session.intra_op.allow_spinning": "1"},
    "denormals as zero": {"session.set_denormal_as_zero": "1"},
}


def openvino_run(
    path: Path, settings: Mapping[str, Any], image: np.ndarray, bytes_in: bool
) -> Callable[[], object]:
    """A run as the engine does it. bytes_in: the network converts and scales the pixels."""
    core = ov.Core()
    network = core.read_model(str(path))
    if bytes_in:
        steps = ov.preprocess.PrePostProcessor(network)
        steps.input().tensor().set_element_type(ov.Type.u8)
        steps.input().preprocess().convert_element_type(ov.Type.f32).scale(255.0)
        network = steps.build()
    usual = {
        "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": CORES
    }  # fmt: skip
    request = core.compile_model(network, "CPU", {**usual, **settings}).create_infer_request()
    given = (image * 255).astype(np.uint8) if bytes_in else image

    def run() -> None:
        request.start_async({0: given}, share_inputs=True)
        request.wait()

    return run


def onnxruntime_run(path: Path, settings: Mapping[str, str], image: np.ndarray) -> Callable[[], object]:
    """A run as the engine does it."""
    options = ort.SessionOptions()
    rest = {"session.intra_op.allow_spinning": "0", **settings}
    options.intra_op_num_threads = int(rest.pop("threads", CORES))
    for key, value in rest.items():
        options.add_session_config_entry(key, value)
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda: session.run(None, {name: image})


def candidates(path: Path, image: np.ndarray) -> dict[str, Callable[[], object]]:
    """Every way of running a network, by name; those that a version does not know are left out, and said."""
    makers: dict[str, Callable[[], Callable[[], object]]] = {}
    for name, settings in OPENVINO.items():
        makers[f"openvino, {name}"] = lambda s=settings: openvino_run(path, s, image, False)  # type: ignore[misc]
    makers["openvino, bytes in"] = lambda: openvino_run(path, {}, image, True)
    for name, entries in ONNXRUNTIME.items():
        makers[f"onnxruntime, {name}"] = lambda s=entries: onnxruntime_run(path, s, image)  # type: ignore[misc]
    found = {}
    for name, make in makers.items():
        try:
            found[name] = make()
        except Exception as error:
            print(f"left out: {name}: {str(error).splitlines()[0]}")
    return found


def rounds_of(
    runs: Mapping[str, Callable[[], object]], seconds: float, rounds: int
) -> dict[str, list[tuple[float, float]]]:
    """Each way's median and its processor time a run, in each round, all in turn."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            begun_ns = time.process_time_ns()
            count = 0

            def counted(run: Callable[[], object] = run) -> None:
                nonlocal count
                count += 1
                run()

            times = times_ms(counted, seconds)
            cpu_ms = (time.process_time_ns() - begun_ns) / 1e6 / count
            found[name].append((float(np.median(times)), cpu_ms))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=2.0, help="for each way and round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    report: dict[str, Any] = {"machine": describe(), "rows": []}
    for manifest in catalogue.image_models(catalogue.BLAZEPOSE):
        assert manifest.image is not None
        size = (1, manifest.image.height, manifest.image.width, 3)
        image = np.random.default_rng(0).random(size, np.float32)
        found = rounds_of(candidates(manifest.check_file(), image), options.seconds, options.rounds)
        for name, rounds in found.items():
            usual = found[f"{name.split(',')[0]}, in use"]
            ratio = np.median([a / b for (a, _), (b, _) in zip(rounds, usual, strict=True)])
            median, cpu = np.median(rounds, axis=0).tolist()
            row = {
                "net": manifest.name,
                "way": name,
                "median_ms": median,
                "cpu_ms": cpu,
                "ratio": float(ratio),
            }
            report["rows"].append(row)
            print(
                f"{manifest.name} {name:32s} {median:7.3f} ms, cpu {cpu:7.3f}, ratio {ratio:.3f}", flush=True
            )
    out = options.out or RESULTS / f"cpu_settings_{report['machine']['date'][:10]}.json"
    out.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
