from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from realtime.profiling.machine import describe, gpus


def test_a_machine_is_described_in_plain_words() -> None:
    machine = json.loads(json.dumps(describe()))
    assert machine["processor"]
    assert {"numpy", "onnxruntime"} <= machine["versions"].keys()


def fake_nvidia_smi(folder: Path, script: str) -> None:
    path = folder / "nvidia-smi"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_each_gpu_is_named_with_driver_and_clocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_nvidia_smi(tmp_path, "echo 'NVIDIA H100, 550.54, 1980 MHz, 2619 MHz, 1980 MHz, 700.00 W'")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpus() == [
        {
            "name": "NVIDIA H100", "driver_version": "550.54", "clocks.sm": "1980 MHz",
            "clocks.mem": "2619 MHz", "clocks.max.sm": "1980 MHz", "power.limit": "700.00 W",
        }
    ]  # fmt: skip


def test_no_gpu_or_a_broken_driver_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpus() == []
    fake_nvidia_smi(tmp_path, "exit 9")
    assert gpus() == []
