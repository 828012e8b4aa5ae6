"""The papers' lifters: each one function as a clip, as a step, and as ONNX."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from export.nets.abs_lifter import AbsLifter
from export.nets.anatomy import Anatomy
from export.nets.depth_tcn import DepthTcn
from export.nets.residual_lifter import ResidualLifter
from export.nets.seq2seq_lstm import Seq2seqLstm
from export.nets.step import POSE, RAYS, SCORE, initial_state
from export.nets.videopose_tcn import VideoposeTcn
from export.to_onnx import Provenance, export_step, random_steps, worst_gaps
from realtime.engines.open import Backend, available, open_engine

STEP_TOLERANCE_M = 1e-5
ENGINE_TOLERANCE_M = 1e-4
FRAMES = {"onnxruntime": 300}
PEOPLE, CLEARED = 3, 150
Named = dict[str, Tensor]

BUILD: dict[str, Callable[[], Any]] = {
    "videopose-tcn": lambda: VideoposeTcn(width=32, blocks=2),
    "videopose-tcn, one frame": lambda: VideoposeTcn(width=32, blocks=2, window=1),
    "depth-tcn": lambda: DepthTcn(width=32, blocks=2),
    "residual-lifter": lambda: ResidualLifter(width=32),
    "residual-lifter, bare": lambda: ResidualLifter(width=32, residual=False, batch_norm=False),
    "abs-lifter": lambda: AbsLifter(width=32),
    "abs-lifter, pose only": lambda: AbsLifter(width=32, location_and_scale=False, depth=False, scores=True),
    "anatomy": lambda: Anatomy(width=32, blocks=2, sample=20),
    "anatomy, bare": lambda: Anatomy(
        width=32, blocks=2, visibility=False, attention=False, long_skips=False, unit_directions=False
    ),
    "seq2seq-lstm": lambda: Seq2seqLstm(width=32),
    "seq2seq-lstm, bare": lambda: Seq2seqLstm(width=32, residual=False, layer_norm=False),
}
PLAIN = [name for name in BUILD if "," not in name]


def lively(name: str, seed: int = 0) -> Any:
    """An untrained net that answers to every feature, no two of whose weights are alike."""
    torch.manual_seed(seed)
    net = BUILD[name]()
    for part, parameter in net.named_parameters():
        if parameter.ndim == 1:
            nn.init.normal_(parameter, mean=0.1, std=0.1)
        elif "head" in part or "attention" in part:
            nn.init.normal_(parameter, std=0.1)
    for part, buffer in net.named_buffers():
        if part.endswith("running_mean"):
            nn.init.normal_(buffer, std=0.1)
        elif part.endswith("running_var"):
            nn.init.uniform_(buffer, 0.5, 1.5)
    return net.eval()


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def frames_for(net: Any, frames: int, seed: int = 5) -> Named:
    """Each input (T, N, ...), with a stretch in which nobody is seen."""
    made = random_steps(net, frames, people=PEOPLE, seed=seed)
    made[SCORE][10:14, 0] = 0.0
    return {name: torch.from_numpy(values) for name, values in made.items()}


def clip(net: Any, frames: Named) -> Named:
    """The clip form's answers (N, T, ...)."""
    with torch.no_grad():
        answer: Named = net({name: values.transpose(0, 1) for name, values in frames.items()})
    return answer


def step_through(net: Any, frames: Named, clear: tuple[int, int]) -> Named:
    """Answers (N, T, ...) of frames fed one by one; at frame clear[0] person clear[1] starts anew."""
    state, answers = initial_state(net, PEOPLE), []
    with torch.no_grad():
        for t in range(len(frames[RAYS])):
            if t == clear[0]:
                for tensor in state:
                    tensor[clear[1]] = 0.0
            answer, state = net.forward_step({name: values[t] for name, values in frames.items()}, state)
            answers.append(answer)
            assert tuple(tuple(s.shape[1:]) for s in state) == tuple(net.state_shapes)
            assert all(s.dtype == torch.float32 for s in state)
    return {name: torch.stack([a[name] for a in answers], dim=1) for name in net.outputs}


@functools.cache
def _run(name: str) -> tuple[Any, Named, Named]:
    """A net, its frames, and its answers to them in steps, where person 1 starts anew at frame CLEARED."""
    net = lively(name)
    frames = frames_for(net, 220)
    return net, frames, step_through(net, frames, clear=(CLEARED, 1))


@pytest.mark.parametrize("name", BUILD)
def test_steps_are_the_clip(name: str) -> None:
    net, frames, stepped = _run(name)
    whole = clip(net, frames)
    assert stepped.keys() == whole.keys() == set(net.outputs)
    assert whole[POSE].std() > 0.01
    for output in net.outputs:
        for person in (0, 2):
            ours, theirs = whole[output][person], stepped[output][person]
            torch.testing.assert_close(theirs, ours, atol=STEP_TOLERANCE_M, rtol=0)


@pytest.mark.parametrize("name", BUILD)
def test_a_cleared_state_is_a_clip_that_starts_there(name: str) -> None:
    net, frames, stepped = _run(name)
    fresh = clip(net, {n: v[CLEARED:] for n, v in frames.items()})[POSE]
    torch.testing.assert_close(stepped[POSE][1, CLEARED:], fresh[1], atol=STEP_TOLERANCE_M, rtol=0)


