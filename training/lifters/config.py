"""How a lifter is trained, as a YAML file says it: its net, its loss, its data, its rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from realtime.errors import UsageError
from training.lifters.batches import BatchSize, Mixture


@dataclass(frozen=True, slots=True)
class Config:
    """What a file may say; all but `system` may be left out.

    net: options of its network. loss: options of its loss. mixture, batch: of its data. errors: whose error
    model motion is seen through, a 2D net's or a YAML file's (`error_model_named`). rate, decay, matrices: of
    its optimisers.
    """

    system: str
    net: Mapping[str, Any] = field(default_factory=dict)
    loss: Mapping[str, Any] = field(default_factory=dict)
    mixture: Mixture = field(default_factory=Mixture)
    batch: BatchSize = field(default_factory=BatchSize)
    errors: str = "blazepose"
    rate: float = 3e-3
    decay: float = 0.01
    matrices: str = "muon"


def shipped_config(name: str) -> Path:
    """The file that the shipped weights of a system were trained by."""
    return Path(str(resources.files("training.lifters"))) / "configs" / f"{name}.yaml"


def load_config(path: Path) -> Config:
    """Read a file. Raises UsageError naming what is wrong with it."""
    try:
        node = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(node, dict):
            raise ValueError("it must be a mapping with `system` in it")
        unknown = sorted(set(node) - {f.name for f in fields(Config)})
        if unknown or "system" not in node:
            raise ValueError(f"unknown keys {', '.join(unknown)}" if unknown else "it names no system")
        for key in ("net", "loss", "mixture", "batch"):
            node[key] = node.get(key) or {}
            if not isinstance(node[key], dict):
                raise ValueError(f"{key} must be a mapping")
        # YAML 1.1 reads 3e-3, without a point, as text.
        numbers = {key: float(node[key]) for key in ("rate", "decay") if key in node}
        mixture, batch = Mixture(**node["mixture"]), BatchSize(**node["batch"])
        return Config(**node | numbers | {"mixture": mixture, "batch": batch})
    except OSError as error:
        raise UsageError(f"cannot read the configuration {path}: {error.strerror}") from error
    except (ValueError, TypeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise UsageError(
            f"{path} is no configuration of a lifter ({reason}): see training/lifters/configs"
        ) from error
