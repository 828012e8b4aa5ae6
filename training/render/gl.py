"""The OpenGL context pictures are drawn in: a GPU's through EGL, or Mesa's on the processor."""

from __future__ import annotations

import importlib
from functools import cache
from importlib import resources
from typing import Any

from realtime.errors import UsageError

_VERSION = "#version 330 core\n"


@cache
def context() -> Any:
    """This process's moderngl context, without a window. Raises UsageError where there is none."""
    try:
        moderngl = importlib.import_module("moderngl")
    except ImportError as error:
        raise UsageError("rendering needs moderngl: pip install moderngl") from error
    try:
        opened = moderngl.create_context(standalone=True, backend="egl", require=330)
    except Exception as error:  # moderngl and glcontext raise plain exceptions
        raise UsageError(
            f"no OpenGL 3.3 through EGL ({error}): install a driver, on Debian libegl1 and libgl1-mesa-dri"
        ) from error
    opened.gc_mode = "auto"
    return opened


@cache
def program(vertex: str, *fragment: str, defines: tuple[tuple[str, int], ...] = ()) -> Any:
    """A program of shader files by name; the parts of the fragment shader are put one after another."""
    header = _VERSION + "".join(f"#define {name} {value}\n" for name, value in defines)
    return context().program(
        vertex_shader=header + _read(f"{vertex}.vert"),
        fragment_shader=header + "".join(_read(name) for name in fragment),
    )


def _read(name: str) -> str:
    return (resources.files("training.render") / "shaders" / name).read_text(encoding="utf-8")


def vertex_array(made: Any, buffers: list[tuple[Any, ...]], indices: Any) -> Any:
    """A vertex array; an attribute of three or one 4-byte values that the compiler dropped is passed over."""
    content = []
    for buffer, layout, *names in buffers:
        parts = [
            (part, name) if name in made else (f"{4 * int(part[0])}x", "")
            for part, name in zip(layout.split(), names, strict=True)
        ]
        content.append((buffer, " ".join(part for part, _ in parts), *(name for _, name in parts if name)))
    return context().vertex_array(made, [entry for entry in content if len(entry) > 2], indices)


def set_uniforms(target: Any, values: dict[str, Any]) -> None:
    """Set the uniforms a program has; one that the compiler dropped is passed over."""
    for name, value in values.items():
        if name in target:
            uniform = target[name]
            if isinstance(value, bytes):
                uniform.write(value)
            else:
                uniform.value = value
