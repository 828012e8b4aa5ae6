"""Fetching: complete or not at all, whatever goes wrong, and said in one line."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import signal
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from export import zoo
from export.wheel import Member, check, redact
from realtime.cache import ENVIRONMENT_VARIABLE, model_dir
from realtime.engines.open import open_engine
from realtime.errors import FetchError, UsageError
from realtime.manifest import TensorInfo, load_manifest
from tests.export.tiny import FILE, MEMBER, Index, child, only_index, write_wheel

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, which does not exist yet."""
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def offered(tmp_path: Path) -> Path:
    """The folder of the published wheel."""
    return tmp_path / "offered"


@pytest.fixture
def tiny(cache: Path, offered: Path, monkeypatch: pytest.MonkeyPatch) -> zoo.ModelSet:
    """A small set that the zoo knows, with an empty cache, and pip left without any index."""
    models = write_wheel(offered)
    monkeypatch.setattr(zoo, "SETS", {"tiny": models})
    for key in [key for key in os.environ if key.startswith("PIP_")]:
        monkeypatch.delenv(key)
    for key, value in only_index({"PIP_NO_INDEX": "1"}).items():
        monkeypatch.setenv(key, value)
    return models


@pytest.fixture
def index(tiny: zoo.ModelSet, offered: Path) -> Iterator[Index]:
    """A package index with the small set's wheel, which stalls half way."""
    with Index(offered / FILE).running() as running:
        yield running


def left_over(cache: Path) -> list[str]:
    """What lies in the cache beside finished models; the lock file may stay."""
    found = (path.relative_to(cache / "models") for path in (cache / "models").rglob("*"))
    return [str(path) for path in found if path.parts[0] not in ("tiny", ".tiny.lock")]


def assert_nothing_came_of_it(cache: Path) -> None:
    assert not model_dir("tiny").exists()
    assert left_over(cache) == []


def assert_whole(cache: Path) -> None:
    manifest = load_manifest(model_dir("tiny") / "net.json")
    engine = open_engine(manifest.check_file(), "onnxruntime", 1)
    np.testing.assert_allclose(engine.infer({"image": np.zeros((1, 4, 4, 3), np.float32)})["squashed"], 0.5)
    assert left_over(cache) == []


