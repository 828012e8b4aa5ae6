"""Batches drawn ahead of the trainer, in processes of their own: the same ones in the same order."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from multiprocessing.context import BaseContext

from torch.utils.data import DataLoader, Dataset

from training.lifters.batch import Batch
from training.lifters.batches import BatchSize, Draws, draw_batch

_AHEAD = 3


@dataclass(frozen=True, slots=True)
class Drawn(Dataset[Batch]):
    """The batch of every step: that of a step depends on nothing but these values and its number."""

    draws: Draws
    size: BatchSize
    seed: int

    def __getitem__(self, step: int) -> Batch:
        return draw_batch(self.draws, self.size, (self.seed, step))


def batches(drawn: Drawn, first: int, processes: int) -> Iterator[Batch]:
    """The batches of the steps from `first` on, without end.

    processes: how many draw ahead, one thread each; 0 draws each batch when it is asked for, here. They end
    when the iterator is let go.
    """
    if not processes:
        return (drawn[step] for step in count(first))
    loader = DataLoader(
        drawn,
        batch_size=None,
        sampler=_Steps(first),
        num_workers=processes,
        prefetch_factor=_AHEAD,
        multiprocessing_context=_context(),
    )
    return iter(loader)


def _context() -> BaseContext:
    """How processes are started: from one that has imported all they need, where there is such a thing.

    Never by fork alone: the trainer may have a device open, and threads.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


@dataclass(frozen=True, slots=True)
class _Steps:
    """Numbers of steps, as the loader asks for them."""

    first: int

    def __iter__(self) -> Iterator[int]:
        return count(self.first)
