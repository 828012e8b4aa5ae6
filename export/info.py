"""What can be read off a model file without running it."""

from __future__ import annotations

import collections
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from export.onnx_info import weights_in
from realtime.errors import ModelError, UsageError
from realtime.manifest import Manifest, load_manifest, sha256_of

Row = tuple[str, str]


def describe(path: Path) -> list[Row]:
    """Label and value for everything worth knowing of an ONNX file, or of a manifest and its ONNX file.

    A manifest beside an ONNX file is read too. Raises ManifestError or UsageError when the file named is
    not what its name says.
    """
    if path.suffix == ".json":
        manifest = load_manifest(path)
        network = list(_network(manifest.path)) if manifest.path.is_file() else [("file", "missing")]
        return [*network, *_manifest(manifest)]
    beside = path.with_suffix(".json")
    return [*_network(path), *(_manifest(load_manifest(beside)) if beside.is_file() else ())]


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
    yield "licence", manifest.licence
    yield "origin", manifest.origin
    try:
        manifest.check_file()
    except ModelError as error:
        yield "warning", str(error)
