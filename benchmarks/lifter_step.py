#!/usr/bin/env python3
"""What a lifter's step costs: alone, and in the pipeline's place, after the 2D net has filled the cache.

    .venv/bin/python benchmarks/lifter_step.py                        # about a minute and a half
    .venv/bin/python benchmarks/lifter_step.py --against OLD/unified.json

Ways to run it, all in turn (A B C A B C): with one and two threads, and with two that spin while a step runs;
with the state kept in the engine, as the pipeline has it, and handed over by the caller every time. A step is
the whole of `Lifter.step`, Python and all. against: the same net exported otherwise, as another way. The
ratio is to the first way, a median over the rounds; a ratio below 1 is faster.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import dataclasses
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from realtime.engines.base import Engine
from realtime.engines.onnxruntime import OnnxRuntimeEngine, OnnxRuntimeSteps
from realtime.lift import Lifter
from realtime.manifest import Manifest, load_manifest
from realtime.models import catalogue
from realtime.profiling.engines import feeds_of
from realtime.profiling.machine import describe
from realtime.profiling.measure import Latency
from realtime.skeleton import H36M17
from realtime.stream.assemble import load_model

RESULTS = Path(__file__).parent / "results"
_SPINNING = {"session.intra_op.allow_spinning": "1", "session.force_spinning_stop": "1"}
_WARM_UP = 30
Run = Callable[[], object]


def ways_of(manifest: Manifest, people: int, against: Manifest | None) -> dict[str, Run]:
    """Every way of making a step, by name; the pipeline's comes first."""
    pairs = manifest.state_pairs
    engines: dict[str, tuple[Manifest, Engine]] = {
        "in use": (manifest, load_model(manifest, "onnxruntime").engine),
        "state from outside": (manifest, OnnxRuntimeEngine(manifest.path, 1)),
        "2 threads": (manifest, OnnxRuntimeSteps(manifest.path, 2, pairs)),
        "2 threads, spinning, state from outside": (manifest, OnnxRuntimeEngine(manifest.path, 2, _SPINNING)),
    }
    if against is not None:
        engines["against"] = against, load_model(against, "onnxruntime").engine
        engines["against, state from outside"] = against, OnnxRuntimeEngine(against.path, 1)
    return {name: stepper(Lifter(net, engine), people) for name, (net, engine) in engines.items()}


def stepper(lifter: Lifter, people: int) -> Run:
    """A step of so many people, all joints in view."""
    random = np.random.default_rng(0)
    rays = random.standard_normal((people, len(H36M17), 2), np.float32) * np.float32(0.2)
    score, ids = np.ones((people, len(H36M17)), np.float32), list(range(people))
    return lambda: lifter.step(rays, score, ids)


def in_turn(ways: dict[str, Run], before: Run, runs: int, rounds: int) -> dict[str, list[list[float]]]:
    """Milliseconds of each way in each round; `before` runs ahead of every step and is not counted."""
    found: dict[str, list[list[float]]] = {name: [] for name in ways}
    for run in ways.values():
        for _ in range(_WARM_UP):
            run()
    for _ in range(rounds):
        for name, run in ways.items():
            times = []
            for _ in range(runs):
                before()
                begun_ns = time.perf_counter_ns()
                run()
                times.append((time.perf_counter_ns() - begun_ns) / 1e6)
            found[name].append(times)
    return found


def rows(found: dict[str, list[list[float]]], place: str) -> Iterator[dict[str, Any]]:
    """What the times say, a row a way."""
    first = next(iter(found.values()))
    for name, parts in found.items():
        ratios = [np.median(ours) / np.median(usual) for ours, usual in zip(parts, first, strict=True)]
        latency = Latency.of([ms for part in parts for ms in part])
        step = dataclasses.asdict(latency)
        yield {"place": place, "way": name, "ratio": float(np.median(ratios)), "step": step}


def optimised(manifest: Manifest) -> dict[str, int]:
    """How many operators of each kind ONNX Runtime runs for a step."""
    import onnx

    with tempfile.TemporaryDirectory() as folder:
        options = ort.SessionOptions()
        options.optimized_model_filepath = str(Path(folder) / "optimised.onnx")
        options.log_severity_level = 3
        ort.InferenceSession(str(manifest.path), options, providers=["CPUExecutionProvider"])
        nodes = onnx.load(options.optimized_model_filepath).graph.node
    return dict(collections.Counter(node.op_type for node in nodes).most_common())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lifter", default=catalogue.DEFAULT_LIFTER)
    parser.add_argument("--against", type=Path, metavar="MANIFEST", help="another export of the same net")
    parser.add_argument("--people", type=int, default=1)
    parser.add_argument("--runs", type=int, default=200, help="of each way in a round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    manifest = catalogue.lifter(options.lifter)
    against = load_manifest(options.against) if options.against else None
    ways = ways_of(manifest, options.people, against)
    landmark = load_model(catalogue.image_models(catalogue.BLAZEPOSE)[1], "auto").engine
    with contextlib.closing(landmark):
        image = feeds_of(landmark, 1)
        places: dict[str, Run] = {"alone": lambda: None, "after the 2D net": lambda: landmark.infer(image)}
        report: dict[str, Any] = {"machine": describe(), "lifter": manifest.name, "people": options.people}
        report["operators"] = {
            net.sha256[:12]: optimised(net) for net in (manifest, against) if net is not None
        }
        report["rows"] = []
        for place, before in places.items():
            for row in rows(in_turn(ways, before, options.runs, options.rounds), place):
                report["rows"].append(row)
                step = row["step"]
                print(
                    f"{place:17s} {row['way']:40s} {step['median_ms']:.3f} ms, p99 {step['p99_ms']:.3f}, "
                    f"ratio {row['ratio']:.2f}",
                    flush=True,
                )
    for sha256, kinds in report["operators"].items():
        print(f"{sha256}: {sum(kinds.values())} operators")
    out = options.out or RESULTS / f"lifter_step_{report['machine']['date'][:10]}.json"
    out.write_text(json.dumps(report, indent=2) + "\n")
    print(f"wrote {out}")


if __name__ == "__main__":
    main()
