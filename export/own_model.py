"""A manifest for a model of the user's own: a template, with what the ONNX file itself tells filled in."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import click

from realtime.decode import detector_decoder, estimator_decoder
from realtime.errors import ModelError, UsageError
from realtime.manifest import ImageInput, Manifest, TensorInfo, load_manifest, sha256_of
from realtime.models import catalogue

_TYPES = {"FLOAT": "float32", "FLOAT16": "float16", "DOUBLE": "float64", "BOOL": "bool"}


@dataclass(frozen=True, slots=True)
class Changes:
    """What the user says otherwise than the template. tensors: the decoder's name to the ONNX file's."""

    tensors: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    skeleton: str = ""
    detector: str = ""
    licence: str = ""
    origin: str = ""


_NO_CHANGES = Changes()


def fill(template: Path, model: Path, changes: Changes = _NO_CHANGES, name: str = "") -> Manifest:
    """The manifest of an ONNX file whose interface is a template's; it is to lie beside the file.

    Tensor shapes and types, the input's size, and the hash come from the file; output names too, where
    there is only one they could be. Raises ModelError or ManifestError naming what does not fit.
    """
    like = load_manifest(template)
    assert like.image is not None
    inputs, outputs = _tensors_of(model)
    if len(inputs) != 1:
        raise ModelError(f"{model} has inputs {', '.join(inputs)}: a 2D net here takes one image and no more")
    tensor, info = next(iter(inputs.items()))
    filled = replace(
        like,
        name=name or model.stem,
        file=model.name,
        sha256=sha256_of(model),
        inputs={tensor: info},
        outputs=outputs,
        tensors=_named(like, outputs, changes.tensors, model),
        options={**like.options, **changes.options},
        image=_image_of(like.image, tensor, info, model),
        skeleton=changes.skeleton or like.skeleton,
        detector=changes.detector or like.detector,
        licence=changes.licence or like.licence,
        origin=changes.origin or like.origin,
        directory=model.parent,
    )
    (detector_decoder if filled.role == "detector" else estimator_decoder)(filled)
    return filled


def write_beside(manifest: Manifest, force: bool = False) -> Path:
    """Write a manifest beside its ONNX file, whole or not at all, and read it back. Gives its path.

    Raises UsageError where there is one already and `force` is not given.
    """
    path = manifest.path.with_suffix(".json")
    if path.exists() and not force:
        raise UsageError(f"{path} exists already: use --force to replace it")
    staged = path.with_name(f".{path.name}.new")
    try:
        staged.write_text(manifest.to_json(), encoding="utf-8")
        load_manifest(staged)
        os.replace(staged, path)
    except OSError as error:
        raise ModelError(f"cannot write {path}: {error.strerror}; make its folder writable") from error
    finally:
        staged.unlink(missing_ok=True)
    return path


def _tensors_of(path: Path) -> tuple[dict[str, TensorInfo], dict[str, TensorInfo]]:
    # onnx takes a third of a second to import, which the command's help should not cost.
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        model = onnx.load(str(path), load_external_data=False)
    except (OSError, DecodeError) as error:
        raise ModelError(f"cannot read {path} as an ONNX model ({error}): export it again") from error
    if not model.graph.node:
        raise ModelError(f"{path} is not an ONNX model (it has no operators): export it again")
    if any(weight.data_location == onnx.TensorProto.EXTERNAL for weight in model.graph.initializer):
        raise ModelError(f"{path} keeps its weights in other files: save it as one file (onnx.save)")
    constants = {weight.name for weight in model.graph.initializer}

    def info(value: Any) -> TensorInfo:
        tensor = value.type.tensor_type
        kind = onnx.TensorProto.DataType.Name(tensor.elem_type)
        shape = tuple(d.dim_value if d.HasField("dim_value") else -1 for d in tensor.shape.dim)
        return TensorInfo(shape, _TYPES.get(kind, kind.lower()))

    inputs = {v.name: info(v) for v in model.graph.input if v.name not in constants}
    return inputs, {v.name: info(v) for v in model.graph.output}


def _named(
    like: Manifest, outputs: Mapping[str, TensorInfo], said: Mapping[str, str], model: Path
) -> dict[str, str]:
    """The decoder's names to the file's: as said, as the template has them, or the only one there is."""
    back = {own: role for role, own in like.tensors.items()}
    names = {}
    for usual in like.outputs:
        role = back.get(usual, usual)
        if role in said:
            names[role] = said[role]
        elif usual in outputs:
            names[role] = usual
        elif role in outputs:
            names[role] = role
        elif len(outputs) == len(like.outputs) == 1:
            names[role] = next(iter(outputs))
        else:
            raise ModelError(
                f"{model} has no output {usual!r}: say which of {', '.join(outputs)} it is with "
                f"--tensor {role}=NAME"
            )
    names |= {role: own for role, own in said.items() if role not in names}
    for own in names.values():
        if own not in outputs:
            raise UsageError(f"{model} has no output {own!r}, only {', '.join(outputs)}")
    return {role: own for role, own in names.items() if role != own}


def _image_of(like: ImageInput, tensor: str, info: TensorInfo, model: Path) -> ImageInput:
    """The template's image section with the file's own size and type."""
    places = (1, 2) if like.layout == "NHWC" else (2, 3)
    if len(info.shape) != 4 or info.dtype not in ("float32", "int32", "uint8"):
        raise ModelError(f"{model} takes {info.dtype} {info.shape}, which is no image: export it otherwise")
    height, width = (info.shape[n] for n in places)
    try:
        return replace(
            like,
            tensor=tensor,
            height=height if height > 0 else like.height,
            width=width if width > 0 else like.width,
            dtype=cast(Any, info.dtype),
        )
    except ValueError as error:
        raise ModelError(f"{model} does not fit the template: {error}") from error


def _pairs(given: tuple[str, ...], option: str) -> dict[str, str]:
    pairs = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not (key and equals and value):
            raise UsageError(f"{option} takes NAME=VALUE, not {text!r}")
        pairs[key] = value
    return pairs


def _value(text: str) -> Any:
    """A number or truth value as JSON writes it, or else the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


@click.command(
    "manifest",
    epilog="Examples:\n\n  realtime-export manifest yolox-tiny detector.onnx\n\n"
    "  realtime-export manifest vitpose-s pose.onnx --detector detector.json --tensor heatmap=out",
)
@click.argument("template")
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--tensor", multiple=True, metavar="ROLE=NAME", help="Which output is which.")
@click.option("--option", multiple=True, metavar="NAME=VALUE", help="An option of the decoder.")
@click.option("--skeleton", default="", help="The joint set, where it is not the template's.")
@click.option("--detector", default="", help="For an estimator: a manifest beside it, or a published one.")
@click.option("--licence", default="", help="The licence of your weights.")
@click.option("--origin", default="", help="Where your weights come from, in words.")
@click.option("--force", is_flag=True, help="Replace the manifest that is there.")
def command(
    template: str, model: Path, tensor: tuple[str, ...], option: tuple[str, ...], force: bool, **said: str
) -> None:
    """Write the manifest of your own ONNX MODEL beside it, like TEMPLATE (a name or a file)."""
    path = Path(template) if template.endswith(".json") else catalogue.template(template)
    options = {key: _value(text) for key, text in _pairs(option, "--option").items()}
    changes = Changes(_pairs(tensor, "--tensor"), options, **said)
    click.echo(f"wrote {write_beside(fill(path, model, changes), force)}")
