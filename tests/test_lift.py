from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from realtime.errors import ManifestError, UsageError
from realtime.lift import Lifted, Lifter, told_up
from realtime.manifest import Manifest, StateTensor
from tests.fakes import FakeEngine, PastEngine


def counting_lifter() -> tuple[Lifter, FakeEngine]:
    """A lifter whose root depth is how many steps its person has had."""

    def step(feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        count = feeds["state_0"] + 1
        n = len(count)
        return {
            "pose": np.zeros((n, 17, 3), np.float32),
            "root_depth": count[:, 0],
            "root_depth_sigma": np.ones(n, np.float32),
            "next_state_0": count,
        }

    engine = FakeEngine(
        {"rays": (None, 17, 2), "score": (None, 17), "state_0": (None, 1)},
        {
            "pose": (None, 17, 3),
            "root_depth": (None,),
            "root_depth_sigma": (None,),
            "next_state_0": (None, 1),
        },
        step,  # type: ignore[arg-type]
    )
    return Lifter(manifest(), engine), engine


def manifest(role: str = "lifter") -> Manifest:
    state = (StateTensor("state_0", "next_state_0", (1,)),)
    return Manifest("m", role, "f", "", "", "", {}, {}, state=state, directory=Path())  # type: ignore[arg-type]


def step(lifter: Lifter, *ids: int) -> list[float]:
    n = len(ids)
    rays, score = np.zeros((n, 17, 2), np.float32), np.ones((n, 17), np.float32)
    return list(lifter.step(rays, score, ids).root_depth_m)


def test_each_person_has_a_state_of_their_own() -> None:
    lifter, _ = counting_lifter()
    assert step(lifter, 7) == [1]
    assert step(lifter, 7, 9) == [2, 1]
    assert step(lifter, 9) == [2]
    assert step(lifter, 9, 7) == [3, 3]


def test_a_dropped_person_starts_afresh() -> None:
    lifter, _ = counting_lifter()
    step(lifter, 7, 9)
    lifter.drop(7)
    lifter.drop(12345)
    assert step(lifter, 7, 9) == [1, 2]


def test_nobody_costs_nothing() -> None:
    lifter, engine = counting_lifter()
    assert step(lifter) == []
    assert engine.calls == 0


def test_a_model_that_is_no_lifter_is_refused() -> None:
    _, engine = counting_lifter()
    with pytest.raises(ManifestError, match="is not a lifter"):
        Lifter(manifest("detector"), engine)
    with pytest.raises(ManifestError, match="must take"):
        Lifter(manifest(), FakeEngine({"image": (1,)}, {}, lambda feeds: feeds))


def bare_lifter(**outputs: np.ndarray) -> tuple[Lifted, FakeEngine]:
    """What a lifter without a state says of two people, where its net gives the pose and these outputs."""
    everything = {"pose": np.zeros((2, 17, 3), np.float32), **outputs}
    engine = FakeEngine(
        {"rays": (None, 17, 2), "score": (None, 17)},
        {name: (None, *values.shape[1:]) for name, values in everything.items()},
        lambda feeds: everything,
    )
    lifter = Lifter(Manifest("m", "lifter", "f", "", "", "", {}, {}), engine)
    rays, score = np.zeros((2, 17, 2), np.float32), np.ones((2, 17), np.float32)
    return lifter.step(rays, score, (4, 5), depth=np.ones((2, 17), np.float32)), engine


def test_what_a_net_does_not_say_is_not_made_up() -> None:
    someone = bare_lifter()[0].person(1)
    assert np.isnan([someone.root_depth_m, someone.root_sigma_m]).all()
    assert someone.confidence is None


def test_a_depth_without_a_sigma_and_a_confidence_are_taken() -> None:
    confidence = np.linspace(0, 1, 34, dtype=np.float32).reshape(2, 17)
    lifted, _ = bare_lifter(root_depth=np.array([3, 4], np.float32), confidence=confidence)
    someone = lifted.person(1)
    assert someone.root_depth_m == 4
    assert np.isnan(someone.root_sigma_m)
    np.testing.assert_array_equal(someone.confidence, confidence[1])


def test_depth_goes_to_a_net_that_takes_it_and_is_zeros_where_there_is_none() -> None:
    engine = PastEngine()
    lifter = Lifter(PastEngine.manifest(), engine)
    rays, score = np.zeros((1, 17, 2), np.float32), np.ones((1, 17), np.float32)
    lifter.step(rays, score, (0,), score * 2)
    lifter.step(rays, score, (0,))
    assert [float(depth.mean()) for depth in engine.depths] == [2.0, 0.0]


def test_everyone_is_told_how_the_camera_hangs_where_it_is_known() -> None:
    engine = PastEngine()
    lifter = Lifter(PastEngine.manifest(), engine)
    tilted, level = np.array([0, -0.8, -0.6], np.float32), np.array([0, -1, 0], np.float32)
    rays, score = np.zeros((2, 17, 2), np.float32), np.ones((2, 17), np.float32)
    for people, up in ((1, tilted), (2, tilted), (2, level), (2, None), (1, None)):
        lifter.step(rays[:people], score[:people], range(people), up=up)
    told = [np.tile(tilted, (1, 1)), np.tile(tilted, (2, 1)), np.tile(level, (2, 1))]
    for found, expected in zip(engine.ups, [*told, np.zeros((2, 3)), np.zeros((1, 3))], strict=True):
        np.testing.assert_array_equal(found, expected)


def test_up_is_told_the_shorter_the_less_it_is_sure() -> None:
    up = np.array([0, -0.8, -0.6], np.float32)
    told = [told_up(up, np.radians(sigma_deg)) for sigma_deg in (0, 1, 4, 20)]
    lengths = [float(np.linalg.norm(one)) for one in told]
    assert lengths == sorted(lengths, reverse=True)
    assert (lengths[0], lengths[2]) == pytest.approx((1, 0.5))
    for one, length in zip(told, lengths, strict=True):
        np.testing.assert_allclose(one / length, up, atol=1e-6)


@pytest.mark.parametrize("lag", [0, 2, 5])
def test_a_lag_asks_for_the_pose_of_so_many_frames_ago(lag: int) -> None:
    lifter = Lifter(PastEngine.manifest(), PastEngine(), lag)
    assert lifter.delay == lag
    for n in range(1, 10):
        rays, score = np.full((2, 17, 2), n, np.float32), np.ones((2, 17), np.float32)
        lifted = lifter.step(rays, score, (0, 1))
        assert lifted.relative_m[:, 3, 0].tolist() == [max(0, n - lag)] * 2


def test_a_lag_that_a_lifter_does_not_have_is_refused() -> None:
    with pytest.raises(UsageError, match="no lag 3: choose --lag from -2, 0, 2, 5, 20"):
        Lifter(PastEngine.manifest(), PastEngine(), 3)
    _, engine = counting_lifter()
    with pytest.raises(UsageError, match="no choice of --lag"):
        Lifter(manifest(), engine, 1)


def test_a_lag_input_and_lags_belong_together() -> None:
    with pytest.raises(ManifestError, match="must take"):
        Lifter(replace(PastEngine.manifest(), lags=()), PastEngine())
    _, engine = counting_lifter()
    with pytest.raises(ManifestError, match="must take"):
        Lifter(replace(manifest(), lags=(0, 1)), engine)


def test_the_delay_of_a_net_and_its_lag_add_up() -> None:
    assert Lifter(replace(PastEngine.manifest(), delay=3), PastEngine(), 2).delay == 5
