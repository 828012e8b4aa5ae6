"""`realtime-demo` as a user meets it: a process, its exit code, its words and its files."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from realtime.cache import ENVIRONMENT_VARIABLE
from realtime.camera import Intrinsics
from realtime.commands.demo import _running
from realtime.engines.cuda import why_no_gpu
from realtime.engines.library import installed
from realtime.manifest import Manifest
from realtime.sample import camera, clip_path
from realtime.stream.assemble import Assembly, Model
from tests.fakes import PastEngine, http_camera


def demo(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command without a display."""
    inherited = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    inherited.pop("QT_QPA_PLATFORM", None)
    return subprocess.run(
        [sys.executable, "-m", "realtime.commands.demo", *map(str, arguments)],
        capture_output=True, text=True, timeout=120, env=inherited | environment,
    )  # fmt: skip


def assert_one_line_error(done: subprocess.CompletedProcess[str], words: str, code: int) -> None:
    assert done.returncode == code, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    assert words in lines[0]


@pytest.fixture(scope="module")
def bad_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bad")
    (folder / "text.mp4").write_text("these are words, not a video\n" * 20)
    (folder / "empty.mp4").write_bytes(b"")
    whole = clip_path().read_bytes()
    (folder / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    Intrinsics.from_fov(60, 1280, 720).save(folder / "wide.yaml")
    (folder / "camera.yaml").write_text("not a camera")
    return folder


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        (["--source", "missing.mp4"], "No such file", 2),
        (["--source", "text.mp4"], "not a video", 2),
        (["--source", "cut.mp4"], "cut short", 2),
        (["--source", "empty.mp4"], "is empty", 2),
        (["--source", "9"], "no camera 9", 2),
        (["--source", "rtsp://user:secret@127.0.0.1:9/x"], "does not answer", 2),
        (["--source", "sample", "--intrinsics", "wide.yaml"], "another aspect", 2),
        (["--source", "sample", "--intrinsics", "camera.yaml"], "not a camera file", 2),
        (["--source", "sample", "--intrinsics", "wide.yaml", "--fov", "60"], "give one of them", 2),
        (["--source", "sample", "--frames", "-3"], "--frames", 2),
        (["--source", "sample", "--frames", "many"], "--frames", 2),
        (["--source", "sample", "--people", "0"], "--people", 2),
        (["--source", "sample", "--fov", "1"], "--fov", 2),
        (["--source", "sample", "--engine", "abacus"], "--engine", 2),
        (["--source", "sample", "--lifter", "nonesuch"], "no lifter 'nonesuch'", 2),
        (["--source", "sample", "--lag", "3"], "unified has no lag 3", 2),
        (["--source", "sample", "--lifter", "videopose-tcn", "--lag", "2"], "has no choice of --lag", 2),
        (["--source", "sample", "--lag", "soon"], "--lag", 2),
        (["--source", "sample", "--models", "missing.json"], "cannot read manifest", 2),
        (["--source", "sample", "--record", "none/out.jsonl"], "cannot write", 1),
        (["--source", "sample", "--video", "out.txt"], "must end in", 1),
        (["--source", "text.mp4", "--record", "text.mp4"], "is the source", 2),
        (["--source", "sample", "--nonsense"], "No such option", 2),
        (["stray"], "unexpected extra argument", 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_line_and_leaves_nothing(
    bad_files: Path, tmp_path: Path, arguments: list[str], words: str, code: int
) -> None:
    named = [str(bad_files / a) if (bad_files / a).exists() else a for a in arguments]
    outputs = [] if "--record" in named else ["--record", tmp_path / "out.jsonl"]
    done = demo("--headless", *named, *outputs, **{ENVIRONMENT_VARIABLE: str(tmp_path / "cache")})
    assert_one_line_error(done, words, code)
    assert "secret" not in done.stderr + done.stdout
    assert not (tmp_path / "out.jsonl").exists()


def test_without_the_models_and_without_a_network_it_says_so(tmp_path: Path) -> None:
    offline = {
        ENVIRONMENT_VARIABLE: str(tmp_path / "cache"),
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_RETRIES": "0",
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_NO_CACHE_DIR": "1",
    }
    done = demo("--headless", "--source", "sample", "--record", tmp_path / "out.jsonl", **offline)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert "could not download" in last
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.skipif(not why_no_gpu(), reason="this machine has a GPU that TensorRT may run on")
@pytest.mark.parametrize("engine", ["tensorrt", "tensorrt-rtx"])
def test_an_engine_that_cannot_run_here_is_refused_before_anything_is_fetched(
    tmp_path: Path, engine: str
) -> None:
    done = demo(
        "--source", "sample", "--headless", "--engine", engine, **{ENVIRONMENT_VARIABLE: str(tmp_path)}
    )
    assert_one_line_error(done, f"{engine} is ", 1)
    assert "--engine auto takes the best that runs here" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("blazepose")
@pytest.mark.skipif(
    not installed("tensorrt-rtx") or not why_no_gpu(), reason="needs tensorrt-rtx and no GPU to run it on"
)
def test_auto_falls_back_visibly(tmp_path: Path) -> None:
    record = tmp_path / "out.jsonl"
    done = demo("--source", "sample", "--headless", "--frames", "2", "--record", record)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(f"tensorrt-rtx is installed, but {why_no_gpu()}") == 1
    header = json.loads(record.read_text().splitlines()[0])["header"]
    assert {why_no_gpu() in m["fallback"] for m in header["models"]} == {True}


@pytest.mark.usefixtures("blazepose")
@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_the_sample_is_seen_recorded_and_judged(tmp_path: Path, engine: str) -> None:
    record, video = tmp_path / "out.jsonl", tmp_path / "out.mp4"
    done = demo(
        "--source", "sample", "--engine", engine, "--frames", "60", "--record", record, "--video", video
    )
    assert done.returncode == 0, done.stderr
    assert "running headless: there is no display" in done.stdout
    assert "against the exact truth (60 of 60 frames)" in done.stdout
    assert str(record.resolve()) in done.stdout
    header, *lines = [json.loads(line) for line in record.read_text().splitlines()]
    assert header["header"]["intrinsics"]["source"] == "calibrated"
    assert {m["backend"] for m in header["header"]["models"]} == {engine}
    assert [line["frame"] for line in lines] == list(range(60))
    assert all(len(line["people"]) == 1 for line in lines)
    assert np.median([reprojection_px(line["people"][0], camera()) for line in lines]) < 15
    roots = np.array([line["people"][0]["root_m"] for line in lines])
    assert np.linalg.norm(np.diff(roots, axis=0), axis=1).max() < 0.3
    shown = cv2.VideoCapture(str(video))
    assert shown.get(cv2.CAP_PROP_FRAME_COUNT) == 60


def reprojection_px(person: dict[str, list[list[float]]], intrinsics: Intrinsics) -> float:
    keypoints = np.array(person["keypoints_px"], np.float32)
    pose = np.array(person["pose_m"], np.float32)
    return float(np.median(np.linalg.norm(intrinsics.project(pose) - keypoints[:, :2], axis=1)))


@pytest.mark.parametrize(("lag", "words"), [(0, ""), (1, ", 1 frame late"), (-2, ", 2 frames ahead")])
def test_a_lag_is_shown_with_the_lifter_and_written_to_the_record(lag: int, words: str) -> None:
    manifests = (Manifest("net", "detector", "f", "", "", "", {}, {}), PastEngine.manifest())
    assembly = Assembly(
        SimpleNamespace(delay=lag),  # type: ignore[arg-type]
        camera(),
        tuple(Model(manifest, PastEngine()) for manifest in manifests),
    )
    assert [_running(m, assembly) for m in assembly.models] == ["fake fp32", f"fake fp32{words}"]
    assert json.loads(assembly.header())["header"]["lag_frames"] == lag


@pytest.mark.usefixtures("blazepose")
def test_a_known_height_sets_the_scale(tmp_path: Path) -> None:
    depths = {}
    for height in ("1.5", "2.0"):
        record = tmp_path / f"{height}.jsonl"
        done = demo(
            "--source", "sample", "--headless", "--frames", "20", "--height", height, "--record", record
        )
        assert done.returncode == 0, done.stderr
        last = json.loads(record.read_text().splitlines()[-1])
        depths[height] = last["people"][0]["root_m"][2]
    assert depths["2.0"] / depths["1.5"] == pytest.approx(2.0 / 1.5, rel=0.05)


@pytest.mark.usefixtures("blazepose")
def test_ctrl_c_ends_a_stream_with_its_report(tmp_path: Path) -> None:
    image = cv2.VideoCapture(str(clip_path())).read()[1]
    record = tmp_path / "out.jsonl"
    with http_camera(itertools.repeat(image)) as address:
        command = [sys.executable, "-m", "realtime.commands.demo", "--headless", "--source", address]
        process = subprocess.Popen(
            [*command, "--record", str(record)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            pause = threading.Event()
            while not record.exists() and process.poll() is None:
                pause.wait(0.05)
            process.send_signal(signal.SIGINT)
            said, complained = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 0, complained
    assert "with a person" in said
    assert str(record) in said
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    assert len(lines) >= 2
    assert lines[1]["people"]


def test_help_has_examples_and_every_option() -> None:
    done = demo("--help")
    assert done.returncode == 0
    assert "realtime-demo --source" in done.stdout
    for option in (
        "--record",
        "--video",
        "--height",
        "--fov",
        "--intrinsics",
        "--lifter",
        "--lag",
        "--engine",
    ):
        assert option in done.stdout


@pytest.mark.usefixtures("blazepose")
@pytest.mark.parametrize(("clip", "frames", "found"), [("pose_1", 120, 118), ("pose_squats", 65, 65)])
def test_real_video_is_followed(
    shared_data: Path, tmp_path: Path, clip: str, frames: int, found: int
) -> None:
    record = tmp_path / "out.jsonl"
    done = demo("--source", shared_data / "video" / f"{clip}.mp4", "--headless", "--record", record)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    assert len(lines) == frames + 1
    assert sum(bool(line["people"]) for line in lines[1:]) >= found
    head = lines[0]["header"]["intrinsics"]
    assert head["source"] == "assumed"
    intrinsics = Intrinsics(*(head[k] for k in ("fx", "fy", "cx", "cy", "width", "height")))
    people = [line["people"][0] for line in lines[1:] if line["people"]]
    errors = [reprojection_px(p, intrinsics) for p in people]
    assert np.median(errors) < 12 * max(head["width"], head["height"]) / 576
    if clip == "pose_1":
        roots = np.array([p["root_m"] for p in people])
        assert np.linalg.norm(np.diff(roots, axis=0), axis=1).max() < 0.3
