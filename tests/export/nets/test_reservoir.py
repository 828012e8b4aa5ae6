"""The sample of past frames."""

from __future__ import annotations

import torch
from torch import Tensor

from export.nets.reservoir import LONGEST, Reservoir

SLOTS = 50


def _fill(keep: Reservoir, frames: int, people: int = 1) -> tuple[list[Tensor], tuple[Tensor, ...]]:
    """Feed frames that each say their own number; the kept numbers after every frame."""
    state: tuple[Tensor, ...] = tuple(torch.zeros(people, *s) for s in keep.state_shapes)
    kept = []
    for t in range(frames):
        says = torch.full((people, 2, 1), float(t))
        _, state = keep.step(says, torch.ones(people, dtype=torch.bool), state)
        kept.append(state[0][0, :, 0].clone())
    return kept, state


def test_first_frames_are_all_kept_then_a_sample_of_all() -> None:
    kept, _ = _fill(Reservoir(SLOTS, 1), 1000)
    assert kept[SLOTS - 1].tolist() == list(range(SLOTS))
    final = kept[-1]
    assert len(set(final.tolist())) == SLOTS
    # Of a uniform sample of 1,000 frames a quarter comes from each 250: 12.5 of 50, give or take 3.
    counts = torch.histc(final, bins=4, min=0, max=1000)
    assert counts.min() >= 4
    assert counts.max() <= 22


def test_the_sample_renews_for_ever() -> None:
    kept, state = _fill(Reservoir(SLOTS, 1), 6000)
    assert state[1][0, 0] == LONGEST
    # At one in thirty frames, a slot stays 1,500 frames on average.
    assert kept[-1].median() > 3500
    assert kept[-1].max() > 5800
    assert (kept[2000] != kept[5999]).sum() > 35


def test_numbers_drawn_are_whole_and_vary() -> None:
    keep, state, drawn = Reservoir(4, 1), (torch.zeros(1, 4, 2), torch.zeros(1, 3)), set()
    for _ in range(3000):
        _, state = keep.step(torch.zeros(1, 2, 1), torch.ones(1, dtype=torch.bool), state)
        assert torch.equal(state[1], state[1].round())
        drawn.add(tuple(state[1][0, 1:].tolist()))
    assert len(drawn) == 3000
    assert min(min(pair) for pair in drawn) >= 0
    assert max(pair[0] for pair in drawn) < 1021


def test_frames_without_anyone_do_not_enter() -> None:
    keep = Reservoir(3, 1)
    says = torch.tensor([9.0, 9.0, 1.0, 9.0, 3.0]).reshape(1, 5, 1, 1)
    says = torch.cat([says, torch.zeros_like(says)], dim=2)
    present = torch.tensor([[False, False, True, False, True]])
    lengths = keep(says, present)[0, :, 0]
    # Before anyone was seen a frame stands in for one; after that it changes nothing.
    torch.testing.assert_close(lengths, torch.tensor([9.0, 9.0, 1.0, 1.0, 2.0]))


def test_the_average_is_weighted_by_a_softmax() -> None:
    keep = Reservoir(3, 1)
    says = torch.tensor([[[1.0, 0.0], [5.0, 2.0]]]).reshape(1, 2, 2, 1)
    share = torch.softmax(torch.tensor([0.0, 2.0]), 0)
    average = keep(says, torch.ones(1, 2, dtype=torch.bool))[0, 1, 0]
    torch.testing.assert_close(average, share @ torch.tensor([1.0, 5.0]))
