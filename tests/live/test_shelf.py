"""Networks stay loaded between pipelines; progress is told; nothing is used twice at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from realtime.engines.onnxruntime import OnnxRuntimeSteps
from realtime.engines.open import Choice
from realtime.live.shelf import Shelf, download_progress
from realtime.live.state import Progress
from realtime.manifest import Manifest
from realtime.stream.assemble import Model
from tests.engines.counter import STATE, write_counter
from tests.fakes import FakeEngine, PastEngine


class Loads:
    """Counts what is loaded."""

    def __init__(self) -> None:
        self.models: list[Model] = []
        self.told: list[Progress] = []
        self.shelf = Shelf(self.told.append, self._load)

    def _load(self, manifest: Manifest, choice: Choice) -> Model:
        self.models.append(Model(manifest, FakeEngine({}, {}, lambda feeds: feeds)))
        return self.models[-1]


LIFTER = PastEngine.manifest()
OTHER = replace(LIFTER, name="other", file="g", sha256="b")


def test_a_network_given_back_is_not_loaded_again() -> None:
    loads = Loads()
    first = loads.shelf.load(LIFTER, "auto")
    loads.shelf.free([first])
    assert loads.shelf.load(LIFTER, "auto") is first
    assert len(loads.models) == 1


def test_people_of_one_pipeline_are_strangers_to_the_next(tmp_path: Path) -> None:
    engine = OnnxRuntimeSteps(write_counter(tmp_path), 1, STATE)
    shelf = Shelf(lambda progress: None, lambda manifest, choice: Model(manifest, engine))
    x = {"x": np.ones((1, 3), np.float32)}
    for _ in range(2):
        model = shelf.load(LIFTER, "auto")
        assert model.engine is engine
        assert engine.infer_stateful(x, [1])["seen"][0, 0] == 101
        shelf.free([model])


def test_one_in_use_is_not_lent_twice() -> None:
    loads = Loads()
    assert loads.shelf.load(LIFTER, "auto") is not loads.shelf.load(LIFTER, "auto")


def test_another_network_or_another_back_end_is_another() -> None:
    loads = Loads()
    loads.shelf.free([loads.shelf.load(LIFTER, "auto")])
    loads.shelf.load(OTHER, "auto")
    loads.shelf.load(LIFTER, "onnxruntime")
    assert len(loads.models) == 3


def test_trimming_and_closing_free_what_lies_there() -> None:
    loads = Loads()
    kept, used = loads.shelf.load(LIFTER, "auto"), loads.shelf.load(OTHER, "auto")
    loads.shelf.free([kept])
    loads.shelf.trim()
    assert kept.engine.closed  # type: ignore[attr-defined]
    assert not used.engine.closed  # type: ignore[attr-defined]
    loads.shelf.free([used])
    loads.shelf.close()
    assert used.engine.closed  # type: ignore[attr-defined]


def test_what_a_hanging_pipeline_holds_is_not_lent_again() -> None:
    loads = Loads()
    lent = loads.shelf.load(LIFTER, "auto")
    loads.shelf.forget()
    loads.shelf.free([lent])
    assert lent.engine.closed  # type: ignore[attr-defined]
    assert loads.shelf.load(LIFTER, "auto") is not lent


def test_loading_tells_which_network_and_how_far() -> None:
    loads = Loads()
    loads.shelf.begin()
    loads.shelf.load(LIFTER, "auto")
    loads.shelf.load(OTHER, "tensorrt")
    assert [told.done for told in loads.told] == [0, pytest.approx(1 / 3)]
    assert loads.told[0].detail == "3D lifter: past"
    assert "Building" in loads.told[1].title


@pytest.mark.parametrize(
    ("words", "done", "detail"),
    [
        (
            "blazepose:  42%|####      | 15.1M/35.6M [00:03<00:04, 4.9MB/s]\r",
            0.42,
            "15.1M/35.6M [00:03<00:04, 4.9MB/s]",
        ),
        ("100%|##########| 35.6M/35.6M\n", 1.0, "35.6M/35.6M"),
        ("converting pose_detection\n", None, "converting pose_detection"),
        ("\n", None, ""),
    ],
)
def test_a_downloads_words_become_progress(words: str, done: float | None, detail: str) -> None:
    progress = download_progress(words)
    assert (progress.done, progress.detail) == (done, detail)
