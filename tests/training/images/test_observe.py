"""Records of a net that is known: everything it says comes out where it was said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from export.image_nets import Trained
from export.nets.images.catalogue import build_image_net
from realtime.errors import UsageError
from training.images.observe import Watch, observe_clips
from training.images.samples import clips_of
from training.records.store import load_records

CPU = torch.device("cpu")
EXACT = Watch(shift=0.0, scale=0.0, min_presence=0.0)


def untrained() -> Trained:
    torch.manual_seed(1)
    net = build_image_net("integral-regression", {"backbone": "light", "depth_bins": 8})
    return Trained(net.eval(), "", {})  # type: ignore[arg-type]


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Trained:
    from training.images import observe

    trained = untrained()
    decoder_manifest = observe._manifest
    monkeypatch.setattr(observe, "_manifest", lambda _, folder: decoder_manifest(untrained(), folder))
    monkeypatch.setattr(observe, "Exported", lambda _: _Known())
    return trained


class _Known(torch.nn.Module):
    outputs = ("joints",)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        return (torch.tensor([0.5, 0.5, 0.1, 0.9]).expand(len(image), 17, 4),)


def test_what_is_said_comes_out_in_pixels_beside_the_truth(
    known: Trained, discs: Path, tmp_path: Path
) -> None:
    records = observe_clips(known, (discs,), EXACT, CPU)
    assert records.clips == 12
    assert records.frames == 60
    truth = clips_of(discs)[1].annotation()
    span = records.bounds[1]
    middle_px = (truth.box_px[:, 0, :2] + truth.box_px[:, 0, 2:]) / 2
    found = records.found[span]
    assert found.any()
    assert np.allclose(records.seen_px[span][found], middle_px[found][:, None], atol=0.01)
    assert np.allclose(records.score[span][found], 0.9, atol=0.01)
    assert (records.subject[1], records.subject[2]) == ("body-0", "body-1")
    records.save(tmp_path / "records-a.npz")
    assert load_records(tmp_path).frames == 60


def test_some_people_alone(known: Trained, discs: Path) -> None:
    records = observe_clips(known, (discs,), Watch(only=frozenset({"body-1"})), CPU)
    assert set(records.subject) == {"body-1"}
    with pytest.raises(UsageError, match="nobody"):
        observe_clips(known, (discs,), Watch(only=frozenset({"body-7"})), CPU)


def test_regions_are_as_inexact_as_asked_and_by_seed(known: Trained, discs: Path) -> None:
    exact, off, again = (
        observe_clips(known, (discs,), watch, CPU).seen_px
        for watch in (EXACT, Watch(min_presence=0.0), Watch(min_presence=0.0))
    )
    assert np.array_equal(off, again)
    assert 0.2 < np.abs(off - exact).max() < 60


def test_a_person_the_net_is_unsure_of_is_not_found(known: Trained, discs: Path) -> None:
    records = observe_clips(known, (discs,), Watch(min_presence=0.95), CPU)
    assert not records.found.any()
    assert not records.seen_px.any()
