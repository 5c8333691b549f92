"""The operators of a PDF's page, recorded while pypdf reads the page, and whether it may have a table."""

from __future__ import annotations

from typing import Any

SHOWING = (b"Tj", b"TJ", b"'", b'"')
"""The operators that show text."""
END = b"end of form"
"""Stands where the operators of a form end."""
LARGEST = 1e5
"""Places beyond this are not on any page."""
_MOST_OPERATORS = 100_000
"""A page with more operators is a drawing or a map; it is not searched for tables."""


class Recorder:
    """Takes the operators of a page from pypdf's visitors, and tells whether the page may have a table."""

    def __init__(self) -> None:
        self.operators: list[tuple[bytes, list[Any]]] = []
        self._rules = 0
        self._starts: list[tuple[int, int]] = []

    def before(self, operator: bytes, operands: list[Any], cm: list[float], tm: list[float]) -> None:
        """Take note of an operator. pypdf calls this before each one."""
        if len(self.operators) > _MOST_OPERATORS:
            return
        self.operators.append((operator, operands[:] if operator in SHOWING else operands))
        if operator in SHOWING:
            x, y = tm[4] * cm[0] + tm[5] * cm[2] + cm[4], tm[4] * cm[1] + tm[5] * cm[3] + cm[5]
            if abs(x) < LARGEST and abs(y) < LARGEST:
                self._starts.append((round(x), round(y)) if abs(tm[0] * cm[0]) > 1e-9 else (round(-y), round(x)))
                if operator == b"TJ" and operands and _is_spread(operands[0]):
                    self._starts.append((self._starts[-1][0] + 100, self._starts[-1][1]))
        elif operator in (b"re", b"l"):
            self._rules += 1

    def after(self, operator: bytes, operands: list[Any], cm: list[float], tm: list[float]) -> None:
        """Take note of the end of a form, whose operators come between. pypdf calls this after each operator."""
        if operator == b"Do":
            self.operators.append((END, []))

    @property
    def may_have_table(self) -> bool:
        """Tell whether three lines have text that begins at two places far from one another, or there are rules."""
        if len(self.operators) > _MOST_OPERATORS or len(self._starts) < 4:
            return False
        lines: dict[int, tuple[int, int]] = {}
        for x, y in self._starts:
            low, high = lines.get(y, (x, x))
            lines[y] = (min(low, x), max(high, x))
        return self._rules > 3 or sum(high - low > 15 for low, high in lines.values()) > 2


def _is_spread(shown: Any) -> bool:
    """Tell whether a list of texts and moves has a move as wide as the space between two columns."""
    return isinstance(shown, list) and any(isinstance(each, int | float) and each < -900 for each in shown)
