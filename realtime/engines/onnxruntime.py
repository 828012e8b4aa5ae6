"""ONNX Runtime on the CPU: the reference back end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
import onnxruntime as ort

from realtime.engines.base import State, TensorSpec, check_feeds, check_state
from realtime.engines.host_state import HostState, StepBuffers
from realtime.engines.onnx_file import check_onnx_file, with_constants
from realtime.errors import EngineError
from realtime.types import Array

_DTYPES = {
    "tensor(float)": np.float32,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(uint8)": np.uint8,
    "tensor(bool)": np.bool_,
}


class OnnxRuntimeEngine:
    """An ONNX file in ONNX Runtime, FP32, CPU. Raises EngineError when the file does not load.

    threads: 0 leaves it to the library. settings: session configuration entries beyond the usual ones.
    """

    backend = "onnxruntime"
    precision = "fp32"

    def __init__(
        self, model: Path, threads: int = 0, settings: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        check_onnx_file(model)
        self._model, self._threads = model, threads
        self._session: ort.InferenceSession | None = self._session_of(str(model), settings)
        self.inputs = {node.name: _spec(node) for node in self._session.get_inputs()}
        self.outputs = {node.name: _spec(node) for node in self._session.get_outputs()}
        self._names = list(self.outputs)

    def infer(self, feeds: Mapping[str, Array]) -> Mapping[str, Array]:
        """Run the network once."""
        session = self._opened()
        check_feeds(self.inputs, feeds)
        try:
            results = session.run(self._names, dict(feeds))
        except Exception as error:
            raise EngineError(f"ONNX Runtime failed: {error}") from error
        return dict(zip(self._names, results, strict=True))

    def close(self) -> None:
        """Free the session."""
        self._session = None

    def _session_of(
        self, model: str | bytes, settings: Mapping[str, str] = MappingProxyType({})
    ) -> ort.InferenceSession:
        options = ort.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.log_severity_level = 4
        # Spinning threads would take the second core from capture and drawing.
        for key, value in {"session.intra_op.allow_spinning": "0", **settings}.items():
            options.add_session_config_entry(key, value)
        try:
            return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the binding raises a private type per failure
            raise EngineError(f"ONNX Runtime cannot load {self._model}: {error}") from error

    def _opened(self) -> ort.InferenceSession:
        if self._session is None:
            raise EngineError("the engine is closed")
        return self._session


class OnnxRuntimeSteps(OnnxRuntimeEngine):
    """A step model whose people's state stays here, in the very memory that the network reads and writes.

    state: the inputs it keeps, each with the output that becomes it; of a model that does not say the sizes
    of all its tensors it keeps none. Everything is bound to the session once for each number of people: for
    one person that saves a tenth to a fifth of a small network's step (benchmarks/lifter_step.py).
    """

    def __init__(self, model: Path, threads: int, state: State) -> None:
        super().__init__(model, threads)
        sizes_known = all(spec.is_rows for spec in (*self.inputs.values(), *self.outputs.values()))
        self.resident: Mapping[str, str] = dict(state) if sizes_known else {}
        check_state(self.resident, self.inputs, self.outputs)
        self._fed = {n: s for n, s in self.inputs.items() if n not in self.resident}
        self._given = {n: s for n, s in self.outputs.items() if n not in self.resident.values()}
        self._state = HostState({name: self.inputs[name] for name in self.resident})
        self._bound: dict[int, tuple[StepBuffers, list[ort.IOBinding]]] = {}
        self._held: dict[str, Array] = {}
        self._holding: ort.InferenceSession | None = None

    def hold(self, rows: Mapping[str, Array]) -> None:
        """Have these rows (1, ...) of inputs for everyone from now on; see `HoldingEngine`."""
        self._opened()
        fed = self._fed | {name: self.inputs[name] for name in self._held}
        if not rows.keys() <= fed.keys() or not all(
            len(row) == 1 and fed[name].accepts(row) for name, row in rows.items()
        ):
            raise EngineError(f"one row each of {sorted(fed)} may be held, not {sorted(rows)}")
        if rows.keys() == self._held.keys() and all(np.array_equal(rows[n], self._held[n]) for n in rows):
            return
        self._holding = self._session_of(with_constants(self._model, rows)) if rows else None
        self._held = {name: row.copy() for name, row in rows.items()}
        self._fed = {name: spec for name, spec in fed.items() if name not in rows}
        self._bound.clear()

    def infer_stateful(self, feeds: Mapping[str, Array], people: Sequence[int]) -> Mapping[str, Array]:
        """Run the network once for these people, their state being here."""
        session = self._opened()
        if not self.resident:
            raise EngineError("this engine was opened without state pairs: use infer")
        session = self._holding or session
        buffers, bindings = self._buffers(session, len(people))
        if len(set(people)) != len(people) or not buffers.feed(feeds):
            check_feeds(self._fed, feeds)
            raise EngineError(f"the feeds must have one row for each of {len(people)} different people")
        self._state.arrange(people, buffers)
        try:
            session.run_with_iobinding(bindings[buffers.phase])
        except Exception as error:
            raise EngineError(f"ONNX Runtime failed: {error}") from error
        buffers.advance()
        return buffers.given

    def forget(self, person: int) -> None:
        """Drop a person's state; unknown ones are ignored."""
        self._state.forget(person)

    def forget_everyone(self) -> None:
        """Drop everyone's state."""
        self._state.forget_everyone()

    def close(self) -> None:
        """Free the sessions and the state."""
        self._holding = None
        self._bound.clear()
        self._state.forget_everyone()
        super().close()

    def _buffers(self, session: ort.InferenceSession, people: int) -> tuple[StepBuffers, list[ort.IOBinding]]:
        if people not in self._bound:
            buffers = StepBuffers(self._fed, self._given, self._state.specs, people)
            self._bound[people] = buffers, [_bind(session, buffers, self.resident, phase) for phase in (0, 1)]
        return self._bound[people]


def _bind(
    session: ort.InferenceSession, buffers: StepBuffers, pairs: Mapping[str, str], phase: int
) -> ort.IOBinding:
    """A binding that reads the state of one phase and writes the other's. The buffers must outlive it."""
    now, after = buffers.states[phase], buffers.states[1 - phase]
    binding = session.io_binding()
    for name, array in (buffers.fed | now).items():
        binding.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(array))
    for name, array in (buffers.given | {output: after[name] for name, output in pairs.items()}).items():
        binding.bind_ortvalue_output(name, ort.OrtValue.ortvalue_from_numpy(array))
    return binding


def _spec(node: ort.NodeArg) -> TensorSpec:
    if node.type not in _DTYPES:
        raise EngineError(f"tensor {node.name!r} has type {node.type}, which this engine does not feed")
    shape = tuple(size if isinstance(size, int) else None for size in node.shape)
    return TensorSpec(shape, np.dtype(_DTYPES[node.type]))
