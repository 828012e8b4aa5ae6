"""A model in other precisions: made once of its FP32 file, measured, and kept in the user's cache."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from export.mixed import find_mixed
from export.probes import probe_for
from export.slim import slim
from realtime.cache import ENVIRONMENT_VARIABLE, cache_dir
from realtime.engines.onnx_file import check_onnx_file
from realtime.engines.store import replacing
from realtime.errors import ManifestError, ModelError
from realtime.manifest import Manifest, load_manifest

Precision = Literal["fp32", "fp16"]
CONVERTER = 1
"""Raised when another file is made of the same model: cached ones are then made anew."""
_IMAGES, _FRAMES = 16, 100


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


def variant_path(manifest: Manifest, precision: Precision) -> Path:
    """Where the manifest of a model's form in another precision lies, or would."""
    return cache_dir() / "variants" / f"{manifest.name}-{manifest.sha256[:16]}-{precision}-{CONVERTER}.json"


def cached_forms(sha256: str) -> tuple[str, ...]:
    """The SHA-256 of the forms in other precisions that are kept of an ONNX file, going by their names."""
    found = []
    for path in sorted((cache_dir() / "variants").glob(f"*-{sha256[:16]}-*-{CONVERTER}.json")):
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
    return _store(manifest, folder / manifest.file, model)


def cached_variant(manifest: Manifest, precision: Precision) -> Manifest | None:
    """A model in another precision, if it was made before and is whole."""
    if precision == "fp32":
        return manifest
    try:
        found = load_manifest(variant_path(manifest, precision))
        found.check_file()
    except (ManifestError, ModelError):
        return None
    return found


def variant(manifest: Manifest, precision: Precision, tick: Callable[[], object] = lambda: None) -> Manifest:
    """A model in another precision, made and measured unless it is cached; FP32 is the model itself.

    Raises ModelError when it cannot be made or stored.
    """
    if (found := cached_variant(manifest, precision)) is not None:
        return found
    frames = _FRAMES if manifest.role == "lifter" else _IMAGES
    mixed = find_mixed(load_network(manifest.check_file()), probe_for(manifest, frames), tick)
    unit = mixed.parity.unit
    measured = {
        f"fp16_max_{unit}": mixed.parity.worst,
        f"fp16_mean_{unit}": mixed.parity.decoded.mean,
        f"fp16_rounded_max_{unit}": mixed.rounded.worst,
        "fp32_nodes": float(len(mixed.kept)),
    }
    assert all(math.isfinite(value) for value in measured.values())
    origin = f"{manifest.origin}; made {precision} of the file with SHA-256 {manifest.sha256}"
    described = replace(manifest, origin=origin, metrics={**manifest.metrics, **measured})
    return _store(described, variant_path(manifest, precision).with_suffix(".onnx"), mixed.model)


def _store(manifest: Manifest, path: Path, model: Any) -> Manifest:
    """Write a model to an ONNX file, and its manifest beside it."""
    content = model.SerializeToString(deterministic=True)
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
