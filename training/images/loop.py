"""The training loop of image nets: pools on the device, one-cycle rate, averaged weights, checkpoints."""

from __future__ import annotations

import copy
import json
import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from export.nets.images.catalogue import build_image_net, options_of
from realtime.errors import UsageError
from training.images.augment import Painter
from training.images.checkpoint import CHECKPOINT_FILE, WEIGHTS_FILE, load_tensors, save_tensors
from training.images.config import Config
from training.images.pool import Pool
from training.images.systems.system import Held, Studio
from training.schedule import MINUTE_NS, Progress, one_cycle

log = logging.getLogger(__name__)

LOG_FILE, RESULT_FILE = "train.csv", "result.json"
_AVERAGE_KEEP = 0.999
_CLIP_NORM = 5.0
_WARM_UP = 0.08
_LOOK_STEPS = 10
_REFILL_NS = 3_000_000_000
_MOST_LEFT_OUT = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """How long to train. It ends when `minutes` or `steps` are used up; None: no limit.

    report_s: between rows of the log. checkpoint_s: between checkpoints.
    """

    minutes: float | None
    steps: int | None = None
    seed: int = 0
    report_s: float = 30.0
    checkpoint_s: float = 60.0

    def __post_init__(self) -> None:
        if not (self.minutes or self.steps):
            raise UsageError("say how long to train: --minutes or --steps must be above zero")


