"""Which models a name on the command line means."""

from __future__ import annotations

from pathlib import Path

from export import zoo
from realtime.cache import model_dir
from realtime.errors import ManifestError, UsageError
from realtime.manifest import Manifest, load_manifest
from realtime.models.catalogue import BLAZEPOSE, DEFAULT_LIFTER, OWN, lifter, lifter_names, own, own_names


def resolve(name: str) -> tuple[Manifest, ...]:
    """The models of a name: a lifter, an image net of this project or all of them (`own`), a fetched set, one
    network of it, or a manifest's or ONNX file's path.

    Raises UsageError for an unknown name, or one that is not fetched.
    """
    if name in lifter_names():
        return (lifter(name),)
    if name in own_names():
        return (own(name),)
    if name == OWN and own_names():
        return tuple(own(each) for each in own_names())
    path = Path(name)
    if path.suffix in (".json", ".onnx"):
        try:
            return (load_manifest(path.with_suffix(".json")),)
        except ManifestError as error:
            if path.suffix == ".onnx" and path.is_file():
                raise UsageError(
                    f"{path} needs a manifest beside it, {path.stem}.json, that says what it is"
                ) from error
            raise
    here = fetched()
    for models in zoo.known():
        if models.name == name:
            if name not in here:
                raise UsageError(f"{name} is not fetched: realtime-export fetch {name}")
            return here[name]
    for manifests in here.values():
        for manifest in manifests:
            if manifest.name == name:
                return (manifest,)
    known = (*lifter_names(), *own_names(), *(models.name for models in zoo.known()))
    raise UsageError(f"unknown model {name!r}: choose {', '.join(known)}, or the path of a manifest (.json)")


def fetched() -> dict[str, tuple[Manifest, ...]]:
    """The fetched models, by the name they are fetched under."""
    return {
        models.name: tuple(load_manifest(path) for path in sorted(model_dir(models.name).glob("*.json")))
        for models in zoo.known()
        if zoo.is_cached(models)
    }


def everything() -> tuple[Manifest, ...]:
    """Every shipped and fetched model."""
    images = (*(m for models in fetched().values() for m in models), *(own(name) for name in own_names()))
    return (*images, *(lifter(name) for name in lifter_names()))


def demo_models() -> tuple[Manifest, ...]:
    """What the demo runs unless told otherwise; its image nets must be fetched."""
    return (*resolve(BLAZEPOSE), lifter(DEFAULT_LIFTER))
