"""Rendered clips on disk: the same bytes whatever happened on the way, and read back as they were."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from realtime.errors import PoseError, UsageError
from realtime.types import Array
from tests.conftest import ROOT
from tests.training.dataset.discs import FRAMES, STUCK, DiscFactory
from training.dataset.dataset import DatasetSettings, Written, read_dataset, write_dataset
from training.dataset.media import Form
from training.render.annotation import ClipAnnotation

SEED = 4
CLIPS = 5
MAKER = {"maker": "discs"}


def render(
    out: Path, clips: int = CLIPS, form: Form = "clips", trouble: DiscFactory | None = None, **more: Any
) -> Written:
    settings = DatasetSettings(clips, more.pop("seed", SEED), form)
    return write_dataset(out, trouble or DiscFactory(), settings, more.pop("description", MAKER), **more)


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.fixture(scope="module", params=["clips", "frames"])
def form(request: pytest.FixtureRequest) -> Form:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory, form: Form) -> Path:
    """A dataset written without trouble, in this process."""
    out = tmp_path_factory.mktemp(form) / "data"
    render(out, form=form)
    return out


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "data"
    render(out)
    return out


def test_the_layout_is_as_agreed(rendered: Path, form: Form) -> None:
    wanted = [".lock", "clips", "contact.jpg", "dataset.json"]
    for number in range(CLIPS):
        wanted.append(f"clips/{number:06d}.npz")
        if form == "clips":
            wanted.append(f"clips/{number:06d}.mp4")
        else:
            wanted.append(f"clips/{number:06d}")
            wanted += [f"clips/{number:06d}/{frame:04d}.jpg" for frame in range(FRAMES)]
    assert names(rendered) == sorted(wanted)


def test_the_header_says_what_decided_the_clips(clips: Path) -> None:
    header = json.loads((clips / "dataset.json").read_text())
    assert (header["version"], header["clips"], header["seed"], header["form"]) == (1, CLIPS, SEED, "clips")
    assert header["joints"][0] == "pelvis"
    assert header["description"] == MAKER
    assert header["libraries"]["numpy"] == np.__version__


@pytest.mark.parametrize("processes", [1, 2])
def test_the_same_seed_gives_the_same_bytes(
    rendered: Path, form: Form, tmp_path: Path, processes: int
) -> None:
    render(tmp_path / "elsewhere", form=form, processes=processes)
    assert contents(tmp_path / "elsewhere") == contents(rendered)


def test_another_seed_gives_other_clips(clips: Path, tmp_path: Path) -> None:
    render(tmp_path / "other", clips=1, seed=SEED + 1)
    for name in ("000000.mp4", "000000.npz"):
        assert (tmp_path / "other" / "clips" / name).read_bytes() != (clips / "clips" / name).read_bytes()


def test_no_place_is_in_the_files(clips: Path) -> None:
    host = os.uname().nodename.encode()
    for name, data in contents(clips).items():
        assert str(clips.parent).encode() not in data, name
        assert len(host) < 6 or host not in data, name


def test_clips_are_read_back_as_they_were_made(rendered: Path) -> None:
    stored = list(read_dataset(rendered))
    assert [clip.number for clip in stored] == list(range(CLIPS))
    for clip in stored:
        made = DiscFactory()().clip(SEED, clip.number)
        images, truths = zip(*made.render(), strict=True)
        _same(clip.truth, made.annotation(truths))
        read = list(clip.images)
        assert [image.shape for image in read] == [image.shape for image in images]
        joints = truths[-1].keypoints_px[0]
        assert _brightness(read[-1], joints) > _brightness(read[-1], joints + 8) + 40


def _brightness(image: Array, points_px: Array) -> float:
    x, y = np.round(points_px).astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < image.shape[1]) & (y < image.shape[0])
    return float(image[y[inside], x[inside]].mean())


def _same(found: ClipAnnotation, wanted: ClipAnnotation) -> None:
    for field in fields(ClipAnnotation):
        a, b = getattr(found, field.name), getattr(wanted, field.name)
        if isinstance(b, np.ndarray):
            np.testing.assert_array_equal(a, b)
        elif isinstance(b, float):
            assert a == pytest.approx(b)
        else:
            assert a == b


def test_what_was_written_and_its_progress_are_told(tmp_path: Path) -> None:
    steps: list[int] = []
    written = render(tmp_path / "a", clips=3, processes=2, progress=steps.append)
    assert steps == [FRAMES] * 3
    assert (written.clips, written.frames) == (3, 3 * FRAMES)
    assert written.mean_size_px == (128.0, 96.0)
    assert render(tmp_path / "a", clips=3).frames == 0


def test_more_clips_extend_what_is_there(clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "data"
    render(out, clips=2)
    first = (out / "clips" / "000000.mp4").stat().st_ino
    assert render(out).clips == CLIPS - 2
    assert contents(out) == contents(clips)
    assert (out / "clips" / "000000.mp4").stat().st_ino == first


def _without(name: str) -> Callable[[Path], None]:
    return lambda out: (out / name).unlink()


def _half_written(out: Path) -> None:
    (out / "clips" / "000003.npz").unlink()
    (out / "clips" / ".part-99-000003.npz").write_bytes(b"half")
    (out / "clips" / ".part-99-000004").mkdir()
    (out / ".part-99-dataset.json").write_bytes(b"{")


@pytest.mark.parametrize(
    "harm",
    [_without("contact.jpg"), _without("clips/000001.npz"), _without("clips/000002.mp4"), _half_written],
)
def test_what_is_missing_is_made_again(clips: Path, tmp_path: Path, harm: Callable[[Path], None]) -> None:
    out = tmp_path / "data"
    render(out)
    harm(out)
    assert render(out).clips <= 1
    assert contents(out) == contents(clips)
    assert names(out) == names(clips)


@pytest.mark.parametrize(
    "trouble", [DiscFactory(kill_at=3), DiscFactory(fail_at=3), DiscFactory(refuse_at=3)]
)
def test_after_a_failure_the_run_goes_on(clips: Path, tmp_path: Path, trouble: DiscFactory) -> None:
    out = tmp_path / "data"
    with pytest.raises(PoseError, match="clip 3"):
        render(out, processes=2, trouble=trouble)
    assert not (out / "contact.jpg").exists()
    with pytest.raises(UsageError, match=r"is incomplete: clip \d is missing, \d of 5 in all"):
        read_dataset(out)
    render(out, processes=2)
    assert contents(out) == contents(clips)


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL, signal.SIGTERM])
def test_a_run_that_was_stopped_goes_on(
    clips: Path, tmp_path: Path, ending: signal.Signals, processes: int
) -> None:
    out = tmp_path / "data"
    command = [
        sys.executable,
        "-m",
        "tests.training.dataset.discs",
        str(out),
        str(CLIPS),
        str(processes),
        "1",
    ]
    with _started(command) as child:
        assert child.stdout is not None
        seen = set()
        while seen != {"clip\n", f"{STUCK}\n"}:
            seen.add(child.stdout.readline())
        if ending == signal.SIGINT:
            os.killpg(child.pid, ending)  # as a terminal does: every process of the command gets it
        else:
            child.send_signal(ending)
        # The workers hold the pipes too: their end comes when the last of them is gone.
        _, errors = child.communicate(timeout=60)
    if ending == signal.SIGINT:
        assert (child.returncode, errors.strip()) == (130, "error: interrupted")
        assert not [name for name in names(out) if ".part-" in name]
    else:
        assert child.returncode == -ending
    assert 1 <= len(list((out / "clips").glob("[0-9]*.npz"))) < CLIPS
    render(out)
    assert contents(out) == contents(clips)
    assert names(out) == names(clips)


def _started(command: list[str]) -> contextlib.AbstractContextManager[subprocess.Popen[str]]:
    @contextlib.contextmanager
    def started():  # type: ignore[no-untyped-def]
        pipe = subprocess.PIPE
        with subprocess.Popen(
            command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True, start_new_session=True
        ) as child:
            try:
                yield child
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)

    return started()  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"seed": 5}, "seed is 4 there and 5 now"),
        ({"form": "frames"}, "form is clips there and frames now"),
        ({"description": {"maker": "cubes"}}, "description.maker is discs there and cubes now"),
        ({"description": {}}, "description.maker is discs there and not said now"),
        ({"clips": 2}, "is to hold 5 clips: ask for as many or more"),
    ],
)
def test_other_settings_are_refused_and_named(clips: Path, other: dict[str, Any], words: str) -> None:
    before = contents(clips)
    with pytest.raises(UsageError, match=words):
        render(clips, **other)
    assert contents(clips) == before


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("dear")
    with pytest.raises(UsageError, match=r"is not empty and has no dataset\.json"):
        render(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "dear"
    with pytest.raises(UsageError, match="cannot write to the folder"):
        render(tmp_path / "thesis.txt")
    (tmp_path / "dataset.json").write_text("{")
    with pytest.raises(UsageError, match="is damaged"):
        render(tmp_path)


@pytest.mark.parametrize("settings", [(0, 1, "clips"), (1, -1, "clips"), (1, 1, "gifs")])
def test_impossible_settings_are_refused(settings: tuple[Any, Any, Any]) -> None:
    with pytest.raises(UsageError):
        DatasetSettings(*settings)


_FULL_DISK = """
import resource, signal
from pathlib import Path
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from realtime.errors import RecordError
from tests.training.dataset.discs import DiscFactory
from training.dataset.dataset import DatasetSettings, write_dataset
def fill(frames):
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))
maker = {{"maker": "discs"}}
try:
    write_dataset(Path({out!r}), DiscFactory(), DatasetSettings(5, 4, {form!r}), maker, 1, fill)
