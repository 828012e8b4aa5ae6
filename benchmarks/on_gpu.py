#!/usr/bin/env python3
"""Prove the TensorRT engines on a machine with an NVIDIA GPU, once: contract, parity, and what they cost.

    pip install -e '.[gpu,dev]' pycuda
    python benchmarks/on_gpu.py

For every TensorRT that runs here: the contract suite on the real library, the largest difference from ONNX
Runtime for each output, and the time of a run in FP32 and FP16, with and without CUDA graphs, for one person
and four. `wall_ms` is what a caller waits; upload, compute and download are the GPU's own events.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np

from export.probes import StepProbe, sample_steps
from export.variants import Precision, variant
from realtime.engines.base import Engine, TensorSpec
from realtime.engines.build import DEFAULT_OPTIONS, build_with, plan_key
from realtime.engines.cuda import open_cuda
from realtime.engines.lane import Timings, shape_of
from realtime.engines.library import Kind, installed, load_library, why_not
from realtime.engines.open import open_engine
from realtime.engines.store import EngineStore
from realtime.engines.tensorrt import RunOptions, TensorRtEngine
from realtime.lift import DEPTH, RAYS, SCORE, Lifter
from realtime.machine import processor
from realtime.manifest import Manifest
from realtime.models import catalogue
from realtime.stream.ledger import Percentiles
from realtime.types import Array

RESULTS = Path(__file__).parent / "results"
BATCHES = (1, 4)
FRAMES = 30
WARM_UP_S = 0.2
CONTRACT = ["tests/engines/test_contract.py", "tests/engines/test_open.py", "tests/export/test_parity.py"]


def open_on_gpu(kind: Kind, manifest: Manifest, precision: str, graphs: bool) -> TensorRtEngine:
    """A model as `open_tensorrt` opens it, its state kept on the GPU, with graphs or without."""
    library, cuda = load_library(kind), open_cuda()
    key = plan_key(library, manifest.path, str(cuda.device), {})
    plan = EngineStore().obtain(key, lambda: build_with(library, manifest.path, {}, DEFAULT_OPTIONS))
    state = tuple((s.input, s.output) for s in manifest.state)
    return TensorRtEngine(library, plan, cuda, RunOptions(precision, graphs, state))


def random_feeds(specs: dict[str, TensorSpec], batch: int) -> dict[str, Array]:
    """Numbers from 0 to 1 for every input, the same every time."""
    random = np.random.default_rng(0)
    return {name: random.random(shape_of(spec, batch)).astype(spec.dtype) for name, spec in specs.items()}


def shown_people(manifest: Manifest, reference: Engine, batch: int) -> dict[str, Array]:
    """What a lifter is given at the last of some frames of the sample, its state as the frames left it."""
    frames = sample_steps(manifest, FRAMES)
    said = StepProbe(manifest, frames).ask(reference).tensors
    feeds: dict[str, Array] = {name: values[-1] for name, values in frames.items()}
    feeds |= {s.input: said[s.output][-2] for s in manifest.state}
    people = np.arange(batch) % len(feeds[RAYS])
    return {name: values[people] for name, values in feeds.items()}


def parity(engine: TensorRtEngine, reference: Manifest, batch: int) -> dict[str, float]:
    """The largest difference of each output from the FP32 model in ONNX Runtime."""
    other = open_engine(reference.check_file(), "onnxruntime")
    if reference.role == "lifter":
        feeds = shown_people(reference, other, batch)
    else:
        feeds = random_feeds(dict(engine.inputs), batch)
    found, wanted = engine.infer(feeds), other.infer(feeds)
    return {name: float(np.abs(found[name] - wanted[name]).max()) for name in wanted}


def timed(run: Callable[[], Timings | None], seconds: float) -> dict[str, dict[str, float]]:
    """Percentiles of a run, after a warm-up."""
    until_ns = time.perf_counter_ns() + int(WARM_UP_S * 1e9)
    while time.perf_counter_ns() < until_ns:
        run()
    costs: list[dict[str, float]] = []
    until_ns = time.perf_counter_ns() + int(seconds * 1e9)
    while (begun_ns := time.perf_counter_ns()) < until_ns:
        timings = run()
        wall_ms = (time.perf_counter_ns() - begun_ns) / 1e6
        costs.append({"wall_ms": wall_ms} | (dataclasses.asdict(timings) if timings else {}))
    report = {}
    for name in costs[0]:
        cost = Percentiles.of([c[name] for c in costs])
        report[name] = {"p50": round(cost.p50_ms, 4), "p99": round(cost.p99_ms, 4)}
    return report | {"runs": {"count": float(len(costs))}}


def runner(engine: TensorRtEngine, manifest: Manifest, batch: int) -> Callable[[], Timings | None]:
    """One run as the pipeline does it: a lifter's step with its state on the GPU, else `infer`."""
    if manifest.role == "lifter":
        lifter = Lifter(manifest, engine)
        given = {n: engine.inputs[n] for n in (RAYS, SCORE, DEPTH) if n in engine.inputs}
        feeds = random_feeds(given, batch)
        people = list(range(batch))

        def step() -> Timings | None:
            lifter.step(feeds[RAYS], feeds[SCORE], people, feeds.get(DEPTH))
            return engine.timings

        return step
    fed = random_feeds(dict(engine.inputs), batch)

    def infer() -> Timings | None:
        engine.infer(fed)
        return engine.timings

    return infer


