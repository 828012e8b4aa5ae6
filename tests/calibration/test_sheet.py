"""Printed boards, read back in millimetres."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from calibration.board import Board
from calibration.sheet import rectangles, write_sheet
from realtime.errors import RecordError, UsageError

BOARD = Board(9, 6, 0.025)


def pdf_rectangles(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The rectangles (N, 4) of a PDF in millimetres, after its own scale, and the page's size."""
    text = path.read_bytes().decode("latin-1")
    matrix, page = re.search(r"q ([-\d. ]+) cm", text), re.search(r"MediaBox \[([-\d. ]+)\]", text)
    assert matrix is not None
    assert page is not None
    across, _, _, down, _, _ = (float(v) for v in matrix.group(1).split())
    shapes = np.array([[float(v) for v in m.split()] for m in re.findall(r"^([-\d. ]+) re", text, re.M)])
    mm = 25.4 / 72
    return shapes * np.array([across, -down] * 2) * mm, np.array(page.group(1).split(), float)[2:] * mm


def test_a_pdf_is_in_exact_millimetres(tmp_path: Path) -> None:
    assert "landscape" in write_sheet(BOARD, "A4", tmp_path / "b.pdf")
    shapes, page = pdf_rectangles(tmp_path / "b.pdf")
    np.testing.assert_allclose(page, [297, 210], atol=0.01)
    squares, ruler = shapes[:-1], shapes[-1]
    assert len(squares) == 35
    np.testing.assert_allclose(squares[:, 2:], 25, atol=0.001)
    np.testing.assert_allclose(ruler[2], 100, atol=0.001)
    assert (shapes[:, :2] > 4).all()
    assert (shapes[:, :2] + shapes[:, 2:] < page - 4).all()


def test_a_pdfs_table_of_objects_is_right(tmp_path: Path) -> None:
    write_sheet(BOARD, "Letter", tmp_path / "b.pdf")
    data = (tmp_path / "b.pdf").read_bytes()
    start = int(data.rsplit(b"startxref\n", 1)[1].split()[0])
    assert data[start:].startswith(b"xref")
    for number, line in enumerate(re.findall(rb"^(\d{10}) 00000 n", data, re.M), start=1):
        assert data[int(line) :].startswith(b"%d 0 obj" % number)


def test_an_svg_holds_the_same_board(tmp_path: Path) -> None:
    write_sheet(BOARD, "A3", tmp_path / "b.svg")
    text = (tmp_path / "b.svg").read_text()
    assert 'width="297mm" height="420mm" viewBox="0 0 297 420"' in text
    assert text.count("h25.0000v25.0000") == 35


@pytest.mark.parametrize("layout", ["checkerboard", "charuco", "charuco-classic"])
def test_black_never_overlaps_and_stays_on_the_board(layout: str) -> None:
    board = Board(6, 5, 0.02, layout, 0.015)  # type: ignore[arg-type]
    shapes = np.array(rectangles(board))
    assert (shapes[:, :2] >= -1e-6).all()
    assert (shapes[:, :2] + shapes[:, 2:] <= np.array([140, 120]) + 1e-4).all()


def test_a_board_too_large_says_what_fits(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="squares of 28 mm or less") as caught:
        write_sheet(Board(9, 6, 0.06), "A4", tmp_path / "b.pdf")
    assert "\n" not in str(caught.value)
    write_sheet(Board(9, 6, 0.027), "A4", tmp_path / "b.pdf")


def test_other_files_and_folders_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"neither \.pdf nor \.svg"):
        write_sheet(BOARD, "A4", tmp_path / "b.png")
    with pytest.raises(RecordError, match="cannot write"):
        write_sheet(BOARD, "A4", tmp_path / "none" / "b.pdf")
