"""A session lifted again: byte for byte as it was, or otherwise."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from realtime import records
from realtime.commands.demo import demo
from realtime.errors import SessionError
from realtime.stream.replay import open_replay
from realtime.stream.session import LINES, is_session

pytestmark = pytest.mark.usefixtures("blazepose")
FRAMES = 40


def run(*arguments: str | Path) -> Result:
    """The demo, headless, in this process."""
    done = CliRunner().invoke(demo, ["--headless", *map(str, arguments)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a session `s` of the sample, with its pictures, and the record of the same run."""
    folder = tmp_path_factory.mktemp("lived")
    kept = ["--session", folder / "s", "--session-frames", "--record", folder / "lived.jsonl"]
    done = run("--source", "sample", "--frames", str(FRAMES), "--height", "1.7", "--lag", "2", *kept)
    assert done.exit_code == 0, done.output
    assert str(folder / "s") in done.output
    return folder


def test_a_replay_is_equal_byte_for_byte(lived: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.jsonl"
    done = run("--source", lived / "s", "--record", again)
    assert done.exit_code == 0, done.output
    assert again.read_bytes() == (lived / "lived.jsonl").read_bytes()
    assert len(records.read(again).frames) == FRAMES
    assert f"against the exact truth ({FRAMES} of {FRAMES} frames)" in done.output


def test_another_lifter_sees_the_same_people(lived: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    assert run("--source", lived / "s", "--lifter", "anatomy", "--lag", "0", "--record", other).exit_code == 0
    was, now = records.read(lived / "lived.jsonl"), records.read(other)
    assert now.header["models"][2]["name"] == "anatomy"
    assert now.header["models"][:2] == was.header["models"][:2]
    assert len(now.frames) == len(was.frames)
    for before, after in zip(was.frames, now.frames, strict=True):
        assert (before.index, before.captured_ns, before.age_ms) == (
            after.index, after.captured_ns, after.age_ms,
        )  # fmt: skip
        for one, other_one in zip(before.people, after.people, strict=True):
            np.testing.assert_array_equal(one.keypoints_px, other_one.keypoints_px)
            assert not np.allclose(one.pose_m, other_one.pose_m, atol=1e-3)


def test_a_camera_known_later_moves_the_people(lived: Path, tmp_path: Path) -> None:
    wide = tmp_path / "wide.jsonl"
    assert run("--source", lived / "s", "--fov", "90", "--record", wide).exit_code == 0
    was, now = records.read(lived / "lived.jsonl"), records.read(wide)
    assert now.header["intrinsics"]["source"] == "fov"
    depths = [r.frames[-1].people[0].root_m[2] for r in (was, now)]
    assert depths[1] < 0.8 * depths[0]


def test_the_2d_nets_run_again_on_the_pictures(lived: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.jsonl"
    assert run("--source", lived / "s", "--models", "blazepose", "--record", again).exit_code == 0
    was, now = records.read(lived / "lived.jsonl"), records.read(again)
    assert [f.index for f in now.frames] == [f.index for f in was.frames]
    for before, after in zip(was.frames, now.frames, strict=True):
        # The picture is without loss, so the nets see the same; their sums may differ in the last digit.
        np.testing.assert_allclose(before.people[0].keypoints_px, after.people[0].keypoints_px, atol=0.01)


def test_without_pictures_the_2d_nets_cannot_run_again(lived: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / LINES).write_bytes((lived / "s" / LINES).read_bytes())
    with pytest.raises(SessionError, match="leave --models out"):
        run("--source", bare, "--models", "blazepose", "--record", tmp_path / "x.jsonl")
    assert not (tmp_path / "x.jsonl").exists()
    done = run("--source", bare, "--record", tmp_path / "y.jsonl")
    assert done.exit_code == 0
    assert (tmp_path / "y.jsonl").read_bytes() == (lived / "lived.jsonl").read_bytes()


def test_a_session_that_was_killed_is_replayed_as_far_as_it_goes(lived: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut"
    cut.mkdir()
    data = (lived / "s" / LINES).read_bytes()
    (cut / LINES).write_bytes(data[: len(data) // 2])
    done = run("--source", cut, "--record", tmp_path / "cut.jsonl")
    assert done.exit_code == 0, done.output
    frames = records.read(tmp_path / "cut.jsonl").frames
    assert 0 < len(frames) < FRAMES
    whole = (lived / "lived.jsonl").read_text().splitlines()
    assert (tmp_path / "cut.jsonl").read_text().splitlines() == whole[: len(frames) + 1]


def test_a_session_of_a_session_is_refused(lived: Path, tmp_path: Path) -> None:
    from realtime.errors import UsageError

    with pytest.raises(UsageError, match="a session already"):
        run("--source", lived / "s", "--session", tmp_path / "t")
    with pytest.raises(UsageError, match="add --session"):
        run("--source", "sample", "--session-frames")


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("options", {"lifter": 5}), ("options", {"lag": "x"}), ("options", None), ("intrinsics", {"fx": -1}),
        ("intrinsics", {"fx": None}), ("source", {"width": 0}), ("source", {"full_size": [1]}),
        ("models", []), ("models", None), ("sample", None),
    ],
    ids=str,
)  # fmt: skip
def test_a_header_with_wrong_values_is_refused(
    lived: Path, tmp_path: Path, part: str, change: dict[str, object] | list[object] | None
) -> None:
    first, *rest = (lived / "s" / LINES).read_text().splitlines()
    node = json.loads(first)
    was = node["session"][part]
    node["session"][part] = was | change if isinstance(change, dict) else change
    if part == "sample":
        del node["session"]["sample"]
    (tmp_path / LINES).write_text("\n".join([json.dumps(node), *rest[:-1]]) + "\n")
    assert is_session(str(tmp_path))
    with pytest.raises(SessionError):
        open_replay(tmp_path, {})
