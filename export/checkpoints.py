"""What training runs leave of nets, made ONNX: lifters' checkpoint.npz, image nets' weights.safetensors."""

from __future__ import annotations

from pathlib import Path

from export.image_card import write_card
from export.image_nets import at_side, export_image_net, load_trained, name_of
from export.to_onnx import Provenance, export_step
from export.verify import load_checkpoint
from realtime.errors import UsageError
from realtime.manifest import Manifest

IMAGE_NETS_SUFFIX = ".safetensors"


def export_checkpoint(
    name: str,
    checkpoint: Path,
    origin: str,
    folder: Path,
    half: bool = True,
    made_by: str | None = None,
    side_px: int | None = None,
) -> Manifest:
    """Export a checkpoint into a folder. name: what it must be of. half: an image net's weights in FP16.

    made_by: the command that trained an image net, to write a model card too. side_px: of a detector's
    image, that of its training if None. Raises UsageError when it is of another net or a side is given for
    what has none, ModelError when it is none or cannot be written.
    """
    if checkpoint.suffix == IMAGE_NETS_SUFFIX:
        trained = load_trained(checkpoint)
        _check_name(name, name_of(trained.net))
        if side_px is not None:
            trained = at_side(trained, side_px)
        given = Provenance(origin, metrics=trained.measures)
        made = export_image_net(trained.net, folder, given, trained.options, half)
        if made_by is not None:
            write_card(made, trained, made_by)
        return made
    if side_px is not None:
        raise UsageError(f"{name} takes no images: leave --side out")
    net = load_checkpoint(checkpoint)
    _check_name(name, net.name)
    return export_step(net, folder, Provenance(origin))


def _check_name(name: str, known: str) -> None:
    if name != known:
        raise UsageError(f"there is no torch net {name!r}; known: {known}")
