"""The model card beside a trained lifter: what it was trained on, how, and what was measured."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from realtime.machine import processor
from realtime.manifest import Manifest
from training.mocap.motion import Motion

CMU_CREDIT = (
    "The data used in this project was obtained from mocap.cs.cmu.edu. "
    "The database was created with funding from NSF EIA-0196217."
)
_COLUMNS = ("mpjpe_mm", "n_mpjpe_mm", "pa_mpjpe_mm", "mrpe_mm", "mpjve_mm", "accel_mm", "pck150", "auc")


@dataclass(frozen=True, slots=True)
class Measured:
    """One row: who, with which input, and the figures by name."""

    who: str
    kind: str
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Story:
    """How a training run went.

    settings: its configuration's text. log_lines: the log's first line and last ones.
    """

    command: str
    paper: str
    settings: str
    minutes: float
    steps: int
    log_lines: Sequence[str]


def origin_of(motion: Motion, train: Motion) -> str:
    """Where the weights come from, in words, with what the owners of CMU's motion ask to be said."""
    minutes = train.frames / train.fps / 60
    text = f"trained from scratch by this project on {minutes:.1f} minutes of motion capture"
    if any(subject.startswith(("cmu", "iclone")) for subject in motion.subjects):
        text += f" from the CMU Graphics Lab Motion Capture Database. {CMU_CREDIT}"
    return text


def write_card(path: Path, manifest: Manifest, story: Story, rows: Sequence[Measured], split: str) -> None:
    """Write the card as Markdown."""
    states = ", ".join(f"{s.input} {s.shape}" for s in manifest.state)
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    table = "\n".join(
        f"| {row.who} | {row.kind} | " + " | ".join(f"{row.figures[c]:.1f}" for c in _COLUMNS)
        + f" | {100 * row.figures['within_sigma']:.0f} % |"
        for row in rows
    )  # fmt: skip
    log = "\n".join(story.log_lines)
    path.write_text(
        f"""# {manifest.name}

A causal lifter, after {story.paper}: 2D joints of one person, frame by frame, to 3D joints in metres.

- Licence: {manifest.licence}. Origin: {manifest.origin}
- Receptive field {manifest.receptive_field} frames, delay {manifest.delay}. State: {states}. Trained at
  30 frames a second, with speeds from 0.7 to 4 times that of the motion.
- File: `{manifest.file}`, {manifest.path.stat().st_size:,} bytes, FP32, SHA-256 `{manifest.sha256}`.

## Split

{split}

## Measured

`realtime-evaluate`, seed 0: the ONNX file frame by frame in ONNX Runtime, each take seen by a still camera
drawn from the seed (field of view 30 to 90 degrees, 1.5 to 9 m away). `gt`: exact 2D. `noise`: 2D drawn from
the error model fitted to BlazePose on rendered people. Errors are root-relative over the 16 other joints, in
mm (mpjve: mm a frame, accel: mm a frame squared); mrpe is the pelvis in camera space; the last column is the
share of frames whose depth lies within the sigma given.

| subject | input | {" | ".join(_COLUMNS)} | in sigma |
|---|---|{"---|" * (len(_COLUMNS) + 1)}
{table}

## How it was made

    {story.command}

with this configuration:

```yaml
{story.settings.strip()}
```

{story.steps} steps in {story.minutes:.1f} minutes on a {processor()}, {today}. The log's last lines:

```
{log}
```

## Limits

- A body's size and its distance cannot be told apart in one camera: depth is right for bodies near the mean
  of the training bodies, and off by as much as a body's stature is.
- Walking dominates the motion; there is little sitting, lying or floor work.
- While no joint at all is in view there is no ray to look along: the answer of such a frame means nothing.
""",
        encoding="utf-8",
    )
