"""Bones: directions times lengths."""

from __future__ import annotations

import torch

from export.nets.anatomy import Anatomy, unit
from export.nets.bones import bones_of
from tests.export.nets.test_systems import clip, frames_for, lively


def test_joints_are_put_together_from_bones() -> None:
    net = Anatomy(width=8, blocks=1)
    pose = torch.randn(4, 17, 3)
    pose = pose - pose[:, :1]
    bones = bones_of(pose)
    torch.testing.assert_close(net.assemble(unit(bones), bones.norm(dim=-1)), pose, atol=1e-5, rtol=1e-5)


def test_bones_keep_their_lengths_while_the_sample_does() -> None:
    net = lively("anatomy")
    frames = frames_for(net, 240)
    spans = bones_of(clip(net, frames)["pose"]).norm(dim=-1)
    steps = spans.diff(dim=1).abs().amax(dim=-1)
    # A sample of 20: late frames rarely enter.
    assert (steps[:, 120:] < 1e-5).float().mean() > 0.75
    assert spans[:, 5].sub(spans[:, 239]).abs().max() > 1e-4


def test_attention_prefers_frames() -> None:
    net = lively("anatomy")
    frames = frames_for(net, 30)
    before = clip(net, frames)["pose"]
    net.lengths.attention.weight.data *= -1
    assert (clip(net, frames)["pose"] - before).abs().max() > 1e-4
