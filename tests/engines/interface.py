"""The names of TensorRT's Python interface that this program uses, and a check that a release has them.

    python -m tests.engines.interface 10.0.1 10.16.1.11 11.4.0.106

Releases are given as versions of the bindings' package. Only the bindings are downloaded, a megabyte or so
each; the libraries they are linked to, some gigabytes, are stood in for by empty ones, which is enough to
import the bindings and look at them. It needs pip's package index and a C compiler.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

USED: Mapping[str, tuple[str, ...]] = {
    "": ("__version__", "nptype"),
    "Builder": (
        "build_serialized_network",
        "create_builder_config",
        "create_network",
        "create_optimization_profile",
    ),
    "BuilderFlag": ("TF32", "VERSION_COMPATIBLE"),
    "HardwareCompatibilityLevel": ("AMPERE_PLUS",),
    "IBuilderConfig": (
        "add_optimization_profile",
        "builder_optimization_level",
        "clear_flag",
        "create_timing_cache",
        "get_timing_cache",
        "hardware_compatibility_level",
        "set_flag",
        "set_memory_pool_limit",
        "set_timing_cache",
    ),
    "ICudaEngine": (
        "create_execution_context",
        "get_tensor_dtype",
        "get_tensor_mode",
        "get_tensor_name",
        "get_tensor_shape",
        "num_io_tensors",
    ),
    "IExecutionContext": ("execute_async_v3", "get_tensor_shape", "set_input_shape", "set_tensor_address"),
    "ILogger": ("Severity", "log"),
    "ILogger.Severity": ("ERROR", "INTERNAL_ERROR", "WARNING"),
    "INetworkDefinition": ("get_input", "num_inputs"),
    "IOptimizationProfile": ("set_shape",),
    "ITensor": ("name", "shape"),
    "ITimingCache": ("serialize",),
    "MemoryPoolType": ("WORKSPACE",),
    "NetworkDefinitionCreationFlag": ("STRONGLY_TYPED",),
    "OnnxParser": ("get_error", "num_errors", "parse"),
    "ParserError": ("desc", "node_name", "node_operator"),
    "Runtime": ("deserialize_cuda_engine",),
    "TensorIOMode": ("INPUT",),
}
"""By class, "" being the module: what has to be there in every TensorRT."""

USED_OF_RTX: Mapping[str, tuple[str, ...]] = {
    "CudaGraphStrategy": ("DISABLED", "WHOLE_GRAPH_CAPTURE"),
    "ICudaEngine": ("create_runtime_config",),
    "IRuntimeCache": ("deserialize", "serialize"),
    "IRuntimeConfig": ("create_runtime_cache", "cuda_graph_strategy", "set_runtime_cache"),
}
"""What TensorRT-RTX has to have besides."""

# What the bindings take from the libraries at import, besides the C library.
_SYMBOLS = (
    *("createInferBuilder_INTERNAL", "createInferRefitter_INTERNAL", "createInferRuntime_INTERNAL"),
    *("createNvOnnxParserRefitter_INTERNAL", "createNvOnnxParser_INTERNAL", "getNvOnnxParserVersion"),
    *("getBuilderPluginRegistry", "getPluginRegistry", "initLibNvInferPlugins"),
)
_LIBRARIES = ("nvinfer", "nvinfer_plugin", "nvonnxparser")


def missing(module: Any, *used: Mapping[str, tuple[str, ...]]) -> list[str]:
    """The names, such as `Builder.create_network`, that a TensorRT module lacks."""
    lacks = []
    for names in used:
        for owner, attributes in names.items():
            place = module
            for part in filter(None, owner.split(".")):
                place = getattr(place, part, None)
            lacks += [f"{owner}.{name}".lstrip(".") for name in attributes if not hasattr(place, name)]
    return lacks


def check_release(version: str, folder: Path) -> list[str]:
    """What a release of plain TensorRT lacks, going by its bindings. Raises CalledProcessError."""
    cuda = "cu12" if tuple(map(int, version.split(".")[:2])) < (10, 13) else "cu13"
    package = f"tensorrt-{cuda}-bindings=={version}"
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), package]
    subprocess.run(pip, check=True)
    (wheel,) = folder.glob(f"tensorrt_{cuda}_bindings-{version}-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    source = folder / "symbols.c"
    source.write_text("".join(f"int {name}(void) {{ return 0; }}\n" for name in _SYMBOLS))
    for name in _LIBRARIES:
        so = f"lib{name}.so.{version.partition('.')[0]}"
        subprocess.run(
            ["cc", "-shared", "-fPIC", f"-Wl,-soname,{so}", "-o", str(folder / so), str(source)], check=True
        )
    look = (
        "import json, sys; sys.path.insert(0, sys.argv[1]); import tensorrt_bindings; "
        "from tests.engines.interface import USED, missing; "
        "print(json.dumps(missing(tensorrt_bindings, USED)))"
    )
    environment = os.environ | {"LD_LIBRARY_PATH": str(folder)}
    command = [sys.executable, "-c", look, str(folder)]
    done = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True)
    lacks: list[str] = json.loads(done.stdout)
    return lacks


def main() -> None:
    """Check the releases named on the command line."""
    bad = False
    for version in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as folder:
            lacks = check_release(version, Path(folder))
        bad |= bool(lacks)
        sys.stdout.write(f"tensorrt {version}: {', '.join(lacks) or 'has all that is used'}\n")
    sys.exit(int(bad))


if __name__ == "__main__":
    main()
