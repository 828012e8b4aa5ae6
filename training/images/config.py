"""How an image net is trained, as a YAML file says it: its net, its loss, its pictures, its rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import yaml

from realtime.errors import UsageError
from training.images.affine import Spread
from training.images.augment import Looks
from training.images.samples import Cut
from training.images.systems.cpn import CpnLoss, CpnSystem
from training.images.systems.integral_regression import IntegralLoss, IntegralSystem
from training.images.systems.ssd import SsdLoss, SsdSystem
from training.images.systems.system import System

NAMES = ("ssd", "cpn", "integral-regression")
_Loss = SsdLoss | CpnLoss | IntegralLoss
_LOSSES: Mapping[str, type[_Loss]] = {"ssd": SsdLoss, "cpn": CpnLoss, "integral-regression": IntegralLoss}
_Built = TypeVar("_Built")


@dataclass(frozen=True, slots=True)
class Config:
    """What a file may say; all but `system` may be left out.

    net: options of its network. loss: of its loss. cut, spread, looks: of its pictures. batch, rate, decay,
    optimiser: of its steps; `adamw` or `sgd` (with momentum 0.9).
    """

    system: str
    net: Mapping[str, Any] = field(default_factory=dict)
    loss: _Loss = field(default_factory=CpnLoss)
    cut: Cut = field(default_factory=Cut)
    spread: Spread = field(default_factory=Spread)
    looks: Looks = field(default_factory=Looks)
    batch: int = 64
    rate: float = 1e-3
    decay: float = 0.01
    optimiser: str = "adamw"

    def __post_init__(self) -> None:
        if self.batch < 2 or self.rate <= 0 or self.decay < 0:
            raise UsageError("a batch has two samples or more (for batch norm), a rate is above zero")
        if self.optimiser not in ("adamw", "sgd"):
            raise UsageError(f"the optimiser is adamw or sgd, not {self.optimiser!r}")

    def of_system(self) -> System:
        """The system with this loss."""
        if isinstance(self.loss, SsdLoss):
            return SsdSystem(self.loss)
        return CpnSystem(self.loss) if isinstance(self.loss, CpnLoss) else IntegralSystem(self.loss)


def shipped_configs(name: str) -> list[str]:
    """The names of the files there are for a system; the first is that of the shipped weights."""
    return sorted((p.stem for p in _folder().glob(f"{name}*.yaml")), key=lambda stem: (len(stem), stem))


def _folder() -> Path:
    return Path(str(resources.files("training.images"))) / "configs"


def config_file(name: str) -> Path:
    """The file of a shipped configuration, or any by its path."""
    shipped = _folder() / f"{name}.yaml"
    return shipped if shipped.is_file() else Path(name)


def load_config(path: Path) -> Config:
    """Read a file. Raises UsageError naming what is wrong with it."""
    try:
        return parse_config(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read the configuration {path}: {error.strerror}") from error
    except (ValueError, TypeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise UsageError(
            f"{path} is no configuration of an image net ({reason}): see training/images/configs"
        ) from error


def parse_config(text: str) -> Config:
    """A configuration from YAML. Raises ValueError, TypeError, YAMLError or UsageError for what it is not."""
    node = yaml.safe_load(text)
    if not isinstance(node, dict) or node.get("system") not in NAMES:
        raise ValueError(f"it must be a mapping whose `system` is {', '.join(NAMES)}")
    if unknown := sorted(set(node) - {f.name for f in fields(Config)}):
        raise ValueError(f"unknown keys {', '.join(unknown)}")
    kinds: dict[str, type[Any]] = {
        "cut": Cut,
        "spread": Spread,
        "looks": Looks,
        "loss": _LOSSES[node["system"]],
    }
    built = {key: _built(kind, key, node.get(key)) for key, kind in kinds.items()}
    # YAML 1.1 reads 3e-3, without a point, as text.
    numbers = {key: float(node[key]) for key in ("rate", "decay") if key in node}
    return Config(**node | {"net": dict(node.get("net") or {})} | numbers | built)


def _built(kind: type[_Built], key: str, node: Any) -> _Built:
    if not isinstance(node or {}, dict):
        raise ValueError(f"{key} must be a mapping")
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in (node or {}).items()})
