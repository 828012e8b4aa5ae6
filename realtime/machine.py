"""What this machine is, in words, for whoever reads a figure measured on it."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def processor() -> str:
    """The processor and how many cores of it there are."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = (" ".join(line.split(":", 1)[1].split()) for line in lines if line.startswith("model name"))
    return f"{os.cpu_count()}-core {next(names, platform.processor() or 'unknown processor')}"
