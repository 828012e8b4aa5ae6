"""One published file behind an https address: a zip with an ONNX file in it, or the ONNX file itself."""

from __future__ import annotations

import hashlib
import http.client
import ssl
import urllib.error
import urllib.request
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.parse import urlsplit

from export.wheel import Progress, redact
from realtime.errors import FetchError, UsageError
from realtime.manifest import sha256_of

_TIMEOUT_S = 30.0
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Archive:
    """A file as published. member: the base name of the ONNX file in it.

    sha256: of that ONNX file, or empty where it is not known. max_bytes: more is refused, packed or not.
    """

    address: str
    member: str
    sha256: str
    max_bytes: int

    @property
    def file(self) -> str:
        """The name of the file at the address."""
        return PurePosixPath(urlsplit(self.address).path).name


def mirrored(archive: Archive, mirror: str | None) -> str:
    """The address to get an archive from. mirror: the address of a folder that has a file of this name."""
    return f"{mirror.rstrip('/')}/{archive.file}" if mirror else archive.address


def download(
    archive: Archive, address: str, folder: Path, progress: Progress, schemes: tuple[str, ...] = ("https",)
) -> Path:
    """Get a file into an empty folder.

    schemes: what an address, or where it leads on to, may begin with; others than https are for tests.
    Raises UsageError for an address of another kind, FetchError for all that can go wrong on the way, and
    OSError where the folder cannot be written.
    """
    shown = redact(address)
    if urlsplit(address).scheme not in schemes:
        raise UsageError(f"{shown} is not an https address: only those are fetched from")
    path = folder / archive.file
    opener = urllib.request.build_opener(_SameKind(schemes))
    try:
        with opener.open(address, timeout=_TIMEOUT_S) as answer:
            _copy(answer, path, archive.max_bytes, shown, progress)
    except urllib.error.HTTPError as error:
        error.close()
        raise FetchError(f"{shown} answers {error.code} ({error.reason}): {_OTHER_WAYS}") from error
    except (urllib.error.URLError, http.client.HTTPException, ssl.SSLError, TimeoutError) as error:
        reason = redact(str(getattr(error, "reason", "") or error or type(error).__name__))
        raise FetchError(f"could not download {shown}: {reason}; {_OTHER_WAYS}") from error
    except ConnectionError as error:
        raise FetchError(f"could not download {shown}: {error}; {_OTHER_WAYS}") from error
    return path


_OTHER_WAYS = "check the network, or use --mirror with another address, or --file with a copy you have"


class _SameKind(urllib.request.HTTPRedirectHandler):
    """Follows an address on only to one of the kinds allowed."""

    def __init__(self, schemes: tuple[str, ...]) -> None:
        self._schemes = schemes

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if urlsplit(newurl).scheme not in self._schemes:
            raise FetchError(f"{redact(req.full_url)} leads to an address that is not https: {_OTHER_WAYS}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _copy(answer: Any, path: Path, most: int, shown: str, progress: Progress) -> None:
    length = answer.headers.get("Content-Length", "")
    total = int(length) if length.isdecimal() else 0
    if total > most:
        raise FetchError(f"{shown} has {total} bytes where at most {most} are expected: {_OTHER_WAYS}")
    done = 0
    with path.open("wb") as file:
        while chunk := answer.read(_CHUNK):
            done += len(chunk)
            if done > most:
                raise FetchError(f"{shown} goes on beyond the {most} bytes expected: {_OTHER_WAYS}")
            file.write(chunk)
            progress(done, max(done, total))
    if done < total:
        raise FetchError(f"{shown} broke off after {done} of {total} bytes: run again")


def read_onnx(archive: Archive, path: Path, sha256: str | None = None) -> bytes:
    """The ONNX file in an archive, or the file itself where it is no archive, checked.

    sha256: what the user says the ONNX file's, or the archive's, is; it counts more than what is known.
    Raises FetchError where the file is damaged, hides files outside itself, is too large, or another.
    """
    try:
        if zipfile.is_zipfile(path):
            content = _member(archive, path)
        else:
            with path.open("rb") as file:
                content = file.read(archive.max_bytes + 1)
    except OSError as error:
        raise FetchError(f"cannot read {path}: {error.strerror}; give the path of {archive.file}") from error
    if len(content) > archive.max_bytes:
        raise FetchError(f"{path} has more than the {archive.max_bytes} bytes expected: it is another file")
    found = hashlib.sha256(content).hexdigest()
    wanted = (sha256 or archive.sha256).lower()
    if wanted and wanted != found and not (sha256 and wanted == sha256_of(path)):
        raise FetchError(
            f"the ONNX file in {path.name} is another one: its SHA-256 is {found}, not {wanted}; if you "
            f"trust it, run again with --sha256 {found}"
        )
    return content


def _member(archive: Archive, path: Path) -> bytes:
    try:
        with zipfile.ZipFile(path) as packed:
            for info in packed.infolist():
                name = PurePosixPath(info.filename.replace("\\", "/"))
                if name.is_absolute() or ".." in name.parts or ":" in info.filename:
                    raise FetchError(f"{path.name} names a file outside itself ({info.filename}): not used")
            found = [i for i in packed.infolist() if PurePosixPath(i.filename).name == archive.member]
            if len(found) != 1:
                raise FetchError(
                    f"{path.name} holds {len(found) or 'no'} files named {archive.member} where one is "
                    "expected: it is another file"
                )
            if found[0].file_size > archive.max_bytes:
                raise FetchError(f"{archive.member} in {path.name} is too large: it is another file")
            with packed.open(found[0]) as file:
                return file.read(archive.max_bytes + 1)
    except (zipfile.BadZipFile, EOFError, RuntimeError, NotImplementedError) as error:
        raise FetchError(f"{path.name} is damaged or locked ({error}): get it again") from error
