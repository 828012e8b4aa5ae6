"""From a model to a TensorRT engine in the store, in trtexec's words."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from export.variants import variant
from realtime.cache import ENVIRONMENT_VARIABLE
from realtime.engines.build import DEFAULT_OPTIONS, BuildOptions, ShapeRange, Shapes, build_with, plan_key
from realtime.engines.cuda import open_cuda
from realtime.engines.forms import Precision
from realtime.engines.library import Kind, installed, load_library, why_not
from realtime.engines.store import EngineStore
from realtime.errors import EngineError, EngineUnavailableError, UsageError
from realtime.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Built:
    """An engine in the store. new: whether it had to be built, in so many seconds."""

    name: str
    path: Path
    precision: str
    new: bool
    seconds: float


def default_kind() -> Kind:
    """The TensorRT to build for: the first that runs here, else one that builds without a GPU.

    Raises EngineUnavailableError when none is installed.
    """
    kinds: tuple[Kind, ...] = get_args(Kind)
    present = [kind for kind in kinds if installed(kind)]
    runs = [kind for kind in present if not why_not(kind)]
    if runs:
        return runs[0]
    if "tensorrt-rtx" in present:
        return "tensorrt-rtx"
    raise EngineUnavailableError("no TensorRT that builds here is installed: pip install tensorrt-rtx")


def build_engine(
    manifest: Manifest,
    kind: Kind,
    precision: Precision = "fp32",
    shapes: Shapes | None = None,
    options: BuildOptions = DEFAULT_OPTIONS,
    tick: Callable[[], object] = lambda: None,
) -> Built:
    """Build a model into the user's store, unless it is there.

    TensorRT needs the GPU it builds for, TensorRT-RTX none. Raises EngineError or ModelError when the file
    is no such model, does not build, or the store cannot keep it.
    """
    library = load_library(kind)
    model = variant(manifest, precision, tick).check_file()
    shapes = same_batch(manifest, shapes or {})
    key = plan_key(library, model, "" if library.portable else _device(), shapes, options)
    store = EngineStore()
    known = store.load(key) is not None
    began_ns = time.perf_counter_ns()
    store.obtain(key, lambda: build_with(library, model, shapes, options))
    if not store.path(key).is_file():
        raise EngineError(
            f"the engine of {manifest.name} is built but cannot be kept in {store.folder}: make it writable, "
            f"or set {ENVIRONMENT_VARIABLE} to a folder elsewhere"
        )
    seconds = (time.perf_counter_ns() - began_ns) / 1e9
    return Built(manifest.name, store.path(key), key.precision, not known, seconds)


def same_batch(manifest: Manifest, shapes: Shapes) -> Shapes:
    """Shapes for all inputs whose batch is free: those not named have the batch of those that are.

    Raises UsageError when the batches named differ.
    """
    free = {name: info.shape[1:] for name, info in manifest.inputs.items() if info.shape[:1] == (-1,)}
    batches = {(given[0][0], given[1][0], given[2][0]) for name, given in shapes.items() if name in free}
    if len(batches) > 1:
        raise UsageError(
            f"inputs share one batch, but the shapes given have {sorted(batches)}: make them agree"
        )
    if not batches:
        return shapes
    (batch,) = batches
    others = {
        name: ShapeRange(*((size, *rest) for size in batch))
        for name, rest in free.items()
        if name not in shapes and -1 not in rest
    }
    return {**others, **shapes}


def parse_shapes(smallest: str, usual: str, largest: str) -> dict[str, ShapeRange]:
    """Shapes as trtexec takes them, such as `rays:1x17x2,score:1x17`; "" for what is not said.

    What is not said is as the usual, or as any that is. Raises UsageError for anything else.
    """
    said = [_parse(text) for text in (smallest, usual, largest)]
    names = {name for shapes in said for name in shapes}
    ranges = {}
    for name in sorted(names):
        low, best, high = (shapes.get(name) for shapes in said)
        anyway = best or high or low
        assert anyway is not None
        ranges[name] = ShapeRange(low or anyway, best or anyway, high or anyway)
        if any(not a <= b <= c for a, b, c in zip(*ranges[name], strict=False)):
            raise UsageError(f"shapes of {name!r}: {ranges[name]} does not go from smallest to largest")
    return ranges


def _parse(text: str) -> Mapping[str, tuple[int, ...]]:
    shapes = {}
    for part in filter(None, text.split(",")):
        found = re.fullmatch(r"(.+):(\d+(?:x\d+)*)", part)
        if not found:
            raise UsageError(f"{part!r} is no shape: write it as trtexec does, NAME:1x17x2,OTHER:1x17")
        shapes[found[1]] = tuple(int(size) for size in found[2].split("x"))
    return shapes


def _device() -> str:
    cuda = open_cuda()
    try:
        return str(cuda.device)
    finally:
        cuda.close()
