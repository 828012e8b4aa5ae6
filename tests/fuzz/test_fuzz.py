"""2,000 damaged or hostile inputs, from one seed: nothing but the project's own errors ever comes out.

Every reader is first fed what is whole, so that a reader that refuses everything does not pass.
"""

from __future__ import annotations

import faulthandler
import gc
import json
import os
import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from realtime import records
from realtime.camera import Intrinsics, load_intrinsics
from realtime.decode import detector_decoder, estimator_decoder
from realtime.engines.onnx_file import precision_of
from realtime.engines.onnxruntime import OnnxRuntimeEngine
from realtime.engines.open import Choice
from realtime.engines.openvino import OpenVinoEngine
from realtime.engines.store import EngineStore, PlanKey, read_header
from realtime.errors import PoseError
from realtime.finite import finite_people
from realtime.manifest import Manifest, load_manifest
from realtime.models import catalogue
from realtime.sample import clip_path
from realtime.skeleton import BLAZEPOSE33
from realtime.stream.assemble import FreshNets, Model, Options, assemble, load_model
from realtime.stream.pictures import PictureSink, read_pictures
from realtime.stream.pipeline import Pipeline
from realtime.stream.replay import open_replay
from realtime.stream.session import LINES, SeenPerson, SessionSink, read_session
from realtime.stream.sinks import RecordSink, header_line, result_line
from realtime.stream.source import Source
from realtime.stream.sources.file import open_file
from realtime.stream.sources.folder import ImageFolder
from realtime.stream.sources.jpegs import Jpegs, decoded
from realtime.types import Array, Frame, Keypoints2D, Result
from tests import own_models
from tests.fakes import FakeEngine, FakePerception, FakeSource, frame, person
from tests.fuzz.mutate import damaged, damaged_json, odd_array, odd_numbers

SEED = 20261126
HANGS_AFTER_S = 300
Chance = random.Random
Try = Callable[[Path, Chance], None]


@dataclass(frozen=True)
class Kind:
    """One kind of input. whole: is read without an error. broken: makes one damaged input and reads it.

    skips: such a reader passes over what is damaged instead of refusing it.
    """

    name: str
    count: int
    whole: Callable[[Path], None]
    broken: Try
    skips: bool = False


def image_bytes(suffix: str) -> bytes:
    image = np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)
    return cv2.imencode(suffix, image)[1].tobytes()


def read_all(source: Source) -> None:
    try:
        while source.read() is not None:
            pass
    finally:
        source.close()


def images(folder: Path, data: dict[str, bytes]) -> None:
    for name, content in data.items():
        (folder / name).write_bytes(content)
    read_all(ImageFolder(folder))


def whole_images(folder: Path) -> None:
    images(folder, {"a.png": image_bytes(".png"), "b.jpg": image_bytes(".jpg")})


def broken_images(folder: Path, chance: Chance) -> None:
    suffix = chance.choice((".png", ".jpg", ".bmp", ".webp", ".tiff"))
    images(
        folder,
        {
            "a.png": image_bytes(".png"),
            f"b{suffix}": damaged(image_bytes(suffix), chance),
            f"0{suffix}": damaged(image_bytes(suffix), chance),
        },
    )


def small_video(folder: Path, suffix: str, codec: str) -> bytes:
    path = folder / f"whole{suffix}"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), 30.0, (64, 48))
    for n in range(6):
        writer.write(np.full((48, 64, 3), 40 * n, np.uint8))
    writer.release()
    return path.read_bytes()


VIDEOS = ((".mp4", "mp4v"), (".avi", "MJPG"), (".mkv", "FFV1"), (".mov", "mp4v"))


def whole_video(folder: Path) -> None:
    for suffix, codec in VIDEOS:
        small_video(folder, suffix, codec)
        read_all(open_file(folder / f"whole{suffix}"))
    read_all(open_file(clip_path()))


def broken_video(folder: Path, chance: Chance) -> None:
    suffix, codec = chance.choice(VIDEOS)
    path = folder / f"broken{suffix}"
    path.write_bytes(damaged(small_video(folder, suffix, codec), chance))
    read_all(open_file(path))


