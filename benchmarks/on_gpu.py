#!/usr/bin/env python3
"""Prove the TensorRT engines on a machine with an NVIDIA GPU, in one call, without the internet.

    python benchmarks/on_gpu.py
    python benchmarks/on_gpu.py --nets all --budget-s 1500
    python benchmarks/on_gpu.py --dry-run --seconds 0.1      # anywhere: a fake GPU, figures that mean nothing

For every TensorRT that runs here: the contract suite on the real library; how far each net is from ONNX
Runtime in FP32, a tensor at a time and in px and mm after decoding, with state from the host and on the GPU;
and the time of a run in FP32 and FP16, with and without CUDA graphs, for one person and four. `wall_ms` is
what a caller waits; upload, compute and download are the GPU's own events. What is done is saved after each
row, so that a call that is cut off loses only the rest.

It needs the models (`realtime-export fetch blazepose`, or the cache folder of another machine, named by
REALTIME_POSE3D_CACHE), PyCUDA, and one of `tensorrt` and `tensorrt-rtx`; docs/engines.md says how to bring
those to a machine that reaches nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import datetime
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from export.parity import Parity, compare
from export.probes import Answer, Probe, probe_for, sample_steps
from export.variants import variant
from realtime.engines import open as opening
from realtime.engines import tensorrt
from realtime.engines.base import TensorSpec
from realtime.engines.forms import Precision
from realtime.engines.lane import shape_of
from realtime.engines.library import Kind, installed, why_not
from realtime.engines.open import open_engine
from realtime.errors import PoseError
from realtime.lift import DEPTH, POSE, RAYS, SCORE, Lifter
from realtime.machine import processor
from realtime.manifest import Manifest
from realtime.models import catalogue
from realtime.stream.ledger import Percentiles
from realtime.types import Array

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
BATCHES = (1, 4)
FRAMES, IMAGES = 100, 24
WARM_UP_S = 0.2
CONTRACT = ["tests/engines/test_contract.py", "tests/engines/test_open.py", "tests/engines/test_interface.py"]
TARGETS_MS = {"lifter": 0.15, "estimator": 0.6}
"""What a run for one person should take at most, as a caller waits for it."""
PACKAGES = ("numpy", "onnx", "onnxruntime", "pycuda", "tensorrt", "tensorrt-rtx")

Report = dict[str, Any]


def random_feeds(specs: Mapping[str, TensorSpec], batch: int) -> dict[str, Array]:
    """Numbers from 0 to 1 for every input, the same every time."""
    random = np.random.default_rng(0)
    return {name: random.random(shape_of(spec, batch)).astype(spec.dtype) for name, spec in specs.items()}


def told(parity: Parity) -> dict[str, Any]:
    """A parity as JSON."""
    gap = {
        "largest": {name: float(f"{gap.greatest:.3g}") for name, gap in parity.tensors.items()},
        "decoded_max": float(f"{parity.decoded.greatest:.3g}"),
        "decoded_98_percent": float(f"{parity.decoded.most:.3g}"),
        "unit": parity.unit,
        "holds": parity.holds,
    }
    return gap | ({"smooth_max": float(f"{parity.smooth.greatest:.3g}")} if parity.smooth else {})


def resident_gap_mm(manifest: Manifest, engine: tensorrt.TensorRtEngine) -> float:
    """How far poses are from ONNX Runtime's where the state stays on the GPU, people coming and going."""
    reference = open_engine(manifest.check_file(), "onnxruntime", 1)
    ours, theirs = Lifter(manifest, engine), Lifter(manifest, reference)
    frames, worst = sample_steps(manifest, FRAMES), 0.0
    for t in range(FRAMES):
        ids = [0, 1, 2] if t % 10 < 7 else [2, 0]
        given = {name: values[t][ids] for name, values in frames.items() if name in (RAYS, SCORE, DEPTH)}
        found, wanted = (
            lifter.step(given[RAYS], given[SCORE], ids, given.get(DEPTH)).relative_m
            for lifter in (ours, theirs)
        )
        worst = max(worst, float(np.linalg.norm(found - wanted, axis=-1).max()) * 1e3)
    for person in range(3):
        ours.drop(person)
    reference.close()
    return worst


