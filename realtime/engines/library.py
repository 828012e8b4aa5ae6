"""Which TensorRT is here: `tensorrt` (10 and 11) and `tensorrt_rtx` have one interface and two names."""

from __future__ import annotations

import importlib
import importlib.util
import logging
from dataclasses import dataclass, field
from typing import Any, Literal

from realtime.engines.cuda import why_no_gpu
from realtime.errors import EngineUnavailableError

log = logging.getLogger(__name__)

Kind = Literal["tensorrt", "tensorrt-rtx"]

_MODULES: dict[Kind, str] = {"tensorrt": "tensorrt", "tensorrt-rtx": "tensorrt_rtx"}
_OR_AUTO = ", or use --engine auto"
_OLDEST = {"tensorrt": 10, "tensorrt-rtx": 1}


@dataclass(slots=True)
class Library:
    """A loaded TensorRT. errors: what it said of its own accord since `forget_errors`, oldest first."""

    kind: Kind
    module: Any
    errors: list[str] = field(default_factory=list)
    logger: Any = None

    def __post_init__(self) -> None:
        self.logger = _make_logger(self.module, self.errors)

    @property
    def version(self) -> str:
        """The library's own version, all of it: a plan of another build does not load."""
        return str(self.module.__version__)

    @property
    def portable(self) -> bool:
        """Whether its plans run on other GPUs than the one they were built on, and are built without any."""
        return self.kind == "tensorrt-rtx"

    def why(self) -> str:
        """The first thing it complained of since `forget_errors`, which is the cause of what came after."""
        return self.errors[0] if self.errors else "it does not say why"

    def forget_errors(self) -> None:
        """Begin anew."""
        self.errors.clear()


def installed(kind: Kind) -> bool:
    """Whether the library's package is here; it may still not load."""
    return importlib.util.find_spec(_MODULES[kind]) is not None


def load_library(kind: Kind) -> Library:
    """Import a TensorRT. Raises EngineUnavailableError when it is absent, broken or too old."""
    name = _MODULES[kind]
    if not installed(kind):
        raise EngineUnavailableError(f"{kind} is not installed: pip install {kind}{_OR_AUTO}")
    try:
        module = importlib.import_module(name)
    except Exception as error:  # a missing library is an ImportError, OSError or FileNotFoundError
        raise EngineUnavailableError(
            f"{kind} is installed but does not load ({error}): install it again{_OR_AUTO}"
        ) from error
    version = str(getattr(module, "__version__", "0"))
    if int(version.partition(".")[0]) < _OLDEST[kind]:
        raise EngineUnavailableError(
            f"{kind} {version} is too old: {_OLDEST[kind]} or later is needed, pip install --upgrade {kind}"
        )
    return Library(kind, module)


def why_not(kind: Kind) -> str:
    """Why an installed library cannot run here, in words; empty if it can."""
    try:
        load_library(kind)
    except EngineUnavailableError as error:
        return str(error).removesuffix(_OR_AUTO)
    reason = why_no_gpu()
    return f"{kind} is installed, but {reason}" if reason else ""


def _make_logger(module: Any, errors: list[str]) -> Any:
    """The library's words go to our log, and its errors are kept: some calls fail with no more than None."""
    severity = module.ILogger.Severity
    levels = {
        severity.INTERNAL_ERROR: logging.DEBUG,
        severity.ERROR: logging.DEBUG,
        severity.WARNING: logging.INFO,
    }

    class Listener(module.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            module.ILogger.__init__(self)

        def log(self, level: Any, message: str) -> None:
            if level in (severity.INTERNAL_ERROR, severity.ERROR):
                errors.append(" ".join(message.split()))
            if level in levels:
                log.log(levels[level], "%s", message)

    return Listener()
