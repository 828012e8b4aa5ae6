"""The lifting systems that can be trained, by name."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from realtime.errors import UsageError

if TYPE_CHECKING:  # it takes PyTorch along, which the names should not cost
    from training.lifters.systems.system import System

NAMES = (
    "residual-lifter", "videopose-tcn", "depth-tcn", "seq2seq-lstm", "anatomy", "abs-lifter", "unified",
)  # fmt: skip

_GIVEN = len(("net", "batch", "generator"))


def find_system(name: str, loss: Mapping[str, Any] | None = None) -> System:
    """A system by its name, its loss told these options. Raises UsageError for one there is not."""
    if name not in NAMES:
        raise UsageError(f"there is no lifter {name!r} to train: choose {', '.join(NAMES)}")
    module = importlib.import_module(f"training.lifters.systems.{name.replace('-', '_')}")
    found: System = module.SYSTEM
    if not loss:
        return found
    known = list(inspect.signature(found.loss).parameters)[_GIVEN:]
    if unknown := sorted(set(loss) - set(known)):
        raise UsageError(
            f"the loss of {name} has no {', '.join(unknown)}: it takes {', '.join(known) or 'no options'}"
        )
    return replace(found, loss=functools.partial(found.loss, **loss))
