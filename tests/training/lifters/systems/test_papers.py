"""The papers' systems: what each trains on, and what it makes small."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from export.nets.abs_lifter import AbsLifter
from export.nets.anatomy import Anatomy
from export.nets.bones import bones_of
from export.nets.catalogue import build_net
from export.nets.residual_lifter import ResidualLifter
from export.nets.seq2seq_lstm import Seq2seqLstm
from realtime.skeleton import H36M17
from training.lifters.batch import Batch, Past
from training.lifters.systems import (
    abs_lifter,
    anatomy,
    depth_tcn,
    residual_lifter,
    seq2seq_lstm,
    videopose_tcn,
)
from training.lifters.systems.system import System

SMALL: dict[str, tuple[System, dict[str, Any]]] = {
    s.name: (s, options)
    for s, options in (
        (videopose_tcn.SYSTEM, {"width": 32, "blocks": 1}),
        (depth_tcn.SYSTEM, {"width": 32, "blocks": 1}),
        (residual_lifter.SYSTEM, {"width": 32}),
        (abs_lifter.SYSTEM, {"width": 32, "dropout": 0.0}),
        (anatomy.SYSTEM, {"width": 32, "blocks": 1, "sample": 8}),
        (seq2seq_lstm.SYSTEM, {"width": 32}),
    )
}
CLIPS, FRAMES, PAST = 6, 10, 7


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _people(generator: torch.Generator, base: Tensor, frames: int) -> tuple[Tensor, Tensor, Tensor]:
    """Poses (B, frames, 17, 3) about a base, pelvis depth (B, frames) and rays."""
    pose = base + 0.05 * torch.randn(len(base), frames, 17, 3, generator=generator)
    pose = pose - pose[:, :, :1]
    root = torch.tensor([0.2, -0.1, 3.0]).expand(len(base), frames, 3)
    points = pose + root[:, :, None]
    return pose, root[..., 2], points[..., :2] / points[..., 2:]


def make_batch(seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    base = 0.3 * torch.randn(CLIPS, 1, 17, 3, generator=generator)
    pose, depth, rays = _people(generator, base, FRAMES)
    past_pose, _, past_rays = _people(generator, base, PAST)
    score = torch.rand(CLIPS, FRAMES, 17, generator=generator)
    score[:, :, 5] = 0.0
    past = Past(
        past_rays,
        torch.ones(CLIPS, PAST, 17),
        past_pose,
        torch.ones(CLIPS, PAST, 17),
        torch.tensor([0, 1, PAST, 3, 4, 5]),
    )
    behind = pose[..., 2] / depth.unsqueeze(-1)
    up = torch.tensor([0.0, -1.0, 0.0]).expand(*score.shape[:2], 3)
    return Batch(rays, score, behind, up, pose, depth, torch.ones_like(score), past)


def _run(name: str, batch: Batch, seed: int = 0, **flags: Any) -> tuple[Any, Tensor]:
    system, options = SMALL[name]
    torch.manual_seed(0)
    net: Any = build_net(name, options)
    net.train()
    value = system.loss(net, batch, torch.Generator().manual_seed(seed), **flags)
    value.backward()  # type: ignore[no-untyped-call]
    return net, value


def _moved(module: Any) -> bool:
    return any(p.grad is not None and bool((p.grad != 0).any()) for p in module.parameters())


@pytest.mark.parametrize("name", SMALL)
def test_training_makes_the_loss_small(name: str) -> None:
    system, options = SMALL[name]
    torch.manual_seed(0)
    net: Any = build_net(name, options)
    net.train()
    optimiser = torch.optim.Adam(net.parameters(), 3e-3)
    generator, batch, values = torch.Generator().manual_seed(0), make_batch(), []
    for _ in range(60):
        optimiser.zero_grad()
        value = system.loss(net, batch, generator)
        value.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        system.constrain(net)
        values.append(value.item())
    assert math.isfinite(values[-1])
    assert sum(values[-5:]) < 0.8 * sum(values[:5])


@pytest.mark.parametrize("name", SMALL)
def test_joints_that_are_not_asked_for_do_not_count(name: str) -> None:
    batch = make_batch()
    nothing = dataclasses.replace(
        batch,
        weight=torch.zeros_like(batch.weight),
        past=dataclasses.replace(batch.past, weight=torch.zeros_like(batch.past.weight)),
    )
    _, value = _run(name, nothing)
    assert value.item() == 0.0
    spoilt = dataclasses.replace(batch, weight=batch.weight.clone(), pose=batch.pose.clone())
    spoilt.weight[:, :, 13] = 0.0
    if name != "anatomy":  # lengths are of the whole body
        _, before = _run(name, spoilt)
        spoilt.pose[:, :, 13] += 5.0
        _, after = _run(name, spoilt)
        torch.testing.assert_close(after, before)


@pytest.mark.parametrize("name", SMALL)
def test_the_truth_is_what_is_wanted(name: str) -> None:
    """A pose farther from what the net says costs more."""
    batch = make_batch()
    _, near = _run(name, batch)
    _, far = _run(name, dataclasses.replace(batch, pose=3 * batch.pose))
    assert far > near


def test_noise_comes_from_the_generator_and_spares_what_is_missing() -> None:
    features, score = torch.zeros(4, 71), torch.ones(4, 17)
    features[:, 54:] = 1.0
    features[3, 54:] = 0.0
    score[:, 2] = 0.0
    noisy = depth_tcn.disturb(features, score, 0.1, torch.Generator().manual_seed(1))
    again = depth_tcn.disturb(features, score, 0.1, torch.Generator().manual_seed(1))
    assert torch.equal(noisy, again)
    change = noisy - features
    assert torch.count_nonzero(change[:, 34:54]) == 0
    assert torch.count_nonzero(change[:, [4, 5, 56]]) == 0
    assert torch.count_nonzero(change[3, 54:]) == 0
    assert 0.05 < change[:3, [0, 1, 54, 55]].std() < 0.2
    _, without = _run("depth-tcn", make_batch(), noise=0.0)
    _, with_noise = _run("depth-tcn", make_batch())
    assert with_noise != without


def test_norms_are_held() -> None:
    net = ResidualLifter(width=16)
    for layer in (net.stem, net.head):
        for parameter in layer.parameters():
            parameter.data *= 100
    loose = ResidualLifter(width=16, max_norm=False)
    loose.load_state_dict(net.state_dict())
    for one in (net, loose):
        residual_lifter.SYSTEM.constrain(one)
    rows = net.stem.mix.linear.weight.norm(dim=1)  # type: ignore[union-attr]
    torch.testing.assert_close(rows, torch.ones(16), atol=1e-4, rtol=0)
    assert loose.stem.mix.linear.weight.norm(dim=1).max() > 10  # type: ignore[union-attr]


def test_absolute_errors_are_weighted_as_in_the_paper() -> None:
    class Still(AbsLifter):
        def forward(self, given: Any) -> dict[str, Tensor]:
            return {"pose": torch.zeros(CLIPS, FRAMES, 17, 3), "root_depth": torch.full((CLIPS, FRAMES), 2.0)}

    batch = dataclasses.replace(make_batch(), pose=torch.zeros(CLIPS, FRAMES, 17, 3))
    batch.pose[:, :, 4, 1] = -0.5
    value = abs_lifter.loss(Still(width=8), batch, torch.Generator())
    torch.testing.assert_close(value, torch.tensor(1000 * 0.5 + 1000 / 1145))


class TestSequence:
    def test_smoothness_asks_most_of_the_ends_of_limbs(self) -> None:
        class Moving(Seq2seqLstm):
            joint = 0

            def decode(self, windows: Tensor) -> Tensor:
                pose = torch.zeros(len(windows), self.window, 17, 3)
                pose[:, ::2, self.joint, 0] = 0.25
                return pose

        net, batch = Moving(width=8), make_batch()
        cost = {}
        for joint in ("head", "l_knee", "r_wrist"):
            net.joint = H36M17.index(joint)
            cost[joint] = float(seq2seq_lstm.loss(net, batch, torch.Generator(), alpha=0.0))
        assert cost["head"] == pytest.approx(5 / 17, rel=1e-3)
        assert cost["l_knee"] == pytest.approx(2.5 * cost["head"], rel=1e-3)
        assert cost["r_wrist"] == pytest.approx(4 * cost["head"], rel=1e-3)

    def test_fewer_windows_cost_less_work(self) -> None:
        sizes = []

        class Counting(Seq2seqLstm):
            def decode(self, windows: Tensor) -> Tensor:
                sizes.append(len(windows))
                return super().decode(windows)

        for every in (1, 5):
            seq2seq_lstm.loss(Counting(width=8), make_batch(), torch.Generator(), every=every)
        assert sizes == [CLIPS * FRAMES, CLIPS * FRAMES // 5]


class TestAnatomy:
    def test_each_part_moves_what_the_paper_lets_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("LAMBDA_D", "LAMBDA_L", "LAMBDA_J", "LAMBDA_JS"):
            for other in ("LAMBDA_D", "LAMBDA_L", "LAMBDA_J", "LAMBDA_JS"):
                monkeypatch.setattr(anatomy, other, float(other == name))
            net, _ = _run("anatomy", make_batch())
            parts = (net.directions, net.lengths.attention, net.lengths.head, net.lengths.stem)
            moved = [_moved(part) for part in parts]
            expected = {"LAMBDA_L": [False, True, False, False], "LAMBDA_J": [False, False, True, True]}
            assert moved == expected.get(name, [True, False, False, False]), name

    def test_shifts_move_the_upper_net_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("LAMBDA_D", "LAMBDA_L", "LAMBDA_J"):
            monkeypatch.setattr(anatomy, name, 0.0)
        net, _ = _run("anatomy", make_batch())
        assert _moved(net.directions.upper)
        assert not _moved(net.directions.lower)
        assert not _moved(net.directions.lower_head)

    def test_without_the_joint_loss_lengths_train_their_net(self) -> None:
        net, _ = _run("anatomy", make_batch(), joint_loss=False, joint_shift=False, bone_augmentation=False)
        assert _moved(net.lengths.head)

    def test_flags_leave_parts_out(self) -> None:
        whole = _run("anatomy", make_batch())[1]
        for flag in ("joint_loss", "joint_shift", "bone_augmentation"):
            assert _run("anatomy", make_batch(), **{flag: False})[1] < whole

    def test_frames_come_from_the_past_and_the_clip_so_far(self) -> None:
        batch = make_batch()
        batch.past.rays[:] = -7.0
        for seed in range(20):
            frames = anatomy.draw_frames(batch, 12, torch.Generator().manual_seed(seed))
            from_past = frames.rays[..., 0, 0] == -7.0
            assert bool(frames.taken.any(dim=1).all())
            assert not bool((from_past & frames.taken)[0].any())  # nothing was seen before this clip
            assert ((from_past & frames.taken).sum(dim=1) <= batch.past.count).all()

    def test_frames_without_anyone_are_not_drawn(self) -> None:
        batch = make_batch()
        batch.score[:, 1:] = 0.0
        batch.past.score[:, 1:] = 0.0
        frames = anatomy.draw_frames(batch, 12, torch.Generator().manual_seed(0))
        assert (frames.taken.sum(dim=1) <= 2).all()
        assert bool((frames.score[frames.taken] > 0).any(dim=-1).all())

    def test_other_bodies_are_seen_where_the_own_was(self) -> None:
        frames = anatomy.draw_frames(make_batch(), 5, torch.Generator().manual_seed(0))
        seen = (frames.score > 0) & frames.taken.unsqueeze(-1)
        same = anatomy.resynthesise(frames, frames.pose)
        # A weak-perspective place: within a few hundredths of a ray, a tenth of the person's size.
        assert (same - frames.rays)[seen].norm(dim=-1).mean() < 0.02
        larger = anatomy.resynthesise(frames, 1.3 * frames.pose)
        assert larger[seen].std() > 1.1 * same[seen].std()

    def test_stretched_bodies_keep_their_pose_and_their_symmetry(self) -> None:
        net, pose = Anatomy(width=8, blocks=1), make_batch().pose
        ratio = bones_of(anatomy.stretch(net, pose, torch.Generator().manual_seed(0))) / bones_of(pose)
        torch.testing.assert_close(ratio, ratio[:, :1, :, :1].expand_as(ratio), atol=1e-2, rtol=1e-2)
        children = [child for child, _ in H36M17.bones]
        left, right = children.index("l_wrist"), children.index("r_wrist")
        torch.testing.assert_close(ratio[:, :, left], ratio[:, :, right], atol=1e-2, rtol=1e-2)
        assert ratio[:, 0, :, 0].std() > 0.05
        assert ratio.min() > 0.79
        assert ratio.max() < 1.26