class Trainer:
    """Trains one image net from a pool. After `run`, `averaged` holds the weights to keep.

    held: gives the samples to measure on, or None while there are none. refill: called every few seconds.
    """

    def __init__(self, config: Config, text: str, plan: Plan, device: torch.device) -> None:
        torch.manual_seed(plan.seed)
        self.system, self.plan, self.progress = config.of_system(), plan, Progress()
        self.config, self._text, self.device = config, text, device
        self.net: nn.Module = build_image_net(config.system, config.net).to(device)
        self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.averaged = {name: value.clone() for name, value in self.net.state_dict().items()}
        self._optimiser = _optimiser(self.net, config)
        self._left_out = 0
        generator = torch.Generator(device)
        size: tuple[int, int] = tuple(self.net.size)  # type: ignore
        self.studio = Studio(config.cut, size, config.spread, Painter(config.looks, generator), generator)

    def run(
        self,
        folder: Path,
        pool: Pool,
        held: Callable[[], Held | None],
        refill: Callable[[], None] = lambda: None,
    ) -> None:
        """Train to the end of the plan, from `folder`'s checkpoint if it has one; log and save there."""
        if (folder / CHECKPOINT_FILE).is_file():
            self.load(folder / CHECKPOINT_FILE)
            log.info("resumed at step %d", self.progress.step)
        clock = reported = filled = saved = time.perf_counter_ns()
        began = counted = self.progress.step
        loss, measures = torch.tensor(math.nan), dict[str, float]()

        def report() -> Mapping[str, float]:
            seconds = max((time.perf_counter_ns() - reported) / 1e9, 1e-9)
            rate = (self.progress.step - counted) * self.config.batch / seconds
            row = {"loss": float(loss), "images_s": rate, "samples": float(pool.size)}
            return self._report(folder, row, held())

        while self.progress.share(self.plan) < 1.0:
            loss = self.advance(pool)
            now = time.perf_counter_ns()
            self.progress.spent_ns += now - clock
            clock = now
            if self.progress.step % _LOOK_STEPS:
                continue
            if now - filled > _REFILL_NS:
                refill()
                filled = now
            if now - reported > self.plan.report_s * 1e9:
                measures = dict(report())
                reported, counted = time.perf_counter_ns(), self.progress.step
            if now - saved > self.plan.checkpoint_s * 1e9:
                self.save(folder / CHECKPOINT_FILE)
                self.save_weights(folder, measures)
                saved = now
        if self.progress.step > began or not (folder / WEIGHTS_FILE).is_file():
            measures = dict(report())
            self.save(folder / CHECKPOINT_FILE)
            self.save_weights(folder, measures)

    def advance(self, pool: Pool) -> Tensor:
        """Take one optimiser step; returns its loss, which may still be under way on the device."""
        share = self.progress.share(self.plan)
        self.studio.generator.manual_seed(1_000_003 * self.plan.seed + self.progress.step)
        batch = pool.draw(self.config.batch, self.studio.generator)
        self.net.train()
        self._optimiser.zero_grad(set_to_none=True)
        loss = self.system.loss(self.net, batch, self.studio)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self.net.parameters(), _CLIP_NORM)
        for group in self._optimiser.param_groups:
            group["lr"] = self.config.rate * one_cycle(share, _WARM_UP)
        if bool(torch.isfinite(norm)):
            self._optimiser.step()
            self._left_out = 0
        else:
            self._leave_out()
        self.progress.step += 1
        self._average()
        return loss.detach()

    def _leave_out(self) -> None:
        """Pass over a step whose gradient is not finite; a few in a row are no accident."""
        self._left_out += 1
        log.warning("step %d left out: its gradient is not finite", self.progress.step)
        if self._left_out >= _MOST_LEFT_OUT:
            raise UsageError(
                f"{self._left_out} gradients in a row are not finite: train with a lower rate in --config"
            )

    @torch.no_grad()
    def _average(self) -> None:
        keep = min(_AVERAGE_KEEP, (1 + self.progress.step) / (10 + self.progress.step))
        state = self.net.state_dict()
        moving = [name for name, value in state.items() if value.is_floating_point()]
        torch._foreach_lerp_([self.averaged[n] for n in moving], [state[n] for n in moving], 1 - keep)
        for name in state.keys() - set(moving):
            self.averaged[name].copy_(state[name])

    def averaged_net(self) -> nn.Module:
        """A copy of the net with the averaged weights, ready to run."""
        net: nn.Module = copy.deepcopy(self.net)
        net.load_state_dict(self.averaged)
        return net.eval()

    def measure(self, held: Held) -> Mapping[str, float]:
        """What the averaged weights do on held-out samples."""
        return self.system.measures(self.averaged_net(), held, self.studio)

    def _report(self, folder: Path, row: Mapping[str, float], held: Held | None) -> Mapping[str, float]:
        """Append a row to the log, CSV with the names in its first line; gives what was measured."""
        measures = dict(self.measure(held)) if held is not None else {}
        minutes = self.progress.spent_ns / MINUTE_NS
        row = {"step": float(self.progress.step), "minutes": minutes} | dict(row) | measures
        log.info("%s: %s", self.config.system, " ".join(f"{k} {v:.4g}" for k, v in row.items()))
        path = folder / LOG_FILE
        head = "" if _has(path, row) else ",".join(row) + "\n"
        with path.open("a", encoding="utf-8") as file:
            file.write(head + ",".join(f"{value:.6g}" for value in row.values()) + "\n")
        return measures

    def save(self, path: Path) -> None:
        """Write everything a resumed run needs."""
        tensors = {f"net/{k}": v for k, v in self.net.state_dict().items()}
        tensors |= {f"averaged/{k}": v for k, v in self.averaged.items()}
        for index, moments in self._optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser/{index}/{k}": v for k, v in moments.items() if isinstance(v, Tensor)}
        save_tensors(path, tensors, self._said() | {"progress": json.dumps(asdict(self.progress))})

    def save_weights(self, folder: Path, measures: Mapping[str, float]) -> None:
        """Write the averaged weights, and what they measure beside them."""
        metadata = self._said() | {"measures": json.dumps(measures)}
        save_tensors(folder / WEIGHTS_FILE, self.averaged, metadata)
        result = {"system": self.config.system, "measures": measures} | asdict(self.progress)
        (folder / RESULT_FILE).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")

    def _said(self) -> dict[str, str]:
        return {"name": self.config.system, "options": json.dumps(options_of(self.net)), "config": self._text}

    def load(self, path: Path) -> None:
        """Continue from a checkpoint. Raises UsageError when it is of another net or is damaged."""
        tensors, metadata = load_tensors(path)
        try:
            self.net.load_state_dict(_under(tensors, "net/"))
            averaged = _under(tensors, "averaged/")
            moments: dict[int, dict[str, Tensor]] = {}
            for key, value in _under(tensors, "optimiser/").items():
                index, name = key.split("/")
                moments.setdefault(int(index), {})[name] = value
            self._optimiser.load_state_dict(self._optimiser.state_dict() | {"state": moments})
            self.progress = Progress(**json.loads(metadata["progress"]))
            self.averaged = {k: averaged[k].to(v.device) for k, v in self.averaged.items()}
        except (KeyError, ValueError, RuntimeError, TypeError) as error:
            raise UsageError(
                f"{path} is no checkpoint of this net: delete it or use another --out"
            ) from error


def _has(path: Path, row: Mapping[str, float]) -> bool:
    """Whether the last header of a log has these columns."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    headers = [line for line in lines if line.startswith("step,")]
    return bool(headers) and headers[-1] == ",".join(row)


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _optimiser(net: nn.Module, config: Config) -> torch.optim.Optimizer:
    """Weight decay falls on the convolutions alone."""
    weights = [p for p in net.parameters() if p.ndim > 1]
    others = [p for p in net.parameters() if p.ndim <= 1]
    groups = [{"params": weights, "weight_decay": config.decay}, {"params": others, "weight_decay": 0.0}]
    if config.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=config.rate, momentum=0.9)
    return torch.optim.AdamW(groups, lr=config.rate)
