"""What a model is: a JSON file beside its ONNX that says how to feed it, how to read it, and whose it is."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from realtime.errors import ManifestError, ModelError
from realtime.skeleton import SKELETONS

Role = Literal["detector", "estimator", "lifter"]
VERSION = 1


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """A tensor as the manifest states it. shape: -1 where the size is free (the batch)."""

    shape: tuple[int, ...]
    dtype: str = "float32"


@dataclass(frozen=True, slots=True)
class ImageInput:
    """How an image is fed: `value = pixel * scale + offset`, in this colour order and layout.

    scale, offset: one number, or one for each channel in the network's colour order.
    dtype: float32, or an integer type for nets that take pixels as they are (scale 1, offset 0).
    fit, anchor, pad: how a whole frame comes into the input: stretched, or with its aspect kept, in the
    middle or at the top left, and the grey level of what stays free.
    beyond: what a crop shows outside the frame, its rim going on or the grey level `pad`.
    transform: where the preprocessing is part of the network (`export.preprocess_graph`), the input that
    takes the (2, 3) map; `tensor` then takes the whole frame, (H, W, 3) uint8 BGR.
    """

    tensor: str
    width: int
    height: int
    layout: Literal["NHWC", "NCHW"] = "NHWC"
    colour: Literal["RGB", "BGR"] = "RGB"
    scale: float | tuple[float, ...] = 1.0 / 255.0
    offset: float | tuple[float, ...] = 0.0
    dtype: Literal["float32", "int32", "uint8"] = "float32"
    fit: Literal["letterbox", "stretch"] = "letterbox"
    anchor: Literal["centre", "top-left"] = "centre"
    pad: int = 0
    beyond: Literal["rim", "pad"] = "rim"
    transform: str = ""

    def __post_init__(self) -> None:
        if min(self.width, self.height) < 1:
            raise ValueError(f"an image input of {self.width}x{self.height} pixels makes no sense")
        for name, value in (("scale", self.scale), ("offset", self.offset)):
            if isinstance(value, tuple) and len(value) != 3:
                raise ValueError(f"{name} must be one number or three, not {len(value)}")
        for name, choices in _IMAGE_CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"image {name} must be one of {', '.join(choices)}, not {getattr(self, name)!r}"
                )
        if not 0 <= self.pad <= 255:
            raise ValueError(f"image pad must be a grey level from 0 to 255, not {self.pad}")
        if self.dtype != "float32" and (self.scale, self.offset) != (1, 0):
            raise ValueError(f"an image input of {self.dtype} takes pixels as they are: scale 1, offset 0")

    @property
    def aspect(self) -> float:
        """Width over height."""
        return self.width / self.height


_IMAGE_CHOICES = {
    "layout": ("NHWC", "NCHW"),
    "colour": ("RGB", "BGR"),
    "dtype": ("float32", "int32", "uint8"),
    "fit": ("letterbox", "stretch"),
    "anchor": ("centre", "top-left"),
    "beyond": ("rim", "pad"),
}


@dataclass(frozen=True, slots=True)
class StateTensor:
    """One piece of temporal state: the output of a step is the input of the next. Zeros at the start."""

    input: str
    output: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """A model: what it does, its tensors, and where it came from.

    decoder: the name in `realtime.decode` that reads its outputs (image nets).
    options: what that decoder can be told. tensors: its names for outputs to the ONNX file's, where they
    differ. detector: what finds people for this estimator, a manifest beside it (.json) or a fetched model.
    skeleton: joint set of its keypoints (estimators) or its poses (lifters).
    receptive_field: frames that can influence an output. delay: frames an output lags its newest input.
    lags: what a lifter's input `lag` can ask for, in its order: frames that an output lies further behind,
    or ahead where negative; 0 is among them.
    sha256: of the ONNX file. origin: where the weights came from, in words.
    """

    name: str
    role: Role
    file: str
    sha256: str
    licence: str
    origin: str
    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, TensorInfo]
    image: ImageInput | None = None
    decoder: str = ""
    skeleton: str = ""
    state: tuple[StateTensor, ...] = ()
    receptive_field: int = 1
    delay: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    tensors: Mapping[str, str] = field(default_factory=dict)
    detector: str = ""
    lags: tuple[int, ...] = ()
    directory: Path = field(default=Path(), compare=False)

    @property
    def path(self) -> Path:
        """The ONNX file."""
        return self.directory / self.file

    @property
    def state_pairs(self) -> tuple[tuple[str, str], ...]:
        """By name, each input that takes what an output gave the step before: what an engine may keep."""
        return tuple((piece.input, piece.output) for piece in self.state)

    def to_json(self) -> str:
        """The manifest as text, without the folder it lies in and what only some models need to say."""
        node = dataclasses.asdict(self)
        del node["directory"]
        for name in ("options", "tensors", "detector", "lags"):
            if not node[name]:
                del node[name]
        if self.image is not None:
            usual = ImageInput(self.image.tensor, self.image.width, self.image.height)
            for name in ("dtype", "fit", "anchor", "pad", "beyond", "transform"):
                if getattr(self.image, name) == getattr(usual, name):
                    del node["image"][name]
        return json.dumps({"version": VERSION} | node, indent=2) + "\n"

    def check_file(self) -> Path:
        """The ONNX file, if it is there and is the one named. Raises ModelError otherwise."""
        if not self.path.is_file():
            raise ModelError(f"{self.path} is missing: fetch or export the model {self.name} again")
        if sha256_of(self.path) != self.sha256:
            raise ModelError(
                f"{self.path} is not the file its manifest names (SHA-256 differs): "
                f"fetch or export {self.name} again"
            )
        return self.path


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load_manifest(path: Path) -> Manifest:
    """Read and check a manifest. Raises ManifestError naming what is wrong."""
    try:
        node = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ManifestError(f"cannot read manifest {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"{path} is not a model manifest: not JSON ({error})") from error
    try:
        return _from_node(node, path.parent)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ManifestError(f"{path} is not a model manifest: {type(error).__name__}: {error}") from error


def _from_node(node: dict[str, Any], directory: Path) -> Manifest:
    node = dict(node)
    if node.pop("version") != VERSION:
        raise ValueError(f"this version of the program reads manifests of version {VERSION}")
    if node["role"] not in get_args(Role):
        raise ValueError(f"role must be one of {', '.join(get_args(Role))}")
    if Path(node["file"]).name != node["file"]:
        raise ValueError("file must be a plain file name beside the manifest")
    if node.get("detector") and Path(node["detector"]).name != node["detector"]:
        raise ValueError("detector must be a plain file name beside the manifest, or a fetched model's name")
    if node.get("skeleton") and node["skeleton"] not in SKELETONS:
        raise ValueError(f"unknown skeleton {node['skeleton']!r}; known: {', '.join(SKELETONS)}")
    for side in ("inputs", "outputs"):
        node[side] = {
            name: TensorInfo(tuple(int(n) for n in info["shape"]), str(info["dtype"]))
            for name, info in node[side].items()
        }
    node["image"] = _image_input(node["image"]) if node.get("image") else None
    node["state"] = tuple(
        StateTensor(s["input"], s["output"], tuple(int(n) for n in s["shape"])) for s in node.get("state", ())
    )
    node["lags"] = tuple(node.get("lags", ()))
    manifest = Manifest(**node, directory=directory)
    _check_tensors(manifest)
    return manifest


def _image_input(node: dict[str, Any]) -> ImageInput:
    lists = {name: tuple(float(v) for v in value) for name, value in node.items() if isinstance(value, list)}
    return ImageInput(**(node | lists))


def _check_tensors(manifest: Manifest) -> None:
    if manifest.role in ("detector", "estimator") and (manifest.image is None or not manifest.decoder):
        raise ValueError(f"a {manifest.role} needs an image section and a decoder")
    if manifest.role == "estimator" and not manifest.skeleton:
        raise ValueError(f"an estimator needs a skeleton, one of {', '.join(SKELETONS)}")
    if manifest.image is not None:
        _check_image(manifest.image, manifest.inputs)
    _check_lags(manifest)
    for section in ("metrics", "options", "tensors"):
        if not isinstance(getattr(manifest, section), dict):
            raise ValueError(f"{section} must be an object of names and values")
    for name in manifest.tensors.values():
        if name not in manifest.outputs:
            raise ValueError(f"tensor {name!r} is not among the outputs ({', '.join(manifest.outputs)})")
    for state in manifest.state:
        if state.input not in manifest.inputs or state.output not in manifest.outputs:
            raise ValueError(f"state {state.input!r} -> {state.output!r} is not among the tensors")


def _check_lags(manifest: Manifest) -> None:
    lags, tensor = manifest.lags, manifest.inputs.get("lag") if manifest.role == "lifter" else None
    if not lags and tensor is None:
        return
    if tensor is None:
        raise ValueError("only a lifter with an input 'lag' can have lags")
    if any(type(lag) is not int for lag in lags):
        raise ValueError(f"lags must be whole numbers of frames, not {list(lags)}")
    if len(set(lags)) != len(lags) or 0 not in lags:
        raise ValueError(f"lags must be distinct with 0 among them, not {list(lags)}")
    if tensor.shape[-1:] != (len(lags),):
        raise ValueError(f"input 'lag' is {tensor.shape}, but there are {len(lags)} lags")


def _check_image(image: ImageInput, inputs: Mapping[str, TensorInfo]) -> None:
    if image.tensor not in inputs:
        raise ValueError(f"the image tensor {image.tensor!r} is not among the inputs")
    wanted: dict[str, tuple[tuple[int, ...], str]]
    if image.transform:
        wanted = {image.tensor: ((-1, -1, 3), "uint8"), image.transform: ((2, 3), "float32")}
    else:
        size = (image.height, image.width)
        shape: tuple[int, ...] = (1, *size, 3) if image.layout == "NHWC" else (1, 3, *size)
        wanted = {image.tensor: (shape, image.dtype)}
    for name, (expected, dtype) in wanted.items():
        if name not in inputs:
            raise ValueError(f"the transform {name!r} is not among the inputs")
        have = inputs[name]
        fits = len(have.shape) == len(expected) and all(
            a == b or -1 in (a, b) for a, b in zip(have.shape, expected, strict=True)
        )
        if not fits or have.dtype != dtype:
            raise ValueError(
                f"input {name!r} is {have.dtype} {have.shape}, but the image section says {dtype} {expected}"
            )
    if extra := inputs.keys() - wanted.keys():
        raise ValueError(f"inputs that nothing feeds: {', '.join(sorted(extra))}")
