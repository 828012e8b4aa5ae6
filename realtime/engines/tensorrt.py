"""TensorRT on an NVIDIA GPU: `tensorrt` 10 and 11, and `tensorrt_rtx`, whichever library is given."""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from realtime.engines.base import DeviceTime, State, TensorSpec, check_feeds, check_state
from realtime.engines.build import DEFAULT_OPTIONS as BUILD_OPTIONS
from realtime.engines.build import build_with, plan_key
from realtime.engines.contexts import Contexts, KernelFile
from realtime.engines.cuda import Cuda, open_cuda
from realtime.engines.lane import BATCHES, Arena, Lane, padded, shape_of
from realtime.engines.library import Kind, Library, load_library
from realtime.engines.onnx_file import check_onnx_file
from realtime.engines.plan import LoadedPlan, PlanError, load_plan
from realtime.engines.resident import ResidentState
from realtime.engines.store import EngineStore
from realtime.errors import EngineError
from realtime.types import Array

log = logging.getLogger(__name__)

_PLAIN = 2
"""The phase of a run whose state, if any, comes from the host and goes back there; in the phases 0 and 1
of ResidentState it stays on the GPU."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a plan is run. precision: of the ONNX file it was built from. graphs: use CUDA graphs.

    state: state inputs and the outputs that become them, to be kept on the GPU. kernels: where what the
    library compiles for this plan while it runs is kept.
    """

    precision: str = "fp32"
    graphs: bool = True
    state: State = ()
    kernels: KernelFile | None = None


DEFAULT_OPTIONS = RunOptions()


@dataclass(frozen=True, slots=True)
class _Route:
    """All that a run at one batch size needs, found once. Views and parts are of page-locked memory."""

    lane: Lane
    fed: Mapping[str, Array]
    given: Mapping[str, Array]
    upload: tuple[int, Array]
    download: tuple[Array, int]


