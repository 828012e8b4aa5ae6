"""Built plans on disk: one file each, that says what it was built from, for what, and by whom.

A plan is code for the GPU, so nothing is loaded but a file whose header names exactly what is wanted and
whose content has the hash that its header states; everything else is named and built again.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, BinaryIO

from realtime.cache import cache_dir
from realtime.engines.lock import only_one
from realtime.errors import EngineError

log = logging.getLogger(__name__)

SUFFIX = ".plan"
PORTABLE = "portable"
_FORMAT = "realtime-pose3d plan"
_VERSION = 1
_LONGEST_HEADER = 1 << 16


@dataclass(frozen=True, slots=True)
class PlanKey:
    """What a plan is built from and for; plans of different keys never stand in for one another.

    model_sha256: of the ONNX file. kind: tensorrt or tensorrt-rtx. library: its version. device: PORTABLE,
    or the GPU with its compute capability. precision: of the ONNX file. shapes, options: as text.
    """

    model_sha256: str
    kind: str
    library: str
    device: str
    precision: str
    shapes: str
    options: str = ""

    @property
    def name(self) -> str:
        """The file of such a plan, without its ending."""
        told = hashlib.sha256(json.dumps(dataclasses.astuple(self)).encode()).hexdigest()
        return f"{self.prefix}{told[:16]}"

    @property
    def prefix(self) -> str:
        """What the names begin with of all files of plans of this model."""
        return f"{self.kind}-{self.model_sha256[:12]}-"


@dataclass(frozen=True, slots=True)
class PlanHeader:
    """The first line of a plan file. built: an ISO date and time, UTC. tool: what wrote it."""

    key: PlanKey
    plan_sha256: str
    plan_bytes: int
    tool: str
    built: str


def read_header(path: Path) -> PlanHeader:
    """What a plan file says of itself. Raises EngineError when it is none, cut short or changed since."""
    return _read(path)[0]


class EngineStore:
    """A folder of plans, shared by every process of a user. None: in the user's cache.

    suffix: of its files, for what else is kept by the key of a plan.
    """

    def __init__(self, folder: Path | None = None, suffix: str = SUFFIX) -> None:
        self.folder = folder or cache_dir() / "engines"
        self._suffix = suffix

    def path(self, key: PlanKey) -> Path:
        """Where the plan of a key lies, or would."""
        return self.folder / f"{key.name}{self._suffix}"

    def plans(self) -> tuple[Path, ...]:
        """Every plan file here, whole or not."""
        return tuple(sorted(self.folder.glob(f"*{self._suffix}")))

    def load(self, key: PlanKey) -> bytes | None:
        """The plan of a key, or None: when there is none, and, with a warning, when it cannot be trusted."""
        return self._load(key, logging.WARNING)

    def newest(self, key: PlanKey) -> bytes | None:
        """Of the plans of a key, whatever their options, the one built last; None where there is none."""
        found: list[tuple[str, bytes]] = []
        for path in self.folder.glob(f"{key.prefix}*{self._suffix}"):
            try:
                header, plan = _read(path)
            except EngineError:
                continue  # whoever asks for it by its key is told
            if dataclasses.replace(header.key, options=key.options) == key:
                found.append((header.built, plan))
        return max(found, key=lambda pair: pair[0])[1] if found else None

    def save(self, key: PlanKey, plan: bytes) -> Path:
        """Write a plan whole or not at all. Raises OSError when the folder cannot take it."""
        header = {
            "format": _FORMAT,
            "version": _VERSION,
            "key": dataclasses.asdict(key),
            "plan_sha256": hashlib.sha256(plan).hexdigest(),
            "plan_bytes": len(plan),
            "tool": _tool(),
            "built": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        with replacing(self.path(key)) as file:
            file.write(json.dumps(header).encode() + b"\n")
            file.write(plan)
        return self.path(key)

    def obtain(self, key: PlanKey, build: Callable[[], bytes], fresh: bool = False) -> bytes:
        """The plan of a key, built and kept if it is not here; of two processes, one builds.

        fresh: build it even if it is here. A folder that cannot be written costs a warning, not the plan.
        Raises what `build` raises.
        """
        plan = None if fresh else self.load(key)
        if plan is not None:
            return plan
        with self._alone(key) as got_lock:
            if got_lock and not fresh:
                plan = self._load(key, logging.DEBUG)  # what is wrong with it has been said
            if plan is None:
                plan = build()
                self._keep(key, plan)
        return plan

    def _load(self, key: PlanKey, level: int) -> bytes | None:
        path = self.path(key)
        if not path.exists():
            return None
        try:
            header, plan = _read(path)
            if header.key != key:
                raise EngineError(f"{path} was built for something else")
        except EngineError as error:
            log.log(level, "%s: it is not loaded, and built again", error)
            return None
        return plan

    @contextmanager
    def _alone(self, key: PlanKey) -> Iterator[bool]:
        """Hold the lock of a key; False where the folder takes no lock file."""
        with ExitStack() as stack:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                lock = self.path(key).with_suffix(".lock")
                stack.enter_context(only_one(lock, f"building {key.name}{self._suffix}"))
                held = True
            except OSError:
                held = False
            yield held

    def _keep(self, key: PlanKey, plan: bytes) -> None:
        try:
            self.save(key, plan)
        except OSError as error:
            log.warning(
                "cannot keep the engine in %s (%s): it runs, but is built again at the next start; free "
                "some space or let REALTIME_POSE3D_CACHE name another folder",
                self.folder,
                error.strerror,
            )


def _read(path: Path) -> tuple[PlanHeader, bytes]:
    try:
        with path.open("rb") as file:
            line = file.readline(_LONGEST_HEADER)
            plan = file.read()
    except OSError as error:
        raise EngineError(f"cannot read {path}: {error.strerror}") from error
    try:
        header = _header(json.loads(line))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EngineError(f"{path} is not an engine that this program wrote") from error
    if len(plan) < header.plan_bytes:
        raise EngineError(f"{path} is cut short: {len(plan)} of {header.plan_bytes} bytes")
    if hashlib.sha256(plan).hexdigest() != header.plan_sha256:
        raise EngineError(f"{path} has changed since it was written")
    return header, plan


def _header(node: dict[str, Any]) -> PlanHeader:
    if node["format"] != _FORMAT or node["version"] != _VERSION:
        raise ValueError("another format")
    key = PlanKey(**{name: str(value) for name, value in node["key"].items()})
    return PlanHeader(
        key, str(node["plan_sha256"]), int(node["plan_bytes"]), str(node["tool"]), str(node["built"])
    )


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A new file that takes a path's place once it is whole and on disk, and else leaves no trace.

    Raises OSError when it cannot be written.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def _tool() -> str:
    try:
        return f"realtime-pose3d {metadata.version('realtime-pose3d')}"
    except metadata.PackageNotFoundError:
        return "realtime-pose3d, not installed"
