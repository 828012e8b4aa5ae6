#!/usr/bin/env python3
"""A cached step against a window computed again every frame: VideoPose3D's causal shape, equal weights.

    .venv/bin/python benchmarks/against_window.py            # five rounds of each form, about four minutes

Random weights, the same in every form; before anything is timed, the forms' outputs are compared. In ONNX
Runtime: the step and the strided window, in turn. In PyTorch: the strided window again, in the form its
authors run for one output, which is the peer. Needs torch and matplotlib (the dev extra).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from realtime.profiling.lifters import Forms, in_turn
from realtime.profiling.machine import describe
from realtime.profiling.measure import Latency
from realtime.profiling.temporal import TAPS, TemporalNet

RESULTS = Path(__file__).parent / "results"
PLOT = Path(__file__).parent.parent / "docs" / "step-against-window.png"
BLOCKS = {27: 2, 81: 3, 243: 4, 729: 5}


class StridedWindow(nn.Module):
    """The strided one-frame form in PyTorch, with the weights of a `TemporalNet`."""

    def __init__(self, net: TemporalNet) -> None:
        super().__init__()
        self.stem = convolution(net.stem[0], net.stem[1], TAPS)
        self.taps = nn.ModuleList(convolution(w, b, TAPS) for w, b, _, _ in net.blocks)
        self.mixes = nn.ModuleList(convolution(w[None], b, 1) for _, _, w, b in net.blocks)
        self.head = convolution(net.head[0][None], net.head[1], 1)

    def forward(self, x: Tensor) -> Tensor:
        """(1, 34, frames) -> (1, 51, 1)."""
        x = torch.relu(self.stem(x))
        for taps, mix in zip(self.taps, self.mixes, strict=True):
            x = x[:, :, TAPS - 1 :: TAPS] + torch.relu(mix(torch.relu(taps(x))))
        out: Tensor = self.head(x)
        return out


def convolution(weights: np.ndarray, bias: np.ndarray, stride: int) -> nn.Conv1d:
    """A strided convolution from taps (taps, in, out)."""
    taps, size_in, size_out = weights.shape
    made = nn.Conv1d(size_in, size_out, taps, stride)
    with torch.no_grad():
        made.weight.copy_(torch.from_numpy(weights.transpose(2, 1, 0).copy()))
        made.bias.copy_(torch.from_numpy(bias))
    return made


def torch_window(net: TemporalNet, window: np.ndarray) -> Callable[[], Tensor]:
    """A run of the strided window (frames, 34) in PyTorch, to (1, 51)."""
    module, given = StridedWindow(net).eval(), torch.from_numpy(np.ascontiguousarray(window.T[None]))

    def run() -> Tensor:
        with torch.inference_mode():
            out: Tensor = module(given)
        return out[..., 0]

    return run


def row(blocks: int, seconds: float, threads: int) -> dict[str, Any]:
    """One receptive field in all forms, timed in turn."""
    net = TemporalNet.random(blocks)
    with Forms(net, threads) as forms:
        peer = torch_window(net, forms.features)
        difference = float(np.abs(peer().numpy() - forms.window()).max())
        if not difference < 1e-3:
            raise SystemExit(f"error: the window in PyTorch differs by {difference:g}")
        steps, windows, peers = in_turn((forms.step, forms.window, peer), seconds)
        found = forms.row(steps, windows).to_json()
    ratios = [np.median(p) / np.median(s) for s, p in zip(steps, peers, strict=True)]
    found["window_pytorch"] = dataclasses.asdict(Latency.of([ms for part in peers for ms in part]))
    found["ratio_pytorch"] = float(np.median(ratios))
    found["difference_pytorch"] = difference
    return found


def plot(rows: list[dict[str, Any]], machine: str, path: Path) -> None:
    """Both times over the receptive field."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7.5, 4))
    fields = [r["receptive_field"] for r in rows]
    for key, label, colour in (
        ("window", "strided window, every frame (ONNX Runtime)", "#d1732f"),
        ("window_pytorch", "strided window, every frame (PyTorch)", "#b9a23c"),
        ("step", "cached step (ONNX Runtime)", "#2f7fd1"),
    ):
        axes.plot(fields, [r[key]["median_ms"] for r in rows], "o-", label=label, color=colour)
    axes.set_xscale("log")
    axes.set_xticks(fields, [str(f) for f in fields])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.set_xlabel("receptive field, frames")
    axes.set_ylabel("ms a frame, median")
    axes.set_title(f"VideoPose3D's causal shape, equal weights and output\n{machine}", fontsize=10)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=15.0, help="for each form, over five rounds")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--field", type=int, choices=BLOCKS, action="append", help="all if left out")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--plot", type=Path, default=PLOT)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    report: dict[str, Any] = {"machine": describe(), "threads": options.threads, "growth": []}
    out = options.out or RESULTS / f"against_window_{report['machine']['date'][:10]}.json"
    for field in options.field or BLOCKS:
        report["growth"].append(row(BLOCKS[field], options.seconds, options.threads))
        last = report["growth"][-1]
        print(
            f"{field} frames: step {last['step']['median_ms']:.2f} ms, window "
            f"{last['window']['median_ms']:.2f} ({last['ratio']:.2f} times), in PyTorch "
            f"{last['window_pytorch']['median_ms']:.2f} ({last['ratio_pytorch']:.2f} times); outputs within "
            f"{max(last['difference'], last['difference_pytorch']):.1e}",
            flush=True,
        )
        out.write_text(json.dumps(report, indent=2) + "\n")
    plot(report["growth"], report["machine"]["processor"], options.plot)
    print(f"wrote {out} and {options.plot}")


if __name__ == "__main__":
    main()
