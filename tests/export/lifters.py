"""Lifters' nets small enough for tests, untrained, and what a training run leaves of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from export.nets.catalogue import build_net

SMALL: Mapping[str, Mapping[str, Any]] = {
    "residual-lifter": {"width": 32},
    "videopose-tcn": {"width": 32, "blocks": 2},
    "depth-tcn": {"width": 32, "blocks": 2},
    "seq2seq-lstm": {"width": 32},
    "anatomy": {"width": 32, "blocks": 2},
    "abs-lifter": {"width": 32},
    "unified": {"width": 48},
}
"""Every net, and the options that make it small."""


def small_net(name: str, seed: int = 4, **options: Any) -> Any:
    """A net that answers to every feature."""
    torch.manual_seed(seed)
    net = build_net(name, {**SMALL[name], **options})
    for part, parameter in net.named_parameters():
        if parameter.ndim == 1:
            nn.init.normal_(parameter, mean=0.1, std=0.1)
        elif "head" in part or "attention" in part:
            nn.init.normal_(parameter, std=0.1)
    return net.eval()


def save_checkpoint(net: Any, folder: Path) -> Path:
    """What `training.lifters.loop.Trainer.save` writes of a small net, as far as an export needs it."""
    arrays = {f"averaged/{key}": value.numpy() for key, value in net.state_dict().items()}
    arrays["progress"] = np.array([1, 2], np.int64)
    arrays["described"] = np.array(json.dumps({"name": net.name, "options": dict(SMALL[net.name])}))
    np.savez(folder / "checkpoint.npz", **arrays)
    return folder / "checkpoint.npz"