def timed(run: Callable[[], object], engine: tensorrt.TensorRtEngine, seconds: float) -> dict[str, Any]:
    """Percentiles of a run, after a warm-up."""
    until_ns = time.perf_counter_ns() + int(WARM_UP_S * 1e9)
    while time.perf_counter_ns() < until_ns:
        run()
    costs: list[dict[str, float]] = []
    until_ns = time.perf_counter_ns() + int(seconds * 1e9)
    while (begun_ns := time.perf_counter_ns()) < until_ns:
        run()
        wall_ms = (time.perf_counter_ns() - begun_ns) / 1e6
        assert engine.last_run is not None
        costs.append({"wall_ms": wall_ms} | dataclasses.asdict(engine.last_run))
    report: dict[str, Any] = {"runs": len(costs)}
    for name in ("wall_ms", "upload_ms", "compute_ms", "download_ms"):
        cost = Percentiles.of([c[name] for c in costs])
        report[name] = {"p50": round(cost.p50_ms, 4), "p99": round(cost.p99_ms, 4)}
    return report


def runner(engine: tensorrt.TensorRtEngine, manifest: Manifest, batch: int) -> Callable[[], object]:
    """One run as the pipeline does it: a lifter's step with its state on the GPU, else `infer`."""
    if manifest.role != "lifter":
        fed = random_feeds(engine.inputs, batch)
        return lambda: engine.infer(fed)
    lifter = Lifter(manifest, engine)
    feeds = random_feeds({n: engine.inputs[n] for n in (RAYS, SCORE, DEPTH) if n in engine.inputs}, batch)
    people = list(range(batch))
    return lambda: lifter.step(feeds[RAYS], feeds[SCORE], people, feeds.get(DEPTH))


@dataclasses.dataclass(frozen=True, slots=True)
class Bench:
    """One net on one TensorRT. seconds: how long each way is timed. reference: what ONNX Runtime answers."""

    kind: Kind
    manifest: Manifest
    seconds: float
    probe: Probe
    reference: Answer

    @classmethod
    def of(cls, kind: Kind, manifest: Manifest, seconds: float) -> Bench:
        probe = probe_for(manifest, FRAMES if manifest.role == "lifter" else IMAGES)
        with contextlib.closing(open_engine(manifest.check_file(), "onnxruntime")) as engine:
            return cls(kind, manifest, seconds, probe, probe.ask(engine))

    def rows(self) -> Iterator[Report]:
        """Every way of running the net."""
        precisions: tuple[Precision, ...] = get_args(Precision)
        for precision in precisions:
            for graphs in (True, False):
                yield from self._rows(precision, graphs)

    def _rows(self, precision: Precision, graphs: bool) -> Iterator[Report]:
        begun_ns = time.perf_counter_ns()
        model = variant(self.manifest, precision)
        state = self.manifest.state_pairs
        engine = tensorrt.open_tensorrt(self.kind, model.check_file(), state, graphs=graphs)
        opened_s = (time.perf_counter_ns() - begun_ns) / 1e9
        row: Report = {
            "kind": self.kind,
            "net": self.manifest.name,
            "precision": engine.precision,
            "graphs": graphs,
            "opened_s": round(opened_s, 2),
            "parity": told(compare(self.probe.ask(engine), self.reference)),
        }
        try:
            if self.manifest.role == "lifter":
                assert POSE in engine.outputs
                row["resident_gap_mm"] = float(f"{resident_gap_mm(self.manifest, engine):.3g}")
            free = any(spec.shape[:1] == (None,) for spec in engine.inputs.values())
            for batch in BATCHES if free else (1,):
                cost = timed(runner(engine, model, batch), engine, self.seconds)
                yield row | {"batch": batch, "captured_here": engine.graphs_in_use, "cost": cost}
        finally:
            engine.close()


def reopened_s(kind: Kind, manifest: Manifest) -> float:
    """Seconds to open a net whose engine, and kernels where the library compiles them, are kept already."""
    begun_ns = time.perf_counter_ns()
    tensorrt.open_tensorrt(kind, manifest.check_file()).close()
    return round((time.perf_counter_ns() - begun_ns) / 1e9, 3)


def contract() -> Report:
    """The suites that hold for every engine; on this machine they find the real one."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *CONTRACT]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    last = (done.stdout.strip().splitlines() or [done.stderr.strip()[-500:]])[-1]
    return {"passed": done.returncode == 0, "last_line": last}


def nets(wanted: str) -> Sequence[Manifest]:
    """The demo's nets, or those and every other lifter."""
    names = [catalogue.DEFAULT_LIFTER]
    if wanted == "all":
        names += [name for name in catalogue.lifter_names() if name not in names]
    return (*catalogue.image_models(catalogue.BLAZEPOSE), *(catalogue.lifter(name) for name in names))


