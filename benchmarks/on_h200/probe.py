"""What a machine can do of what is asked of it, said step by step: packages, GPU, OpenGL, a rendered clip.

python benchmarks/on_h200/probe.py machine|gl MAKEHUMAN MOTION
"""

from __future__ import annotations

import importlib
import os
import platform
import shutil
import subprocess
import sys
import time
import traceback
from pathlib import Path

MODULES = (
    "numpy", "scipy", "cv2", "onnx", "onnxruntime", "safetensors", "moderngl", "torch",
    "training.commands.train", "training.lifters.produce", "training.render.clip", "training.images.produce",
    "export.nets.images.catalogue", "export.to_onnx",
)  # fmt: skip


def machine() -> bool:
    """Say what is there; whether all modules import."""
    model = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    print(f"{platform.platform()}, Python {platform.python_version()}, {len(model)} x {model[:1]}")
    free = {where: shutil.disk_usage(where).free / 2**30 for where in ("/dev/shm", "/tmp")}
    print(f"load {os.getloadavg()}; " + ", ".join(f"{k} {v:.1f} GiB free" for k, v in free.items()))
    if shutil.which("nvidia-smi"):
        print(
            subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False).stdout.strip()
        )
    sound = True
    for name in MODULES:
        began = time.perf_counter()
        try:
            module = importlib.import_module(name)
            print(
                f"{name} {getattr(module, '__version__', '')} {time.perf_counter() - began:.1f} s", flush=True
            )
        except Exception:
            sound = False
            print(f"{name} does not import")
            traceback.print_exc(limit=-3)
    import torch

    print(f"torch sees CUDA: {torch.cuda.is_available()}, {torch.get_num_threads()} threads")
    return sound


def gl(makehuman: Path, motion: Path) -> bool:
    """Open OpenGL, render two clips, say what each part took."""
    began = time.perf_counter()
    from training.dataset.media import jpeg
    from training.render.clip import ClipSettings, Studio
    from training.render.gl import context

    opened = context()
    print(f"{opened.info['GL_RENDERER']} {opened.info['GL_VERSION']}, {time.perf_counter() - began:.1f} s")
    began = time.perf_counter()
    studio = Studio(makehuman, [motion], ClipSettings(frames=20, long_side_px=(320, 640), part="training"))
    print(f"data read in {time.perf_counter() - began:.1f} s", flush=True)
    for number in range(3):
        began = time.perf_counter()
        clip = studio.clip(1, number)
        drawn = time.perf_counter()
        images = [image for image, _ in clip.render()]
        rendered = time.perf_counter()
        size = sum(len(jpeg(image)) for image in images)
        print(
            f"clip {number}: {len(clip.takes)} people, {images[0].shape}, drawn up in {drawn - began:.2f} s, "
            f"rendered at {len(images) / (rendered - drawn):.1f} frames a second, "
            f"coded in {time.perf_counter() - rendered:.2f} s, {size / len(images) / 1024:.0f} KB a frame",
            flush=True,
        )
    spread = [float(image.std()) for image in images]
    print(f"pictures spread by {min(spread):.1f} to {max(spread):.1f} levels")
    return min(spread) > 1.0


if __name__ == "__main__":
    what, *paths = sys.argv[1:]
    sys.exit(0 if (machine() if what == "machine" else gl(*map(Path, paths))) else 1)
