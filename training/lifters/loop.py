"""The training loop: Muon and AdamW under a one-cycle rate, averaged weights, checkpoints that resume."""

from __future__ import annotations

import contextlib
import copy
import json
import logging
import os
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from export.nets.catalogue import build_net
from realtime.errors import UsageError
from training.lifters.batch import Batch
from training.lifters.batches import BatchSize, Draws, draw_batch
from training.lifters.checks import answer, depth_ratios, errors
from training.lifters.feed import Drawn, batches
from training.lifters.muon import Muon
from training.lifters.systems.system import System
from training.schedule import MINUTE_NS, Progress, one_cycle

log = logging.getLogger(__name__)

_AVERAGE_KEEP = 0.998
_CLIP_NORM = 1.0
_WARM_UP = 0.05
_VALIDATION_SEED = 1_000_003
_BAR = "{l_bar}{bar}| {elapsed}<{remaining} {postfix}"
LOG_FILE, CHECKPOINT_FILE = "train.csv", "checkpoint.npz"


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how hard to train. It ends when `minutes` or `steps` are used up; None: no limit.

    matrices: what moves the weight matrices inside the net, Muon or, as in the papers, Adam. device: where
    the net is, as torch names it. drawers: processes that draw batches ahead; 0: the trainer draws its own.
    """

    minutes: float | None
    steps: int | None = None
    seed: int = 0
    rate: float = 3e-3
    decay: float = 0.01
    matrices: str = "muon"
    threads: int = 2
    size: BatchSize = field(default_factory=BatchSize)
    checkpoint_s: float = 60.0
    validation_batches: int = 8
    device: str = "cpu"
    drawers: int = 0

    def __post_init__(self) -> None:
        if not (self.minutes or self.steps):
            raise UsageError("say how long to train: --minutes or --steps must be above zero")
        if self.matrices not in ("muon", "adam"):
            raise UsageError(f"matrices are moved by muon or adam, not {self.matrices!r}")
        if self.device.startswith("cuda") and not torch.cuda.is_available():
            raise UsageError("torch finds no CUDA device here: train with --device cpu")


class Trainer:
    """Trains one lifter. After `run`, `averaged` holds the weights to ship.

    built: options that its net is built with. draws, validation: what batches are drawn from.
    """

    def __init__(
        self, system: System, built: Mapping[str, Any], draws: Draws, validation: Draws, plan: Plan
    ) -> None:
        torch.set_num_threads(plan.threads)
        torch.manual_seed(plan.seed)
        self._device = torch.device(plan.device)
        net = build_net(system.name, built).to(self._device)
        self.system, self.net, self.draws, self.plan = system, net, draws, plan
        self._built = dict(built)
        self.averaged = {name: value.clone() for name, value in net.state_dict().items()}
        self.progress = Progress()
        self._optimisers = _optimisers(net, plan)
        self._feed: Iterator[Batch] | None = None
        self._validation = [
            draw_batch(validation, plan.size, (_VALIDATION_SEED, i)).to(self._device)
            for i in range(plan.validation_batches)
        ]

    def run(self, folder: Path) -> None:
        """Train to the end of the plan, from `folder`'s checkpoint if it has one; log and save there.

        A run that has ended is left as it is, so that it can be exported again.
        """
        checkpoint = folder / CHECKPOINT_FILE
        if checkpoint.is_file():
            self.load(checkpoint)
            log.info("resumed at step %d", self.progress.step)
            if self.progress.share(self.plan) >= 1.0:
                return
        saved_ns, shown = time.perf_counter_ns(), 0.0
        with tqdm(total=100.0, unit="%", bar_format=_BAR, mininterval=5) as bar:
            while (share := self.progress.share(self.plan)) < 1.0:
                loss = self.advance()
                bar.update(100 * share - shown)
                shown = 100 * share
                bar.set_postfix_str(f"step {self.progress.step} loss {loss:.4f}", refresh=False)
                if time.perf_counter_ns() - saved_ns > self.plan.checkpoint_s * 1e9:
                    self._report(folder, loss)
                    self.save(checkpoint)
                    saved_ns = time.perf_counter_ns()
            bar.update(100 - shown)
        self._report(folder, loss)
        self.save(checkpoint)

    def advance(self) -> float:
        """Take one optimiser step on a fresh batch; returns its loss."""
        began_ns = time.perf_counter_ns()
        rate = self.plan.rate * one_cycle(self.progress.share(self.plan), _WARM_UP)
        seed = (self.plan.seed, self.progress.step)
        batch = self._next_batch().to(self._device)
        noise = torch.Generator(self._device).manual_seed(1_000_000 * seed[0] + seed[1])
        self.net.train()
        self.net.zero_grad(set_to_none=True)
        with _made_on(self._device):
            loss = self.system.loss(self.net, batch, noise)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), _CLIP_NORM)
        for optimiser in self._optimisers.values():
            for group in optimiser.param_groups:
                group["lr"] = rate
            optimiser.step()
        self.system.constrain(self.net)
        self.progress.step += 1
        self._average()
        self.progress.spent_ns += time.perf_counter_ns() - began_ns
        return float(loss.detach())

    def _next_batch(self) -> Batch:
        if self._feed is None:
            drawn = Drawn(self.draws, self.plan.size, self.plan.seed)
            self._feed = batches(drawn, self.progress.step, self.plan.drawers)
        return next(self._feed)

    @torch.no_grad()
    def _average(self) -> None:
        keep = min(_AVERAGE_KEEP, (1 + self.progress.step) / (10 + self.progress.step))
        for name, value in self.net.state_dict().items():
            if value.is_floating_point():
                self.averaged[name].lerp_(value, 1 - keep)
            else:
                self.averaged[name].copy_(value)

    @torch.no_grad()
    def validate(self) -> Mapping[str, float]:
        """Errors of the averaged weights on the validation clips, and how many depths lie within a sigma."""
        net = self._averaged_here()
        with _made_on(self._device):
            rows = [errors(answer(net, b), b) for b in self._validation]
        return {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}

    def averaged_net(self) -> nn.Module:
        """A copy of the net with the averaged weights, ready to run on the processor."""
        return self._averaged_here().cpu()

    def _averaged_here(self) -> nn.Module:
        net = copy.deepcopy(self.net)
        net.load_state_dict(self.averaged)
        return net.eval()

    @torch.no_grad()
    def calibrate(self) -> float | None:
        """Scale the spread so that 68.27 % of validation depths lie within one sigma; return the factor.

        None for a net that gives no sigma.
        """
        if "spread_scale" not in self.averaged:
            return None
        net = self._averaged_here()
        with _made_on(self._device):
            ratios = torch.cat([depth_ratios(answer(net, b), b) for b in self._validation])
        factor = float(ratios.quantile(0.6827))
        self.averaged["spread_scale"] *= factor
        return factor

    def _report(self, folder: Path, loss: float) -> None:
        """Append a row to the log, CSV with the names in its first line."""
        minutes = self.progress.spent_ns / MINUTE_NS
        row = {"step": float(self.progress.step), "minutes": minutes, "loss": loss} | dict(self.validate())
        path = folder / LOG_FILE
        head = "" if path.is_file() else ",".join(row) + "\n"
        with path.open("a", encoding="utf-8") as file:
            file.write(head + ",".join(f"{value:.6g}" for value in row.values()) + "\n")

    def save(self, path: Path) -> None:
        """Write everything a resumed run needs, as plain arrays; the old file stays until it is whole."""
        arrays = {f"net/{k}": v.numpy(force=True) for k, v in self.net.state_dict().items()}
        arrays |= {f"averaged/{k}": v.numpy(force=True) for k, v in self.averaged.items()}
        for kind, optimiser in self._optimisers.items():
            for index, moments in optimiser.state_dict()["state"].items():
                arrays |= {f"{kind}/{index}/{k}": v.numpy(force=True) for k, v in moments.items()}
        arrays["random"] = torch.get_rng_state().numpy()
        arrays["progress"] = np.array([self.progress.step, self.progress.spent_ns], np.int64)
        arrays["described"] = np.array(json.dumps({"name": self.system.name, "options": self._built}))
        part = path.with_name(path.stem + ".part.npz")
        np.savez(part, **arrays)
        os.replace(part, path)

    def load(self, path: Path) -> None:
        """Continue from a checkpoint. Raises UsageError when it is of another net or is damaged."""
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                arrays = {key: archive[key] for key in archive.files}
            self.net.load_state_dict(_tensors(arrays, "net/"))
            averaged = _tensors(arrays, "averaged/")
            for kind, optimiser in self._optimisers.items():
                moments: dict[int, dict[str, Tensor]] = {}
                for key, value in _tensors(arrays, f"{kind}/").items():
                    index, name = key.split("/")
                    moments.setdefault(int(index), {})[name] = value
                optimiser.load_state_dict(optimiser.state_dict() | {"state": moments})
            step, spent_ns = (int(v) for v in arrays["progress"])
        except (OSError, KeyError, ValueError, RuntimeError, zipfile.BadZipFile) as error:
            raise UsageError(
                f"{path} is no checkpoint of this net: delete it or use another --out"
            ) from error
        if "random" in arrays:  # what dropout draws from
            torch.set_rng_state(torch.from_numpy(arrays["random"]))
        self.averaged = {name: value.to(self._device) for name, value in averaged.items()}
        self.progress, self._feed = Progress(step, spent_ns), None


def _made_on(device: torch.device) -> contextlib.AbstractContextManager[object]:
    """Where losses and nets make tensors. Nothing for the processor: saying so costs time at every call."""
    return contextlib.nullcontext() if device.type == "cpu" else device


def _optimisers(net: nn.Module, plan: Plan) -> dict[str, torch.optim.Optimizer]:
    named = list(net.named_parameters())
    muon = plan.matrices == "muon"
    hidden = [p for n, p in named if muon and p.ndim == 2 and not n.endswith("head.weight")]
    others = [p for _, p in named if all(p is not h for h in hidden)]
    adam = torch.optim.AdamW(others, lr=plan.rate, weight_decay=plan.decay)
    return ({"muon": Muon(hidden, plan.rate, plan.decay)} if hidden else {}) | {"adamw": adam}


def _tensors(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): torch.from_numpy(v) for k, v in arrays.items() if k.startswith(prefix)}
