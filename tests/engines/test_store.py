"""The store of built plans: what it gives back, and what it does when disk, files or neighbours misbehave."""

from __future__ import annotations

import errno
import json
import logging
import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path

import pytest

from realtime.cache import ENVIRONMENT_VARIABLE
from realtime.engines.store import PORTABLE, EngineStore, PlanKey, read_header
from realtime.errors import EngineError

PLAN = bytes(range(256)) * 40
KEY = PlanKey("ab" * 32, "tensorrt-rtx", "1.7.1.116", PORTABLE, "fp32", "batch:1:1:16")


@pytest.fixture
def store(tmp_path: Path) -> EngineStore:
    return EngineStore(tmp_path / "engines")


class Builder:
    """Gives PLAN, and counts how often it was asked."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> bytes:
        self.calls += 1
        return PLAN


def test_a_plan_is_built_once_and_comes_back(store: EngineStore, caplog: pytest.LogCaptureFixture) -> None:
    build = Builder()
    assert store.load(KEY) is None
    assert [store.obtain(KEY, build) for _ in range(3)] == [PLAN] * 3
    assert EngineStore(store.folder).load(KEY) == PLAN
    assert build.calls == 1
    assert store.plans() == (store.path(KEY),)
    assert not caplog.records


def test_the_header_says_what_a_file_holds(store: EngineStore) -> None:
    path = store.save(KEY, PLAN)
    header = read_header(path)
    assert header.key == KEY
    assert header.plan_bytes == len(PLAN)
    assert header.tool.startswith("realtime-pose3d")
    assert header.built.endswith("+00:00")


@pytest.mark.parametrize(
    "change",
    [
        {"model_sha256": "cd" * 32},
        {"kind": "tensorrt"},
        {"library": "1.7.2.0"},
        {"device": "NVIDIA L4 (8.9)"},
        {"precision": "fp16"},
        {"shapes": "batch:1:1:8"},
        {"options": "tf32=True"},
    ],
)
def test_a_plan_of_another_key_is_never_given(store: EngineStore, change: dict[str, str]) -> None:
    store.save(KEY, PLAN)
    other = replace(KEY, **change)
    assert store.load(other) is None
    store.save(other, b"other")
    assert (store.load(KEY), store.load(other)) == (PLAN, b"other")


def test_fresh_builds_over_what_is_there(store: EngineStore) -> None:
    store.save(KEY, b"old")
    assert store.obtain(KEY, Builder(), fresh=True) == PLAN
    assert store.load(KEY) == PLAN


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def cut_in_the_header(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:40])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def one_bit_turned(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)


def lengthened(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def a_bare_plan(path: Path) -> None:
    path.write_bytes(b"vtrt" + PLAN)


def a_json_list(path: Path) -> None:
    path.write_bytes(b"[1, 2]\n" + PLAN)


def another_format(path: Path) -> None:
    line, _, plan = path.read_bytes().partition(b"\n")
    path.write_bytes(json.dumps(json.loads(line) | {"version": 2}).encode() + b"\n" + plan)


def of_another_model(path: Path) -> None:
    other = EngineStore(path.parent / "other")
    path.write_bytes(other.save(replace(KEY, model_sha256="ef" * 32), b"made for another model").read_bytes())


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (cut_short, "is cut short"),
        (cut_in_the_header, "is not an engine that this program wrote"),
        (emptied, "is not an engine that this program wrote"),
        (one_bit_turned, "has changed since it was written"),
        (lengthened, "has changed since it was written"),
        (a_bare_plan, "is not an engine that this program wrote"),
        (a_json_list, "is not an engine that this program wrote"),
        (another_format, "is not an engine that this program wrote"),
        (of_another_model, "was built for something else"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_named_and_built_again(
    store: EngineStore, caplog: pytest.LogCaptureFixture, spoil: Callable[[Path], None], words: str
) -> None:
    spoil(store.save(KEY, PLAN))
    build = Builder()
    assert store.obtain(KEY, build) == PLAN
    assert build.calls == 1
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert f"{store.path(KEY)} {words}" in caplog.text
    assert store.load(KEY) == PLAN


def test_a_folder_in_a_plans_place_costs_a_warning(
    store: EngineStore, caplog: pytest.LogCaptureFixture
) -> None:
    a_folder(store.save(KEY, PLAN))
    assert store.obtain(KEY, Builder()) == PLAN
    assert "cannot read" in caplog.text
    assert "cannot keep the engine" in caplog.text


@pytest.mark.parametrize("spoil", [emptied, one_bit_turned, cut_in_the_header])
def test_reading_the_header_of_a_bad_file_is_our_error(
    store: EngineStore, spoil: Callable[[Path], None]
) -> None:
    path = store.save(KEY, PLAN)
    spoil(path)
    with pytest.raises(EngineError, match="engines/tensorrt-rtx-abababababab-"):
        read_header(path)


def test_a_failed_build_leaves_nothing_and_lets_the_next_one_build(store: EngineStore) -> None:
    def fail() -> bytes:
        raise EngineError("no such operator")

    with pytest.raises(EngineError, match="no such operator"):
        store.obtain(KEY, fail)
    assert store.plans() == ()
    assert store.obtain(KEY, Builder()) == PLAN


def test_a_full_disk_costs_a_warning_and_leaves_no_piece(
    store: EngineStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    assert store.obtain(KEY, Builder()) == PLAN
    assert "No space left on device" in caplog.text
    assert ENVIRONMENT_VARIABLE in caplog.text
    assert [p.suffix for p in store.folder.iterdir()] == [".lock"]


@pytest.fixture
def read_only() -> Iterator[EngineStore]:
    """A store in a folder that this process cannot write to, as whoever cannot write everywhere."""
    with tempfile.TemporaryDirectory() as name:
        store = EngineStore(Path(name) / "engines")
        store.save(replace(KEY, precision="fp16"), b"kept")
        store.folder.parent.chmod(0o755)
        for path in store.plans():
            path.chmod(0o644)
        store.folder.chmod(0o555)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        try:
            yield store
        finally:
            if root:
                os.seteuid(0)
            store.folder.chmod(0o755)


def test_a_read_only_folder_is_read_and_costs_a_warning(
    read_only: EngineStore, caplog: pytest.LogCaptureFixture
) -> None:
    build = Builder()
    assert read_only.obtain(replace(KEY, precision="fp16"), build) == b"kept"
    assert not caplog.records
    assert [read_only.obtain(KEY, build) for _ in range(2)] == [PLAN] * 2
    assert build.calls == 2
    assert caplog.text.count("Permission denied") == 2
    assert len(read_only.plans()) == 1


def test_a_place_that_is_no_folder_costs_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    assert EngineStore(tmp_path / "file" / "engines").obtain(KEY, Builder()) == PLAN
    assert "Not a directory" in caplog.text


def test_by_default_it_is_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path))
    assert EngineStore().folder == tmp_path / "engines"


def obtain_in_a_process(folder: Path, ready: Barrier, building: Event, go_on: Event) -> None:
    """Build the same plan as the other process; whoever builds says so, and waits until it may go on."""

    def build() -> bytes:
        with (folder / f"built-{os.getpid()}").open("x"):
            building.set()
        assert go_on.wait(20)
        return PLAN

    ready.wait(20)
    plan = EngineStore(folder).obtain(KEY, build)
    (folder / f"done-{os.getpid()}").write_bytes(plan)


def test_of_two_processes_at_once_one_builds_and_both_have_it(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready, building, go_on = context.Barrier(2), context.Event(), context.Event()
    workers = [
        context.Process(target=obtain_in_a_process, args=(tmp_path, ready, building, go_on)) for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    assert building.wait(30)
    go_on.set()
    for worker in workers:
        worker.join(30)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert len(list(tmp_path.glob("built-*"))) == 1
    assert [path.read_bytes() for path in tmp_path.glob("done-*")] == [PLAN, PLAN]


def test_a_process_killed_while_it_builds_holds_nobody_up(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready, building, go_on = context.Barrier(1), context.Event(), context.Event()
    worker = context.Process(target=obtain_in_a_process, args=(tmp_path, ready, building, go_on))
    worker.start()
    assert building.wait(30)
    worker.kill()
    worker.join(30)
    assert EngineStore(tmp_path).obtain(KEY, Builder()) == PLAN
