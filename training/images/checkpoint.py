"""Training state and finished weights as safetensors: plain numbers, with what they are in the header.

weights.safetensors: the averaged weights under the net's own names, as `export.image_nets` reads them;
metadata `name`, `options` (JSON, for `build_image_net`), `config` (the YAML text) and `measures` (JSON).
checkpoint.safetensors: all that a resumed run needs, under net/, averaged/ and optimiser/; metadata
`progress` beside them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from realtime.errors import UsageError

WEIGHTS_FILE, CHECKPOINT_FILE = "weights.safetensors", "checkpoint.safetensors"


def save_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write a file; the old one stays until it is whole."""
    part = path.with_name(f".part-{path.name}")
    save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, part, dict(metadata))
    os.replace(part, path)


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a file. Raises UsageError for what is none."""
    try:
        with safe_open(path, "pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise UsageError(f"{path} is no checkpoint: name a folder that realtime-train wrote") from error