def begin(kinds: Sequence[Kind]) -> Report:
    """What the figures are of."""
    libraries = {kind: tensorrt.load_library(kind).version for kind in kinds}
    cuda = tensorrt.open_cuda()
    device = cuda.device
    cuda.close()
    versions = {}
    for name in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return {
        "date": datetime.date.today().isoformat(),
        "gpu": str(device),
        "cuda_driver": device.driver,
        "machine": processor(),
        "python": platform.python_version(),
        "libraries": libraries,
        "packages": versions,
    }


def verdicts(rows: Sequence[Report]) -> list[str]:
    """What of the targets holds, in words."""
    words = []
    role = {m.name: m.role for m in nets("all")}
    for row in rows:
        if "error" in row:
            words.append(f"FAILED {row['kind']} {row['net']}: {row['error']}")
            continue
        name = f"{row['kind']} {row['net']} {row['precision']}"
        if not row["parity"]["holds"]:
            words.append(f"TOO FAR {name}: {row['parity']['decoded_98_percent']} {row['parity']['unit']}")
        most = TARGETS_MS.get(role[row["net"]])
        if most is not None and row["batch"] == 1 and row["graphs"]:
            p50 = row["cost"]["wall_ms"]["p50"]
            words.append(f"{'ok' if p50 <= most else 'SLOW'} {name}: {p50} ms, wanted {most}")
    return words


def measure(kinds: Sequence[Kind], options: argparse.Namespace, save: Callable[[Report], None]) -> Report:
    """Everything, saved after each row, until the budget is spent."""
    until_ns = time.perf_counter_ns() + int(options.budget_s * 1e9)
    report = begin(kinds) | {"dry_run": options.dry_run, "rows": [], "reopened_s": {}}
    if not options.no_contract:
        report["contract"] = contract()
        save(report)
    for kind in kinds:
        for manifest in nets(options.nets):
            if time.perf_counter_ns() > until_ns:
                report["left_out"] = f"from {kind} {manifest.name} on: the budget was spent"
                return report
            try:
                for row in Bench.of(kind, manifest, options.seconds).rows():
                    print(json.dumps(row), flush=True)
                    report["rows"].append(row)
                    save(report)
                report["reopened_s"][f"{kind} {manifest.name}"] = reopened_s(kind, manifest)
            except PoseError as error:
                report["rows"].append({"kind": kind, "net": manifest.name, "error": str(error)})
            save(report)
    return report


def kinds_here() -> list[Kind]:
    """The TensorRTs that run; the others are told of."""
    kinds: tuple[Kind, ...] = get_args(Kind)
    runs = [kind for kind in kinds if kind in opening.available()]
    for kind in kinds:
        if kind not in runs:
            reason = why_not(kind) if installed(kind) else f"{kind} is not installed"
            print(f"left out: {reason}", file=sys.stderr)
    return runs


@contextlib.contextmanager
def fake_gpu() -> Iterator[None]:
    """A machine with a GPU and both TensorRTs, all of them fakes, and an empty cache for their engines."""
    image_models = catalogue.image_models(catalogue.BLAZEPOSE)
    with tempfile.TemporaryDirectory() as cache, pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT)
        from tests.engines.fake_machine import FakeMachine

        FakeMachine().install(patch, *get_args(Kind), cache=Path(cache))
        patch.setattr(catalogue, "image_models", lambda name: image_models)
        yield


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=2.0, help="how long each way is timed")
    parser.add_argument("--budget-s", type=float, default=420, help="begin no further net after this long")
    parser.add_argument("--kinds", nargs="+", choices=get_args(Kind), default=get_args(Kind))
    parser.add_argument("--nets", choices=("demo", "all"), default="demo")
    parser.add_argument("--no-contract", action="store_true", help="leave the contract suite out")
    parser.add_argument("--dry-run", action="store_true", help="run all of it on a fake GPU")
    parser.add_argument("--out", type=Path, help="where to save; a dry run saves only where this says")
    options = parser.parse_args()
    out = options.out or (None if options.dry_run else RESULTS / f"on_gpu_{datetime.date.today()}.json")

    def save(report: Report) -> None:
        if out is not None:
            out.write_text(json.dumps(report, indent=2) + "\n")

    with fake_gpu() if options.dry_run else contextlib.nullcontext():
        kinds = [kind for kind in kinds_here() if kind in options.kinds]
        if not kinds:
            sys.exit(
                "error: no TensorRT runs here, so there is nothing to prove (--dry-run tries the script)"
            )
        report = measure(kinds, options, save)
        report["verdicts"] = verdicts(report["rows"])
        save(report)
    print("\n".join(report["verdicts"]))
    print(f"contract: {report.get('contract', 'left out')}")
    print(f"wrote {out}" if out else "saved nothing")


if __name__ == "__main__":
    main()
