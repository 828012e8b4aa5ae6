"""Forms of a model in other precisions: where `realtime-export` keeps them, and which of them may be run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from realtime.cache import cache_dir
from realtime.errors import ManifestError, ModelError
from realtime.manifest import Manifest, load_manifest

Precision = Literal["fp32", "fp16"]
Unit = Literal["px", "mm"]

BOUNDS: Mapping[Unit, float] = {"px": 0.5, "mm": 1.0}
"""The most that a decoded point may move, wherever and however precisely a model runs."""

CONVERTER = 1
"""Raised when another file is made of the same model: cached ones are then made anew."""


def forms_dir() -> Path:
    """The folder of all forms."""
    return cache_dir() / "variants"


def form_path(manifest: Manifest, precision: Precision) -> Path:
    """Where the manifest of a model's form in another precision lies, or would."""
    return forms_dir() / f"{manifest.name}-{manifest.sha256[:16]}-{precision}-{CONVERTER}.json"


def unit_of(manifest: Manifest) -> Unit:
    """What a model's points are measured in: pixels of an image net's input, or a lifter's millimetres."""
    return "mm" if manifest.role == "lifter" else "px"


def measured_name(unit: Unit) -> str:
    """The metric of an FP16 form that says how far it moves a point where every FP16 tensor is rounded."""
    return f"fp16_rounded_max_{unit}"


def cached_form(manifest: Manifest, precision: Precision) -> Manifest | None:
    """A model in another precision, if it was made before, is whole, and takes and gives the same."""
    if precision == "fp32":
        return manifest
    try:
        found = load_manifest(form_path(manifest, precision))
        found.check_file()
    except (ManifestError, ModelError):
        return None
    same = (found.inputs, found.outputs, found.state) == (manifest.inputs, manifest.outputs, manifest.state)
    return found if same else None


def half_form(manifest: Manifest) -> Path | None:
    """The FP16 ONNX file of a model that was made and measured before, and found near enough; else None."""
    form = cached_form(manifest, "fp16")
    unit = unit_of(manifest)
    if form is None or not form.metrics.get(measured_name(unit), float("inf")) <= BOUNDS[unit]:
        return None
    return form.path