class TensorRtEngine:
    """A plan on the GPU, with a stream, buffers and contexts of its own.

    It may be opened in one thread and used in another, but by one at a time. The arrays returned are views
    of page-locked memory, valid until the next run. `close` closes `cuda` too. Raises PlanError when the plan
    does not load.
    """

    def __init__(
        self, library: Library, plan: bytes, cuda: Cuda, options: RunOptions = DEFAULT_OPTIONS
    ) -> None:
        self.backend: str = library.kind
        self.precision = options.precision
        self.resident: Mapping[str, str] = dict(options.state)
        self.last_run: DeviceTime | None = None
        self.spent = DeviceTime()
        self._library = library
        self._cuda = cuda
        self._graphs = options.graphs
        self._routes: dict[tuple[int, int], _Route] = {}
        self._arenas: dict[bool, tuple[Arena, Arena]] = {}
        self._state: ResidentState | None = None
        self._plan: LoadedPlan | None = None
        with cuda.active():
            self._plan = load_plan(library, plan)
            self._contexts = Contexts(library, self._plan.engine, cuda, options.graphs, options.kernels)
            self.inputs, self.outputs = self._plan.inputs, self._plan.outputs
            check_state(self.resident, self.inputs, self.outputs)
            self._allocate()
            self._warm_up()
        self.last_run, self.spent = None, DeviceTime()

    @property
    def graphs_in_use(self) -> bool:
        """Whether every run so far is launched as a CUDA graph that was captured here."""
        return bool(self._routes) and all(route.lane.captured for route in self._routes.values())

    def infer(self, feeds: Mapping[str, Array]) -> Mapping[str, Array]:
        """Run the network once, with everything from the host."""
        self._check_open()
        check_feeds(self.inputs, feeds)
        rows = self._rows_of(feeds)
        with self._cuda.active():
            return self._run(feeds, rows, _PLAIN)

    def infer_stateful(self, feeds: Mapping[str, Array], people: Sequence[int]) -> Mapping[str, Array]:
        """Run the network once for these people, their state being here."""
        self._check_open()
        state = self._state
        if state is None:
            raise EngineError("this engine was opened without state pairs: use infer")
        check_feeds(self._fed, feeds)
        if self._rows_of(feeds) != len(people) or len(set(people)) != len(people):
            raise EngineError(f"the feeds must have one row for each of {len(people)} different people")
        padded(len(people))
        with self._cuda.active():
            state.arrange(people)
            results = self._run(feeds, len(people), state.phase)
            state.advance()
        return results

    def forget(self, person: int) -> None:
        """Drop a person's state."""
        if self._state is not None:
            with self._cuda.active():
                self._state.forget(person)

    def forget_everyone(self) -> None:
        """Drop everyone's state."""
        if self._state is not None:
            with self._cuda.active():
                self._state.forget_everyone()

    def close(self) -> None:
        """Free the GPU's memory."""
        if self._plan is None:
            return
        with suppress(EngineError), self._cuda.active():
            self._contexts.close()
            for route in self._routes.values():
                route.lane.close()
            self._routes.clear()
            self._arenas.clear()
            self._marks.clear()
            self._plan = self._state = None
        self._plan = self._state = None
        self._cuda.close()

    def _allocate(self) -> None:
        """What does not depend on the batch, at its largest, for good: addresses never change."""
        self._largest = BATCHES[-1] if self._plan is not None and self._plan.batched else 1
        self._fed = {n: s for n, s in self.inputs.items() if n not in self.resident}
        self._given = {n: s for n, s in self.outputs.items() if n not in self.resident.values()}
        if self.resident:
            self._state = ResidentState(self._cuda, self.resident, self.inputs, self._largest)
        self._marks = [self._cuda.event() for _ in range(4)]

    def _arenas_of(self, phase: int) -> tuple[Arena, Arena]:
        """What is uploaded and what is downloaded: the state too only where it comes from the host."""
        whole = phase == _PLAIN
        if whole not in self._arenas:
            sides = (self.inputs, self.outputs) if whole else (self._fed, self._given)
            fed, given = (Arena(self._cuda, specs, self._largest) for specs in sides)
            self._arenas[whole] = fed, given
        return self._arenas[whole]

    def _route(self, rows: int, phase: int) -> _Route:
        batch = padded(rows) if self._largest > 1 else 1
        if (batch, phase) not in self._routes:
            self._routes[batch, phase] = self._make_route(batch, phase)
        return self._routes[batch, phase]

    def _make_route(self, batch: int, phase: int) -> _Route:
        fed, given = self._arenas_of(phase)
        addresses = fed.addresses(batch) | given.addresses(batch)
        if phase != _PLAIN and self._state is not None:
            addresses |= self._state.addresses(phase)
        capture = self._graphs and not self._contexts.captures
        lane = Lane(self._library, self._cuda, self._contexts.make(), capture)
        shapes = lane.bind(self.inputs, batch, addresses)
        for name, spec in self.outputs.items():
            if shapes[name] != shape_of(spec, batch):
                raise EngineError(f"{self.backend} failed: output {name!r} has not one row for each row fed")
        return _Route(
            lane,
            fed.views(batch),
            given.views(batch),
            (fed.address, fed.used(batch)),
            (given.used(batch), given.address),
        )

    def _run(self, feeds: Mapping[str, Array], rows: int, phase: int) -> dict[str, Array]:
        """Upload, launch, download, and one wait for the last of four marks on the stream."""
        route = self._route(rows, phase)
        for name, view in route.fed.items():
            if _is_batched(self.inputs[name]):
                view[:rows] = feeds[name]
                view[rows:] = 0
            else:
                view[...] = feeds[name]
        begun, uploaded, computed, done = self._marks
        begun.record()
        self._cuda.upload(*route.upload)
        uploaded.record()
        route.lane.enqueue()
        computed.record()
        self._cuda.download(*route.download)
        done.record()
        done.wait()
        self.last_run = DeviceTime(
            uploaded.ms_since(begun), computed.ms_since(uploaded), done.ms_since(computed), 1
        )
        self.spent += self.last_run
        return {
            name: view[:rows] if _is_batched(self.outputs[name]) else view
            for name, view in route.given.items()
        }

    def _rows_of(self, feeds: Mapping[str, Array]) -> int:
        """The one batch size of all inputs that have a free one; 1 where none has."""
        sizes = {len(feeds[name]) for name in feeds if _is_batched(self.inputs[name])}
        if len(sizes) > 1:
            raise EngineError(f"the inputs must have the same number of rows, not {sorted(sizes)}")
        return sizes.pop() if sizes else 1

    def _warm_up(self) -> None:
        """Run what one person needs until its graph is captured, so that no frame pays for that."""
        for phase in (_PLAIN,) if self._state is None else (0, 1):
            sides = self.inputs if phase == _PLAIN else self._fed
            zeros = {name: np.zeros(shape_of(spec, 1), spec.dtype) for name, spec in sides.items()}
            for _ in range(2):
                self._run(zeros, 1, phase)

    def _check_open(self) -> None:
        if self._plan is None:
            raise EngineError("the engine is closed")


def _is_batched(spec: TensorSpec) -> bool:
    return spec.shape[:1] == (None,)


def open_tensorrt(
    kind: Kind, model: Path, state: State = (), store: EngineStore | None = None, graphs: bool = True
) -> TensorRtEngine:
    """An ONNX file on the first GPU, by the plan that is kept of it, or one that is built now and kept.

    Of plans built with other options the newest is taken. graphs: use CUDA graphs. Raises
    EngineUnavailableError when this machine cannot run it, EngineError when it does not build or run.
    """
    check_onnx_file(model)
    library, store = load_library(kind), store or EngineStore()
    cuda = open_cuda()
    try:
        key = plan_key(library, model, str(cuda.device), {})
        build = functools.partial(build_with, library, model, {}, BUILD_OPTIONS)
        kernels = KernelFile.beside(store, key, cuda.device) if library.portable else None
        options = RunOptions(key.precision, graphs, state, kernels)
        try:
            plan = store.newest(key) or store.obtain(key, build)
            return TensorRtEngine(library, plan, cuda, options)
        except PlanError as error:
            log.warning("%s: building it again", error)
            return TensorRtEngine(library, store.obtain(key, build, fresh=True), cuda, options)
    except BaseException:
        cuda.close()
        raise
