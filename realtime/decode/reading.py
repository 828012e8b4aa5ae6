"""What every decoder has in common: the outputs it reads by name, and the options a manifest gives it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from realtime.decode.geometry import region_of_box
from realtime.errors import ManifestError
from realtime.manifest import Manifest, TensorInfo
from realtime.preprocess import UnitMap
from realtime.types import Array, Boxes, FloatArray, Keypoints2D, Region

Outputs = Mapping[str, Array]
Around = Callable[[FloatArray], Region]
"""The region an estimator wants for a person whose box (4,) is x0, y0, x1, y1 in pixels."""

T = TypeVar("T")

USUAL_PADDING = 1.25


class DetectorDecoder(Protocol):
    """Reads a person detector. around: what makes regions of boxes, where the net gives boxes alone."""

    def boxes(self, outputs: Outputs, unit_map: UnitMap, around: Around = ...) -> Boxes: ...


class EstimatorDecoder(Protocol):
    """Reads a 2D keypoint net: the keypoints, and where to look for this person in the next frame.

    around: where to look for a person of whom only a box is known. vital: the outputs in which a NaN would
    come through; all if empty.
    """

    @property
    def vital(self) -> tuple[str, ...]: ...

    def around(self, box_px: FloatArray) -> Region: ...

    def keypoints(self, outputs: Outputs, region: Region) -> tuple[Keypoints2D, Region]: ...


def square_around(box_px: FloatArray) -> Region:
    """A square round a box and a quarter more."""
    return region_of_box(box_px, 1.0, USUAL_PADDING)


class Tensors:
    """A decoder's outputs under its own names. Raises ManifestError when the manifest lacks one needed."""

    def __init__(self, manifest: Manifest, needed: tuple[str, ...], optional: tuple[str, ...] = ()) -> None:
        if unknown := manifest.tensors.keys() - {*needed, *optional}:
            raise ManifestError(
                f"{manifest.name}: decoder {manifest.decoder!r} reads no {', '.join(sorted(unknown))}; "
                f"`tensors` can name {', '.join((*needed, *optional))}"
            )
        self._names = {name: manifest.tensors.get(name, name) for name in (*needed, *optional)}
        for name in needed:
            if self._names[name] not in manifest.outputs:
                raise ManifestError(
                    f"{manifest.name}: decoder {manifest.decoder!r} needs an output {name!r}; say which of "
                    f"{', '.join(manifest.outputs) or 'no outputs'} it is under `tensors`"
                )
        self._has = {name for name, own in self._names.items() if own in manifest.outputs}

    def __contains__(self, name: str) -> bool:
        """Whether the network has this output."""
        return name in self._has

    def info(self, manifest: Manifest, name: str) -> TensorInfo:
        """What the manifest says of the output of this name, which must be there."""
        return manifest.outputs[self._names[name]]

    def get(self, outputs: Outputs, name: str) -> Array:
        """The output of this name, as the network gives it."""
        return outputs[self._names[name]]


def options_of(manifest: Manifest, kind: type[T]) -> T:
    """A decoder's options, a dataclass, as the manifest gives them. Raises ManifestError for a bad one."""
    usual: dict[str, Any] = {field.name: getattr(kind(), field.name) for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for name, value in manifest.options.items():
        if name not in usual:
            known = ", ".join(usual) or "none"
            raise ManifestError(
                f"{manifest.name}: decoder {manifest.decoder!r} has no option {name!r}; known: {known}"
            )
        wanted = type(usual[name])
        if wanted is float and type(value) is int:
            value = float(value)
        if type(value) is not wanted:
            raise ManifestError(
                f"{manifest.name}: option {name!r} must be of type {wanted.__name__}, not {value!r}"
            )
        usual[name] = value
    try:
        return kind(**usual)
    except ValueError as error:
        raise ManifestError(f"{manifest.name}: {error}") from error


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise ValueError unless an option has one of these values."""
    if value not in choices:
        raise ValueError(f"option {name!r} must be one of {', '.join(choices)}, not {value!r}")


def check_share(name: str, value: float) -> None:
    """Raise ValueError unless an option lies between 0 and 1."""
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"option {name!r} must lie between 0 and 1, not {value}")
