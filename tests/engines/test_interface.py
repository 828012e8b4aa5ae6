"""What is asked of TensorRT is there in the release that is installed, and is what the code asks for."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path
from typing import Any

import pytest

import realtime.engines as engines
from realtime.engines.library import Kind, installed
from tests.engines.interface import USED, USED_OF_RTX, missing

SOURCES = [
    Path(engines.__path__[0]) / f"{name}.py"
    for name in ("build", "contexts", "lane", "library", "plan", "tensorrt")
]
"""The files that speak to a TensorRT."""

OF_OTHERS = {"DEBUG", "INFO", "dtype", "engine", "int64", "logger", "tensorrt_rtx"}
"""Names in those files that are of other things too, logging's and NumPy's say."""

MODULES: dict[Kind, str] = {"tensorrt": "tensorrt", "tensorrt-rtx": "tensorrt_rtx"}
HERE = [kind for kind in MODULES if installed(kind)]
"""Plain TensorRT is gigabytes; `python -m tests.engines.interface` looks at its bindings alone."""


def library(kind: Kind) -> Any:
    return importlib.import_module(MODULES[kind])


needs_rtx = pytest.mark.skipif(
    "tensorrt-rtx" not in HERE, reason="tensorrt-rtx is not installed: pip install tensorrt-rtx"
)


def listed() -> set[str]:
    return {name for used in (USED, USED_OF_RTX) for names in used.values() for name in names}


def written() -> set[str]:
    """Every name after a dot in those files, and those that `getattr` and `hasattr` are given."""
    found = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                found.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return found


@pytest.mark.parametrize("kind", HERE)
def test_the_library_installed_has_all_that_is_used(kind: Kind) -> None:
    rest = (USED_OF_RTX,) if kind == "tensorrt-rtx" else ()
    assert missing(library(kind), USED, *rest) == []


@needs_rtx
def test_what_is_missing_is_named() -> None:
    trt = library("tensorrt-rtx")
    asked = {"": ("nptype", "nonsense"), "Builder": ("levitate",), "Levitator": ("rise",)}
    assert missing(trt, asked) == ["nonsense", "Builder.levitate", "Levitator.rise"]


@needs_rtx
def test_the_list_is_of_what_the_code_asks_for() -> None:
    """Nothing is listed that is not used, and nothing of a listed class is used that is not listed."""
    # Levels of hardware compatibility are named by the user.
    assert listed() - written() <= {"AMPERE_PLUS", "log"}
    trt = library("tensorrt-rtx")
    owners = {owner for used in (USED, USED_OF_RTX) for owner in used}
    places = [trt, *(getattr(trt, owner, None) for owner in owners)]
    has = {name for place in places for name in dir(place) if not name.startswith("__")}
    assert (written() & has) - listed() - owners - OF_OTHERS == set()
