"""Image nets from PyTorch to ONNX, with a manifest that says how to feed and read them."""

from __future__ import annotations

import copy
import json
import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import onnx
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from export.half_storage import store_half
from export.nets.images.catalogue import ImageNet, build_image_net
from export.nets.images.cpn import Cpn
from export.nets.images.integral_regression import IntegralRegression
from export.nets.images.normalise import MEAN, STD
from export.nets.images.ssd import LEAST_SIDE_PX, Ssd
from export.slim import slim
from export.to_onnx import OPSET, Provenance
from realtime.errors import ModelError, UsageError
from realtime.manifest import ImageInput, Manifest, TensorInfo, sha256_of
from realtime.skeleton import H36M17
from realtime.types import Array

IMAGE = "image"
FOLLOW_PADDING = 1.5
"""Crops are trained with a quarter more than a body's box, whose longer side is 1.19 times (in the median of
156 rendered people) that of the box round its joints."""
DETECTOR = "ssd.json"
"""The manifest that estimators name as their detector's, where it is in their folder."""


class Exported(nn.Module):
    """A net as its ONNX file has it: one image in, what a decoder of `realtime.decode` reads out.

    outputs: the names of what `forward` gives. Batch norms are folded into the convolutions before them.
    """

    def __init__(self, net: ImageNet) -> None:
        super().__init__()
        self.net = folded(net)
        self.size = net.size
        if isinstance(net, Ssd):
            self.outputs: tuple[str, ...] = ("boxes", "scores")
        else:
            self.outputs = ("heatmaps",) if isinstance(net, Cpn) else ("joints",)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """(1, 3, H, W), normalised, -> `boxes` and `scores`, or `heatmaps`, or `joints`."""
        if isinstance(self.net, Ssd):
            return self.net.boxes(image)
        if isinstance(self.net, Cpn):
            return (self.net.heatmaps(image),)
        assert isinstance(self.net, IntegralRegression)
        return (self.net.joints(self.net(image)["volume"]),)

    @torch.no_grad()
    def infer(self, feeds: Mapping[str, Array]) -> Mapping[str, Array]:
        """Run once, in the place of an engine."""
        given = self(torch.from_numpy(feeds[IMAGE].copy()))
        return {name: value.numpy() for name, value in zip(self.outputs, given, strict=True)}


def folded(net: ImageNet) -> ImageNet:
    """A copy for inference whose batch norms are part of the convolutions before them."""
    made = copy.deepcopy(net).cpu().float().eval()
    for module in list(made.modules()):
        if not isinstance(module, nn.Sequential):
            continue
        for place in range(len(module) - 1):
            before, norm = module[place], module[place + 1]
            if isinstance(before, nn.Conv2d | nn.ConvTranspose2d) and isinstance(norm, nn.BatchNorm2d):
                transposed = isinstance(before, nn.ConvTranspose2d)
                module[place] = fuse_conv_bn_eval(before, norm, transpose=transposed)
                module[place + 1] = nn.Identity()
    return made


