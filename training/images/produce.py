"""From folders of rendered clips to the weights of an image net, waiting for clips that are not there yet."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from realtime.camera import Intrinsics
from realtime.errors import UsageError
from training.images.config import Config
from training.images.feed import Feed
from training.images.loop import Plan, Trainer
from training.images.pool import Pool
from training.images.samples import Samples, clips_of, count, joined
from training.images.systems.system import Held

_POLL_S = 1.0


@dataclass(frozen=True, slots=True)
class Material:
    """What to train and measure on. clips, validation: folders of `realtime-train render --form frames`.

    They may still be growing: training begins with `least` samples, or those there are after wait_s, and
    gives up if there are none. capacity: samples kept on the device. held: of the validation samples, to
    measure on. leave_out: subjects that are not trained on.
    """

    clips: tuple[Path, ...]
    validation: Path | None
    capacity: int = 4000
    held: int = 600
    least: int = 64
    wait_s: float = 120.0
    readers: int = 2
    leave_out: frozenset[str] = frozenset()


def produce(
    config: Config,
    text: str,
    plan: Plan,
    material: Material,
    out: Path,
    device: torch.device,
    sleep: Callable[[float], None] = time.sleep,
) -> Trainer:
    """Train, and leave log, checkpoint and weights in `out`. text: the configuration, kept with the weights.

    Raises UsageError where there is nothing to train on.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write to {out}: {error.strerror}: name another --out") from error
    trainer = Trainer(config, text, plan, device)
    cutter = trainer.system.cutter
    watched = () if material.validation is None else (material.validation,)
    with (
        Feed(material.clips, cutter, config.cut, material.readers, material.leave_out) as feed,
        Feed(watched, cutter, config.cut, 1) as tests,
    ):
        intake = _Intake(feed, tests, Pool(material.capacity, device), _Gathered(material.held))
        intake.fill(material, sleep)
        trainer.run(out, intake.pool, intake.gathered.held, intake.refill)
    return trainer


@dataclass(frozen=True, slots=True)
class _Intake:
    """What is read on its way to the pool and to what is measured on."""

    feed: Feed
    tests: Feed
    pool: Pool
    gathered: _Gathered

    def refill(self, wait: bool = False) -> None:
        """Take in what has been read by now. wait: all that there is to train on."""
        self.feed.scan()
        for samples, _ in self.feed.take(wait):
            self.pool.add(samples)
        self.tests.scan()
        self.gathered.add(self.tests)

    def fill(self, material: Material, sleep: Callable[[float], None]) -> None:
        """Wait until there is enough to begin with. Raises UsageError where there is nothing."""
        waited_s, enough = 0.0, min(material.least, material.capacity)
        while True:
            no_more = waited_s >= material.wait_s or all(is_complete(f) for f in material.clips)
            self.refill(wait=no_more)
            if self.pool.size >= enough or (no_more and self.pool.size):
                break
            if no_more:
                raise UsageError(
                    f"{', '.join(map(str, material.clips))} has no people to train on: render some with "
                    "realtime-train render --form frames"
                )
            sleep(_POLL_S)
            waited_s += _POLL_S
        if material.validation is not None and is_complete(material.validation):
            self.gathered.add(self.tests, wait=True)


class _Gathered:
    """Samples held out, as many as asked for, of every clip that has been read evenly."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._samples: Samples = {}
        self._cameras: tuple[Intrinsics, ...] = ()

    def add(self, feed: Feed, wait: bool = False) -> None:
        """Take in what a feed has read."""
        read = feed.take(wait)
        self._samples = joined([self._samples, *(samples for samples, _ in read)])
        self._cameras += tuple(camera for _, cameras in read for camera in cameras)

    def held(self) -> Held | None:
        """As many as asked for, evenly; None while there are none."""
        many = count(self._samples)
        if not many:
            return None
        picks = np.unique(np.linspace(0, many - 1, min(many, self._most)).round().astype(int))
        return Held({k: v[picks] for k, v in self._samples.items()}, tuple(self._cameras[i] for i in picks))


def is_complete(folder: Path) -> bool:
    """Whether a folder holds all the clips its header speaks of."""
    try:
        header = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
        return len(clips_of(folder)) >= int(header["clips"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def chosen_device(name: str) -> torch.device:
    """The device of a name, `auto` being CUDA if there is any. Raises UsageError where it is missing."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError("there is no CUDA device here: use --device cpu")
    if name == "cuda":
        torch.backends.cudnn.benchmark = True
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.allow_tf32 = True
    return torch.device(name)