def rows(kind: Kind, manifest: Manifest, seconds: float) -> Iterator[dict[str, Any]]:
    """Every way of running one model with one library."""
    precisions: tuple[Precision, ...] = get_args(Precision)
    for precision in precisions:
        model = variant(manifest, precision)
        for graphs in (True, False):
            engine = open_on_gpu(kind, model, precision, graphs)
            try:
                free = any(spec.shape[:1] == (None,) for spec in engine.inputs.values())
                for batch in BATCHES if free else (1,):
                    row: dict[str, Any] = {
                        "kind": kind,
                        "net": manifest.name,
                        "precision": precision,
                        "batch": batch,
                    }
                    row |= {"graphs": graphs, "largest_difference": parity(engine, manifest, batch)}
                    row |= {"cost": timed(runner(engine, model, batch), seconds)}
                    yield row | {"graph_captured_here": engine.graphs_in_use}
            finally:
                engine.close()


def contract() -> dict[str, Any]:
    """The suites that hold for every engine; on this machine they find the real one."""
    command = [sys.executable, "-m", "pytest", "-q", *CONTRACT]
    done = subprocess.run(command, cwd=Path(__file__).parent.parent, capture_output=True, text=True)
    return {"passed": done.returncode == 0, "last_line": done.stdout.strip().splitlines()[-1]}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each way is timed")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    kinds: list[Kind] = []
    for kind in get_args(Kind):
        reason = why_not(kind) if installed(kind) else f"{kind} is not installed"
        if reason:
            print(f"left out: {reason}", file=sys.stderr)
        else:
            kinds.append(kind)
    if not kinds:
        sys.exit("error: no TensorRT runs here, so there is nothing to prove")
    date = datetime.date.today().isoformat()
    device = open_cuda().device
    report: dict[str, Any] = {
        "date": date,
        "gpu": str(device),
        "cuda_driver": device.driver,
        "machine": processor(),
        "python": platform.python_version(),
        "libraries": {kind: load_library(kind).version for kind in kinds},
        "contract": contract(),
        "rows": [],
    }
    manifests = (*catalogue.image_models(catalogue.BLAZEPOSE), catalogue.lifter(catalogue.DEFAULT_LIFTER))
    out = options.out or RESULTS / f"on_gpu_{date}.json"
    for kind in kinds:
        for manifest in manifests:
            for row in rows(kind, manifest, options.seconds):
                print(json.dumps(row), flush=True)
                report["rows"].append(row)
                out.write_text(json.dumps(report, indent=2) + "\n")
    print(f"wrote {out}")


if __name__ == "__main__":
    main()
