"""Boards to print, as vector PDF or SVG in exact millimetres: plain rectangles, no library.

ISO 32000-1 (PDF) and SVG 1.1. A4, A3 and Letter; a line of 100 mm shows whether it was printed to scale.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from calibration.board import Board
from realtime.errors import RecordError, UsageError

PAPERS_MM = {"A4": (210.0, 297.0), "A3": (297.0, 420.0), "Letter": (215.9, 279.4)}
RULER_MM = 100.0

Rectangle = tuple[float, float, float, float]
"""Left, top, width, height; millimetres."""

_MARGIN_MM = 5.0
_FOOT_MM = 12.0
_POINTS_PER_MM = 72 / 25.4


def rectangles(board: Board) -> list[Rectangle]:
    """The black rectangles of a board whose outer corner is at the origin."""
    if board.is_charuco:
        return _charuco(board)
    side = board.square_m * 1000
    return [
        (col * side, row * side, side, side)
        for row in range(board.rows + 1)
        for col in range(board.cols + 1)
        if (row + col) % 2 == 0
    ]


def _charuco(board: Board) -> list[Rectangle]:
    """Squares without a marker are black; a marker is drawn as the runs of its black bits."""
    side, marker = board.square_m * 1000, board.marker_m * 1000
    drawn = board.opencv()
    bits = int(drawn.getDictionary().markerSize) + 2
    out: list[Rectangle] = []
    marked = {}
    for number, corners in zip(drawn.getIds().ravel(), drawn.getObjPoints(), strict=True):
        left, top = (float(v) * 1000 for v in np.asarray(corners)[0, :2])
        marked[int(left // side), int(top // side)] = (int(number), left, top)
    for row in range(board.rows + 1):
        for col in range(board.cols + 1):
            if (col, row) not in marked:
                out.append((col * side, row * side, side, side))
                continue
            number, left, top = marked[col, row]
            pattern = cv2.aruco.generateImageMarker(drawn.getDictionary(), number, bits)
            cell = marker / bits
            out += [
                (left + x * cell, top + y * cell, cell * count, cell)
                for y in range(bits)
                for x, count in _runs(np.asarray(pattern)[y] == 0)
            ]
    return out


def _runs(black: np.ndarray) -> list[tuple[int, int]]:
    """Starts and lengths of the runs of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], black.astype(np.int8), [0]])))
    return [(int(a), int(b - a)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def write_sheet(board: Board, paper: str, path: Path) -> str:
    """Write a board as PDF or SVG, by the file's name; returns the sheet in words.

    Raises UsageError where the board does not fit the paper, RecordError where the file cannot be written.
    """
    writers: dict[str, Callable[[list[Rectangle], tuple[float, float], str], bytes]]
    writers = {".pdf": _pdf, ".svg": _svg}
    if path.suffix.lower() not in writers:
        raise UsageError(f"{path.name} is neither .pdf nor .svg: name the file for what it should be")
    size, (across, down) = _page(board, paper)
    left, top = (size[0] - across) / 2, (size[1] - _FOOT_MM - down) / 2
    shapes = [(x + left, y + top, w, h) for x, y, w, h in rectangles(board)]
    ruler = (left, size[1] - _FOOT_MM, min(RULER_MM, across), 0.5)
    text = f"{board}; the line is {ruler[2]:g} mm long: print at 100 %, then measure it"
    try:
        path.write_bytes(writers[path.suffix.lower()]([*shapes, ruler], size, text))
    except OSError as error:
        raise RecordError(f"cannot write {path}: {error.strerror}") from error
    return f"{board} on {paper} {'landscape' if size[0] > size[1] else 'portrait'}"


def _page(board: Board, paper: str) -> tuple[tuple[float, float], tuple[float, float]]:
    """The page turned so that the board fits, and the board; millimetres."""
    side = board.square_m * 1000
    across, down = (board.cols + 1) * side, (board.rows + 1) * side
    for size in (PAPERS_MM[paper], PAPERS_MM[paper][::-1]):
        if across + 2 * _MARGIN_MM <= size[0] and down + _MARGIN_MM + _FOOT_MM <= size[1]:
            return (size[0], size[1]), (across, down)
    long, short = max(across, down), min(across, down)
    room = [max(PAPERS_MM[paper]) - _MARGIN_MM - _FOOT_MM, min(PAPERS_MM[paper]) - 2 * _MARGIN_MM]
    fit = side * min(room[0] / long, room[1] / short)
    raise UsageError(
        f"a board of {across:g} x {down:g} mm does not fit {paper}: take squares of {int(fit)} mm or less, "
        "or larger paper"
    )


def _svg(shapes: list[Rectangle], size: tuple[float, float], text: str) -> bytes:
    width, height = size
    drawn = "".join(f"M{x:.4f} {y:.4f}h{w:.4f}v{h:.4f}h{-w:.4f}z" for x, y, w, h in shapes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}mm" height="{height:g}mm" '
        f'viewBox="0 0 {width:g} {height:g}"><rect width="100%" height="100%" fill="white"/>'
        f'<path fill="black" d="{drawn}"/><text x="{shapes[-1][0]:.3f}" y="{height - 7:g}" font-size="3" '
        f'font-family="sans-serif">{text}</text></svg>\n'
    ).encode()


def _pdf(shapes: list[Rectangle], size: tuple[float, float], text: str) -> bytes:
    width, height = (v * _POINTS_PER_MM for v in size)
    scale = f"{_POINTS_PER_MM:.8f} 0 0 {-_POINTS_PER_MM:.8f} 0 {height:.5f} cm"
    drawn = "\n".join(f"{x:.4f} {y:.4f} {w:.4f} {h:.4f} re" for x, y, w, h in shapes)
    at = f"{shapes[-1][0] * _POINTS_PER_MM:.3f} {7 * _POINTS_PER_MM:.3f}"
    content = f"q {scale} 0 g\n{drawn}\nf Q\nBT /F1 8 Tf {at} Td ({text}) Tj ET\n".encode("latin-1")
    page = f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width:.4f} {height:.4f}] /Contents 4 0 R "
    bodies = [
        b"<< /Type /Catalog /Pages 2 0 R /ViewerPreferences << /PrintScaling /None >> >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        (page + "/Resources << /Font << /F1 5 0 R >> >> >>").encode(),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, offsets = b"%PDF-1.6\n", []
    for number, body in enumerate(bodies, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    count = len(bodies) + 1
    return out + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
        % (count, table, count, len(out))
    )
