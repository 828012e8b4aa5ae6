"""The model card beside an exported image net: what it is, what it was trained on, what was measured."""

from __future__ import annotations

from pathlib import Path

from export.image_nets import Trained
from export.onnx_info import parameter_count
from realtime.errors import ModelError
from realtime.manifest import Manifest

_WHAT = {
    "ssd": "A single-shot person detector, after Liu et al. (2016): a frame to boxes of people.",
    "cpn": "A cascaded pyramid network, after Chen et al. (2018): the crop of a person to a heatmap a joint.",
    "integral-regression": (
        "Integral regression, after Sun et al. (2018): the crop of a person to the 3D place of each joint, "
        "in units of the crop and in metres behind the pelvis."
    ),
}
_MEANINGS = {
    "ap50": "average precision at an overlap of 0.5",
    "pckh": "share of joints within half a head segment (neck to head)",
    "pckh_crown": "the same for a segment as long as from the neck to the crown",
    "pckh_argmax": "`pckh` read from the highest cell alone",
    "pckh_soft": "`pckh` read from the centre of mass about the highest cell",
    "error_px": "mean distance of the joints in the image, pixels of the net's input",
    "error_argmax_px": "the same from the highest cell alone",
    "error_soft_px": "the same from the centre of mass about the highest cell",
    "mpjpe_mm": "3D error round the pelvis, placed with its true depth, of people wholly in the image",
    "mpjpe_all_mm": "the same of everybody",
}


def _meaning(name: str) -> str:
    """What a measure's name says; `<name>_at_<side>_px` was measured in images of that side."""
    usual, _, side = name.partition("_at_")
    return _MEANINGS.get(usual, "") + (f", in images of {side.removesuffix('_px')} px" if side else "")


def write_card(manifest: Manifest, trained: Trained, command: str) -> Path:
    """Write `<name>.md` beside a net's ONNX file. command: what trained it.

    Raises ModelError when it cannot be written.
    """
    assert manifest.image is not None
    path, net = manifest.path.with_suffix(".md"), trained.net
    size = f"{manifest.image.width} x {manifest.image.height}"
    measured = "\n".join(
        f"| {name} | {value:.4g} | {_meaning(name)} |" for name, value in trained.measures.items()
    )
    made = f"    {command}\n\nwith this configuration:\n\n" if command else ""
    text = f"""# {manifest.name}

{_WHAT[net.name]}

- Licence: {manifest.licence}. Origin: {manifest.origin}
- Input {size} px, RGB. Backbone: {net.options["backbone"]}. {parameter_count(manifest.path):,} numbers.
- File: `{manifest.file}`, {manifest.path.stat().st_size:,} bytes, weights in FP16, computes in FP32,
  SHA-256 `{manifest.sha256}`.

## Measured

By the training, on bodies, motion and places it was not trained on, all of them rendered:

| figure | value | meaning |
|---|---|---|
{measured}

## How it was made

{made}```yaml
{trained.config.strip()}
```

## Limits

- Everybody it has learnt from is rendered. On real pictures it is worse than on these, and worse than nets
  that are trained on real people: docs/image-networks.md says how much.
- Joints beyond the crop are not known, and those that something hides are guessed.
"""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ModelError(f"cannot write {path}: {error.strerror}; use another folder") from error
    return path
