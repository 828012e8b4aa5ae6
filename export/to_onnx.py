"""Step lifters from PyTorch to ONNX, with a manifest, and the proof that both are the same function."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from export.fuse import fuse
from export.nets.step import (
    CONFIDENCE,
    DEPTH,
    LAG,
    POSE,
    RAYS,
    ROOT_DEPTH,
    ROOT_DEPTH_SIGMA,
    SCORE,
    UP,
    StepNet,
)
from realtime.engines.base import Engine
from realtime.errors import ModelError
from realtime.manifest import Manifest, StateTensor, TensorInfo, sha256_of
from realtime.skeleton import H36M17
from realtime.types import Array, FloatArray

OPSET = 17
_JOINTS = len(H36M17)
_TRACED_PEOPLE = 2


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where weights come from. metrics: what was measured, by name."""

    origin: str
    licence: str = "Apache-2.0"
    metrics: Mapping[str, float] | None = None


class _Step(nn.Module):
    """Gives the exporter `forward_step` as `forward`, with tensors in their order."""

    def __init__(self, net: StepNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        count = len(self.net.inputs)
        given = dict(zip(self.net.inputs, tensors[:count], strict=True))
        answer, state = self.net.forward_step(given, tensors[count:])
        return (*(answer[name] for name in self.net.outputs), *state)


def describe_step(net: StepNet) -> tuple[dict[str, TensorInfo], dict[str, TensorInfo], list[StateTensor]]:
    """The inputs, outputs and state of a step model, as its manifest states them."""
    shapes = {
        RAYS: (-1, _JOINTS, 2), SCORE: (-1, _JOINTS), DEPTH: (-1, _JOINTS), UP: (-1, 3),
        LAG: (-1, len(lags_of(net))),
        POSE: (-1, _JOINTS, 3), ROOT_DEPTH: (-1,), ROOT_DEPTH_SIGMA: (-1,), CONFIDENCE: (-1, _JOINTS),
    }  # fmt: skip
    state = [
        StateTensor(f"state_{i}", f"next_state_{i}", tuple(shape)) for i, shape in enumerate(net.state_shapes)
    ]
    inputs = {name: TensorInfo(shapes[name]) for name in net.inputs}
    outputs = {name: TensorInfo(shapes[name]) for name in net.outputs}
    inputs |= {s.input: TensorInfo((-1, *s.shape)) for s in state}
    outputs |= {s.output: TensorInfo((-1, *s.shape)) for s in state}
    return inputs, outputs, state


def lags_of(net: StepNet) -> tuple[int, ...]:
    """The lags a net can be asked for; empty if it has just its delay."""
    lags: tuple[int, ...] = getattr(net, "lags", ())
    return lags


def export_step(net: StepNet, folder: Path, provenance: Provenance) -> Manifest:
    """Write `<name>.onnx` and `<name>.json` into a folder and return the manifest.

    The batch is free. Raises ModelError when the files cannot be written.
    """
    assert isinstance(net, nn.Module)
    inputs, outputs, state = describe_step(net)
    path = folder / f"{net.name}.onnx"
    example = tuple(torch.zeros(_TRACED_PEOPLE, *info.shape[1:]) for info in inputs.values())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings():
            # The newer exporter needs another package and gives this graph no advantage; torch is pinned.
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.filterwarnings("ignore", "Constant folding", UserWarning)
            warnings.filterwarnings("ignore", "torch.tensor results are registered")
            torch.onnx.export(
                _Step(net).eval(),
                example,
                str(path),
                input_names=list(inputs),
                output_names=list(outputs),
                dynamic_axes={name: {0: "people"} for name in (*inputs, *outputs)},
                opset_version=OPSET,
                dynamo=False,
            )
        model = fuse(onnx.load(path))
        _name_sizes(model, outputs)
        onnx.checker.check_model(model, full_check=True)
        path.write_bytes(model.SerializeToString(deterministic=True))
        manifest = Manifest(
            name=net.name,
            role="lifter",
            file=path.name,
            sha256=sha256_of(path),
            licence=provenance.licence,
            origin=provenance.origin,
            inputs=inputs,
            outputs=outputs,
            skeleton=H36M17.name,
            state=tuple(state),
            receptive_field=net.receptive_field,
            delay=net.delay,
            lags=lags_of(net),
            metrics=dict(provenance.metrics or {}),
            directory=folder,
        )
        path.with_suffix(".json").write_text(manifest.to_json(), encoding="utf-8")
    except OSError as error:
        raise ModelError(f"cannot write {path}: {error.strerror}; use another folder") from error
    return manifest


def _name_sizes(model: Any, outputs: Mapping[str, TensorInfo]) -> None:
    """Say the sizes of outputs, which the exporter cannot always tell; the first is that of the people."""
    for value in model.graph.output:
        sizes = value.type.tensor_type.shape
        del sizes.dim[:]
        sizes.dim.add(dim_param="people")
        for size in outputs[value.name].shape[1:]:
            sizes.dim.add(dim_value=size)


def random_steps(net: StepNet, frames: int, people: int, seed: int = 0) -> dict[str, FloatArray]:
    """Frames of shapeless people, each input (T, N, ...), some joints missing; a lag for each person.

    Every other person's camera is told how it hangs.
    """
    rng = np.random.default_rng(seed)
    place = rng.uniform(-0.5, 0.5, (frames, people, 1, 2))
    size = rng.uniform(0.05, 0.3, (frames, people, 1, 1))
    score = rng.uniform(0, 1, (frames, people, _JOINTS)) * (rng.random((frames, people, _JOINTS)) < 0.9)
    up = np.array([0.0, -1.0, 0.0]) + rng.normal(0, 0.2, (people, 3))
    up /= np.linalg.norm(up, axis=-1, keepdims=True)
    made: dict[str, Array] = {
        RAYS: place + size * rng.normal(0, 1, (frames, people, _JOINTS, 2)),
        SCORE: score,
        DEPTH: size[..., 0] * rng.normal(0, 1, (frames, people, _JOINTS)),
        UP: np.broadcast_to(up * (np.arange(people)[:, None] % 2), (frames, people, 3)),
    }
    if lags := lags_of(net):
        asked = np.eye(len(lags))[np.arange(people) % len(lags)]
        made[LAG] = np.broadcast_to(asked, (frames, people, len(lags)))
    return {name: made[name].astype(np.float32) for name in net.inputs}


def worst_gaps(
    net: StepNet, engine: Engine, frames: Mapping[str, FloatArray], reset_every: int = 97
) -> dict[str, float]:
    """Greatest absolute difference between a network's steps and an engine's, by output, each with its
    own state. frames: each input (T, N, ...). One person's state is cleared every so often.
    """
    _, outputs, state = describe_step(net)
    length, people = frames[RAYS].shape[:2]
    theirs: dict[str, Array] = {s.input: np.zeros((people, *s.shape), np.float32) for s in state}
    ours = {name: torch.from_numpy(value.copy()) for name, value in theirs.items()}
    gaps = dict.fromkeys(outputs, 0.0)
    for t in range(length):
        if t % reset_every == reset_every - 1:
            for name in theirs:
                theirs[name][t % people] = 0.0
                ours[name][t % people] = 0.0
        given = {name: np.ascontiguousarray(values[t]) for name, values in frames.items()}
        got = engine.infer(given | theirs)
        with torch.no_grad():
            tensors = {name: torch.from_numpy(value) for name, value in given.items()}
            answer, following = net.forward_step(tensors, tuple(ours[s.input] for s in state))
        expected = answer | {s.output: after for s, after in zip(state, following, strict=True)}
        for name in outputs:
            gaps[name] = max(gaps[name], float(np.abs(got[name] - expected[name].numpy()).max()))
        theirs = {s.input: got[s.output].copy() for s in state}
        ours = {s.input: after for s, after in zip(state, following, strict=True)}
    return gaps
