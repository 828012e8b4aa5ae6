"""From an ONNX file to a TensorRT plan, in the library's own words, through its own parser and builder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, NamedTuple

from realtime.engines.library import Kind, Library, load_library
from realtime.engines.onnx_file import check_onnx_file, precision_of
from realtime.engines.store import PORTABLE, PlanKey, replacing
from realtime.errors import EngineError
from realtime.manifest import sha256_of

MAX_BATCH = 16
"""The most people that a plan is built for, where nothing else is said."""

_MIB = 1 << 20


class ShapeRange(NamedTuple):
    """The sizes an input may have: trtexec's minShapes, optShapes and maxShapes."""

    minimum: tuple[int, ...]
    optimum: tuple[int, ...]
    maximum: tuple[int, ...]

    def __str__(self) -> str:
        return ":".join("x".join(map(str, shape)) for shape in self)


Shapes = Mapping[str, ShapeRange]
"""For each input with a free size, its range. Empty: its first size is the batch, from 1 to MAX_BATCH."""


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """What trtexec calls by the same names. None: left to the library.

    workspace_mib: memory pool for the builder's choices. timing_cache: a file of measured kernels, read
    and written; no part of what the plan is, and nothing to TensorRT-RTX, which measures none.
    version_compatible: runs in other releases of the library. hardware_compatibility: runs on other GPUs
    than the one it was built on (TensorRT-RTX always does). tf32: let FP32 matrix products round their
    factors to 10 bits.
    """

    workspace_mib: int | None = None
    builder_optimization_level: int | None = None
    timing_cache: Path | None = None
    version_compatible: bool = False
    hardware_compatibility: Literal["none", "ampere+", "same-compute-capability"] = "none"
    tf32: bool = False

    def __str__(self) -> str:
        """What differs from the default and changes the plan, for its key."""
        changed = (
            f"{f.name}={getattr(self, f.name)}"
            for f in fields(self)
            if f.name != "timing_cache" and getattr(self, f.name) != f.default
        )
        return " ".join(changed)


DEFAULT_OPTIONS = BuildOptions()


def describe_shapes(shapes: Shapes) -> str:
    """Shapes as text, for a plan's key."""
    return " ".join(f"{name}:{shapes[name]}" for name in sorted(shapes)) or f"batch:1:1:{MAX_BATCH}"


def plan_key(
    library: Library, model: Path, device: str, shapes: Shapes, options: BuildOptions = DEFAULT_OPTIONS
) -> PlanKey:
    """What the plan of a model is kept under. device: the GPU; portable plans are all kept as PORTABLE."""
    return PlanKey(
        sha256_of(model),
        library.kind,
        library.version,
        PORTABLE if library.portable else device,
        precision_of(model),
        describe_shapes(shapes),
        str(options),
    )


def build_plan(
    model: Path, kind: Kind, shapes: Shapes | None = None, options: BuildOptions = DEFAULT_OPTIONS
) -> bytes:
    """Build an ONNX file into a serialized plan. Precision is that of the ONNX file (strongly typed).

    Raises EngineError when the file does not parse or the network does not build, EngineUnavailableError
    when the library is absent. TensorRT builds on the GPU it will run on; TensorRT-RTX needs none.
    """
    return build_with(load_library(kind), model, shapes or {}, options)


def build_with(library: Library, model: Path, shapes: Shapes, options: BuildOptions) -> bytes:
    """`build_plan` with a library that is loaded already."""
    check_onnx_file(model)
    library.forget_errors()
    trt = library.module
    try:
        builder = trt.Builder(library.logger)
    except Exception as error:  # the binding turns a null pointer into a TypeError
        raise EngineError(f"{library.kind} cannot build here: {library.why()}") from error
    network = builder.create_network(_network_flags(trt))
    _parse(library, network, model)
    config = builder.create_builder_config()
    _configure(library, config, options)
    _add_profile(library, builder, network, config, shapes)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise EngineError(f"{library.kind} cannot build {model}: {library.why()}")
    if options.timing_cache is not None and not library.portable:
        _save_timing_cache(config, options.timing_cache)
    return bytes(memoryview(plan))


def _network_flags(trt: Any) -> int:
    """Strongly typed: TensorRT 11 knows nothing else, and in 10 it keeps the types of the ONNX file."""
    flag = getattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    return 0 if flag is None else 1 << int(flag)


