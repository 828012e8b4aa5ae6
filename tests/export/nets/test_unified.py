"""The unified lifter: one function as clip, step, ONNX and in training; one body; a choice of lags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from export.nets.bones import bones_of
from export.nets.catalogue import build_net
from export.nets.step import CONFIDENCE, DEPTH, LAG, POSE, RAYS, ROOT_DEPTH, ROOT_DEPTH_SIGMA, SCORE, UP
from export.nets.unified import LAGS
from export.to_onnx import Provenance, export_step, random_steps, worst_gaps
from realtime.engines.open import Backend, available, open_engine
from realtime.skeleton import H36M17
from tests.export.lifters import small_net
from tests.export.nets.test_systems import (
    ENGINE_TOLERANCE_M,
    PEOPLE,
    STEP_TOLERANCE_M,
    Named,
    _one_thread,
    clip,
    frames_for,
    step_through,
)

__all__ = ["_one_thread"]  # a fixture of every test here

ENGINE_FRAMES = {"onnxruntime": 1000}
THREE = [LAGS[:PEOPLE], LAGS[PEOPLE:]]
SHIPPED: dict[str, Any] = {"second_look": True}
FORMS: list[tuple[int, dict[str, Any]]] = [
    (1000, SHIPPED),
    (120, {}),
    (120, {"memory": False}),
    (120, {"refine": False}),
    (120, {"use_depth": False}),
]
FLIP = torch.tensor([-1.0, 1.0, 1.0])


def lively(**options: Any) -> Any:
    return small_net("unified", **options)


def asking(net: Any, length: int, lags: tuple[int, ...], seed: int = 5) -> Named:
    """Frames of people each of whom is asked for at a lag of its own."""
    frames = frames_for(net, length, seed)
    rows = torch.eye(len(LAGS))[[LAGS.index(lag) for lag in lags]]
    frames[LAG] = rows.expand(length, *rows.shape).contiguous()
    return frames


def last_pose(net: Any, frames: Named) -> torch.Tensor:
    return clip(net, frames)[POSE][:, -1]


@pytest.mark.parametrize("lags", THREE)
@pytest.mark.parametrize(("length", "options"), FORMS, ids=str)
def test_steps_are_the_clip(length: int, options: dict[str, Any], lags: tuple[int, ...]) -> None:
    """Whoever is cleared is one whose clip starts there."""
    net, cleared = lively(**options), length // 2
    frames = asking(net, length, lags)
    stepped, whole = step_through(net, frames, clear=(cleared, 1)), clip(net, frames)
    fresh = clip(net, {name: values[cleared:] for name, values in frames.items()})
    assert stepped.keys() == whole.keys() == set(net.outputs)
    assert whole[POSE].std() > 0.05
    for name in net.outputs:
        expected = whole[name].clone()
        expected[1, cleared:] = fresh[name][1]
        gap = (stepped[name] - expected).abs()
        if name in (ROOT_DEPTH, ROOT_DEPTH_SIGMA):
            gap = gap / expected.clamp(min=1.0)
        assert gap.max() < STEP_TOLERANCE_M


@pytest.mark.parametrize("options", [SHIPPED, {}], ids=str)
@pytest.mark.parametrize("backend", available())
def test_engines_give_what_torch_gives(backend: Backend, options: dict[str, Any], tmp_path: Path) -> None:
    net = lively(**options)
    manifest = export_step(net, tmp_path, Provenance("a test"))
    assert manifest.lags == LAGS
    engine = open_engine(manifest.path, backend, threads=1)
    length = ENGINE_FRAMES.get(backend, 60) if options == SHIPPED else 60
    frames = random_steps(net, length, people=len(LAGS), seed=9)
    frames[SCORE][20:24, 1] = 0.0
    gaps = worst_gaps(net, engine, frames)
    engine.close()
    assert max(gaps[name] for name in net.outputs) < ENGINE_TOLERANCE_M, gaps


def test_a_second_look_starts_as_none_and_then_tells_of_joints_off_their_rays() -> None:
    torch.manual_seed(3)
    net: Any = build_net("unified", {"width": 48, "second_look": True}).eval()
    frames = asking(net, 12, (0,) * PEOPLE)
    plain = build_net("unified", {"width": 48})
    fitting = {name: value for name, value in net.state_dict().items() if name in plain.state_dict()}
    plain.load_state_dict(fitting)
    torch.testing.assert_close(clip(net, frames)[POSE], clip(plain.eval(), frames)[POSE])
    nn.init.constant_(net.refinement.head.bias, 0.2)
    assert (last_pose(net, frames) - last_pose(plain, frames)).abs().max() > 1e-3


@pytest.mark.parametrize("options", [{}, SHIPPED], ids=str)
def test_what_is_asked_for_moves_no_state_and_nobody_else(options: dict[str, Any]) -> None:
    """So that a lag can be chosen at any time, and differ between people."""
    net = lively(**options)
    frames = asking(net, 40, THREE[0])
    others = asking(net, 40, (THREE[0][0], *THREE[1][1:]))
    torch.testing.assert_close(clip(net, frames)[POSE][0], clip(net, others)[POSE][0])
    state = tuple(torch.rand(PEOPLE, *shape) for shape in net.state_shapes)
    with torch.no_grad():
        ours, theirs = (net.forward_step({n: v[0] for n, v in f.items()}, state) for f in (frames, others))
    for mine, their in zip(ours[1], theirs[1], strict=True):
        assert torch.equal(mine, their)
    assert all((ours[0][POSE][person] != theirs[0][POSE][person]).any() for person in (1, 2))


def test_an_answer_of_some_frames_ago_is_seen_from_its_own_view() -> None:
    """With heads that say nothing of the frame, all that is left of it is the view: `lag` picks that."""
    net = lively(memory=False)
    nn.init.zeros_(net.answer_head.weight)
    each = net.answer_head.bias.data.reshape(len(LAGS), -1)
    each[:] = each[0].clone()
    now = clip(net, asking(net, 30, (0,) * PEOPLE))
    assert (now[POSE][:, 0] != now[POSE][:, 1]).any()
    for lag in LAGS:
        behind = max(lag, 0)
        then = clip(net, asking(net, 30, (lag,) * PEOPLE))
        for name in net.outputs:
            torch.testing.assert_close(then[name][:, behind:], now[name][:, : 30 - behind])


@pytest.mark.parametrize("lags", THREE)
def test_one_body_in_each_frame_whose_sides_are_alike(lags: tuple[int, ...]) -> None:
    net = lively()
    lengths = bones_of(clip(net, asking(net, 200, lags))[POSE]).norm(dim=-1)
    names = [child for child, _ in H36M17.bones]
    for name in names:
        if name.startswith("l_"):
            left, right = (lengths[..., names.index(side + name[2:])] for side in ("l_", "r_"))
            torch.testing.assert_close(left, right, atol=1e-4, rtol=0)
    assert lengths.mean(dim=(0, 1)).std() > 0.05


def test_the_body_settles() -> None:
    net = lively()
    frames = asking(net, 600, THREE[0])
    frames[SCORE].clamp_(min=0.01)
    steps = bones_of(clip(net, frames)[POSE]).norm(dim=-1).diff(dim=1).abs().mean(dim=(0, 2))
    early, late = steps[5:25].mean(), steps[-100:].mean()
    assert early > 1e-4
    assert late < 0.2 * early


def test_what_lies_further_back_than_the_receptive_field_moves_the_body_alone() -> None:
    for memory in (True, False):
        net = lively(memory=memory).double()
        frames = {name: values.double() for name, values in asking(net, 80, THREE[0]).items()}
        before, hidden = last_pose(net, frames), _motion(net, frames)
        frames[RAYS][79 - net.receptive_field] += torch.linspace(0, 0.3, 17)[:, None]
        assert bool((last_pose(net, frames) != before).any()) is memory
        assert torch.equal(_motion(net, frames), hidden)
        before = last_pose(net, frames)
        frames[RAYS][80 - net.receptive_field] += torch.linspace(0, 0.3, 17)[:, None]
        assert (last_pose(net, frames) != before).any()
        assert not torch.equal(_motion(net, frames), hidden)


def _motion(net: Any, frames: Named) -> torch.Tensor:
    """What the temporal layers say of the last frame."""
    with torch.no_grad():
        seen = net._look({name: values.transpose(0, 1) for name, values in frames.items()})
        hidden: torch.Tensor = net._hidden(seen[..., : net.frame_1.in_features])[:, -1]
    return hidden


def test_the_future_is_not_seen() -> None:
    net = lively()
    for lags in THREE:
        frames = asking(net, 40, lags)
        before = clip(net, frames)[POSE][:, :20]
        frames[RAYS][20:] *= 3
        torch.testing.assert_close(clip(net, frames)[POSE][:, :20], before, atol=1e-6, rtol=0)


@pytest.mark.parametrize("lags", THREE)
def test_missing_joints_may_be_anywhere_and_nobody_is_finite(lags: tuple[int, ...]) -> None:
    net = lively()
    frames = asking(net, 30, lags)
    frames[SCORE][:, :, 4] = 0.0
    frames[SCORE][:8, 0] = 0.0
    frames[SCORE][20:, 1] = 0.0
    frames[SCORE][:, 2] = 0.0
    plain = clip(net, frames)
    assert torch.count_nonzero(plain[POSE][:, :, 0]) == 0
    frames[RAYS][:, :, 4] = float("nan")
    for name, after in clip(net, frames).items():
        assert after.isfinite().all()
        torch.testing.assert_close(after, plain[name], atol=0, rtol=0)
    assert (plain[ROOT_DEPTH] > 0).all()
    assert (plain[ROOT_DEPTH_SIGMA] > 0).all()
    assert ((plain[CONFIDENCE] >= 0) & (plain[CONFIDENCE] <= 1)).all()


def test_frames_without_anyone_leave_the_body_as_it_is() -> None:
    net = lively()
    frames = asking(net, 60, THREE[0])
    lengths = bones_of(clip(net, frames)[POSE]).norm(dim=-1)
    frames[SCORE][40:] = 0.0
    faded = bones_of(clip(net, frames)[POSE]).norm(dim=-1)
    torch.testing.assert_close(faded[:, -1], lengths[:, 39], atol=5e-3, rtol=0)


def test_depth_counts_where_the_net_uses_it() -> None:
    for used in (True, False):
        net = lively(use_depth=used)
        frames = asking(net, 10, THREE[0])
        before = last_pose(net, frames)
        frames[DEPTH] *= 2
        assert bool((last_pose(net, frames) != before).any()) is used


def test_a_tilt_that_is_told_counts() -> None:

    net = lively()
    frames = asking(net, 10, THREE[0])
    told = last_pose(net, frames)
    frames[UP] = torch.zeros_like(frames[UP])
    assert (last_pose(net, frames) != told).any()
    frames[UP][:] = torch.tensor([0.0, -1.0, 0.0])
    assert (last_pose(net, frames) != told).any()


def test_training_sees_the_same_function() -> None:
    net = lively()
    frames = asking(net, 50, THREE[0])
    given = {name: values.transpose(0, 1) for name, values in frames.items()}
    past = (torch.rand(PEOPLE, 12, 17, 2), torch.ones(PEOPLE, 12, 17), torch.zeros(PEOPLE))
    with torch.no_grad():
        trained = net.training_answer(given, past, LAGS)
    for lag in LAGS:
        whole = clip(net, asking(net, 50, (lag,) * PEOPLE))
        for name in net.outputs:
            torch.testing.assert_close(trained[lag][name], whole[name], atol=1e-5, rtol=1e-5)
        spans = bones_of(trained[lag][POSE]).norm(dim=-1)
        since = slice(max(lag, 0), None)  # before that an answer is for a frame that nobody saw
        torch.testing.assert_close(trained[lag]["bones_m"][:, since], spans[:, since], atol=1e-4, rtol=0)


def test_frames_before_a_clip_tell_of_the_body() -> None:
    net = lively()
    frames = asking(net, 20, THREE[0])
    given = {name: values.transpose(0, 1) for name, values in frames.items()}
    rays, score = torch.rand(PEOPLE, 12, 17, 2), torch.ones(PEOPLE, 12, 17)
    with torch.no_grad():
        one, other = (
            net.training_answer(given, (rays, score, torch.tensor(counts)), (0,))[0]["bones_m"]
            for counts in ((0, 5, 12), (12, 5, 12))
        )
    assert (one[0] != other[0]).any()
    assert torch.equal(one[1:], other[1:])
