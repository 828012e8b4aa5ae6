"""Clips are read once, as they appear, and those of people to leave out are passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from realtime.errors import UsageError
from tests.training.images.conftest import write_discs
from training.images.feed import Feed
from training.images.samples import Cut, count, crops
from training.render.annotation import load_annotation

CUT = Cut(side_px=64, stride=5)


def test_each_clip_is_read_once_as_it_appears(tmp_path: Path) -> None:
    with Feed((tmp_path / "a",), crops, CUT) as feed:
        assert feed.scan() == 0
        write_discs(tmp_path / "a", clips=2)
        assert feed.scan() == 2
        assert [count(samples) for samples, _ in feed.take(wait=True)] == [1, 2]
        assert feed.scan() == 0
        write_discs(tmp_path / "a", clips=3)
        assert feed.scan() == 1
        assert len(feed.take(wait=True)) == 1
        assert feed.take() == []


def test_several_folders(discs: Path, tmp_path: Path) -> None:
    write_discs(tmp_path / "b", clips=1)
    with Feed((discs, tmp_path / "b"), crops, CUT) as feed:
        assert feed.scan() == 9


def test_clips_with_somebody_to_leave_out_are_passed_over(discs: Path) -> None:
    with Feed((discs,), crops, CUT, leave_out=frozenset({"body-1"})) as feed:
        feed.scan()
        assert [count(samples) for samples, _ in feed.take(wait=True)] == [1] * 4


def test_clips_that_do_not_say_who_is_in_them_are_refused(tmp_path: Path) -> None:
    from dataclasses import replace

    write_discs(tmp_path / "a", clips=1)
    path = tmp_path / "a" / "clips" / "000000.npz"
    replace(load_annotation(path), subjects=()).save(path)
    with Feed((tmp_path / "a",), crops, CUT, leave_out=frozenset({"x"})) as feed:
        feed.scan()
        with pytest.raises(UsageError, match="who is in it"):
            feed.take(wait=True)


def test_a_damaged_clip_is_named(tmp_path: Path) -> None:
    write_discs(tmp_path / "a", clips=1)
    (tmp_path / "a" / "clips" / "000000" / "0000.jpg").write_bytes(b"")
    with Feed((tmp_path / "a",), crops, CUT) as feed:
        feed.scan()
        with pytest.raises(UsageError, match=r"0000\.jpg is missing or damaged"):
            feed.take(wait=True)
