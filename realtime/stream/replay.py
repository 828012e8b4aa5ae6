"""A session played again: the same 2D, through this or another lifter, with the ages it had when it lived.

With the options it was recorded with, the record comes out byte for byte. What a run measures of itself
(ages, drops) is a fact of the day it was recorded and is given back as it was, whatever lifter runs now.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from realtime.camera import Intrinsics, IntrinsicsSource
from realtime.errors import CameraFileError, PoseError, SessionError
from realtime.manifest import Manifest
from realtime.records import whole_number
from realtime.skeleton import SKELETONS
from realtime.stream.assemble import (
    Assembly,
    Model,
    Options,
    assemble,
    assemble_lifting,
    find_intrinsics,
)
from realtime.stream.line_watch import PlayedLines
from realtime.stream.played import (
    PictureSource,
    PlayedEngine,
    PlayedPerception,
    PlayedTracker,
    SeenSource,
)
from realtime.stream.session import Session, read_session
from realtime.stream.source import Source, SourceInfo

log = logging.getLogger(__name__)

_BROKEN = (ValueError, KeyError, TypeError, AttributeError, OverflowError, CameraFileError)
_RUNS_2D_AGAIN = "models"
"""The option which, when given, has the 2D nets run again instead of taking what they saw."""


@dataclass(frozen=True, slots=True)
class Replay:
    """A session that is ready to be played. options: those it was recorded with, but for what was changed."""

    source: Source
    assembly: Assembly
    options: Options
    is_sample: bool


def description(info: SourceInfo, is_sample: bool, options: Options, assembly: Assembly) -> dict[str, Any]:
    """The first line of a session: all that a replay needs besides what was seen."""
    return {
        "source": {
            name: getattr(info, name)
            for name in ("name", "width", "height", "fps", "live", "turns", "window", "full_size")
        },
        "sample": is_sample,
        "intrinsics": dataclasses.asdict(assembly.intrinsics),
        "options": {
            name: str(value) if isinstance(value, Path) else value
            for name, value in dataclasses.asdict(options).items()
        },
        "models": [
            {
                "name": m.manifest.name,
                "role": m.manifest.role,
                "backend": m.engine.backend,
                "precision": m.engine.precision,
                "sha256": m.manifest.sha256,
                "licence": m.manifest.licence,
                "skeleton": m.manifest.skeleton,
                "fallback": m.fallback,
            }
            for m in assembly.models
        ],
    }


def open_replay(
    folder: Path, changed: Mapping[str, Any], clock: Callable[[], int] = time.perf_counter_ns
) -> Replay:
    """Open a session. changed: the options (of `Options`) to be other than it was recorded with.

    Changing the camera moves the same 2D into another space; changing `models` runs the 2D nets again, for
    which the session must hold its pictures. Raises SessionError, and what `assemble` raises.
    """
    session = read_session(folder)
    try:
        options = _options(session.header["options"], changed)
        intrinsics = _intrinsics(session.header["intrinsics"])
        then = [_model(node) for node in session.header["models"]]
        info = _info(session)
        is_sample = bool(session.header["sample"])
        detector, estimator, lifter = then
    except PoseError as error:
        if not isinstance(error, CameraFileError):
            raise
        raise _no_header(folder, error) from error
    except _BROKEN as error:
        raise _no_header(folder, error) from error
    if changed.get("intrinsics") is not None or changed.get("fov_deg") is not None:
        intrinsics = find_intrinsics(options, info, is_sample)
    if _RUNS_2D_AGAIN in changed:
        if session.frames is None:
            raise SessionError(
                f"{folder} holds no pictures to run other 2D nets on: leave --models out, or record it with "
                "--session-frames"
            )
        return Replay(PictureSource(session, info), assemble(options, intrinsics, clock), options, is_sample)
    assembly = assemble_lifting(
        options,
        intrinsics,
        PlayedTracker(session.seen),
        PlayedLines(session.lines_px),
        (detector, estimator),
        clock,
    )
    _compare(lifter, assembly.models[-1])
    played = PlayedPerception(assembly.perception, session)
    return Replay(SeenSource(session, info), replace(assembly, perception=played), options, is_sample)


def _no_header(folder: Path, error: Exception) -> SessionError:
    return SessionError(f"{folder} does not say what it is of ({type(error).__name__}: {error})")


def _options(then: Mapping[str, Any], changed: Mapping[str, Any]) -> Options:
    known = {field.name for field in dataclasses.fields(Options)}
    if unknown := then.keys() - known:
        log.warning("this version lacks the session's options %s", ", ".join(sorted(unknown)))
    kept = {name: _option(name, then[name]) for name in known & then.keys()}
    # The camera is kept as it was; a file it was read from may be gone or changed.
    return Options(**(kept | {"intrinsics": None, "fov_deg": None} | dict(changed)))


def _option(name: str, value: Any) -> Any:
    """An option's value, if it is of the kind that this option takes."""
    usual = getattr(Options(), name)
    if isinstance(usual, tuple):
        return tuple(value)
    kinds: set[type] = {str, int, float, type(None)} if usual is None else {type(usual)}
    if isinstance(usual, float):
        kinds.add(int)
    if type(value) not in kinds:
        raise ValueError(f"option {name} cannot be {value!r}")
    return value


def _intrinsics(node: Mapping[str, Any]) -> Intrinsics:
    if node["source"] not in get_args(IntrinsicsSource):
        raise ValueError(f"a camera known from {node['source']!r}")
    return Intrinsics(**(dict(node) | {"distortion": tuple(float(k) for k in node["distortion"])}))


def _model(node: Mapping[str, Any]) -> Model:
    text = {
        name: str(node[name]) for name in ("name", "sha256", "licence", "skeleton", "backend", "precision")
    }
    if node["role"] == "estimator" and text["skeleton"] not in SKELETONS:
        raise ValueError(f"unknown skeleton {text['skeleton']!r}")
    manifest = Manifest(
        text["name"], node["role"], "", text["sha256"], text["licence"], "", {}, {}, skeleton=text["skeleton"]
    )
    return Model(manifest, PlayedEngine(text["backend"], text["precision"]), str(node.get("fallback", "")))


def _info(session: Session) -> SourceInfo:
    """The session as a source: nothing is dropped, and frames keep the moment they were grabbed at."""
    node = session.header["source"]
    width, height, fps = int(node["width"]), int(node["height"]), float(node["fps"])
    if not (0 < width < 1 << 15 and 0 < height < 1 << 15 and 0 < fps < 1e6):
        raise ValueError(f"a source of {width}x{height} pixels at {fps} Hz makes no sense")
    window = None if node["window"] is None else tuple(whole_number(n) for n in node["window"])
    full_width, full_height = (whole_number(n) for n in node["full_size"])
    return SourceInfo(
        f"session of {node['name']}", width, height, fps, len(session.seen), False, False,
        whole_number(node["turns"]), window if window and len(window) == 4 else None,
        (full_width, full_height),
    )  # fmt: skip


def _compare(then: Model, now: Model) -> None:
    if now.manifest.name == then.manifest.name and now.manifest.sha256 != then.manifest.sha256:
        log.warning(
            "the lifter %s is not the file the session was recorded with: results may differ",
            now.manifest.name,
        )
    elif now.manifest.name == then.manifest.name and now.engine.backend != then.engine.backend:
        log.warning(
            "the lifter runs in %s, in the session it ran in %s: the last digits may differ",
            now.engine.backend, then.engine.backend,
        )  # fmt: skip
