"""Batches drawn ahead: the same ones in the same order, by however many processes."""

from __future__ import annotations

from dataclasses import fields
from itertools import islice

import pytest
import torch

from realtime.errors import UsageError
from tests.training.walking import walkers
from training.lifters.augment import ClipSampler
from training.lifters.batch import Batch, Past
from training.lifters.batches import BatchSize, Draws, draw_batch
from training.lifters.feed import Drawn, batches
from training.lifters.loop import Plan

SIZE = BatchSize(clips=3, frames=6, past=2)


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    return Drawn(Draws(ClipSampler(walkers("a", "b"))), SIZE, 7)


def _same(one: Batch | Past, other: Batch | Past) -> bool:
    pairs = [(getattr(one, f.name), getattr(other, f.name)) for f in fields(one)]
    return all(_same(a, b) if isinstance(a, Past) else torch.equal(a, b) for a, b in pairs)


def test_a_step_has_its_batch_wherever_it_begins(drawn: Drawn) -> None:
    whole, later = list(islice(batches(drawn, 0, 0), 4)), next(batches(drawn, 3, 0))
    assert _same(later, whole[3])
    assert not _same(whole[0], whole[1])
    assert _same(whole[2], draw_batch(drawn.draws, SIZE, (7, 2)))


def test_processes_draw_the_same_in_the_same_order(drawn: Drawn) -> None:
    ahead = list(islice(batches(drawn, 5, 2), 4))
    assert all(_same(a, b) for a, b in zip(ahead, batches(drawn, 5, 0), strict=False))


def test_a_batch_moves_as_a_whole(drawn: Drawn) -> None:
    moved = drawn[0].to(torch.device("meta"))
    assert moved.rays.device.type == moved.past.count.device.type == "meta"
    assert _same(drawn[0].to(torch.device("cpu")), drawn[0])


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_named() -> None:
    with pytest.raises(UsageError, match="no CUDA device here: train with --device cpu"):
        Plan(minutes=1, device="cuda")