_UNREADABLE = (
    AttributeError, KeyError, OSError, RuntimeError, SafetensorError, TypeError, UsageError, ValueError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training run made. config: its configuration, as text. measures: on what it held out.

    options: for the decoder, such as what makes probabilities of the net's scores.
    """

    net: ImageNet
    config: str
    measures: Mapping[str, float]
    options: Mapping[str, float] = field(default_factory=dict)


def load_trained(path: Path) -> Trained:
    """The net of a training run's `weights.safetensors`. Raises ModelError when the file is none of that."""
    try:
        with safe_open(str(path), framework="pt", device="cpu") as file:
            said = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        net = build_image_net(said["name"], json.loads(said["options"]))
        net.load_state_dict(weights)
        measures = {name: float(value) for name, value in json.loads(said.get("measures", "{}")).items()}
        scores = json.loads(said.get("scores", "{}"))
        options = {f"score_{name}": float(value) for name, value in scores.items()}
    except _UNREADABLE as error:
        raise ModelError(
            f"{path} holds no weights of an image net: name the weights.safetensors of a training run"
        ) from error
    assert isinstance(net, ImageNet)
    finite = {name: value for name, value in measures.items() if math.isfinite(value)}
    return Trained(net.eval(), said.get("config", ""), finite, options)


def at_side(trained: Trained, side_px: int) -> Trained:
    """A detector for images of another side than it was trained at; its measures then say at which they hold.

    Raises UsageError for other nets, and for a side too small.
    """
    if not isinstance(trained.net, Ssd):
        raise UsageError(f"the side of {trained.net.name}'s image is fixed: leave --side out")
    was_px = trained.net.size[0]
    if side_px == was_px:
        return trained
    measures = {f"{name}_at_{was_px}_px": value for name, value in trained.measures.items()}
    return replace(trained, net=trained.net.at_side(side_px), measures=measures)


def as_exported(manifest: Manifest, checkpoint: Path) -> Exported:
    """The net of a checkpoint in the place of an engine of the ONNX file that was exported from it.

    Raises ModelError where the two are not of one net.
    """
    net = load_trained(checkpoint).net
    if isinstance(net, Ssd) and manifest.image is not None and manifest.image.width >= LEAST_SIDE_PX:
        net = net.at_side(manifest.image.width)
    made = Exported(net)
    if manifest.image != image_input(net) or tuple(manifest.outputs) != made.outputs:
        raise ModelError(f"{checkpoint} is of another net than {manifest.path}: name the one it was made of")
    return made


def image_input(net: ImageNet) -> ImageInput:
    """How a net is fed: its normalisation, a whole frame letterboxed, and black beyond a frame's rim."""
    height, width = net.size
    return ImageInput(
        IMAGE, width, height, "NCHW", "RGB",
        tuple(1.0 / (255.0 * std) for std in STD),
        tuple(-mean / std for mean, std in zip(MEAN, STD, strict=True)),
        beyond="pad",
    )  # fmt: skip


def export_image_net(
    net: ImageNet,
    folder: Path,
    provenance: Provenance,
    options: Mapping[str, Any] | None = None,
    half: bool = True,
) -> Manifest:
    """Write `<name>.onnx` and `<name>.json` into a folder and return the manifest.

    options: for the decoder, beside the usual ones. half: whether weights are stored in FP16. The batch is
    one. An estimator names `ssd.json` as its detector's if that is in the folder; otherwise it goes with
    BlazePose's. Raises ModelError when the files cannot be written.
    """
    exported = Exported(net).eval()
    example = torch.zeros(1, 3, *net.size)
    with torch.no_grad():
        shapes = [tuple(value.shape) for value in exported(example)]
    outputs = {name: TensorInfo(shape) for name, shape in zip(exported.outputs, shapes, strict=True)}
    name = name_of(net)
    path = folder / f"{name}.onnx"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _trace(exported, example, path)
        model = slim(onnx.load(path))
        model = store_half(model) if half else model
        onnx.checker.check_model(model, full_check=True)
        path.write_bytes(model.SerializeToString(deterministic=True))
        manifest = _manifest(net, path, outputs, provenance, options or {})
        path.with_suffix(".json").write_text(manifest.to_json(), encoding="utf-8")
    except OSError as error:
        raise ModelError(f"cannot write {path}: {error.strerror}; use another folder") from error
    return manifest


def name_of(net: ImageNet) -> str:
    """What a net's files are called: its name, and its backbone where that is not the light one."""
    backbone = net.options["backbone"]
    return net.name if backbone == "light" else f"{net.name}-{backbone}"


def _trace(exported: Exported, example: Tensor, path: Path) -> None:
    with warnings.catch_warnings():
        # As for lifters (`export.to_onnx`); sizes are fixed, so that those taken while tracing are right.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.filterwarnings("ignore", "Converting a tensor to a Python")
        warnings.filterwarnings("ignore", "Constant folding", UserWarning)
        torch.onnx.export(
            exported,
            (example,),
            str(path),
            input_names=[IMAGE],
            output_names=list(exported.outputs),
            opset_version=OPSET,
            dynamo=False,
        )


def _manifest(
    net: ImageNet,
    path: Path,
    outputs: Mapping[str, TensorInfo],
    given: Provenance,
    options: Mapping[str, Any],
) -> Manifest:
    decoder, tensors, usual = _reading(net)
    detects = isinstance(net, Ssd)
    return Manifest(
        name=path.stem,
        role="detector" if detects else "estimator",
        file=path.name,
        sha256=sha256_of(path),
        licence=given.licence,
        origin=given.origin,
        inputs={IMAGE: TensorInfo((1, 3, *net.size))},
        outputs=outputs,
        image=image_input(net),
        decoder=decoder,
        skeleton="" if detects else H36M17.name,
        metrics=dict(given.metrics or {}),
        options={**usual, **options},
        tensors=tensors,
        detector=DETECTOR if not detects and path.with_name(DETECTOR).is_file() else "",
        directory=path.parent,
    )


def _reading(net: ImageNet) -> tuple[str, dict[str, str], dict[str, Any]]:
    """The decoder of a net's outputs, its names for them where they differ, and its options."""
    if isinstance(net, Ssd):
        return "boxes", {}, {"min_score": 0.5, "max_iou": 0.45, "order": "xyxy", "units": "px"}
    if isinstance(net, Cpn):
        usual = {"subpixel": "quarter", "centred": True}
        return "heatmap", {"heatmap": "heatmaps"}, {**usual, "follow_padding": FOLLOW_PADDING}
    return "integral", {}, {"follow_padding": FOLLOW_PADDING}