def test_fetching_downloads_converts_and_describes(
    tiny: zoo.ModelSet, cache: Path, offered: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", str(offered))
    told: list[tuple[int, int]] = []
    fetched = zoo.fetch("tiny", progress=lambda done, total: told.append((done, total)))
    assert fetched == zoo.Fetched(cache / "models" / "tiny", new=True)
    assert_whole(cache)
    manifest = load_manifest(fetched.directory / "net.json")
    assert manifest.inputs == {"image": TensorInfo((1, 4, 4, 3))}
    assert manifest.outputs == {"squashed": TensorInfo((1, 4, 4, 3))}
    assert (manifest.name, manifest.licence) == ("tiny", "CC0-1.0")
    assert told[-1] == (tiny.wheel.size, tiny.wheel.size)
    assert told == sorted(told)


def test_what_is_cached_is_left_alone(tiny: zoo.ModelSet, offered: Path) -> None:
    zoo.fetch("tiny", offered / FILE)
    before = (model_dir("tiny") / "net.onnx").stat()
    assert not zoo.fetch("tiny").new
    assert (model_dir("tiny") / "net.onnx").stat().st_ino == before.st_ino


def test_force_makes_it_anew(tiny: zoo.ModelSet, cache: Path, offered: Path) -> None:
    zoo.fetch("tiny", offered / FILE)
    (model_dir("tiny") / "foreign").touch()
    assert zoo.fetch("tiny", offered / FILE, force=True).new
    assert not (model_dir("tiny") / "foreign").exists()
    assert_whole(cache)


def spoil_network(folder: Path) -> None:
    content = bytearray((folder / "net.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "net.onnx").write_bytes(content)


def age_manifest(folder: Path) -> None:
    text = (folder / "net.json").read_text()
    (folder / "net.json").write_text(text.replace("a test", "an older converter"))


@pytest.mark.parametrize(
    "harm",
    [
        spoil_network,
        age_manifest,
        lambda folder: (folder / "net.onnx").unlink(),
        lambda folder: (folder / "net.json").write_text("{"),
    ],
)
def test_a_damaged_or_outdated_cache_is_mended(
    tiny: zoo.ModelSet, cache: Path, offered: Path, harm: Callable[[Path], object]
) -> None:
    zoo.fetch("tiny", offered / FILE)
    harm(model_dir("tiny"))
    assert not zoo.is_cached(tiny)
    assert zoo.fetch("tiny", offered / FILE).new
    assert_whole(cache)


def test_an_unknown_name_is_bad_use() -> None:
    with pytest.raises(UsageError, match="unknown model set 'nothing'; known: blazepose"):
        zoo.fetch("nothing")


def test_offline_says_so_and_shows_no_password(
    tiny: zoo.ModelSet, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://someone:hunter2@127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(FetchError) as caught:
        zoo.fetch("tiny")
    message = str(caught.value)
    assert f"could not download {FILE} from your package index: " in message
    assert "Failed to establish a new connection" in message
    assert "check the network or pip's index settings, then run again" in message
    assert "hunter2" not in message
    assert_nothing_came_of_it(cache)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("from https://me:s3@cret@host/simple: no", "from https://***@host/simple: no"),
        ("at http://token@host/a and http://x:y@b/", "at http://***@host/a and http://***@b/"),
        ("got https://host/a.whl?X-Signature=abc (404)", "got https://host/a.whl (404)"),
        ("no address, but a@b", "no address, but a@b"),
    ],
)
def test_addresses_are_shown_without_credentials(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_another_file_from_the_index_is_refused(
    tiny: zoo.ModelSet, cache: Path, offered: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(offered / FILE, "a") as archive:
        archive.writestr("tiny_models/extra", "slipped in")
    monkeypatch.setenv("PIP_FIND_LINKS", str(offered))
    with pytest.raises(FetchError, match=r"your package index offers another file as .* \(SHA-256 differs\)"):
        zoo.fetch("tiny")
    assert_nothing_came_of_it(cache)


def test_a_wheel_that_was_altered_cut_short_or_is_missing_is_refused(
    tiny: zoo.ModelSet, cache: Path, offered: Path
) -> None:
    content = (offered / FILE).read_bytes()
    (offered / FILE).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(FetchError, match=r"is not the published .*: its SHA-256 differs; download it again"):
        zoo.fetch("tiny", offered / FILE)
    (offered / FILE).write_bytes(content[:1000])
    with pytest.raises(FetchError, match=f"it has 1000 of {len(content)} bytes"):
        zoo.fetch("tiny", offered / FILE)
    with pytest.raises(FetchError, match=r"cannot read .*: No such file or directory; give the path of"):
        zoo.fetch("tiny", offered / "elsewhere.whl")
    assert_nothing_came_of_it(cache)


def pinned(models: zoo.ModelSet, path: Path, member: Member) -> zoo.ModelSet:
    """The set, but for the wheel and the member pinned."""
    content = path.read_bytes()
    wheel = replace(models.wheel, size=len(content), sha256=hashlib.sha256(content).hexdigest())
    network = replace(models.networks[0], member=member)
    return replace(models, wheel=wheel, networks=(network,))


def test_a_wheel_with_other_contents_than_pinned_is_refused(
    tiny: zoo.ModelSet, cache: Path, offered: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, member = offered / FILE, tiny.networks[0].member

    def refused(models: zoo.ModelSet, message: str) -> None:
        monkeypatch.setattr(zoo, "SETS", {"tiny": models})
        with pytest.raises(FetchError, match=message):
            zoo.fetch("tiny", path)
        assert_nothing_came_of_it(cache)

    refused(pinned(tiny, path, replace(member, path="tiny_models/none")), "lacks a file .*tiny_models/none")
    refused(pinned(tiny, path, replace(member, sha256="0" * 64)), f"{MEMBER} in {FILE} is not the published")
    path.write_bytes(b"no archive at all")
    refused(pinned(tiny, path, member), r"is damaged \(File is not a zip file\): download it again")


def test_without_pip_the_two_ways_out_are_named(
    tiny: zoo.ModelSet, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venv.create(tmp_path / "bare", with_pip=False, symlinks=os.name != "nt")
    bare = tmp_path / "bare" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    monkeypatch.setattr(sys, "executable", str(bare))
    monkeypatch.delenv("PYTHONPATH", raising=False)
    with pytest.raises(FetchError, match=r"has no pip to download with: run .*-m ensurepip.*--wheel"):
        zoo.fetch("tiny")
    assert_nothing_came_of_it(cache)


def test_a_disk_that_fills_up_while_writing(
    tiny: zoo.ModelSet, cache: Path, offered: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(FetchError, match=r"no space left for the models in .*: free about 100 MB there"):
            zoo.fetch("tiny", offered / FILE)
    assert_nothing_came_of_it(cache)
    zoo.fetch("tiny", offered / FILE)
    assert_whole(cache)


@contextlib.contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """A file system in memory on a folder. Skips the test where that is not permitted."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True)
    except OSError as error:
        pytest.skip(f"cannot mount a small file system here: {error}")
    if done.returncode:
        pytest.skip(f"cannot mount a small file system here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_too_small_for_the_download(
    tiny: zoo.ModelSet, cache: Path, offered: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", str(offered))
    with mounted(cache, "size=128k"):
        with pytest.raises(FetchError, match="no space left for the models in"):
            zoo.fetch("tiny")
        assert_nothing_came_of_it(cache)


def test_a_cache_that_cannot_be_written(tiny: zoo.ModelSet, cache: Path, offered: Path) -> None:
    with mounted(cache, "ro"), pytest.raises(FetchError, match=rf"cannot write in .*{ENVIRONMENT_VARIABLE}"):
        zoo.fetch("tiny", offered / FILE)


def test_a_cache_below_a_file(tiny: zoo.ModelSet, cache: Path, offered: Path) -> None:
    cache.touch()
    with pytest.raises(FetchError, match=rf"cannot store the models in .*{ENVIRONMENT_VARIABLE}"):
        zoo.fetch("tiny", offered / FILE)


def start(models: zoo.ModelSet, index: Index) -> subprocess.Popen[str]:
    return subprocess.Popen(
        child(models, "fetch", "tiny"), cwd=ROOT, env=only_index(index.environment()),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_half_way_nothing_stays_and_the_next_run_succeeds(
    tiny: zoo.ModelSet, cache: Path, offered: Path, index: Index, number: signal.Signals
) -> None:
    fetching = start(tiny, index)
    assert index.half_sent.wait(30)
    fetching.send_signal(number)
    _, errors = fetching.communicate(timeout=30)
    assert fetching.returncode == 130
    assert errors.splitlines()[-1] == "error: interrupted"
    assert index.was_left(), "pip was ended too"
    assert_nothing_came_of_it(cache)
    assert zoo.fetch("tiny", offered / FILE).new
    assert_whole(cache)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_killed_half_way_the_next_run_cleans_up(
    tiny: zoo.ModelSet, cache: Path, offered: Path, index: Index
) -> None:
    fetching = start(tiny, index)
    assert index.half_sent.wait(30)
    fetching.kill()
    fetching.communicate(timeout=30)
    assert left_over(cache), "a killed process cannot tidy up"
    assert not model_dir("tiny").exists()
    assert zoo.fetch("tiny", offered / FILE).new
    assert_whole(cache)


def test_two_at_once_download_once_and_both_succeed(tiny: zoo.ModelSet, cache: Path, index: Index) -> None:
    first = start(tiny, index)
    assert index.half_sent.wait(30)
    second = start(tiny, index)
    assert second.stderr is not None
    assert second.stderr.readline() == "another process is fetching tiny: waiting for it\n"
    index.go_on.set()
    said = [process.communicate(timeout=30)[0] for process in (first, second)]
    assert [process.returncode for process in (first, second)] == [0, 0]
    assert said[0].startswith("fetched tiny into")
    assert said[1].startswith("tiny is already here")
    assert index.downloads == 1
    assert_whole(cache)


@pytest.mark.network
def test_blazepose_as_fetched(blazepose: Path) -> None:
    detector, landmark = (load_manifest(blazepose / f"{part}.json") for part in ("detector", "landmark"))
    assert detector.check_file().stat().st_size < 13e6
    assert landmark.check_file().stat().st_size < 13e6
    assert detector.outputs == {"boxes": TensorInfo((1, 2254, 12)), "scores": TensorInfo((1, 2254, 1))}
    assert landmark.outputs == {
        "landmarks": TensorInfo((1, 195)),
        "presence": TensorInfo((1, 1)),
        "heatmap": TensorInfo((1, 64, 64, 39)),
        "world_landmarks": TensorInfo((1, 117)),
    }
    for manifest in (detector, landmark):
        assert manifest.licence == "Apache-2.0"
        assert zoo.SETS["blazepose"].wheel.sha256 in manifest.origin


@pytest.mark.network
def test_blazepose_from_a_wheel_the_user_has(cache: Path, blazepose: Path, blazepose_wheel: Path) -> None:
    check(zoo.SETS["blazepose"].wheel, blazepose_wheel)
    fetched = zoo.fetch("blazepose", blazepose_wheel)
    assert fetched.new
    for file in ("detector.onnx", "landmark.onnx", "detector.json", "landmark.json"):
        assert (fetched.directory / file).read_bytes() == (blazepose / file).read_bytes()
