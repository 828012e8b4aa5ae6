"""One published wheel, pinned by hash: downloaded through the user's own package index, never installed."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from realtime.errors import FetchError
from realtime.manifest import sha256_of

Progress = Callable[[int, int], None]
"""Told how many bytes are there, and how many there will be."""

_POLL_S = 0.2
_KILL_AFTER_S = 5.0
_CREDENTIALS = re.compile(r"(?<=://)[^\s/]*@")
_QUERY = re.compile(r"(://[^\s?]+)\?\S+")
_BROKEN = re.compile(r"connection broken by ['\"](.*)['\"]: /")
_OBJECT = re.compile(r"<[^<>]* object at 0x[0-9a-f]+>:? ?")


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel as published. platform, python: the tags to ask the index for, whatever runs here."""

    project: str
    version: str
    file: str
    size: int
    sha256: str
    platform: str
    python: str


@dataclass(frozen=True, slots=True)
class Member:
    """A file inside a wheel."""

    path: str
    size: int
    sha256: str


def download(wheel: Wheel, folder: Path, progress: Progress) -> Path:
    """Get a wheel with pip into an empty folder and check it.

    pip's temporary files lie in the folder too. Raises FetchError naming what to do; OSError where the
    folder cannot be written. pip is ended when this is interrupted.
    """
    requirement, temporary, target = folder / "requirement.txt", folder / "pip", folder / "wheel"
    requirement.write_text(f"{wheel.project}=={wheel.version} --hash=sha256:{wheel.sha256}\n")
    temporary.mkdir()
    command = [
        sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir",
        "--no-input", "--disable-pip-version-check", "--progress-bar", "off", "--platform", wheel.platform,
        "--python-version", wheel.python, "--implementation", "cp", "--dest", str(target),
        "--requirement", str(requirement),
    ]  # fmt: skip
    places = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary))
    pip = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        encoding="utf-8", errors="replace", env={**os.environ, **places},
    )  # fmt: skip
    try:
        said = _wait(pip, temporary, wheel.size, progress)
    finally:
        _end(pip)
    if pip.returncode:
        raise _explained(wheel, said)
    path = target / wheel.file
    check(wheel, path)
    return path


def check(wheel: Wheel, path: Path) -> None:
    """Raise FetchError unless the file is this very wheel."""
    try:
        size = path.stat().st_size
        same = size == wheel.size and sha256_of(path) == wheel.sha256
    except OSError as error:
        raise FetchError(f"cannot read {path}: {error.strerror}; give the path of {wheel.file}") from error
    if not same:
        found = "its SHA-256 differs" if size == wheel.size else f"it has {size} of {wheel.size} bytes"
        raise FetchError(
            f"{path} is not the published {wheel.file}: {found}; download it again, from an index you trust"
        )


def read_members(path: Path, members: list[Member]) -> list[bytes]:
    """Files out of a wheel, checked. Raises FetchError when the wheel is damaged or lacks one."""
    try:
        with zipfile.ZipFile(path) as archive:
            contents = [archive.read(member.path) for member in members]
    except KeyError as error:
        raise FetchError(
            f"{path.name} lacks a file ({error.args[0]}): it is not the wheel expected"
        ) from error
    except (zipfile.BadZipFile, EOFError) as error:
        raise FetchError(f"{path} is damaged ({error}): download it again") from error
    for member, content in zip(members, contents, strict=True):
        if len(content) != member.size or hashlib.sha256(content).hexdigest() != member.sha256:
            raise FetchError(f"{member.path} in {path.name} is not the published file: download it again")
    return contents


def _wait(pip: subprocess.Popen[str], folder: Path, size: int, progress: Progress) -> str:
    """Report the bytes there until pip ends, and give back what it said."""
    while True:
        try:
            said = pip.communicate(timeout=_POLL_S)[1]
            break
        except subprocess.TimeoutExpired:
            progress(min(_largest(folder), size), size)
    if pip.returncode == 0:
        progress(size, size)
    return said


def _largest(folder: Path) -> int:
    """The size of the largest file under a folder that another process is changing."""
    sizes = [0]
    for parent, _, files in os.walk(folder):
        for file in files:
            try:
                sizes.append(os.stat(os.path.join(parent, file)).st_size)
            except OSError:
                continue
    return max(sizes)


def _end(pip: subprocess.Popen[str]) -> None:
    if pip.poll() is None:
        pip.terminate()
        try:
            pip.communicate(timeout=_KILL_AFTER_S)
        except subprocess.TimeoutExpired:
            pip.kill()
            pip.communicate()


def _explained(wheel: Wheel, said: str) -> Exception:
    """What pip's standard error means."""
    if "No space left on device" in said:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if "No module named pip" in said:
        return FetchError(
            f"{sys.executable} has no pip to download with: run `{sys.executable} -m ensurepip`, or get "
            f"{wheel.file} elsewhere and pass it with --wheel"
        )
    if "DO NOT MATCH THE HASHES" in said:
        return FetchError(
            f"your package index offers another file as {wheel.file} (SHA-256 differs): "
            "check which index or mirror pip uses, then run again"
        )
    return FetchError(
        f"could not download {wheel.file} from your package index: {_reason(said)}; "
        "check the network or pip's index settings, then run again"
    )


def _reason(said: str) -> str:
    """pip's own reason: a broken connection where it tells of one, else its last error. No credentials."""
    lines = [_OBJECT.sub("", line).strip() for line in redact(said).splitlines() if line.strip()]
    broken = [match[1] for line in lines if (match := _BROKEN.search(line))]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    return (broken or errors or lines or ["pip failed without a word"])[-1]


def redact(text: str) -> str:
    """The text without user names, passwords and signed queries in addresses."""
    return _QUERY.sub(r"\1", _CREDENTIALS.sub("***@", text))
