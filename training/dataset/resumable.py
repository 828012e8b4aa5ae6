"""A folder that a seeded run fills: told by its header, never half written, gone on with after any end."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from realtime.engines.lock import only_one
from realtime.errors import RecordError, UsageError
from realtime.manifest import sha256_of

Header = Mapping[str, Any]

_LOCK = ".lock"
_PART = ".part-"


@contextlib.contextmanager
def resumed(path: Path, header: Header, size: str) -> Iterator[bool]:
    """Hold the folder of the header file `path` for one run; gives whether the folder has grown or is new.

    The header is written first of all. One that is there must be the same, but the number at the key
    `size`, which may grow. What is half written is removed, of this run and the ones before. Waits while
    another process holds the folder. Raises UsageError for a folder that is something else, naming how.
    """
    folder = path.parent
    with contextlib.ExitStack() as held:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            held.enter_context(only_one(folder / _LOCK, f"writing to {folder}"))
        except OSError as error:
            raise UsageError(
                f"cannot write to the folder {folder}: {error.strerror}: name another --out"
            ) from error
        remove_parts(folder)
        wanted = json.loads(json.dumps(header))
        grown = _check(path, wanted, size)
        if grown:
            with whole(path) as part:
                part.write_text(json.dumps(wanted, indent=2) + "\n", encoding="utf-8")
        try:
            yield grown
        except BaseException:
            # A process that is made to end while it clears up leaves its part.
            with contextlib.suppress(OSError):
                for place in (folder, *(entry for entry in folder.iterdir() if entry.is_dir())):
                    remove_parts(place)
            raise


def _check(path: Path, wanted: Header, size: str) -> bool:
    if not path.exists():
        if any(entry.name != _LOCK for entry in path.parent.iterdir()):
            raise UsageError(
                f"{path.parent} is not empty and has no {path.name}: name an empty or a new folder with --out"
            )
        return True
    found = read_header(path, int(wanted["version"]))
    difference = _difference({**found, size: 0}, {**wanted, size: 0})
    if difference:
        raise UsageError(f"{path.parent} was made with other settings: {difference}: name another --out")
    if found[size] > wanted[size]:
        raise UsageError(
            f"{path.parent} is to hold {found[size]} {size}: ask for as many or more, or name another --out"
        )
    return bool(found[size] != wanted[size])


def read_header(path: Path, version: int) -> dict[str, Any]:
    """The header of a folder. Raises UsageError if there is none, or one of another version."""
    try:
        header = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"{path.parent} has no {path.name} ({error.strerror}): name a folder that realtime-train wrote"
        ) from error
    except ValueError as error:
        raise UsageError(f"{path} is damaged ({error}): name another folder") from error
    if not isinstance(header, dict) or header.get("version") != version:
        raise UsageError(
            f"{path} is not a header of version {version}: name another folder, or write it anew"
        )
    return header


def _difference(found: Any, wanted: Any, name: str = "") -> str:
    """The first setting in which two headers differ, in words; empty when they are the same."""
    if not (isinstance(found, dict) and isinstance(wanted, dict)):
        return "" if found == wanted else f"{name} is {found} there and {wanted} now"
    for key in dict.fromkeys((*wanted, *found)):
        inner = f"{name}.{key}" if name else key
        said = _difference(found.get(key, "not said"), wanted.get(key, "not said"), inner)
        if said:
            return said
    return ""


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A name to write a file or a folder to, that becomes `path` when all of it is there.

    Of a write that fails nothing stays. Raises RecordError when it cannot be written.
    """
    part = path.with_name(f"{_PART}{os.getpid()}-{path.name}")
    try:
        yield part
        if path.is_dir():
            remove(path)  # a folder is not replaced while it holds anything
        os.replace(part, path)
    except OSError as error:
        remove(part)
        raise RecordError(f"cannot write {path}: {error}: make room or name another --out") from error
    except BaseException:
        remove(part)
        raise


def remove(path: Path) -> None:
    """Remove a file or a folder with all that is in it, if it is there."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def remove_parts(folder: Path) -> None:
    """Remove what an interrupted run left half written in a folder."""
    for part in folder.glob(f"{_PART}*"):
        remove(part)


def library_versions(*names: str) -> dict[str, str]:
    """The versions of those of the named distributions that are installed."""
    versions = {}
    for name in names:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions


def data_hashes(makehuman: Path, motion: Sequence[Path]) -> dict[str, Any]:
    """The SHA-256 of the MakeHuman folder (names and contents) and of each motion file, in order.

    An AMC file's is of it and its skeleton. Raises UsageError for what cannot be read.
    """
    if not makehuman.is_dir():
        raise UsageError(f"{makehuman} is not a folder: name the MakeHuman data with --makehuman")
    try:
        return {
            "makehuman_sha256": _folder_hash(makehuman),
            "motion_sha256": [_motion_hash(file) for file in motion],
        }
    except OSError as error:
        raise UsageError(f"cannot read {error.filename}: {error.strerror}") from error


def _motion_hash(file: Path) -> str:
    skeletons = [file.with_name(f"{stem}.asf") for stem in (file.stem.partition("_")[0], file.stem)]
    parts = [path for path in skeletons if file.suffix.lower() == ".amc" and path.is_file()]
    if not parts:
        return sha256_of(file)
    return hashlib.sha256("".join(sha256_of(path) for path in (file, *parts)).encode()).hexdigest()


def _folder_hash(folder: Path) -> str:
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    listing = "".join(f"{sha256_of(files[name])} {name}\n" for name in sorted(files))
    return hashlib.sha256(listing.encode()).hexdigest()
