"""Text of a PDF's page that programs draw twice at nearly the same place to make it look bold."""

from __future__ import annotations

from itertools import chain, pairwise
from math import isfinite
from typing import Any

from pypdf import PageObject

from ragqa.load.pdf_recorder import SHOWING

_PLACING = (b"BT", b"Td", b"TD", b"Tm", b"T*")
_MOST_CHARACTERS = 100_000
"""The most characters of a page that is read again to find out what is drawn twice. A page of small print has 20,000."""
_LARGEST = 1e6
"""The largest size of a font that is compared."""


def repeated(page: PageObject, text: str) -> set[int]:
    """Return the numbers of the operators whose text is drawn again at nearly the same place, to look bold.

    :param text: of the page, with all that is drawn twice.
    """
    if len(text) > _MOST_CHARACTERS or not _looks_doubled(text):
        return set()
    doubles = _Doubles()
    page.extract_text(visitor_operand_before=doubles.see)
    return doubles.repeated


def _looks_doubled(text: str) -> bool:
    """Tell whether a line or a word may have been drawn twice, or each of its letters."""
    lines = [line.strip() for line in text.splitlines()]
    repeated = (line for line, following in pairwise(lines) if line == following)
    doubled = (part for line in lines for part in (line, *line.split()) if _has_equal_halves(part))
    return any(any(map(str.isalpha, each)) for each in chain(repeated, doubled))


def _has_equal_halves(text: str) -> bool:
    """Tell whether a text is one text twice (`FeeFee`), or each of its characters is there twice (`FFeeee`)."""
    half = len(text) // 2
    return half > 1 and (text[:half] == text[-half:] or text[::2] == text[1::2])


class _Doubles:
    """Finds the operators that show a text which is shown at nearly the same place by another one.

    `repeated` has their numbers among the operators that show text. Of two that follow one another it has the first,
    since pypdf measures the gap to the next word from the text that it has seen last.
    """

    _STEP = 0.08
    """The side of the squares in which places are compared, as a part of the font's size. An l is 0.22 wide."""

    def __init__(self) -> None:
        self.repeated: set[int] = set()
        self._seen: dict[tuple[str, float, int, int], int] = {}
        self._number = -1
        self._size = 12.0
        self._is_placed = False

    def see(self, operator: bytes, operands: list[Any], cm: list[float], tm: list[float]) -> None:
        """Take note of an operator. pypdf calls this before each one."""
        if operator in _PLACING:
            self._is_placed = True
        elif operator == b"Tf" and len(operands) > 1 and isinstance(operands[1], int | float):
            self._size = float(min(abs(operands[1]), _LARGEST)) or 1.0
        elif operator in SHOWING:
            self._number += 1
            if self._is_placed and operands and operator in (b"Tj", b"TJ"):
                self._compare(repr(operands[0]), cm, tm)
            self._is_placed = False

    def _compare(self, text: str, cm: list[float], tm: list[float]) -> None:
        """Look for the same text in this square and those around it; note its place."""
        scale = (abs(tm[0] * tm[3] - tm[1] * tm[2]) * abs(cm[0] * cm[3] - cm[1] * cm[2])) ** 0.5
        step = self._STEP * self._size * scale or 1.0
        x = (tm[4] * cm[0] + tm[5] * cm[2] + cm[4]) / step
        y = (tm[4] * cm[1] + tm[5] * cm[3] + cm[5]) / step
        if not (isfinite(x) and isfinite(y)):
            return
        column, row = round(x), round(y)
        near = [(text, self._size, column + right, row + up) for right in (-1, 0, 1) for up in (-1, 0, 1)]
        other = max((self._seen[place] for place in near if place in self._seen), default=None)
        if other is not None:
            self.repeated.add(other if other == self._number - 1 else self._number)
        self._seen[text, self._size, column, row] = self._number
