"""Whether a lifter knows how far it may be off: its depth's sigma on unseen motion, on bodies of any stature.

    python benchmarks/depth_sigma.py --motion ../shared/data/mocap/cmu_h36m17_30hz.npz

The test bodies are four men of nearly one height, so that errors of body size hardly show on them. Here their
motion is put on bodies drawn as in training: statures 5.5 % apart (one standard deviation), some children.
"""

from __future__ import annotations

import json
import shlex
import sys
import time
from pathlib import Path

import click
import numpy as np

from realtime.engines.open import open_engine
from realtime.lift import Lifter
from realtime.machine import processor
from realtime.models.catalogue import DEFAULT_LIFTER, lifter
from training.lifters.augment import ClipSampler
from training.lifters.evaluate import run_lifter
from training.lifters.takes import drawn_takes
from training.mocap.motion import load_motion
from training.mocap.split import TEST_SUBJECTS

RESULTS = Path(__file__).parent / "results"


@click.command()
@click.option("--motion", "motion_file", type=click.Path(path_type=Path), required=True)
@click.option("--lifter", "name", default=DEFAULT_LIFTER, show_default=True)
@click.option("--clips", default=150, show_default=True)
@click.option("--frames", default=90, show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(motion_file: Path, name: str, clips: int, frames: int, seed: int) -> None:
    """Measure, save, print."""
    sampler, manifest = ClipSampler(load_motion(motion_file).of_subjects(TEST_SUBJECTS)), lifter(name)
    said: dict[str, object] = {
        "machine": processor(), "date": time.strftime("%Y-%m-%d"), "lifter": name, "sha256": manifest.sha256,
        "command": shlex.join(["python", "benchmarks/depth_sigma.py", *sys.argv[1:]]),
    }  # fmt: skip
    for kind in ("gt", "noise"):
        engine = open_engine(manifest.check_file(), "onnxruntime", 1)
        live, ratios, shares = Lifter(manifest, engine), [], []
        for take in drawn_takes(sampler, clips, frames, kind, seed):
            answer = run_lifter(live, take)
            seen = np.any(take.score > 0, axis=1)
            miss_m = np.abs(answer.root_m[:, 2] - take.truth_m[:, 0, 2])
            ratios.append((miss_m / answer.sigma_m)[seen])
            shares.append((miss_m / take.truth_m[:, 0, 2])[seen])
        engine.close()
        ratio, share = np.concatenate(ratios), np.concatenate(shares)
        found = {
            "frames": len(ratio),
            "within_one_sigma": float((ratio <= 1).mean()),
            "within_two_sigma": float((ratio <= 2).mean()),
            "median_error_percent": float(100 * np.median(share)),
            "mean_error_percent": float(100 * share.mean()),
        }
        said[kind] = found
        print(kind, {key: round(value, 3) for key, value in found.items()})
    path = RESULTS / f"depth_sigma_{time.strftime('%Y-%m-%d')}.json"
    path.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
