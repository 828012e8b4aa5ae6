"""A model in other precisions: made once of its FP32 file, measured, and kept in the user's cache."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from export.mixed import find_mixed
from export.preprocess_graph import attach_preprocessing
from export.probes import probe_for
from export.slim import slim
from realtime.cache import ENVIRONMENT_VARIABLE
from realtime.engines.forms import CONVERTER, Precision, cached_form, form_path, forms_dir, measured_name
from realtime.engines.onnx_file import check_onnx_file
from realtime.engines.store import replacing
from realtime.errors import ManifestError, ModelError
from realtime.manifest import Manifest, load_manifest

IMAGES, FRAMES = 16, 100


def load_network(path: Path) -> Any:
    """An ONNX file as an `onnx.ModelProto`. Raises EngineError or ModelError when it is none, is cut short,
    keeps weights elsewhere, or is not valid."""
    check_onnx_file(path)
    try:
        model = onnx.load(path, format="protobuf", load_external_data=False)
        onnx.checker.check_model(model)
    except (OSError, DecodeError, onnx.checker.ValidationError) as error:
        raise ModelError(f"{path} is not a valid ONNX model ({error}): fetch or export it again") from error
    return model


def cached_hashes(sha256: str) -> tuple[str, ...]:
    """The SHA-256 of the forms in other precisions that are kept of an ONNX file, going by their names."""
    found = []
    for path in sorted(forms_dir().glob(f"*-{sha256[:16]}-*-{CONVERTER}.json")):
        try:
            found.append(load_manifest(path).sha256)
        except ManifestError:
            continue
    return tuple(found)


def slimmed_copy(manifest: Manifest, folder: Path) -> Manifest:
    """A model's ONNX file without what it does not need, and its manifest, in another folder.

    Raises ModelError when it would replace the original or cannot be written.
    """
    if folder.resolve() == manifest.directory.resolve():
        raise ModelError(f"{manifest.path} is the original: name another folder with --out")
    model = slim(load_network(manifest.check_file()))
    onnx.checker.check_model(model)
    return _store(manifest, folder / manifest.file, _content(model))


def known_parts(name: str) -> tuple[str, ...]:
    """The nodes that a search found to need FP32 in a model of this name; () where none was made or needed.

    They spare the next search, minutes for some, if they still do: whoever uses them measures again.
    """
    found = json.loads(resources.files("export").joinpath("half_forms.json").read_text(encoding="utf-8"))
    return tuple(found.get(name, ()))


def variant(manifest: Manifest, precision: Precision, tick: Callable[[], object] = lambda: None) -> Manifest:
    """A model in another precision, made and measured unless it is cached; FP32 is the model itself.

    Raises ModelError when it cannot be made or stored.
    """
    if (found := cached_form(manifest, precision)) is not None:
        return found
    frames = FRAMES if manifest.role == "lifter" else IMAGES
    network = load_network(manifest.check_file())
    mixed = find_mixed(network, probe_for(manifest, frames), tick, known_parts(manifest.name))
    unit = mixed.parity.unit
    measured = {
        f"fp16_max_{unit}": mixed.parity.worst,
        f"fp16_mean_{unit}": mixed.parity.decoded.mean,
        measured_name(unit): mixed.rounded.worst,
        "fp32_nodes": float(len(mixed.kept)),
    }
    assert all(math.isfinite(value) for value in measured.values())
    origin = f"{manifest.origin}; made {precision} of the file with SHA-256 {manifest.sha256}"
    described = replace(manifest, origin=origin, metrics={**manifest.metrics, **measured})
    return _store(described, form_path(manifest, precision).with_suffix(".onnx"), _content(mixed.model))


def with_preprocessing(
    manifests: Sequence[Manifest], folder: Path, frame_size: tuple[int, int] | None = None
) -> list[Manifest]:
    """Image nets with crop, resize and normalisation inside, and their manifests, in a folder.

    An estimator names the detector among them as its own; one whose detector is a manifest beside it brings
    that along. frame_size: width and height of the only frames they take, which TensorRT needs to know; any
    without. Raises UsageError for a net that takes no image, ModelError when one cannot be made or written.
    """
    nets = {manifest.path: manifest for manifest in manifests}
    for manifest in manifests:
        if manifest.detector.endswith(".json"):
            beside = load_manifest(manifest.directory / manifest.detector)
            nets.setdefault(beside.path, beside)
    made: list[Manifest] = []
    for manifest in sorted(nets.values(), key=lambda m: m.role):
        content, attached = attach_preprocessing(manifest.check_file(), manifest, frame_size)
        detector = next((Path(m.file).with_suffix(".json").name for m in made if m.role == "detector"), "")
        if manifest.role == "estimator" and detector:
            attached = replace(attached, detector=detector)
        made.append(_store(attached, folder / attached.file, content))
    return made


def _content(model: Any) -> bytes:
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _store(manifest: Manifest, path: Path, content: bytes) -> Manifest:
    """Write an ONNX file, and its manifest beside it."""
    sha256 = hashlib.sha256(content).hexdigest()
    made = replace(manifest, file=path.name, sha256=sha256, directory=path.parent)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            file.write(content)
        with replacing(path.with_suffix(".json")) as file:
            file.write(made.to_json().encode())
    except OSError as error:
        raise ModelError(
            f"cannot write {path} ({error.strerror}): make the folder writable, or choose another "
            f"(the cache is where {ENVIRONMENT_VARIABLE} says)"
        ) from error
    return made
