"""Step lifters from PyTorch to ONNX, with a manifest, and the proof that both are the same function."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from export.slim import slim
from realtime.engines.base import Engine
from realtime.errors import ModelError
from realtime.lift import POSE, RAYS, ROOT_DEPTH, ROOT_DEPTH_SIGMA, SCORE
from realtime.manifest import Manifest, StateTensor, TensorInfo, sha256_of
from realtime.skeleton import H36M17
from realtime.types import Array, FloatArray

OPSET = 17
_JOINTS = len(H36M17)
_TRACED_PEOPLE = 2


class StepNet(Protocol):
    """What every lifter's network offers besides its clip form.

    state_shapes: of each state tensor, without the batch. forward_step: rays (N, 17, 2), score (N, 17)
    and the states, to pose (N, 17, 3), root_depth (N,), root_depth_sigma (N,) and the next states.
    """

    name: str
    delay: int

    @property
    def receptive_field(self) -> int: ...

    @property
    def state_shapes(self) -> tuple[tuple[int, ...], ...]: ...

    def forward_step(self, rays: Tensor, score: Tensor, *state: Tensor) -> tuple[Tensor, ...]: ...


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where weights come from. metrics: what was measured, by name."""

    origin: str
    licence: str = "Apache-2.0"
    metrics: Mapping[str, float] | None = None


class _Step(nn.Module):
    """Gives the exporter `forward_step` as `forward`."""

    def __init__(self, net: StepNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, rays: Tensor, score: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        return self.net.forward_step(rays, score, *state)


def describe_step(net: StepNet) -> tuple[dict[str, TensorInfo], dict[str, TensorInfo], list[StateTensor]]:
    """The inputs, outputs and state of a step model, as its manifest states them."""
    state = [
        StateTensor(f"state_{i}", f"next_state_{i}", tuple(shape)) for i, shape in enumerate(net.state_shapes)
    ]
    inputs = {RAYS: TensorInfo((-1, _JOINTS, 2)), SCORE: TensorInfo((-1, _JOINTS))}
    outputs = {
        POSE: TensorInfo((-1, _JOINTS, 3)),
        ROOT_DEPTH: TensorInfo((-1,)),
        ROOT_DEPTH_SIGMA: TensorInfo((-1,)),
    }
    inputs |= {s.input: TensorInfo((-1, *s.shape)) for s in state}
    outputs |= {s.output: TensorInfo((-1, *s.shape)) for s in state}
    return inputs, outputs, state


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
        model = slim(onnx.load(path))
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
            metrics=dict(provenance.metrics or {}),
            directory=folder,
        )
        path.with_suffix(".json").write_text(manifest.to_json(), encoding="utf-8")
    except OSError as error:
        raise ModelError(f"cannot write {path}: {error.strerror}; use another folder") from error
    return manifest


def random_steps(frames: int, people: int, seed: int = 0) -> tuple[FloatArray, FloatArray]:
    """Frames of shapeless people: rays (T, N, 17, 2) and scores (T, N, 17), some joints missing."""
    rng = np.random.default_rng(seed)
    place = rng.uniform(-0.5, 0.5, (frames, people, 1, 2))
    size = rng.uniform(0.05, 0.3, (frames, people, 1, 1))
    rays = place + size * rng.normal(0, 1, (frames, people, _JOINTS, 2))
    score = rng.uniform(0, 1, (frames, people, _JOINTS)) * (rng.random((frames, people, _JOINTS)) < 0.9)
    return rays.astype(np.float32), score.astype(np.float32)


def worst_gaps(
    net: StepNet, engine: Engine, rays: FloatArray, score: FloatArray, reset_every: int = 97
) -> dict[str, float]:
    """Greatest absolute difference between a network's steps and an engine's, by output, each with its
    own state. rays: (T, N, 17, 2), score: (T, N, 17). One person's state is cleared every so often.
    """
    _, outputs, state = describe_step(net)
    people = rays.shape[1]
    theirs: dict[str, Array] = {s.input: np.zeros((people, *s.shape), np.float32) for s in state}
    ours = {name: torch.from_numpy(value.copy()) for name, value in theirs.items()}
    gaps = dict.fromkeys(outputs, 0.0)
    for t in range(len(rays)):
        if t % reset_every == reset_every - 1:
            for name in theirs:
                theirs[name][t % people] = 0.0
                ours[name][t % people] = 0.0
        got = engine.infer({RAYS: rays[t], SCORE: score[t]} | theirs)
        with torch.no_grad():
            expected = net.forward_step(
                torch.from_numpy(rays[t]), torch.from_numpy(score[t]), *(ours[s.input] for s in state)
            )
        for name, tensor in zip(outputs, expected, strict=True):
            gaps[name] = max(gaps[name], float(np.abs(got[name] - tensor.numpy()).max()))
        theirs = {s.input: got[s.output].copy() for s in state}
        ours = {s.input: expected[len(outputs) - len(state) + i] for i, s in enumerate(state)}
    return gaps
