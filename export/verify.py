"""One model through everything that can run it here, on the same inputs, against its FP32 ONNX file."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from export.parity import Parity, compare
from export.probes import Answer, Probe, Runs, probe_for
from export.variants import load_network
from realtime.engines.forms import cached_form
from realtime.engines.library import Kind, installed, why_not
from realtime.engines.open import Choice, open_engine
from realtime.errors import ModelError, UsageError
from realtime.manifest import Manifest
from realtime.types import Array

if TYPE_CHECKING:
    from export.nets.step import StepNet

IMAGES, FRAMES = 24, 100


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one way to run a model. parity: None where it cannot run, and `why`."""

    way: str
    parity: Parity | None
    why: str = ""


class TorchSteps:
    """A step net in the place of an engine."""

    def __init__(self, net: StepNet) -> None:
        from export.to_onnx import describe_step

        self._net = net
        _, _, self._state = describe_step(net)

    def infer(self, feeds: Mapping[str, Array]) -> Mapping[str, Array]:
        """Run once."""
        import torch

        tensors = {name: torch.from_numpy(np.array(value)) for name, value in feeds.items()}
        with torch.no_grad():
            answer, after = self._net.forward_step(tensors, tuple(tensors[s.input] for s in self._state))
        given = answer | {s.output: tensor for s, tensor in zip(self._state, after, strict=True)}
        return {name: tensor.numpy() for name, tensor in given.items()}


def load_checkpoint(path: Path) -> StepNet:
    """The net whose averaged weights a training run keeps in `checkpoint.npz`.

    Raises ModelError when the file is none of that, or PyTorch is absent.
    """
    try:
        import torch

        from export.nets.catalogue import build_net
    except ImportError as error:
        raise ModelError(f"PyTorch is needed for {path}: pip install 'realtime-pose3d[export]'") from error
    try:
        with np.load(path, allow_pickle=False) as archive:
            weights = {
                name.removeprefix("averaged/"): torch.from_numpy(archive[name])
                for name in archive.files
                if name.startswith("averaged/")
            }
            said = json.loads(str(archive["described"]))
        net: Any = build_net(said["name"], said["options"])
        net.load_state_dict(weights)
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, UsageError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path} is no checkpoint of a lifter: name a checkpoint.npz") from error
    ready: StepNet = net.eval()
    return ready


def verify(manifest: Manifest, checkpoint: Path | None = None) -> Iterator[Finding]:
    """Each way to run a model, and how far its answers are from those of ONNX Runtime in FP32.

    checkpoint: the torch weights it was exported from. Raises ModelError or EngineError when the model
    itself does not load.
    """
    load_network(manifest.check_file())
    probe = probe_for(manifest, FRAMES if manifest.role == "lifter" else IMAGES)
    reference = _answer(probe, manifest, "onnxruntime")
    if checkpoint is not None:
        yield Finding("torch", compare(probe.ask(_torch_of(manifest, checkpoint)), reference))
    elif manifest.role == "lifter":
        yield Finding("torch", None, "name its torch weights with --checkpoint checkpoint.npz")
    forms = {"fp32": manifest, "fp16": cached_form(manifest, "fp16")}
    for precision, form in forms.items():
        if form is None:
            continue
        for backend in _ways():
            if (backend, precision) == ("onnxruntime", "fp32"):
                continue
            reason = _why_not(backend)
            parity = None if reason else compare(_answer(probe, form, backend), reference)
            yield Finding(f"{backend} {precision}", parity, reason)


def _torch_of(manifest: Manifest, checkpoint: Path) -> Runs:
    """The torch net of a checkpoint, if a model can have been exported from it."""
    if manifest.role != "lifter":
        from export.image_nets import as_exported

        return as_exported(manifest, checkpoint)
    from export.to_onnx import describe_step

    net = load_checkpoint(checkpoint)
    if (dict(manifest.inputs), dict(manifest.outputs), list(manifest.state)) != describe_step(net):
        raise ModelError(f"{checkpoint} is of another net than {manifest.path}: name the one it was made of")
    return TorchSteps(net)


def _ways() -> tuple[Choice, ...]:
    return ("onnxruntime", "openvino", *(kind for kind in get_args(Kind) if installed(kind)))


def _why_not(backend: Choice) -> str:
    return why_not(backend) if backend in ("tensorrt", "tensorrt-rtx") else ""


def _answer(probe: Probe, manifest: Manifest, backend: Choice) -> Answer:
    with closing(open_engine(manifest.check_file(), backend, 2, manifest.role)) as engine:
        return probe.ask(engine)
