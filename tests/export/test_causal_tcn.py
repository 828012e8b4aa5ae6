"""The causal lifter: one function as a clip, as a step, and as ONNX in both back ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from export.nets.causal_tcn import CausalTcn
from export.nets.geometry import FEATURES
from export.onnx_info import parameter_count
from export.to_onnx import Provenance, export_step, random_steps, worst_gaps
from realtime.engines.open import Backend, available, open_engine
from realtime.errors import ModelError
from realtime.lift import Lifter
from realtime.manifest import Manifest, load_manifest
from realtime.models.catalogue import lifter

FRAMES = 1000
STEP_TOLERANCE_M = 1e-5
ENGINE_TOLERANCE_M = 1e-4
LARGEST_FILE_BYTES = 8_000_000


def _lively(seed: int = 0) -> CausalTcn:
    """An untrained net whose heads answer to every feature, and no two of whose weights are alike."""
    torch.manual_seed(seed)
    net = CausalTcn(width=64)
    for parameter in net.parameters():
        if parameter.ndim == 1:
            torch.nn.init.normal_(parameter, mean=0.1, std=0.1)
    for head in (net.pose_head, net.depth_head):
        torch.nn.init.normal_(head.weight, std=0.05)
    return net.eval()


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Steps are too small to share out: threads that wait for each other cost more than they bring."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def net() -> CausalTcn:
    return _lively()


@pytest.fixture(scope="module")
def frames() -> tuple[Tensor, Tensor]:
    """Rays (T, 3, 17, 2) and scores (T, 3, 17)."""
    rays, score = random_steps(FRAMES, people=3, seed=5)
    return torch.from_numpy(rays), torch.from_numpy(score)


@pytest.fixture(scope="module")
def exported(net: CausalTcn, tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return export_step(net, tmp_path_factory.mktemp("lifter"), Provenance("made by a test"))


def _step_through(net: CausalTcn, rays: Tensor, score: Tensor) -> list[Tensor]:
    """Pose, depth and sigma (N, T, ...) of frames fed one by one."""
    state, answers = net.initial_state(rays.shape[1]), []
    with torch.no_grad():
        for t in range(len(rays)):
            pose, depth, sigma, *following = net.forward_step(rays[t], score[t], *state)
            state = tuple(following)
            answers.append((pose, depth, sigma))
    return [torch.stack(parts, dim=1) for parts in zip(*answers, strict=True)]


def _clip(net: CausalTcn, rays: Tensor, score: Tensor) -> list[Tensor]:
    with torch.no_grad():
        return list(net(rays.transpose(0, 1), score.transpose(0, 1)))


def test_steps_are_the_clip(net: CausalTcn, frames: tuple[Tensor, Tensor]) -> None:
    stepped, whole = _step_through(net, *frames), _clip(net, *frames)
    assert whole[0].std() > 0.01
    torch.testing.assert_close(stepped[0], whole[0], atol=STEP_TOLERANCE_M, rtol=0)
    for index in (1, 2):
        torch.testing.assert_close(stepped[index], whole[index], atol=1e-5, rtol=1e-5)


def test_cleared_state_is_a_clip_that_starts_there(net: CausalTcn, frames: tuple[Tensor, Tensor]) -> None:
    rays, score = frames[0][:120], frames[1][:120]
    state = net.initial_state(3)
    with torch.no_grad():
        for t in range(120):
            if t == 70:
                for tensor in state:
                    tensor[1] = 0.0
            pose, *_, state0, state1, state2 = net.forward_step(rays[t], score[t], *state)
            state = (state0, state1, state2)
    fresh = _clip(net, rays[70:], score[70:])[0][1, -1]
    running = _clip(net, rays, score)[0][:, -1]
    torch.testing.assert_close(pose[1], fresh, atol=STEP_TOLERANCE_M, rtol=0)
    torch.testing.assert_close(pose[0], running[0], atol=STEP_TOLERANCE_M, rtol=0)


def test_cold_start_differs_from_a_warm_one(net: CausalTcn, frames: tuple[Tensor, Tensor]) -> None:
    warm, cold = _clip(net, *(f[:40] for f in frames))[0], _clip(net, *(f[39:40] for f in frames))[0]
    assert (warm[:, -1] - cold[:, -1]).abs().max() > 1e-3


def test_the_receptive_field_is_what_it_says(net: CausalTcn, frames: tuple[Tensor, Tensor]) -> None:
    rays, score = frames[0][:60].clone(), frames[1][:60]
    before = _clip(net, rays, score)[0][:, -1]
    rays[59 - net.receptive_field] += 0.3
    torch.testing.assert_close(_clip(net, rays, score)[0][:, -1], before, atol=0, rtol=0)
    rays[60 - net.receptive_field] += torch.linspace(0, 0.3, 17)[None, :, None]
    assert (_clip(net, rays, score)[0][:, -1] - before).abs().max() > 1e-5


def test_the_future_is_not_seen(net: CausalTcn, frames: tuple[Tensor, Tensor]) -> None:
    rays, score = frames[0][:40].clone(), frames[1][:40]
    before = _clip(net, rays, score)[0][:, 19]
    rays[20:] *= 3
    torch.testing.assert_close(_clip(net, rays, score)[0][:, 19], before, atol=0, rtol=0)


def test_the_pelvis_is_the_origin_and_depths_are_positive(
    net: CausalTcn, frames: tuple[Tensor, Tensor]
) -> None:
    pose, depth, sigma = _clip(net, *frames)
    assert pose[:, :, 0].abs().max() < 1e-6
    assert depth.min() > 0
    assert sigma.min() > 0


def test_a_missing_joints_ray_changes_nothing(net: CausalTcn, frames: tuple[Tensor, Tensor]) -> None:
    rays, score = frames[0][:30].clone(), frames[1][:30].clone()
    score[:, :, 4] = 0.0
    plain = _clip(net, rays, score)
    rays[:, :, 4] = float("nan")
    for before, after in zip(plain, _clip(net, rays, score), strict=True):
        torch.testing.assert_close(after, before, atol=0, rtol=0)


@pytest.mark.parametrize("backend", available())
def test_engines_give_what_torch_gives(net: CausalTcn, exported: Manifest, backend: Backend) -> None:
    engine = open_engine(exported.check_file(), backend, threads=1)
    rays, score = random_steps(FRAMES, people=3, seed=9)
    gaps = worst_gaps(net, engine, rays, score)
    engine.close()
    assert gaps["pose"] < ENGINE_TOLERANCE_M
    # Shapeless people lie tens of metres away: their depths are compared by the same share of that.
    assert max(gaps["root_depth"], gaps["root_depth_sigma"]) < 50 * ENGINE_TOLERANCE_M


@pytest.mark.parametrize("backend", available())
def test_engines_take_nan_for_a_missing_joint(exported: Manifest, backend: Backend) -> None:
    step = Lifter(exported, open_engine(exported.path, backend, threads=1))
    rays, score = random_steps(1, people=1)
    score[..., 7] = 0.0
    plain = step.step(rays[0], score[0], (1,))
    rays[..., 7, :] = np.nan
    spoilt = step.step(rays[0], score[0], (2,))
    np.testing.assert_array_equal(spoilt.relative_m, plain.relative_m)
    np.testing.assert_array_equal(spoilt.root_depth_m, plain.root_depth_m)


def test_the_parity_check_sees_another_net(exported: Manifest) -> None:
    engine = open_engine(exported.path, "onnxruntime", threads=1)
    rays, score = random_steps(5, people=1)
    assert worst_gaps(_lively(seed=1), engine, rays, score)["pose"] > 0.01


@pytest.mark.parametrize("backend", available())
def test_people_do_not_mix(exported: Manifest, backend: Backend) -> None:
    together = Lifter(exported, open_engine(exported.path, backend, threads=1))
    alone = Lifter(exported, open_engine(exported.path, backend, threads=1))
    rays, score = random_steps(35, people=4)
    for t in range(35):
        many = together.step(rays[t], score[t], (1, 2, 3, 4))
        one = alone.step(rays[t, 2:3], score[t, 2:3], (3,))
    np.testing.assert_allclose(many.relative_m[2], one.relative_m[0], atol=1e-5)
    np.testing.assert_allclose(many.root_depth_m[2], one.root_depth_m[0], rtol=1e-5)


def test_the_manifest_says_what_the_file_is(net: CausalTcn, exported: Manifest) -> None:
    read = load_manifest(exported.path.with_suffix(".json"))
    engine = open_engine(read.check_file(), "onnxruntime", threads=1)
    for stated, given in ((read.inputs, engine.inputs), (read.outputs, engine.outputs)):
        assert stated.keys() == given.keys()
        for name, info in stated.items():
            assert tuple(-1 if n is None else n for n in given[name].shape) == info.shape
    assert [s.shape for s in read.state] == list(net.state_shapes)
    assert (read.role, read.skeleton, read.delay, read.receptive_field) == ("lifter", "h36m-17", 0, 27)


def test_parameters_are_counted(net: CausalTcn, exported: Manifest, tmp_path: Path) -> None:
    trained = sum(p.numel() for p in net.parameters())
    # Besides the weights, the file holds three rows of zeros for the pelvis and a few constants.
    assert trained <= parameter_count(exported.path) < trained + 3 * (net.width + FEATURES) + 100
    (tmp_path / "no.onnx").write_bytes(b"no model")
    with pytest.raises(ModelError, match="not an ONNX model"):
        parameter_count(tmp_path / "no.onnx")


def test_an_unwritable_folder_is_said(net: CausalTcn, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="cannot write"):
        export_step(net, tmp_path / "file" / "inside", Provenance("made by a test"))


class TestShipped:
    """The file in realtime/models."""

    def test_it_is_whole_small_and_licensed(self) -> None:
        manifest = lifter("causal-tcn")
        assert manifest.check_file().stat().st_size < LARGEST_FILE_BYTES
        assert manifest.licence == "Apache-2.0"
        assert "mocap.cs.cmu.edu" in manifest.origin
        assert manifest.path.with_suffix(".md").is_file()

    def test_back_ends_agree(self) -> None:
        manifest = lifter("causal-tcn")
        lifters = [Lifter(manifest, open_engine(manifest.path, b, threads=1)) for b in available()]
        rays, score = random_steps(200, people=2)
        for t in range(200):
            first, *others = [step.step(rays[t], score[t], (0, 1)) for step in lifters]
            for other in others:
                np.testing.assert_allclose(other.relative_m, first.relative_m, atol=ENGINE_TOLERANCE_M)
                np.testing.assert_allclose(other.root_depth_m, first.root_depth_m, rtol=ENGINE_TOLERANCE_M)
