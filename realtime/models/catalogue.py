"""Which models there are, by name, and where they lie; what is missing is fetched by a child process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import IO

from realtime.cache import model_dir
from realtime.errors import FetchError, ManifestError, UsageError
from realtime.manifest import Manifest, load_manifest

Say = Callable[[str], None]

DEFAULT_LIFTER = "unified"
BLAZEPOSE = "blazepose"
PUBLISHED_DETECTORS = ("rtmdet-nano",)
PUBLISHED_ESTIMATORS = ("rtmpose-t", "rtmpose-s", "rtmpose-m")
"""What `realtime-export fetch` knows besides BlazePose; `export.zoo` says where each comes from."""
OWN = "own"
OWN_DETECTOR = "ssd"
OWN_ESTIMATORS = ("cpn", "integral-regression")
OWN_ESTIMATOR = "cpn"
"""The one that `own` stands for."""


def lifter_names() -> tuple[str, ...]:
    """The lifters shipped with the program."""
    return tuple(sorted(p.stem for p in _shipped().glob("*.json")))


def lifter(name: str) -> Manifest:
    """A shipped lifter by name, or any by the path of its manifest. Raises UsageError or ManifestError."""
    if name in lifter_names():
        return load_manifest(_shipped() / f"{name}.json")
    if not name.endswith(".json"):
        known = ", ".join(lifter_names())
        raise UsageError(f"there is no lifter {name!r}: choose {known}, or the path of a manifest (.json)")
    manifest = load_manifest(Path(name))
    if manifest.role != "lifter":
        raise ManifestError(f"{name} describes a {manifest.role}, not a lifter")
    return manifest


def image_models(name: str, say: Say | None = None) -> tuple[Manifest, Manifest]:
    """The detector and the 2D net that `--models` means; published ones are fetched if they are not here.

    name: `own` or one of this project's estimators, a published estimator, or the path of an estimator's
    manifest; the detector is the one it names, else BlazePose's. say: is told a download's own words; stderr
    without it. Raises UsageError, ManifestError, or FetchError.
    """
    if name == OWN or name in OWN_ESTIMATORS:
        return own(OWN_DETECTOR), own(OWN_ESTIMATOR if name == OWN else name)
    if name == OWN_DETECTOR:
        raise UsageError(f"{name} is a person detector: name an estimator, such as {OWN_ESTIMATOR}")
    if name == BLAZEPOSE:
        return _published(BLAZEPOSE, "detector", say), _published(BLAZEPOSE, "landmark", say)
    if name in PUBLISHED_DETECTORS:
        raise UsageError(f"{name} is a person detector: name an estimator, such as {PUBLISHED_ESTIMATORS[0]}")
    if name in PUBLISHED_ESTIMATORS:
        estimator = _published(name, "estimator", say)
    else:
        path = Path(name)
        if not path.exists() and path.suffix != ".json":
            known = ", ".join((BLAZEPOSE, OWN, *OWN_ESTIMATORS, *PUBLISHED_ESTIMATORS))
            raise UsageError(f"there is no model {name!r}: choose {known}, or the path of a manifest (.json)")
        estimator = load_manifest(path)
    if estimator.role != "estimator":
        raise ManifestError(f"{name} describes a {estimator.role}, not an estimator (a 2D keypoint net)")
    return _detector_for(estimator, say), estimator


def own_dir() -> Path:
    """Where the image nets trained by this project lie."""
    return _shipped() / "own"


def own_names() -> tuple[str, ...]:
    """The image nets trained by this project that are shipped with this version."""
    return tuple(sorted(p.stem for p in own_dir().glob("*.json")))


def own(name: str) -> Manifest:
    """An image net of this project by name. Raises UsageError for one this version does not ship."""
    if name not in own_names():
        raise UsageError(
            f"this version ships no weights of {name}: train them (realtime-train {name}) and give --models "
            f"the path of the manifest, or use --models {BLAZEPOSE}"
        )
    return load_manifest(own_dir() / f"{name}.json")


def choices() -> tuple[str, ...]:
    """What can be chosen as image nets by name, with what this version ships."""
    shipped = own_names()
    mine = [name for name in OWN_ESTIMATORS if name in shipped and OWN_DETECTOR in shipped]
    return (BLAZEPOSE, *([OWN] if OWN_ESTIMATOR in mine else []), *mine, *PUBLISHED_ESTIMATORS)


def _detector_for(estimator: Manifest, say: Say | None) -> Manifest:
    named = estimator.detector or BLAZEPOSE
    if named.endswith(".json"):
        detector = load_manifest(estimator.directory / named)
    elif named in (BLAZEPOSE, *PUBLISHED_DETECTORS):
        detector = _published(named, "detector", say)
    elif named == OWN_DETECTOR:
        detector = own(named)
    else:
        known = ", ".join((BLAZEPOSE, OWN_DETECTOR, *PUBLISHED_DETECTORS))
        raise ManifestError(
            f"{estimator.name}: there is no detector {named!r}: name a manifest beside it (.json), or {known}"
        )
    if detector.role != "detector":
        raise ManifestError(
            f"{estimator.name} names {named} as its detector, but its role is {detector.role}"
        )
    return detector


def template_names() -> tuple[str, ...]:
    """The templates for manifests of the user's own models."""
    return tuple(sorted(p.stem for p in (_shipped() / "templates").glob("*.json")))


def template(name: str) -> Path:
    """A manifest to be filled in for a model of one's own. Raises UsageError for an unknown name."""
    if name not in template_names():
        raise UsageError(f"there is no template {name!r}; known: {', '.join(template_names())}")
    return _shipped() / "templates" / f"{name}.json"


def _shipped() -> Path:
    return Path(str(resources.files("realtime.models")))


def _published(name: str, part: str, say: Say | None = None) -> Manifest:
    path = model_dir(name) / f"{part}.json"
    try:
        manifest = load_manifest(path)
        if manifest.path.is_file():
            return manifest
    except ManifestError:
        pass  # absent or damaged: fetching puts both right
    _fetch(name, say or _to_stderr)
    return load_manifest(path)


def _to_stderr(words: str) -> None:
    sys.stderr.write(words)
    sys.stderr.flush()


def _fetch(name: str, say: Say) -> None:
    """Run `realtime-export fetch` in a process of its own, passing on its progress.

    Fetching and converting need packages that the runtime never imports. Raises FetchError with the
    child's own message.
    """
    command = [sys.executable, "-m", "export.cli", "fetch", name]
    message = ""
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as child:
        said = child.stderr
        assert said is not None
        try:
            for line in iter(lambda: _read_segment(said), b""):
                if line.startswith(b"error: "):
                    message = line.decode(errors="replace").removeprefix("error: ").strip()
                else:
                    say(line.decode(errors="replace"))
        except BaseException:
            child.terminate()
            raise
    if child.returncode:
        raise FetchError(message or f"fetching {name} failed: run `realtime-export fetch {name}` to see why")


def _read_segment(stream: IO[bytes]) -> bytes:
    """Bytes up to and with the next newline or carriage return; progress bars end lines with the latter."""
    segment = bytearray()
    while byte := stream.read(1):
        segment += byte
        if byte in b"\r\n":
            break
    return bytes(segment)
