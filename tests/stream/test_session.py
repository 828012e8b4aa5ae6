"""A session written and read back."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from realtime.errors import RecordError, SessionError
from realtime.stream.pictures import PictureSink, read_pictures
from realtime.stream.session import LINES, SeenPerson, SessionSink, is_session, read_session
from realtime.types import Frame, Keypoints2D, Result
from tests.fakes import frame

AGES = {"capture": 1.0 / 3, "total": 5.6}


def seen(seed: int) -> SeenPerson:
    """Somebody whose numbers have every digit there is."""
    random = np.random.default_rng(seed)
    xy = (random.normal(size=(33, 2)) * 1000).astype(np.float32)
    depth = random.normal(size=33).astype(np.float32)
    depth[3] = np.nan
    score = random.random(33, np.float32)
    return SeenPerson(seed, xy[:2].ravel(), Keypoints2D(xy, score, depth, random.random()))


def lines(n: int) -> np.ndarray:
    """Straight lines of a picture; of the first one none."""
    return np.random.default_rng(n).normal(0, 1000, (n - 1, 4)).astype(np.float32)


def write(folder: Path, frames: int = 5) -> list[SeenPerson]:
    people = [seen(n) for n in range(frames)]
    sink = SessionSink(folder)
    sink.describe({"settings": [1, 2]})
    for n, person in enumerate(people):
        image = Frame(np.zeros((48, 64, 3), np.uint8), 2 * n, 10**15 + n, n / 29.97)
        sink.observe(image, [person], [n - 1] if n else [])
        if n % 2:
            sink.observe_lines(2 * n, lines(n))
        sink.write(Result(image, (), AGES, dropped=n))
    sink.close()
    return people


def test_every_digit_comes_back(tmp_path: Path) -> None:
    people = write(tmp_path / "s")
    session = read_session(tmp_path / "s")
    assert session.whole
    assert session.header["settings"] == [1, 2]
    assert session.frames is None
    assert list(session.lines_px) == [2, 6]
    for n in (1, 3):
        np.testing.assert_array_equal(session.lines_px[2 * n], lines(n))
    for n, (was, now) in enumerate(zip(people, session.seen, strict=True)):
        assert (now.index, now.captured_ns, now.media_s) == (2 * n, 10**15 + n, n / 29.97)
        assert (now.width, now.height, now.gone) == (64, 48, (n - 1,) if n else ())
        (person,) = now.people
        assert person.id == was.id
        for name in ("xy_px", "score", "depth_px"):
            np.testing.assert_array_equal(getattr(person.keypoints, name), getattr(was.keypoints, name))
        np.testing.assert_array_equal(person.box_px, was.box_px)
        assert person.keypoints.presence == was.keypoints.presence
        lived = session.lived[2 * n]
        assert (lived.age_ms, lived.dropped) == (AGES, n)


def test_what_waits_for_a_result_is_written_at_the_end(tmp_path: Path) -> None:
    sink = SessionSink(tmp_path / "s")
    sink.describe({})
    for n in range(3):
        sink.observe(frame(n), [], [])
    sink.write(Result(frame(0), (), AGES))
    sink.observe(frame(3), [], [])
    sink.close()
    session = read_session(tmp_path / "s")
    assert [f.index for f in session.seen] == [0, 1, 2, 3]
    assert list(session.lived) == [0]
    assert session.whole


def test_nothing_seen_leaves_nothing(tmp_path: Path) -> None:
    sink = SessionSink(tmp_path / "s")
    sink.describe({})
    sink.close()
    assert not list(tmp_path.iterdir())


def test_an_older_session_is_replaced_with_its_pictures(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    write(folder)
    (folder / "frames.mkv").write_bytes(b"old")
    write(folder, 2)
    assert [p.name for p in folder.iterdir()] == [LINES]
    assert len(read_session(folder).seen) == 2


def test_a_changed_session_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "s")
    path = tmp_path / "s" / LINES
    text = path.read_text()
    changed = text.replace('"dropped":3', '"dropped":4')
    assert changed != text
    path.write_text(changed)
    with pytest.raises(SessionError, match="hash differs"):
        read_session(tmp_path / "s")


def test_a_session_from_before_lines_were_kept_is_read(tmp_path: Path) -> None:
    write(tmp_path / "s")
    path = tmp_path / "s" / LINES
    kept = [text for text in path.read_text().splitlines(keepends=True) if not text.startswith('{"lines"')]
    old = "".join(kept[:-1]).replace('"version":2', '"version":1')
    end = {"end": {"frames": 5, "results": 5, "sha256": hashlib.sha256(old.encode()).hexdigest()}}
    path.write_text(old + json.dumps(end) + "\n")
    session = read_session(tmp_path / "s")
    assert session.whole
    assert len(session.seen) == 5
    assert not session.lines_px
    path.write_text(old.replace('"version":1', '"version":3'))
    with pytest.raises(SessionError, match="version 1 or 2"):
        read_session(tmp_path / "s")


def test_a_cut_session_is_read_up_to_the_cut_and_said_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path / "s")
    path = tmp_path / "s" / LINES
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:7]) + lines[7][:20])
    session = read_session(tmp_path / "s")
    assert not session.whole
    assert [f.index for f in session.seen] == [0, 2, 4]
    assert "3 frames are replayed" in caplog.text


def test_a_folder_that_holds_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(RecordError, match="other files"):
        SessionSink(tmp_path)
    with pytest.raises(RecordError, match="is a file"):
        SessionSink(tmp_path / "thesis.tex")
    with pytest.raises(RecordError, match="cannot make"):
        SessionSink(tmp_path / "none" / "s")


def test_a_disk_that_never_answers_does_not_fill_the_memory(tmp_path: Path) -> None:
    sink = SessionSink(tmp_path / "s")
    sink.describe({})
    for n in range(5000):
        sink.observe(frame(n, 4, 4), [], [])
    with pytest.raises(RecordError, match="fell behind"):
        sink.write(Result(frame(0), (), AGES))
    sink.close()


def test_what_is_no_session_is_named(tmp_path: Path) -> None:
    assert not is_session(str(tmp_path))
    assert not is_session(None)
    with pytest.raises(SessionError, match="No such file"):
        read_session(tmp_path)
    (tmp_path / LINES).write_text('{"header": {}}\n')
    assert is_session(str(tmp_path))
    with pytest.raises(SessionError, match="no session"):
        read_session(tmp_path)


def test_pictures_come_back_without_loss(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    images = [random.integers(0, 256, (48, 64, 3), dtype=np.uint8) for _ in range(6)]
    folder = tmp_path / "s"
    sink = PictureSink(folder, 30.0)
    for n, image in enumerate(images):
        sink.write(Result(Frame(image, 3 * n, 0, 0.0), (), AGES))
    sink.close()
    back = list(read_pictures(folder))
    assert [index for index, _ in back] == [0, 3, 6, 9, 12, 15]
    for (_, now), was in zip(back, images, strict=True):
        np.testing.assert_array_equal(now, was)


def test_pictures_that_were_cut_off_end_early(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    sink = PictureSink(folder, 30.0)
    for n in range(20):
        sink.write(Result(frame(n, 320, 240), (), AGES))
    sink.close()
    data = (folder / "frames.mkv").read_bytes()
    (folder / "frames.mkv").write_bytes(data[: len(data) // 2])
    back = list(read_pictures(folder))
    assert [index for index, _ in back] == list(range(len(back)))
    assert len(back) < 20