class Trickle:
    """Bytes that arrive in pieces."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read1(self, size: int, /) -> bytes:
        piece, self._data = self._data[:997], self._data[997:]
        return piece


def multipart() -> bytes:
    picture = image_bytes(".jpg")
    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n".encode()
    return (head + picture + b"\r\n") * 3


def read_stream(data: bytes) -> int:
    jpegs, pictures = Jpegs(Trickle(data), lambda: 0), 0
    while (picture := jpegs.next()) is not None:
        pictures += decoded(picture) is not None
    return pictures


def whole_stream(folder: Path) -> None:
    assert read_stream(multipart()) == 3


def broken_stream(folder: Path, chance: Chance) -> None:
    read_stream(damaged(multipart(), chance))


def manifests() -> list[Path]:
    paths = [m.directory / f"{m.name}.json" for m in (catalogue.lifter(n) for n in catalogue.lifter_names())]
    templates = [catalogue.template(name) for name in catalogue.template_names()]
    return [*paths, *templates]


def use_manifest(path: Path) -> None:
    manifest = load_manifest(path)
    if manifest.role == "detector":
        detector_decoder(manifest)
    elif manifest.role == "estimator":
        estimator_decoder(manifest)
    if manifest.path.exists():
        manifest.check_file()
    manifest.to_json()


def whole_manifest(folder: Path) -> None:
    for path in manifests():
        use_manifest(path)


def broken_manifest(folder: Path, chance: Chance) -> None:
    node = json.loads(chance.choice(manifests()).read_text())
    (folder / "m.json").write_text(damaged_json(node, chance))
    use_manifest(folder / "m.json")


_KALIBR = """cam0:
  camera_model: pinhole
  intrinsics: [461.6, 460.3, 362.7, 248.1]
  distortion_model: radtan
  distortion_coeffs: [-0.27, 0.06, 0.0007, 0.0002]
  resolution: [752, 480]
