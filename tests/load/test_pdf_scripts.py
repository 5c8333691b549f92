"""Superscripts and subscripts of numbers in a PDF are told from the number before them."""

from __future__ import annotations

import pytest

from ragqa.load.bounds import Limits
from ragqa.load.pdf import extract
from tests.load.pdfs import raw_pdf


@pytest.mark.parametrize(
    ("drawn", "text"),
    [
        (b"(It holds 10) Tj /F0 7 Tf 46.3 3.6 Td (6) Tj /F0 10 Tf 4 -3.6 Td ( litres) Tj", "It holds 10^6 litres"),
        (b"(It holds 10) Tj 5 Ts (-3) Tj 0 Ts ( litres) Tj", "It holds 10^-3 litres"),
        (b"/F0 1 Tf 10 0 0 10 72 660 Tm (It holds 10) Tj 7 0 0 7 118.3 663.6 Tm (6) Tj", "It holds 10^6"),
        (b"(In base 2: 1010) Tj /F0 7 Tf 69 -2 Td (2) Tj", "In base 2: 1010_2"),
        (b"(See note) Tj /F0 7 Tf 40 3.6 Td (1) Tj", "See note1"),
        (b"(Fee 12) Tj /F0 7 Tf 0 -11 Td (3 boats) Tj", "Fee 12\n3 boats"),
    ],
)
def test_a_script_of_a_number_is_marked(drawn: bytes, text: str) -> None:
    assert extract(raw_pdf(b"BT /F0 10 Tf 72 700 Td " + drawn + b" ET"), Limits()).text.strip() == text


def test_a_superscript_in_a_cell_is_marked() -> None:
    rows = b"".join(
        b"60 %d 300 20 re S 160 %d 100 20 re S BT /F0 9 Tf 65 %d Td (Lake) Tj 100 0 Td (10) Tj /F0 6 Tf 10.1 3.2 Td (6) Tj /F0 9 Tf "
        b"90 -3.2 Td (34) Tj ET\n" % (y, y, y + 5)
        for y in range(500, 660, 20)
    )
    assert "| Lake | 10^6 | 34 |" in extract(raw_pdf(b"0.5 w " + rows), Limits()).text
