"""What holds of every engine that keeps people's state, on the counting net of `tests.engines.counter`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from realtime.engines.base import StatefulEngine
from realtime.types import Array


def rows(*values: float) -> dict[str, Array]:
    """What the net is fed: a value a person."""
    return {"x": np.repeat(np.array(values, np.float32)[:, None], 3, axis=1)}


def seen(engine: StatefulEngine, people: Sequence[int], *values: float) -> list[float]:
    """One step; for each person 100 times the sum of their values so far, plus how many there were."""
    out = engine.infer_stateful(rows(*values), people)
    assert out.keys() == {"seen"}
    return [float(v) for v in out["seen"][:, 0]]


def check_state_follows_each_person(engine: StatefulEngine) -> None:
    """People come, change places, stay away, come back and are forgotten."""
    assert seen(engine, [7], 1) == [101]
    assert seen(engine, [7, 9], 1, 5) == [202, 501]
    assert seen(engine, [9, 7], 5, 1) == [1002, 303]
    assert seen(engine, [9], 5) == [1503]
    assert seen(engine, [7, 9], 1, 5) == [404, 2004]
    engine.forget(7)
    engine.forget(12345)
    assert seen(engine, [7, 9], 1, 5) == [101, 2505]
    engine.forget(9)
    assert seen(engine, [9, 7], 5, 1) == [501, 202]


def check_coming_and_going(engine: StatefulEngine, steps: Sequence[tuple[list[int], int]]) -> None:
    """Steps of people, each followed by forgetting one, against state that is kept outside."""
    expected: dict[int, tuple[float, int]] = {}
    for people, gone in steps:
        for person in people:
            total, count = expected.get(person, (0.0, 0))
            expected[person] = total + person, count + 1
        wanted = [expected[p][0] * 100 + expected[p][1] for p in people]
        assert seen(engine, people, *people) == wanted
        engine.forget(gone)
        expected.pop(gone, None)
