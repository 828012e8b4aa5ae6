"""Models from their authors' addresses: only https, no more than expected, nothing beside the cache."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import io
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from export import zoo
from export.archive import Archive, download, read_onnx
from export.zoo import Wishes
from realtime.cache import ENVIRONMENT_VARIABLE, model_dir
from realtime.errors import FetchError, UsageError
from realtime.manifest import load_manifest
from realtime.models import catalogue
from tests import own_models

LOOPBACK = ("https", "http")
MEMBER = "20230831/rtmpose_onnx/some/end2end.onnx"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def onnx_file(tmp_path: Path) -> bytes:
    """A network with RTMPose's interface."""
    joints = own_models.simcc(own_models.standing_index(192, 256), np.full(17, 0.9, np.float32), 192, 256)
    return own_models.write_net(tmp_path / "net.onnx", (1, 3, 256, 192), joints).read_bytes()


def packed(members: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return target.getvalue()


@contextlib.contextmanager
def offered(
    path: str, content: bytes, headers: dict[str, str] | None = None, code: int = 200
) -> Iterator[str]:
    """The address of a folder on loopback that has one file."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path != f"/models/{path}":
                self.send_error(404)
                return
            self.send_response(code)
            for name, value in ({"Content-Length": str(len(content))} | (headers or {})).items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            """Keep quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/models"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


RTMPOSE = zoo.PUBLISHED["rtmpose-s"]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def assert_nothing_came_of_it(cache: Path, name: str = "rtmpose-s") -> None:
    assert not model_dir(name).exists()
    assert [p.name for p in (cache / "models").iterdir()] in ([], [f".{name}.lock"])


def test_a_mirror_may_stand_in_and_the_template_is_filled(onnx_file: bytes, cache: Path) -> None:
    told: list[tuple[int, int]] = []
    content = packed({MEMBER: onnx_file, "20230831/rtmpose_onnx/some/deploy.json": b"{}"})
    with offered(RTMPOSE.archive.file, content) as address:
        wishes = Wishes(mirror=address, sha256=sha256(onnx_file), schemes=LOOPBACK)
        fetched = zoo.fetch("rtmpose-s", progress=lambda d, t: told.append((d, t)), wishes=wishes)
    assert fetched == zoo.Fetched(model_dir("rtmpose-s"), new=True)
    assert told[-1] == (len(content), len(content))
    manifest = load_manifest(fetched.directory / "estimator.json")
    assert manifest.check_file().read_bytes() == onnx_file
    assert (manifest.name, manifest.licence, manifest.detector) == ("rtmpose-s", "Apache-2.0", "rtmdet-nano")
    assert manifest.sha256 == sha256(onnx_file)
    assert address in manifest.origin
    assert not zoo.fetch("rtmpose-s").new
    assert sorted(p.name for p in (cache / "models").iterdir()) == [".rtmpose-s.lock", "rtmpose-s"]


@pytest.mark.parametrize("pack", [True, False])
def test_a_file_the_user_has_needs_no_network(onnx_file: bytes, tmp_path: Path, pack: bool) -> None:
    path = tmp_path / "mine"
    path.write_bytes(packed({"end2end.onnx": onnx_file}) if pack else onnx_file)
    wishes = Wishes(file=path, sha256=sha256(path.read_bytes()))
    assert zoo.fetch("rtmpose-s", wishes=wishes).new
    assert catalogue._published("rtmpose-s", "estimator").sha256 == sha256(onnx_file)


def test_another_file_is_refused_and_its_hash_told(onnx_file: bytes, tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "mine.zip"
    path.write_bytes(packed({MEMBER: onnx_file}))
    with pytest.raises(FetchError, match=f"is another one: its SHA-256 is {sha256(onnx_file)}, not 9aeb635b"):
        zoo.fetch("rtmpose-s", path)
    assert_nothing_came_of_it(cache)


def test_a_hash_nobody_knows_is_recorded_on_first_use(
    onnx_file: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    unknown = replace(RTMPOSE, archive=replace(RTMPOSE.archive, sha256=""))
    monkeypatch.setattr(zoo, "PUBLISHED", {"rtmpose-s": unknown})
    assert "hash unknown: give --sha256 or it is recorded on first use" in unknown.details[1]
    (tmp_path / "first").write_bytes(onnx_file)
    fetched = zoo.fetch("rtmpose-s", tmp_path / "first")
    assert "recorded on first use" in load_manifest(fetched.directory / "estimator.json").origin
    (tmp_path / "second").write_bytes(onnx_file + b"\x7a\x02hi")  # an unknown field: another file, as valid
    with pytest.raises(FetchError, match="is another one"):
        zoo.fetch("rtmpose-s", tmp_path / "second", force=True)
    assert (fetched.directory / "estimator.onnx").read_bytes() == onnx_file


@pytest.mark.parametrize(
    ("members", "complaint"),
    [
        ({"../../end2end.onnx": b"x"}, "names a file outside itself"),
        ({"/etc/end2end.onnx": b"x"}, "names a file outside itself"),
        ({"c:\\end2end.onnx": b"x"}, "names a file outside itself"),
        ({"a/end2end.onnx": b"x", "b/end2end.onnx": b"y"}, "holds 2 files named end2end.onnx"),
        ({"readme": b"x"}, "holds no files named end2end.onnx"),
        ({"end2end.onnx": b"\0" * 5000}, "is too large"),
    ],
)
def test_a_zip_that_is_not_what_it_should_be(
    members: dict[str, bytes], complaint: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(packed(members))
    archive = Archive("https://example.org/a.zip", "end2end.onnx", "", 4000)
    with pytest.raises(FetchError, match=complaint) as caught:
        read_onnx(archive, path)
    assert "\n" not in str(caught.value)
    assert sorted(tmp_path.iterdir()) == [path]


def test_a_damaged_zip_is_named(tmp_path: Path, onnx_file: bytes) -> None:
    content = bytearray(packed({MEMBER: onnx_file}))
    content[200:260] = bytes(60)
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(FetchError, match=r"a\.zip is damaged or locked"):
        read_onnx(RTMPOSE.archive, tmp_path / "a.zip", "0" * 64)


def test_only_https_is_fetched_from(tmp_path: Path, cache: Path) -> None:
    for address in ("http://example.org", "file:///etc", "ftp://example.org"):
        with pytest.raises(UsageError, match="is not an https address"):
            zoo.fetch("rtmpose-s", wishes=Wishes(mirror=address))
    assert_nothing_came_of_it(cache)
    archive = Archive("", "end2end.onnx", "", 100)
    headers = {"Location": "ftp://127.0.0.1/a"}
    with (
        offered("a.zip", b"", headers, 302) as address,
        pytest.raises(FetchError, match="leads to an address that is not https"),
    ):
        download(archive, f"{address}/a.zip", tmp_path, lambda d, t: None, LOOPBACK)


@pytest.mark.parametrize(
    ("content", "headers", "complaint"),
    [
        (b"x" * 2000, {}, "has 2000 bytes where at most 1000 are expected"),
        (b"x" * 2000, {"Content-Length": ""}, "goes on beyond the 1000 bytes expected"),
        (b"x" * 500, {"Content-Length": "900"}, "broke off after 500 of 900 bytes"),
    ],
)
def test_no_more_and_no_less_than_announced(
    content: bytes, headers: dict[str, str], complaint: str, tmp_path: Path
) -> None:
    archive = Archive("https://example.org/a.zip", "end2end.onnx", "", 1000)
    with offered("a.zip", content, headers) as address, pytest.raises(FetchError, match=complaint):
        download(archive, f"{address}/a.zip", tmp_path, lambda d, t: None, LOOPBACK)


def test_an_address_that_does_not_answer(cache: Path) -> None:
    with offered("other", b"") as address, pytest.raises(FetchError, match=r"answers 404 \(Not Found\)"):
        zoo.fetch("rtmpose-s", wishes=Wishes(mirror=address, schemes=LOOPBACK))
    wishes = Wishes(mirror="http://me:secret@127.0.0.1:9", schemes=LOOPBACK)
    with pytest.raises(FetchError, match=r"could not download .*--mirror .*--file") as caught:
        zoo.fetch("rtmpose-s", wishes=wishes)
    assert "secret" not in str(caught.value)
    assert_nothing_came_of_it(cache)


def test_a_file_of_another_interface_is_refused(tmp_path: Path, cache: Path) -> None:
    heat = {"heat": np.zeros((1, 17, 64, 48), np.float32)}
    path = own_models.write_net(tmp_path / "heat.onnx", (1, 3, 256, 192), heat)
    wishes = Wishes(file=path, sha256=sha256(path.read_bytes()))
    with pytest.raises(FetchError, match=r"heat\.onnx is not the model expected: .* no output 'simcc_x'"):
        zoo.fetch("rtmpose-s", wishes=wishes)
    assert_nothing_came_of_it(cache)


def test_a_wheels_models_take_no_mirror() -> None:
    with pytest.raises(UsageError, match="--mirror and --sha256 are not for it"):
        zoo.fetch("blazepose", wishes=Wishes(mirror="https://example.org"))


def test_the_runtime_knows_what_can_be_fetched() -> None:
    assert {*catalogue.PUBLISHED_DETECTORS, *catalogue.PUBLISHED_ESTIMATORS} == set(zoo.PUBLISHED)
    for model in zoo.PUBLISHED.values():
        assert model.part == ("detector" if model.name in catalogue.PUBLISHED_DETECTORS else "estimator")
        assert model.archive.address.startswith("https://")
        assert model.licences == "Apache-2.0"