def _parse(library: Library, network: Any, model: Path) -> None:
    parser = library.module.OnnxParser(network, library.logger)
    if parser.parse(model.read_bytes()):
        return
    said = [_parser_error(parser.get_error(n)) for n in range(parser.num_errors)] or [library.why()]
    first, *others = dict.fromkeys(said)
    more = f" (and {len(others)} more: {'; '.join(others)})" if others else ""
    raise EngineError(f"{library.kind} cannot parse {model}: {first}{more}")


def _parser_error(error: Any) -> str:
    """One of the parser's errors, and the operator it is about."""
    node, operator = str(error.node_name()), str(error.node_operator())
    where = f" in {operator} {node!r}" if operator and operator != "UNKNOWN" else ""
    return f"{error.desc()}{where}"


def _configure(library: Library, config: Any, options: BuildOptions) -> None:
    trt = library.module
    if options.workspace_mib is not None:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, options.workspace_mib * _MIB)
    if options.builder_optimization_level is not None:
        config.builder_optimization_level = options.builder_optimization_level
    if options.version_compatible:
        if library.portable:
            raise EngineError("tensorrt-rtx has no version-compatible plans: build one for each version")
        config.set_flag(trt.BuilderFlag.VERSION_COMPATIBLE)
    if not options.tf32:
        config.clear_flag(trt.BuilderFlag.TF32)
    if options.hardware_compatibility != "none" and not library.portable:
        name = options.hardware_compatibility.upper().replace("-", "_").replace("+", "_PLUS")
        level = getattr(trt.HardwareCompatibilityLevel, name, None)
        if level is None:
            raise EngineError(
                f"{library.kind} {library.version} has no level {options.hardware_compatibility} of hardware "
                "compatibility: use ampere+, or a newer release"
            )
        config.hardware_compatibility_level = level
    # TensorRT-RTX measures no kernels, and its timing cache is deprecated.
    if options.timing_cache is not None and not library.portable:
        known = options.timing_cache.read_bytes() if options.timing_cache.is_file() else b""
        cache = config.create_timing_cache(known)
        if cache is None or not config.set_timing_cache(cache, False):
            raise EngineError(
                f"{options.timing_cache} is not a timing cache of this {library.kind} and GPU: delete it"
            )


def _add_profile(library: Library, builder: Any, network: Any, config: Any, shapes: Shapes) -> None:
    """One profile over every input with a free size. Raises EngineError for one that nothing is known of."""
    inputs = {network.get_input(n).name: network.get_input(n) for n in range(network.num_inputs)}
    unknown = sorted(shapes.keys() - inputs.keys())
    if unknown:
        raise EngineError(f"the model has no input {unknown[0]!r}; it has {', '.join(sorted(inputs))}")
    profile, free = builder.create_optimization_profile(), False
    for name, tensor in inputs.items():
        shape = tuple(tensor.shape)
        if -1 not in shape:
            continue
        free = True
        low, best, high = shapes.get(name) or _batch_range(name, shape)
        fits = all(
            len(given) == len(shape) and all(s in (-1, g) for s, g in zip(shape, given, strict=True))
            for given in (low, best, high)
        )
        if not fits or profile.set_shape(name, low, best, high) is False:
            raise EngineError(f"input {name!r} of shape {shape} cannot have the sizes {low}, {best}, {high}")
    if free and config.add_optimization_profile(profile) < 0:
        raise EngineError(f"{library.kind} refuses the shapes given: {library.why()}")


def _batch_range(name: str, shape: tuple[int, ...]) -> ShapeRange:
    if -1 in shape[1:]:
        raise EngineError(
            f"input {name!r} has a free size that is not the batch {shape}: say its smallest, usual and "
            "largest shape, or export the model with a fixed size"
        )
    return ShapeRange((1, *shape[1:]), (1, *shape[1:]), (MAX_BATCH, *shape[1:]))


def _save_timing_cache(config: Any, path: Path) -> None:
    cache = config.get_timing_cache()
    if cache is None:
        return
    try:
        with replacing(path) as file:
            file.write(memoryview(cache.serialize()))
    except OSError as error:
        raise EngineError(f"cannot write {path}: {error.strerror}; choose another place") from error
