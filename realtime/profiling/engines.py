"""Networks alone, on each back end: latency one at a time, throughput with every core busy."""

from __future__ import annotations

import dataclasses
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from realtime.engines.base import DeviceTime, Engine, device_time
from realtime.engines.open import Backend, open_engine, threads_for
from realtime.manifest import Manifest
from realtime.profiling.measure import Latency, times_ms
from realtime.profiling.roofline import Peak, Work, work_of
from realtime.types import Array

_LEAST_QUERIES = 10
_ON_CPU: tuple[Backend, ...] = ("onnxruntime", "openvino")


@dataclass(frozen=True, slots=True)
class EngineRow:
    """One network on one back end at one batch size.

    latency: one query after the other, with the threads that the pipeline gives such a net. throughput_hz:
    samples a second with every core busy, an engine of one thread on each; on a GPU, one query after the
    other. least_ms: the roofline's time. peak_share: least_ms over the median. device: what the device's own
    clock says of a run, if it has one.
    """

    net: str
    role: str
    backend: str
    precision: str
    batch: int
    latency: Latency
    throughput_hz: float
    work: Work
    least_ms: float
    peak_share: float
    bound: str
    device: DeviceTime | None

    def to_json(self) -> dict[str, Any]:
        """As plain numbers and words."""
        return dataclasses.asdict(self)


def rows(
    manifests: Sequence[Manifest],
    backends: Sequence[Backend],
    batches: Sequence[int],
    seconds: float,
    peak: Peak,
) -> Iterator[EngineRow]:
    """Time every network on every back end at each batch size it takes."""
    for manifest in manifests:
        path = manifest.check_file()
        for backend in backends:
            opened = open_engine(path, backend, threads_for(manifest.role), manifest.role)
            try:
                for batch in batches if _takes_batches(opened) else (1,):
                    yield _row(manifest, opened, backend, batch, seconds, peak)
            finally:
                opened.close()


def _row(
    manifest: Manifest, engine: Engine, backend: Backend, batch: int, seconds: float, peak: Peak
) -> EngineRow:
    feeds = feeds_of(engine, batch)
    before = device_time(engine)
    latency = Latency.of(times_ms(lambda: engine.infer(feeds), seconds))
    after = device_time(engine)
    device = None if before is None or after is None else after - before
    if backend in _ON_CPU:
        throughput_hz = batch * _queries_s(manifest, backend, batch, seconds)
    else:
        throughput_hz = 1e3 * batch / latency.mean_ms
    work = work_of(manifest.path, batch)
    least_ms = peak.least_ms(work)
    share = least_ms / latency.median_ms
    return EngineRow(
        manifest.name, manifest.role, engine.backend, engine.precision, batch, latency, throughput_hz, work,
        least_ms, share, peak.bound(work), device,
    )  # fmt: skip


def _takes_batches(engine: Engine) -> bool:
    return all(spec.shape[:1] == (None,) for spec in engine.inputs.values())


def feeds_of(engine: Engine, batch: int) -> dict[str, Array]:
    """Numbers from 0 to 1 for every input, the same every time."""
    random = np.random.default_rng(0)
    return {
        name: random.random([batch if size is None else size for size in spec.shape]).astype(spec.dtype)
        for name, spec in engine.inputs.items()
    }


def _queries_s(manifest: Manifest, backend: Backend, batch: int, seconds: float) -> float:
    """Queries a second with an engine of one thread on each core."""
    engines = [
        open_engine(manifest.check_file(), backend, 1, manifest.role) for _ in range(os.cpu_count() or 1)
    ]
    try:
        return _together([_query(engine, batch) for engine in engines], seconds)
    finally:
        for engine in engines:
            engine.close()


def _query(engine: Engine, batch: int) -> Callable[[], object]:
    feeds = feeds_of(engine, batch)
    return lambda: engine.infer(feeds)


def _together(queries: Sequence[Callable[[], object]], seconds: float) -> float:
    """How often a second they run, each in a thread of its own, in all. Raises what one of them raises."""
    start, counts, failures = threading.Barrier(len(queries) + 1), [0] * len(queries), []
    stop = threading.Event()

    def work(n: int) -> None:
        try:
            queries[n]()
            start.wait()
            while not stop.is_set() or counts[n] < _LEAST_QUERIES:
                queries[n]()
                counts[n] += 1
        except Exception as error:
            failures.append(error)
            start.abort()

    threads = [threading.Thread(target=work, args=(n,), daemon=True) for n in range(len(queries))]
    for thread in threads:
        thread.start()
    try:
        start.wait()
    except threading.BrokenBarrierError:
        stop.set()
    begun_ns = time.perf_counter_ns()
    stop.wait(seconds)
    stop.set()
    for thread in threads:
        thread.join()
    elapsed_s = (time.perf_counter_ns() - begun_ns) / 1e9
    if failures:
        raise failures[0]
    return sum(counts) / elapsed_s
