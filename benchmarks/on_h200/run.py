"""Render, train and measure on a machine with a GPU that is lent for minutes, under a clock.

python benchmarks/on_h200/run.py --carried .carry --seconds 540 --out "$OUT"
python benchmarks/on_h200/run.py --carried .carry --seconds 80 --out "$OUT" --rehearse
python benchmarks/on_h200/run.py --carried .carry --seconds 240 --out /tmp/out --rehearse-here

Results are left in --out however it ends. Only what travels is used: see README.md beside this.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tarfile
import tempfile
import time
import traceback
from pathlib import Path

from clock import Clock
from pack import pack_lifter, pack_records, pack_text, pack_weights, summary
from plan import Site, longer, proper, rehearsal

_PACKING_S = 14.0
_NETS = ("ssd", "cpn", "integral-regression", "short-cpn", "short-cpn-globalnet", "short-cpn-whole-frame")


class Log:
    """Says lines to the terminal and to a file at once."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")

    def __call__(self, line: str) -> None:
        print(line, flush=True)
        self._file.write(line + "\n")
        self._file.flush()


def unpacked(carried: Path, work: Path) -> tuple[Path, Path, Path]:
    """MakeHuman's folder, the motion file and the folder of records, of what was carried."""
    for name in ("makehuman.tar.xz", "records.tar"):
        with tarfile.open(carried / name) as archive:
            archive.extractall(work / "data", filter="data")
    return work / "data" / "makehuman", carried.resolve() / "cmu_h36m17_30hz.npz", work / "data" / "records"


def gathered(site: Site, out: Path, say: Log) -> None:
    """Leave in `out` what is to come back; what cannot be packed does not keep the rest."""
    for line in summary(site.work / "runs"):
        say(line)
    for name in site.work.glob("clips-*"):
        frames = sum(1 for _ in name.glob("clips/*/*.jpg"))
        say(f"{name.name}: {sum(1 for _ in name.glob('clips/*.npz'))} clips, {frames} frames")
    tasks = [lambda: pack_text(out / "figures.tar.xz", [site.work / "runs", site.work / "logs"])]
    tasks += [
        lambda name=name: pack_weights(  # type: ignore[misc]
            out / f"{name}.safetensors", site.run(name), say
        )
        for name in _NETS
    ]
    tasks += [lambda: pack_lifter(out / "unified.npz", site.run("unified") / "checkpoint.npz", say)]
    tasks += [lambda: pack_records(out / "records-own.tar", site.run("records"), say)]
    for task in tasks:
        try:
            task()
        except Exception:
            say(traceback.format_exc(limit=-2))


def environment(work: Path) -> None:
    """What all that is started inherits."""
    root = str(Path(__file__).resolve().parents[2])
    os.environ["PYTHONPATH"] = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    os.environ["XDG_CACHE_HOME"] = str(work / "cache")
    os.environ["PYTHONUNBUFFERED"] = "1"
    driver = Path("/usr/local/nvidia/share")
    for name, file in (
        ("__EGL_VENDOR_LIBRARY_FILENAMES", driver / "glvnd/egl_vendor.d/10_nvidia.json"),
        ("VK_DRIVER_FILES", driver / "vulkan/icd.d/nvidia_icd.json"),
    ):
        if file.is_file():
            os.environ.setdefault(name, str(file))


def main() -> int:
    """Do it; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--carried", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, required=True, help="of all of it, packing included")
    parser.add_argument("--rehearse", action="store_true", help="a little of everything")
    parser.add_argument("--rehearse-here", action="store_true", help="a little, tiny, on the processor")
    parser.add_argument("--longer", action="store_true", help="few nets, people rendered all the time")
    parser.add_argument("--proper-here", action="store_true", help="the run proper, tiny, on the processor")
    given = parser.parse_args()
    began = time.perf_counter()
    given.out.mkdir(parents=True, exist_ok=True)
    say = Log(given.out / "run.log")
    work = Path(tempfile.mkdtemp(prefix="farm-"))
    (work / "logs").mkdir()
    environment(work)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what runs is ended first
    tiny = given.rehearse_here or given.proper_here
    data = unpacked(given.carried, work)
    site = Site(*data, work, *(("cpu", 3, True) if tiny else ("cuda", 12, False)))
    cores = 4.0 if tiny else (os.cpu_count() or 1) + 4.0
    clock = Clock(given.seconds - _PACKING_S - (time.perf_counter() - began), cores, work / "logs", say)
    rehearsed = given.rehearse or given.rehearse_here
    run_proper = longer if given.longer else proper
    jobs = rehearsal(site) if rehearsed else run_proper(site, clock.end_s)
    say(f"{len(jobs)} jobs, {given.seconds:.0f} s, in {work}")
    try:
        clock.run(jobs)
    finally:
        if rehearsed:
            for name in ("machine", "gl"):
                say((work / "logs" / f"{name}.log").read_text(encoding="utf-8"))
        for one in clock.ended:
            if one.code not in (0, -signal.SIGTERM, None):
                tail = (work / "logs" / f"{one.name}.log").read_text(errors="replace")[-700:]
                say(f"!! {one.name} ended with {one.code} after {one.seconds:.0f} s\n{tail}")
        gathered(site, given.out, say)
        say(f"done in {time.perf_counter() - began:.0f} s")
        if not tiny:
            shutil.rmtree(work, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