"""
_POSE2SIM = """[cam_01]
name = "cam_01"
size = [1088.0, 1920.0]
matrix = [[1681.2, 0.0, 540.5], [0.0, 1681.1, 963.0], [0.0, 0.0, 1.0]]
distortions = [-0.0466, 0.1386, -0.0001, -0.0004]
fisheye = false
"""
_STORAGE = """<?xml version="1.0"?>
<opencv_storage>
<image_width>640</image_width><image_height>480</image_height>
<camera_matrix type_id="opencv-matrix"><rows>3</rows><cols>3</cols><dt>d</dt>
<data>500. 0. 320. 0. 500. 240. 0. 0. 1.</data></camera_matrix>
<distortion_coefficients type_id="opencv-matrix"><rows>1</rows><cols>5</cols><dt>d</dt>
<data>-0.1 0.01 0. 0. 0.</data></distortion_coefficients>
</opencv_storage>
"""


def camera_texts(folder: Path) -> dict[str, str]:
    Intrinsics(500.0, 500.0, 320.0, 240.0, 640, 480, (-0.1, 0.01, 0.0, 0.0, 0.0)).save(folder / "ros.yaml")
    return {
        "ros.yaml": (folder / "ros.yaml").read_text(),
        "kalibr.yaml": _KALIBR,
        "calib.toml": _POSE2SIM,
        "storage.xml": _STORAGE,
    }


def use_camera(path: Path) -> None:
    camera = load_intrinsics(path)
    rays = camera.rays(np.array([[0, 0], [10, 20]], np.float32))
    assert rays.shape == (2, 2)
    camera.scaled_to(camera.width, camera.height)


def whole_camera(folder: Path) -> None:
    for name, text in camera_texts(folder).items():
        (folder / name).write_text(text)
        use_camera(folder / name)


def broken_camera(folder: Path, chance: Chance) -> None:
    name, text = chance.choice(sorted(camera_texts(folder).items()))
    if chance.random() < 0.5:
        # A word or number is exchanged for an odd one, so that the text still parses.
        words = text.replace("[", "[ ").replace(",", " ,").split(" ")
        words[chance.randrange(len(words))] = chance.choice(
            (
                "nan",
                "-1",
                "1e400",
                "",
                "x",
                "[",
                "null",
                "0",
                "99999999999999999999",
                "*a",
                "!!python/object:os.system",
            )
        )
        text = " ".join(words)
        (folder / name).write_text(text)
    else:
        (folder / name).write_bytes(damaged(text.encode(), chance))
    use_camera(folder / name)


def onnx_bytes(folder: Path) -> bytes:
    path = folder / "net.onnx"
    own_models.write_net(path, (1, 8, 8, 3), {"out": np.arange(6, dtype=np.float32).reshape(1, 6)})
    return path.read_bytes()


def use_onnx(path: Path, kind: type[OnnxRuntimeEngine | OpenVinoEngine]) -> None:
    precision_of(path)
    engine = kind(path, 1)
    feeds = {name: np.zeros([n or 1 for n in spec.shape], spec.dtype) for name, spec in engine.inputs.items()}
    if all(array.size < 1 << 20 for array in feeds.values()):
        engine.infer(feeds)
    engine.close()


def whole_onnx(folder: Path) -> None:
    onnx_bytes(folder)
    use_onnx(folder / "net.onnx", OnnxRuntimeEngine)
    use_onnx(folder / "net.onnx", OpenVinoEngine)


def broken_onnx(folder: Path, chance: Chance) -> None:
    data = onnx_bytes(folder)
    (folder / "broken.onnx").write_bytes(damaged(data, chance))
    use_onnx(folder / "broken.onnx", chance.choice((OnnxRuntimeEngine, OpenVinoEngine)))


def plan_file(folder: Path) -> Path:
    key = PlanKey("ab" * 32, "tensorrt-rtx", "1.1", "portable", "fp32", "x: 1x3")
    return EngineStore(folder).save(key, b"a plan" * 50)


def whole_plan(folder: Path) -> None:
    read_header(plan_file(folder))


def broken_plan(folder: Path, chance: Chance) -> None:
    path = plan_file(folder)
    head, plan = path.read_bytes().split(b"\n", 1)
    if chance.random() < 0.5:
        path.write_bytes(damaged_json(json.loads(head), chance).encode() + b"\n" + plan)
    else:
        path.write_bytes(damaged(head + b"\n" + plan, chance))
    read_header(path)


def record_file(folder: Path) -> Path:
    path = folder / "r.jsonl"
    sink = RecordSink(path, header_line(Intrinsics.from_fov(60, 640, 480), []))
    for n in range(3):
        sink.write(Result(frame(n), (person(),), {"total": 1.0}))
    sink.close()
    return path


def whole_record(folder: Path) -> None:
    assert len(records.read(record_file(folder)).frames) == 3


def broken_record(folder: Path, chance: Chance) -> None:
    path = record_file(folder)
    break_lines(path, chance)
    records.read(path)


def break_lines(path: Path, chance: Chance) -> None:
    """Damage a file of JSON lines, as a whole or one value in one line."""
    data = path.read_bytes()
    if chance.random() < 0.4:
        path.write_bytes(damaged(data, chance))
        return
    lines = data.splitlines()
    n = chance.randrange(len(lines))
    lines[n] = damaged_json(json.loads(lines[n]), chance).encode()
    path.write_bytes(b"\n".join(lines) + chance.choice((b"\n", b"")))


HEADER = {
    "source": {
        "name": "s", "width": 64, "height": 48, "fps": 30.0, "live": False, "turns": 0, "window": None,
        "full_size": [64, 48],
    },
    "sample": False,
    "options": {"lifter": "unified", "lag": 0, "engine": "auto", "people": 1},
    "intrinsics": {
        "fx": 60.0, "fy": 60.0, "cx": 32.0, "cy": 24.0, "width": 64, "height": 48, "distortion": [],
        "model": "plumb_bob", "source": "assumed",
    },
    "models": [
        {
            "name": role, "role": role, "backend": "b", "precision": "fp32", "sha256": "", "licence": "",
            "skeleton": BLAZEPOSE33.name if role == "estimator" else "", "fallback": "",
        }
        for role in ("detector", "estimator", "lifter")
    ],
}  # fmt: skip


def session_folder(folder: Path) -> Path:
    joints = np.ones((33, 2), np.float32)
    seen = SeenPerson(0, np.ones(4, np.float32), Keypoints2D(joints, joints[:, 0], joints[:, 1], 0.9))
    sink, pictures = SessionSink(folder / "s", True), PictureSink(folder / "s", 30.0)
    sink.describe(HEADER)
    for n in range(3):
        sink.observe(frame(n), [seen], [])
        result = Result(frame(n), (), {"total": 1.0})
        sink.write(result)
        pictures.write(result)
    sink.close()
    pictures.close()
    return folder / "s"


def use_session(folder: Path) -> None:
    read_session(folder)
    for _ in read_pictures(folder):
        pass


def whole_session(folder: Path) -> None:
    use_session(session_folder(folder))


def broken_session(folder: Path, chance: Chance) -> None:
    session = session_folder(folder)
    victim = session / chance.choice((LINES, LINES, "frames.jsonl", "frames.mkv"))
    if victim.suffix == ".jsonl":
        break_lines(victim, chance)
    else:
        victim.write_bytes(damaged(victim.read_bytes(), chance))
    use_session(session)


def replay(folder: Path) -> None:
    played = open_replay(folder, {})
    try:
        while (image := played.source.read()) is not None:
            played.assembly.perception.process(image)
    finally:
        played.source.close()
        played.assembly.perception.close()


def whole_replay(folder: Path) -> None:
    replay(session_folder(folder))


def broken_replay(folder: Path, chance: Chance) -> None:
    session = session_folder(folder)
    first, *rest = (session / LINES).read_bytes().splitlines()
    node = json.loads(first)
    first = damaged_json(node, chance).encode()
    # Without its end, and so without its hash: as if its writer had been killed.
    (session / LINES).write_bytes(b"\n".join([first, *rest[:-1]]) + b"\n")
    replay(session)


class OddSource(FakeSource):
    """Gives one frame made of whatever array there is."""

    def __init__(self, image: np.ndarray) -> None:
        super().__init__(2)
        self._image = image

    def read(self) -> Frame | None:
        if super().read() is None:
            return None
        return Frame(self._image, self.read_ahead - 1, 0, 0.0)


def through_pipeline(source: Source) -> None:
    pipeline = Pipeline(source, FakePerception())
    pipeline.start()
    try:
        assert pipeline.wait(30)
    finally:
        pipeline.stop()


def whole_frame(folder: Path) -> None:
    through_pipeline(OddSource(np.zeros((48, 64, 3), np.uint8)))


def broken_frame(folder: Path, chance: Chance) -> None:
    through_pipeline(OddSource(odd_array(chance)))


KINDS = (
    Kind("frame", 150, whole_frame, broken_frame),
    Kind("images", 150, whole_images, broken_images, skips=True),
    Kind("video", 200, whole_video, broken_video),
    Kind("stream", 150, whole_stream, broken_stream, skips=True),
    Kind("manifest", 350, whole_manifest, broken_manifest),
    Kind("camera", 350, whole_camera, broken_camera),
    Kind("onnx", 150, whole_onnx, broken_onnx),
    Kind("plan", 100, whole_plan, broken_plan),
    Kind("record", 150, whole_record, broken_record),
    Kind("session", 150, whole_session, broken_session),
    Kind("replay", 50, whole_replay, broken_replay),
)
"""1,950 of the 2,000; the rest are the answers of networks, below."""


@pytest.fixture(autouse=True)
def no_hang() -> Iterator[None]:
    """A reader that hangs ends the process with every thread's stack."""
    faulthandler.dump_traceback_later(HANGS_AFTER_S, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@dataclass(frozen=True)
class Held:
    """What the process holds: threads, open files, resident memory in MiB."""

    threads: int
    files: int
    memory_mib: float

    @classmethod
    def now(cls) -> Held:
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return cls(
            threading.active_count(),
            len(list(Path("/proc/self/fd").iterdir())),
            pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
        )


@pytest.mark.usefixtures("blazepose")
@pytest.mark.parametrize("part", ["detector", "landmark"])
def test_whatever_a_network_says_people_are_numbers(part: str) -> None:
    """50 answers of a network gone wrong, through the whole path."""
    chance = random.Random(f"{SEED} {part}")
    lifter = load_model(catalogue.lifter(catalogue.DEFAULT_LIFTER), "auto")
    for _ in range(25):
        nets = OddNets(part, chance, lifter)
        perception = assemble(Options(), Intrinsics.assumed(64, 48), nets=nets).perception
        for n in range(3):
            for result in perception.process(frame(n)):
                result_line(finite_people(result))
    lifter.engine.close()


class OddNets(FreshNets):
    """BlazePose's networks as fakes: one says anything at all, the other that somebody is there."""

    def __init__(self, odd: str, chance: Chance, lifter: Model) -> None:
        self._odd = odd
        self._chance = chance
        self._lifter = lifter

    def free(self, models: Sequence[Model]) -> None:
        """The lifter is lent again."""

    def load(self, manifest: Manifest, choice: Choice) -> Model:
        if manifest.role == "lifter":
            return self._lifter
        shapes = {name: info.shape for name, info in manifest.outputs.items()}
        part = "detector" if manifest.role == "detector" else "landmark"

        def say(feeds: Mapping[str, Array]) -> Mapping[str, Array]:
            if part == self._odd:
                return {name: odd_numbers(shape, self._chance) for name, shape in shapes.items()}
            return {name: np.ones(shape, np.float32) for name, shape in shapes.items()}

        inputs = {name: info.shape for name, info in manifest.inputs.items()}
        return Model(manifest, FakeEngine(inputs, shapes, say))


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="counts what Linux's /proc says")
@pytest.mark.filterwarnings("default::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_nothing_but_its_own_errors_comes_out_and_nothing_stays(kind: Kind, tmp_path: Path) -> None:
    folder = tmp_path / "whole"
    folder.mkdir()
    kind.whole(folder)
    chance = random.Random(f"{SEED} {kind.name}")
    refused, strange = 0, []
    before = Held.now()
    for n in range(kind.count):
        if n == kind.count // 2:
            before = Held.now()  # what libraries and kept buffers hold for good is there by now
        folder = tmp_path / f"{n}"
        folder.mkdir()
        try:
            kind.broken(folder, chance)
        except PoseError:
            refused += 1
        except Exception as error:
            strange.append(f"input {n}: {type(error).__name__}: {str(error)[:200]}")
    assert not strange, "\n".join(strange[:10])
    assert kind.skips or refused > kind.count // 10
    after = Held.now()
    assert after.threads <= before.threads
    assert after.files <= before.files
    assert after.memory_mib - before.memory_mib < 60