@pytest.mark.parametrize("name", [n for n in PLAIN if n not in ("residual-lifter", "abs-lifter")])
def test_the_past_counts_as_far_as_the_receptive_field_says(name: str) -> None:
    net = lively(name)
    if name == "anatomy":
        net.lengths.head.weight.data.zero_()  # lengths come from all the past; this leaves directions
    frames = {n: v.double() for n, v in frames_for(net.double(), 80).items()}
    before = clip(net, frames)[POSE][:, -1]
    for past, reaches in ((net.receptive_field, False), (net.receptive_field - 1, True)):
        frames[RAYS][79 - past] += torch.linspace(0, 0.3, 17)[None, :, None]
        assert bool((clip(net, frames)[POSE][:, -1] != before).any()) is reaches


@pytest.mark.parametrize("name", BUILD)
def test_the_future_is_not_seen(name: str) -> None:
    net = lively(name)
    frames = frames_for(net, 40)
    before = clip(net, frames)[POSE][:, :20]
    frames[RAYS][20:] *= 3
    torch.testing.assert_close(clip(net, frames)[POSE][:, :20], before, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", BUILD)
def test_the_pelvis_is_the_origin_and_missing_joints_may_be_anything(name: str) -> None:
    net = lively(name)
    frames = frames_for(net, 30)
    frames[SCORE][:, :, 4] = 0.0
    plain = clip(net, frames)
    assert torch.count_nonzero(plain[POSE][:, :, 0]) == 0
    frames[RAYS][:, :, 4] = float("nan")
    for output, after in clip(net, frames).items():
        torch.testing.assert_close(after, plain[output], atol=0, rtol=0)


@pytest.mark.parametrize("backend", available())
@pytest.mark.parametrize("name", PLAIN)
def test_engines_give_what_torch_gives(name: str, backend: Backend, tmp_path: Any) -> None:
    net = lively(name)
    engine = open_engine(export_step(net, tmp_path, Provenance("a test")).path, backend, threads=1)
    frames = random_steps(net, FRAMES.get(backend, 60), people=PEOPLE, seed=9)
    frames[SCORE][20:24, 1] = 0.0
    gaps = worst_gaps(net, engine, frames)
    engine.close()
    assert max(gaps.values()) < ENGINE_TOLERANCE_M, gaps


def test_depth_is_used_where_it_is_given_and_the_joint_is_there() -> None:
    net = lively("depth-tcn")
    frames = frames_for(net, 5)
    frames[SCORE][:, :, 3] = 0.0
    before = clip(net, frames)[POSE]
    frames["depth"][:, :, 3] += 1.0
    torch.testing.assert_close(clip(net, frames)[POSE], before, atol=0, rtol=0)
    frames["depth"][:, :, 5] += 0.1
    assert (clip(net, frames)[POSE] - before).abs().max() > 1e-3


def test_a_person_twice_as_far_has_the_same_normalised_depth() -> None:
    net = lively("depth-tcn")
    rays, score, depth = torch.randn(1, 17, 2) * 0.05, torch.ones(1, 17), torch.randn(1, 17) * 0.05
    near, _ = net.features({RAYS: rays - rays.mean(1), SCORE: score, "depth": depth})
    far, _ = net.features({RAYS: (rays - rays.mean(1)) / 2, SCORE: score, "depth": depth / 2})
    torch.testing.assert_close(near[:, -17:], far[:, -17:], atol=0.01, rtol=0.01)


def test_windows_of_the_sequence_net_are_read_newest_first() -> None:
    net = lively("seq2seq-lstm")
    windows = torch.randn(1, 5, 54)
    with torch.no_grad():
        memory = None
        for k in (4, 3, 2, 1, 0):
            memory = net.encoder(net.encoder.read(windows[:, k]), memory)
        ones = torch.ones(1, 48)
        hidden, _ = net.decoder(net.decoder.read(ones), memory)
        expected = 0.25 * (ones + net.head(hidden))
        first = net.decode(windows)[:, 0, 1:].flatten(1)
    torch.testing.assert_close(first, expected)


def test_the_normalisation_layer_is_the_papers() -> None:
    from export.nets.abs_lifter import normalise, reproject

    rays, score = torch.randn(4, 17, 2) * 0.2 + 0.1, torch.ones(4, 17)
    score[:, 6] = 0.0
    there = rays[:, [j for j in range(17) if j != 6]]
    mean = there.mean(1)
    scale = (there - mean[:, None]).square().sum(-1).mean(1).sqrt()
    out = normalise(rays, score)
    torch.testing.assert_close(out[:, 34:36], mean, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(out[:, 36], scale, atol=1e-3, rtol=1e-3)
    assert torch.count_nonzero(out[:, 12:14]) == 0
    torch.testing.assert_close(out[:, :2], (rays[:, 0] - mean) / scale[:, None], atol=1e-2, rtol=1e-2)
    root = reproject(torch.tensor([0.1, -0.2]), torch.tensor(3.0))
    torch.testing.assert_close(root, torch.tensor([0.3, -0.6, 3.0]))


@pytest.mark.parametrize("name", PLAIN)
def test_defaults_are_the_papers(name: str) -> None:
    with torch.device("meta"):
        net = type(BUILD[name]())()
    assert net.name == name
    sizes = {"abs-lifter": 4096}
    widest = max(p.shape[0] for n, p in net.named_parameters() if "read" not in n and "recall" not in n)
    assert widest == sizes.get(name, 1024)
    fields = {"residual-lifter": 1, "abs-lifter": 1, "seq2seq-lstm": 5, "anatomy": 243 + 240}
    assert net.receptive_field == fields.get(name, 243)
