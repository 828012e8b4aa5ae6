#!/usr/bin/env python3
"""Where `unified` errs with exact 2D: what its error would be if it knew one thing or another.

    python benchmarks/what_is_missing.py --motion ../shared/data/mocap/cmu_h36m17_30hz.npz \
        --checkpoint runs/unified/checkpoint.npz

A checkpoint of `realtime-train unified`, its net in PyTorch, on the test takes. Told is, alone or
together: the true lengths of the bones; the true distance; whether each joint lies before or behind its
parent (the depth of each bone in the net's first pose keeps its size and gets the true sign). Besides,
the answer as it is, after the one rotation about the pelvis that suits a whole take best: how much is a
lean that stays. Saved under benchmarks/results.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pose_errors import errors_mm, mean_row
from scipy.spatial.transform import Rotation
from torch import Tensor

from export.nets.bones import BONES, bones_of
from export.nets.geometry import View
from export.nets.step import DEPTH, LAG, POSE, RAYS, SCORE, UP
from export.nets.unified import LAGS, Unified
from export.verify import load_checkpoint
from realtime.profiling.machine import describe
from realtime.types import FloatArray
from training.lifters.takes import Take, takes_of
from training.mocap.motion import Motion, load_motion
from training.mocap.split import select

RESULTS = Path(__file__).parent / "results"
KNOWN: Mapping[str, tuple[str, ...]] = {
    "nothing": (),
    "lengths": ("lengths",),
    "lengths, distance": ("lengths", "distance"),
    "signs": ("signs",),
    "signs, lengths, distance": ("signs", "lengths", "distance"),
}
_FIRST_POSE, _LOG_SIZE = slice(0, 3 * BONES), 6 * BONES
"""Where they are in what the head says."""


class Telling:
    """Puts the truth of the take at hand into what a net says, before it is made metres."""

    def __init__(self, net: Unified) -> None:
        self._place = net._place
        self._net = net
        self.known: tuple[str, ...] = ()
        self.truth_m = torch.zeros(0, 17, 3)
        """Of the take at hand, (T, 17, 3), in camera axes."""
        net._place = self.placed  # type: ignore[method-assign]

    def placed(self, raw: Tensor, log_bones: Tensor, seen: View) -> dict[str, Tensor]:
        """`Unified._place` of raw (T, 1, S) and log_bones (T, kinds), told what is known."""
        raw = raw.clone()
        bones_m = bones_of(self.truth_m - self.truth_m[:, :1])
        if "lengths" in self.known:
            lengths_m = bones_m.norm(dim=-1).median(dim=0).values
            kinds = self._net.kind_of_bone
            off = (lengths_m.log() - self._net.log_usual) @ kinds / kinds.sum(dim=0)
            log_bones = off.expand(log_bones.shape)
        if "distance" in self.known:
            distance_m = self.truth_m[:, 0].norm(dim=-1)
            raw[:, 0, _LOG_SIZE] = (distance_m * seen.scale.flatten()).log()
        if "signs" in self.known:
            said = raw[..., _FIRST_POSE].reshape(-1, BONES, 3)
            true = bones_m @ seen.turn.reshape(-1, 3, 3)
            said[..., 2] = said[..., 2].abs() * true[..., 2].sign()
            raw[..., _FIRST_POSE] = said.reshape(-1, 1, 3 * BONES)
        return self._place(raw, log_bones, seen)


def answer(net: Unified, take: Take, told_up: bool) -> FloatArray:
    """(T, 17, 3) metres, at lag 0. told_up: whether the net is told the camera's tilt, too."""
    frames = len(take)
    lag = torch.zeros(1, frames, len(LAGS))
    lag[..., LAGS.index(0)] = 1
    up = np.tile(take.up * told_up, (1, frames, 1)).astype(np.float32)
    given = {RAYS: take.rays[None], SCORE: take.score[None], DEPTH: take.depth[None], UP: up}
    with torch.no_grad():
        said = net({name: torch.from_numpy(value) for name, value in given.items()} | {LAG: lag})
    pose: FloatArray = said[POSE][0].numpy()
    return pose


def turned(pose_m: FloatArray, truth_m: FloatArray) -> FloatArray:
    """The pose (T, 17, 3) after the one rotation that suits all of its frames best."""
    rotation, _ = Rotation.align_vectors(truth_m.reshape(-1, 3), pose_m.reshape(-1, 3))
    return np.asarray(rotation.apply(pose_m.reshape(-1, 3)).reshape(pose_m.shape), np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--motion", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    net: Any = load_checkpoint(options.checkpoint)
    telling, motion = Telling(net), load_motion(options.motion)
    takes = takes_of(Motion(tuple(select(motion.sequences, "test")), motion.fps), "gt", options.seed)
    rows: list[dict[str, object]] = []
    for told_up in (False, True):
        for name, known in KNOWN.items():
            errors, after = [], []
            telling.known = known
            for take in takes:
                telling.truth_m = torch.from_numpy(take.truth_m)
                pose_m = answer(net, take, told_up)
                errors.append(errors_mm(pose_m, take))
                after.append(errors_mm(turned(pose_m, take.truth_m - take.truth_m[:, :1]), take))
            said: dict[str, object] = {"tilt_told": told_up, "known": name}
            rows.append(said | mean_row(errors))
            if not known:
                rows.append(said | {"known": "each take turned once"} | mean_row(after))
    for each in rows:
        print(json.dumps(each))
    machine = describe()
    out = RESULTS / f"what_is_missing_{machine['date'][:10]}.json"
    out.write_text(json.dumps({"machine": machine, "seed": options.seed, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
