"""The lifters' networks by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from export.nets.abs_lifter import AbsLifter
from export.nets.anatomy import Anatomy
from export.nets.depth_tcn import DepthTcn
from export.nets.residual_lifter import ResidualLifter
from export.nets.seq2seq_lstm import Seq2seqLstm
from export.nets.unified import Unified
from export.nets.videopose_tcn import VideoposeTcn
from realtime.errors import UsageError

NETS: Mapping[str, type[nn.Module]] = {
    net.name: net
    for net in (ResidualLifter, VideoposeTcn, DepthTcn, Seq2seqLstm, Anatomy, AbsLifter, Unified)
}


def build_net(name: str, options: Mapping[str, Any] | None = None) -> nn.Module:
    """A net with fresh weights. Raises UsageError for a name or an option there is not."""
    if name not in NETS:
        raise UsageError(f"there is no lifter {name!r} to train: choose {', '.join(NETS)}")
    try:
        return NETS[name](**(options or {}))
    except TypeError as error:
        raise UsageError(f"{name} cannot be built with {dict(options or {})}: {error}") from error
