"""How often the 2D nets find a rendered person, and how far off their joints are.

One person a clip, takes of bodies held out of training, 640 pixels on the longer side, drawn at twice the
resolution, followed as the live pipeline does.

    python benchmarks/detector_on_rendered.py --makehuman DIR --motion FILE --clips 48
"""

from __future__ import annotations

import itertools
import json
import platform
import time
from dataclasses import asdict
from pathlib import Path

import click
import numpy as np
from tqdm import tqdm

from realtime.machine import processor
from realtime.skeleton import H36M17
from training.records.observe import LiveNets, Observed, Tally, observe
from training.records.store import joined, stature_px
from training.render.clip import ClipSettings, Studio

JOINTS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
SIZES_PX = (0, 100, 150, 200, 300, 450, 10_000)
RESULTS = Path(__file__).parent / "results"


def sizes(observed: Observed) -> float:
    """The median stature in pixels over a clip."""
    records = observed.records
    focal = records.cameras[0].fy
    return float(np.median(stature_px(focal, records.height_m[0], records.pose_m[:, 0, 2])))


def joint_errors(observed: list[Observed]) -> dict[str, dict[str, float]]:
    """Median errors of visible joints in frames in which the person was found."""
    records = joined([each.records for each in observed])
    error_px = np.linalg.norm(records.seen_px - records.exact_px, axis=-1)
    size_px = records.sizes_px[:, None]
    out = {}
    for joint in JOINTS:
        columns = H36M17.indices(f"l_{joint}", f"r_{joint}")
        seen = records.found[:, None] & records.visible[:, columns]
        out[joint] = {
            "median_px": round(float(np.median(error_px[:, columns][seen])), 2),
            "median_share_of_height": round(float(np.median((error_px / size_px)[:, columns][seen])), 4),
        }
    return out


@click.command()
@click.option("--makehuman", type=click.Path(path_type=Path), required=True)
@click.option("--motion", type=click.Path(path_type=Path), required=True)
@click.option("--clips", default=48, show_default=True)
@click.option("--seed", default=11, show_default=True)
def main(makehuman: Path, motion: Path, clips: int, seed: int) -> None:
    """Render, detect, count, save."""
    settings = ClipSettings(frames=60, people=(1, 0, 0), long_side_px=(640, 640), part="test")
    studio, nets = Studio(makehuman, [motion], settings), LiveNets()
    observed = [observe(studio.clip(seed, number), nets) for number in tqdm(range(clips))]
    total, by_size = (
        Tally(),
        {f"{low}-{high}": Tally() for low, high in itertools.pairwise(SIZES_PX)},
    )
    for each in observed:
        total.add(each.tally)
        place = int(np.searchsorted(SIZES_PX, sizes(each), side="right")) - 1
        list(by_size.values())[place].add(each.tally)
    result = {
        "machine": processor(), "python": platform.python_version(), "date": time.strftime("%Y-%m-%d"),
        "settings": asdict(settings), "seed": seed, "clips": clips, "nets": nets.name,
        "total": total.as_dict(), "by_stature_px": {k: v.as_dict() for k, v in by_size.items()},
        "joints": joint_errors(observed),
    }  # fmt: skip
    path = RESULTS / f"detector_on_rendered_{result['date']}.json"
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(total)
    for name, tally in by_size.items():
        print(f"{name} px: {tally}")
    for joint, errors in result["joints"].items():
        print(f"{joint}: {errors}")
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
