"""What can be read off a model file without running it."""

from __future__ import annotations

import collections
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from export.onnx_info import weights_in
from realtime.engines.contexts import KERNELS_SUFFIX
from realtime.engines.cuda import open_cuda
from realtime.engines.library import Kind, installed, load_library, why_not
from realtime.engines.store import PORTABLE, SUFFIX, PlanKey, read_header
from realtime.errors import EngineError, ModelError, UsageError
from realtime.manifest import Manifest, load_manifest, sha256_of

Row = tuple[str, str]


def describe(path: Path) -> list[Row]:
    """Labels and values: what is worth knowing of an ONNX file, a manifest with its ONNX file, or an engine.

    A manifest beside an ONNX file is read too. Raises ManifestError or UsageError when the file named is
    not what its name says, EngineError for an engine that is damaged.
    """
    if path.suffix == ".json":
        manifest = load_manifest(path)
        network = list(_network(manifest.path)) if manifest.path.is_file() else [("file", "missing")]
        return [*network, *_manifest(manifest)]
    if path.suffix in (SUFFIX, KERNELS_SUFFIX):
        return list(_engine(path))
    beside = path.with_suffix(".json")
    return [*_network(path), *(_manifest(load_manifest(beside)) if beside.is_file() else ())]


def _engine(path: Path) -> Iterator[Row]:
    header = read_header(path)
    key = header.key
    yield "file", f"{path} ({path.stat().st_size:,} bytes)"
    yield (
        "kernels" if path.suffix == KERNELS_SUFFIX else "engine",
        f"{key.kind} {key.library}, {key.precision}, {header.plan_bytes:,} bytes",
    )
    yield "for", "any GPU that the library knows" if key.device == PORTABLE else key.device
    yield "model", f"SHA-256 {key.model_sha256}"
    yield "shapes", key.shapes
    if key.options:
        yield "options", key.options
    yield "built", f"{header.built} by {header.tool}"
    yield "sha256", f"{header.plan_sha256} (the engine alone)"
    reason = _why_not_here(key)
    yield "runs here", f"no: {reason}" if reason else "yes"


def _why_not_here(key: PlanKey) -> str:
    """Why this machine cannot run a plan; empty if it can."""
    kind = next((k for k in get_args(Kind) if k == key.kind), None)
    if kind is None:
        return f"{key.kind} is not an engine of this program"
    if not installed(kind):
        return f"{kind} is not installed: pip install {kind}"
    try:
        version = load_library(kind).version
        if version != key.library:
            return f"it was built by {kind} {key.library}, and {version} is installed: build it again"
        if reason := why_not(kind):
            return reason
        cuda = open_cuda()
    except EngineError as error:
        return str(error)
    device = str(cuda.device)
    cuda.close()
    return "" if key.device in (PORTABLE, device) else f"it was built for {key.device}, and here is {device}"


def _network(path: Path) -> Iterator[Row]:
    try:
        model = onnx.load(path, format="protobuf", load_external_data=False)
    except (OSError, DecodeError) as error:
        raise UsageError(
            f"{path} is not an ONNX model ({error}): name an .onnx file or a manifest"
        ) from error
    graph = model.graph
    if not graph.node or not model.opset_import:
        raise UsageError(
            f"{path} is not an ONNX model (it has no operators): name an .onnx file or a manifest"
        )
    yield "file", f"{path} ({path.stat().st_size:,} bytes)"
    yield "sha256", sha256_of(path)
    yield "producer", f"{model.producer_name} {model.producer_version}".strip() or "not named"
    yield "opset", ", ".join(f"{o.domain or 'ai.onnx'} {o.version}" for o in model.opset_import)
    constants = {tensor.name for tensor in graph.initializer}
    yield from (("input", _tensor(v)) for v in graph.input if v.name not in constants)
    yield from (("output", _tensor(v)) for v in graph.output)
    counts = collections.Counter(node.op_type for node in graph.node)
    kinds = ", ".join(f"{kind} {count}" for kind, count in counts.most_common())
    yield "operators", f"{len(graph.node)}: {kinds}"
    yield "parameters", f"{weights_in(model):,}"


def _tensor(value: Any) -> str:
    tensor = value.type.tensor_type
    sizes = (str(d.dim_value) if d.HasField("dim_value") else d.dim_param or "any" for d in tensor.shape.dim)
    dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
    return f"{value.name} {dtype} ({', '.join(sizes)})"


def _manifest(manifest: Manifest) -> Iterator[Row]:
    yield "model", f"{manifest.name}, {manifest.role}"
    if manifest.skeleton:
        yield "skeleton", manifest.skeleton
    if manifest.lags:
        yield "lags", f"{', '.join(map(str, sorted(manifest.lags)))} frames"
    yield "licence", manifest.licence
    yield "origin", manifest.origin
    try:
        manifest.check_file()
    except ModelError as error:
        yield "warning", str(error)
