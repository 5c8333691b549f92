"""The operators of a PDF's page, recorded while pypdf reads the page, and whether it may have a table or columns."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

SHOWING = (b"Tj", b"TJ", b"'", b'"')
"""The operators that show text."""
PAINTING = frozenset((b"S", b"s", b"B", b"B*", b"b", b"b*", b"f", b"F", b"f*"))
"""The operators that draw a path."""
END = b"end of form"
"""Stands where the operators of a form end."""
LARGEST = 1e5
"""Places beyond this are not on any page."""
_MOST_OPERATORS = 100_000
"""A page with more operators is a drawing or a map; it is not searched for tables and columns."""


class Recorder:
    """Takes the operators of a page from pypdf's visitors, and tells whether the places of its text matter."""

    def __init__(self) -> None:
        self.operators: list[tuple[bytes, list[Any]]] = []
        self._rules = self._begun = 0
        self._starts: list[tuple[int, int]] = []

    def before(self, operator: bytes, operands: list[Any], cm: list[float], tm: list[float]) -> None:
        """Take note of an operator. pypdf calls this before each one."""
        if len(self.operators) > _MOST_OPERATORS:
            return
        self.operators.append((operator, operands[:] if operator in SHOWING else operands))
        if operator in SHOWING:
            if _is_blank(operands):
                return
            x, y = tm[4] * cm[0] + tm[5] * cm[2] + cm[4], tm[4] * cm[1] + tm[5] * cm[3] + cm[5]
            if abs(x) < LARGEST and abs(y) < LARGEST:
                self._starts.append((round(x), round(y)) if abs(tm[0] * cm[0]) > 1e-9 else (round(-y), round(x)))
                if operator == b"TJ" and operands and _is_spread(operands[0]):
                    self._starts.append((self._starts[-1][0] + 100, self._starts[-1][1]))
        elif operator in (b"re", b"l"):
            self._begun += 1
        elif operator in PAINTING:
            self._rules += self._begun
            self._begun = 0
        elif operator == b"n":  # the path was for clipping
            self._begun = 0

    def after(self, operator: bytes, operands: list[Any], cm: list[float], tm: list[float]) -> None:
        """Take note of the end of a form, whose operators come between. pypdf calls this after each operator."""
        if operator == b"Do":
            self.operators.append((END, []))

    @property
    def may_have_columns(self) -> bool:
        """Tell whether there may be a table, or columns that are drawn line by line.

        Three lines have text that begins at two places far from one another, or there are rules, or what is drawn goes
        far to the side again and again.
        """
        if len(self.operators) > _MOST_OPERATORS or len(self._starts) < 4:
            return False
        lines: dict[int, tuple[int, int]] = {}
        for x, y in self._starts:
            low, high = lines.get(y, (x, x))
            lines[y] = (min(low, x), max(high, x))
        if self._rules > 3 or sum(high - low > 15 for low, high in lines.values()) > 2:
            return True
        return sum(abs(x - left) > 50 > 4 * abs(y - up) for (left, up), (x, y) in pairwise(self._starts)) > 8


def _is_spread(shown: Any) -> bool:
    """Tell whether a list of texts and moves has a move as wide as the space between two columns."""
    return isinstance(shown, list) and any(isinstance(each, int | float) and each < -900 for each in shown)


def _is_blank(operands: list[Any]) -> bool:
    """Tell whether an operator shows nothing but a space, as programs do at the end of a line."""
    shown = operands[-1] if operands else None
    only = shown[0] if isinstance(shown, list) and len(shown) == 1 else shown
    return only in (" ", b" ")
