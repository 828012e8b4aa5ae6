"""What lifters are asked, whatever they take and give."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from export.info import describe
from export.mixed import InMemory
from export.parity import compare
from export.probes import StepProbe, probe_for, sample_steps
from export.to_onnx import Provenance, export_step
from export.variants import load_network
from realtime.errors import ModelError
from realtime.lift import DEPTH, LAG, POSE, RAYS, ROOT_DEPTH
from realtime.manifest import Manifest
from tests.export.lifters import SMALL, small_net


@pytest.mark.parametrize("name", SMALL)
def test_every_lifter_is_asked_what_it_takes(name: str, tmp_path: Path) -> None:
    manifest = export_step(small_net(name), tmp_path, Provenance("a test"))
    probe = probe_for(manifest, 12)
    assert isinstance(probe, StepProbe)
    assert len(probe.feeds) == 12
    state = {s.input for s in manifest.state}
    people = max(3, len(manifest.lags))
    for name_, info in manifest.inputs.items():
        if name_ not in state:
            assert probe.feeds[0][name_].shape == (people, *info.shape[1:])
            assert probe.feeds[0][name_].dtype == np.float32
    answer = probe.ask(InMemory(load_network(manifest.path)))
    assert answer.tensors.keys() == manifest.outputs.keys()
    points = people * (17 + (ROOT_DEPTH in manifest.outputs))
    assert all(places.shape == (points, 3) for places in answer.places)
    np.testing.assert_allclose(answer.places[3][: 17 * people], 1e3 * answer.tensors[POSE][3].reshape(-1, 3))
    assert compare(answer, answer).worst == 0


def unified(folder: Path) -> Manifest:
    return export_step(small_net("unified"), folder, Provenance("a test"))


def test_each_lag_is_asked_for_with_and_without_depth(tmp_path: Path) -> None:
    manifest = unified(tmp_path)
    frames = sample_steps(manifest, 20)
    assert (frames[LAG].sum(axis=-1) == 1).all()
    assert sorted(frames[LAG][0].argmax(axis=-1).tolist()) == list(range(len(manifest.lags)))
    given = (frames[DEPTH] != 0).any(axis=(0, 2))
    assert given.tolist() == [True, False, True] * 2
    assert (frames[DEPTH][:, 0, 0] == 0).all(), "the pelvis is behind itself by nothing"
    assert 0.02 < np.abs(frames[DEPTH][:, 0]).max() < 0.5
    np.testing.assert_array_equal(frames[RAYS][:, 0], frames[RAYS][:, 3])


def test_its_lags_are_told(tmp_path: Path) -> None:
    assert dict(describe(unified(tmp_path).path))["lags"] == "-3, -2, -1, 0, 2, 5 frames"


def test_a_lifter_of_another_interface_is_named(tmp_path: Path) -> None:
    manifest = unified(tmp_path)
    for inputs, outputs in (
        ({n: i for n, i in manifest.inputs.items() if n != RAYS}, manifest.outputs),
        (manifest.inputs, {n: i for n, i in manifest.outputs.items() if n != POSE}),
        ({**manifest.inputs, "image": manifest.inputs[RAYS]}, manifest.outputs),
    ):
        with pytest.raises(ModelError, match="cannot be compared as a lifter"):
            probe_for(replace(manifest, inputs=inputs, outputs=outputs), 5)
