"""What the default lifter makes small: nothing at the truth, and each part of it apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from export.nets.step import POSE, ROOT_DEPTH, ROOT_DEPTH_SIGMA
from export.nets.unified import LAGS, Unified
from realtime.skeleton import H36M17
from tests.training.lifters.systems.test_papers import make_batch
from training.lifters.batch import Batch
from training.lifters.systems.unified import SURE_M, _at, loss

FRAMES = 10
CHILD = [H36M17.index(c) for c, _ in H36M17.bones]
PARENT = [H36M17.index(p) for _, p in H36M17.bones]
NONE: dict[str, Any] = {
    "velocity": 0.0, "depth": 0.0, "known_size": 0.0, "lengths": 0.0, "first": 0.0, "sure": 0.0,
}  # fmt: skip


@pytest.fixture
def batch() -> Batch:
    """People with the lengths of their bones the same in every frame, as the net has them."""
    made = make_batch()
    steps = 0.05 * torch.randn(made.pose.shape, generator=torch.Generator().manual_seed(5))
    steps[..., 0, :] = 0
    pose = made.pose[:, :1] + 0 * steps
    drift = torch.arange(FRAMES)[None, :, None, None] * 0.01 * torch.eye(3)[2]
    turned = pose.clone()
    turned[..., 0], turned[..., 1] = pose[..., 1], -pose[..., 0]
    half = torch.arange(FRAMES)[None, :, None, None] % 2 == 0
    return replace(made, pose=torch.where(half, pose, turned), root_depth=made.root_depth + drift[..., 0, 2])


class Oracle:
    """Answers with the truth, changed as told; remembers the lags it was asked for."""

    def __init__(self, batch: Batch, **changes: Tensor) -> None:
        self.batch, self.changes = batch, changes
        self.asked: set[int] = set()

    def training_answer(
        self, given: Any, past: Any, lags: tuple[int, ...]
    ) -> Mapping[int, Mapping[str, Tensor]]:
        """At frame t and lag k the truth of frame t - k; nonsense where there is none."""
        self.asked |= set(lags)
        out = {}
        for lag in lags:
            frames = torch.arange(FRAMES) - lag
            known = (frames >= 0) & (frames < FRAMES)
            frames = frames.clamp(0, FRAMES - 1)
            pose = torch.where(known[None, :, None, None], self.batch.pose[:, frames], torch.tensor(99.0))
            depth = torch.where(known, self.batch.root_depth[:, frames], torch.tensor(99.0))
            answer = {
                POSE: pose,
                "first_pose": pose,
                ROOT_DEPTH: depth,
                ROOT_DEPTH_SIGMA: 0.05 * depth,
                "sure": torch.full(pose.shape[:-1], 20.0),
                "bones_m": (self.batch.pose[:, :, CHILD] - self.batch.pose[:, :, PARENT]).norm(dim=-1),
            }
            out[lag] = {k: v + self.changes.get(k, torch.zeros(())) for k, v in answer.items()}
        return out


def _loss(
    batch: Batch, seed: int = 0, changes: Mapping[str, Tensor] | None = None, **weights: float
) -> float:
    net: Any = Oracle(batch, **(changes or {}))
    return float(loss(net, batch, torch.Generator().manual_seed(seed), **weights))


@pytest.mark.parametrize("seed", range(12))
def test_the_truth_at_any_lag_costs_nothing(batch: Batch, seed: int) -> None:
    assert _loss(batch, seed, depth=0.0) == pytest.approx(0, abs=1e-6)


def test_each_part_is_moved_by_its_own_answer(batch: Batch) -> None:
    away = torch.tensor([0.03, 0.0, 0.04])
    alone: dict[str, Any] = NONE | {"other_lag": 0.0}
    assert _loss(batch, changes={POSE: away}, **alone) == pytest.approx(0.05, rel=1e-4)
    assert _loss(batch, changes={"first_pose": away}, **alone | {"first": 2.0}) == pytest.approx(
        0.1, rel=1e-4
    )
    bones = {"bones_m": torch.tensor(0.02)}
    assert _loss(batch, changes=bones, **alone | {"lengths": 0.5}) == pytest.approx(0.01, rel=1e-4)
    jerk = (torch.arange(FRAMES)[:, None, None] % 2) * away
    still = _loss(batch, changes={POSE: jerk}, **alone)
    assert _loss(batch, changes={POSE: jerk}, **alone | {"velocity": 1.0}) == pytest.approx(
        still + 0.05, rel=1e-4
    )


def test_depth_is_least_at_the_truth(batch: Batch) -> None:
    only = NONE | {"other_lag": 0.0, "depth": 1.0}
    right = _loss(batch, **only)
    for off in (-0.3, -0.1, 0.1, 0.3):
        assert _loss(batch, changes={ROOT_DEPTH: torch.tensor(off)}, **only) > right + 0.1
    # Who is right may be surer.
    assert _loss(batch, changes={ROOT_DEPTH_SIGMA: torch.tensor(-0.05)}, **only) < right


def test_a_depth_is_held_against_the_size_that_was_said(batch: Batch) -> None:
    only = NONE | {"other_lag": 0.0, "known_size": 2.0}
    assert _loss(batch, **only) == pytest.approx(0, abs=1e-6)
    for change in ({ROOT_DEPTH: torch.tensor(0.3)}, {"bones_m": torch.tensor(0.02)}):
        assert _loss(batch, changes=change, **only) > 0.05


def test_confidence_is_of_being_within_100_mm(batch: Batch) -> None:
    only = NONE | {"other_lag": 0.0, "sure": 1.0}
    doubtful = {"sure": torch.tensor(-40.0)}
    assert _loss(batch, **only) < 1e-6
    assert _loss(batch, changes=doubtful, **only) > 10
    for share, right in ((0.9, True), (1.1, False)):
        wrong = {POSE: torch.tensor([0.0, 0.0, share * SURE_M])}
        believed, doubted = (_loss(batch, changes=wrong | c, **only) for c in ({}, doubtful))
        assert (believed < doubted) == right


def test_every_other_lag_is_drawn_and_asked_for(batch: Batch) -> None:
    asked = []
    for seed in range(60):
        net: Any = Oracle(batch)
        loss(net, batch, torch.Generator().manual_seed(seed))
        assert len(net.asked) == 2
        assert 0 in net.asked
        asked += list(net.asked - {0})
    assert set(asked) == set(LAGS) - {0}
    net = Oracle(batch)
    loss(net, batch, torch.Generator().manual_seed(0), other_lag=0.0)
    assert net.asked == {0}


@pytest.mark.parametrize("lag", LAGS)
def test_answers_are_held_against_the_frame_they_are_of(batch: Batch, lag: int) -> None:
    numbered = torch.arange(FRAMES, dtype=torch.float32)
    marked = replace(
        batch,
        pose=numbered[None, :, None, None].expand(batch.pose.shape),
        root_depth=numbered.expand(batch.root_depth.shape),
        weight=numbered[None, :, None].expand(batch.weight.shape),
    )
    asked = _at(marked, lag)
    inputs = numbered[max(lag, 0) : FRAMES + min(lag, 0)]
    assert torch.equal(asked.root_depth[0], inputs - lag)
    assert torch.equal(asked.pose[0, :, 3, 1], inputs - lag)
    there = inputs > 0 if lag < 0 else torch.ones(len(inputs))
    assert torch.equal(asked.weight[0, :, 3], (inputs - lag) * there)


def test_nothing_is_asked_of_the_future_of_an_empty_frame(batch: Batch) -> None:
    batch.weight[:, 4] = 0
    for lag in (-1, -3):
        weight = _at(batch, lag).weight
        assert not weight[:, 4].any()
        assert not weight[:, 4 + lag].any()
        others = [t for t in range(FRAMES + lag) if t not in (4, 4 + lag)]
        assert weight[:, others].all()


def test_the_network_learns_lengths_and_confidence_from_it(batch: Batch) -> None:
    torch.manual_seed(0)
    net = Unified(width=16)
    loss(net, batch, torch.Generator().manual_seed(0)).backward()  # type: ignore[no-untyped-call]
    for part in (net.body_head, net.answer_head, net.frame_2, net.stem, net.visibility):
        assert part.weight.grad is not None
        assert part.weight.grad.abs().sum() > 0