except RecordError as error:
    print(error)
"""


def test_a_full_disk_is_told_and_gone_on_from(rendered: Path, form: Form, tmp_path: Path) -> None:
    out = tmp_path / "data"
    code = _FULL_DISK.format(out=str(out), form=form)
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert run.stdout.startswith("clip 1: cannot write "), run.stderr
    assert "File too large" in run.stdout
    assert run.stdout.count("\n") == 1
    assert not [name for name in names(out) if ".part-" in name]
    render(out, form=form)
    assert contents(out) == contents(rendered)


def test_reading_names_what_is_wrong(rendered: Path, form: Form, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"has no dataset\.json"):
        read_dataset(tmp_path)
    (tmp_path / "dataset.json").write_text('{"version": 99}')
    with pytest.raises(UsageError, match="is not a header of version 1"):
        read_dataset(tmp_path)
    out = tmp_path / "data"
    render(out, form=form)
    # Clip 0's pictures are taken away from one end: fewer than its truth has.
    if form == "clips":
        short = tmp_path / "short"
        _copy_shortened(out / "clips" / "000000.mp4", short.with_suffix(".mp4"))
        short.with_suffix(".mp4").replace(out / "clips" / "000000.mp4")
    else:
        (out / "clips" / "000000" / f"{FRAMES - 1:04d}.jpg").unlink()
    with pytest.raises(UsageError, match=rf"is damaged: it has {FRAMES - 1} frames and its truth {FRAMES}"):
        list(next(read_dataset(out)).images)


def _copy_shortened(path: Path, to: Path) -> None:
    from training.dataset.video import read_video, write_h264

    images = list(read_video(path))[:-1]
    write_h264(to, images, (images[0].shape[1], images[0].shape[0]), 30)
