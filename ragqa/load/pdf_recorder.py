"""The operators of a PDF's page, recorded while pypdf reads the page, and whether the places of its text matter."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from typing import Any

from ragqa.load.pdf_matrix import Matrix, applied, matrix_of

SHOWING = (b"Tj", b"TJ", b"'", b'"')
"""The operators that show text."""
PAINTING = frozenset((b"S", b"s", b"B", b"B*", b"b", b"b*", b"f", b"F", b"f*"))
"""The operators that draw a path."""
FILLING = PAINTING - {b"S", b"s"}
"""Those that fill it."""
END = b"end of form"
"""Stands where the operators of a form end."""
LARGEST = 1e5
"""Places beyond this are not on any page."""
Box = tuple[float, float, float, float]
"""The left, lower, right and upper side."""
_CLOSE, _FAR = 3.0, 300.0
_LINES = (b"m", b"l", b"c", b"v", b"y")
_MOST_OPERATORS = 100_000
"""A page with more operators is a drawing or a map; it is not searched for tables and columns."""


class Recorder:
    """Takes the operators of a page from pypdf's visitors, and tells whether the places of its text matter.

    :param box: the part of the page that is shown.
    """

    def __init__(self, box: Box) -> None:
        self.operators: list[tuple[bytes, list[Any]]] = []
        self.hiding = _Hiding(box)
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
            self.hiding.show(x, y)
            if abs(x) < LARGEST and abs(y) < LARGEST:
                self._starts.append((round(x), round(y)) if abs(tm[0] * cm[0]) > 1e-9 else (round(-y), round(x)))
                if operator == b"TJ" and operands and _is_spread(operands[0]):
                    self._starts.append((self._starts[-1][0] + 100, self._starts[-1][1]))
            return
        self.hiding.see(operator, operands, cm)
        if operator in (b"re", b"l"):
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


class _Hiding:
    """Tells, fast, whether some text may be hidden: by what is drawn after it, by a clipping path, by the page's edge.

    :param box: the part of the page that is shown.
    """

    def __init__(self, box: Box) -> None:
        self.may = False
        self._seen = box
        self._outer: list[Box] = []
        self._path: list[tuple[float, float]] = []
        self._clips = False
        self._starts: dict[int, list[float]] = {}

    def show(self, x: float, y: float) -> None:
        """Take note of the place where a text begins."""
        left, low, right, high = self._seen
        self.may = self.may or not (left - _CLOSE < x < right + _CLOSE and low - _CLOSE < y < high + _CLOSE)
        if not self.may and abs(y) < LARGEST:
            self._starts.setdefault(round(y), []).append(x)

    def see(self, operator: bytes, operands: list[Any], cm: list[float]) -> None:
        """Take note of another operator. Operands of wrong types are no reason to look further."""
        if not self.may:
            with suppress(TypeError, ValueError, IndexError):
                self._see(operator, operands, matrix_of(cm))

    def _see(self, operator: bytes, operands: list[Any], cm: Matrix) -> None:
        if operator == b"re":
            x, y, width, height = map(float, operands)
            self._path += [applied(cm, x, y), applied(cm, x + width, y + height)]
        elif operator in _LINES:
            self._path += [applied(cm, float(x), float(y)) for x, y in zip(operands[::2], operands[1::2], strict=True)]
        elif operator == b"q":
            self._outer.append(self._seen)
        elif operator == b"Q":
            self._seen = self._outer.pop() if self._outer else self._seen
        elif operator in (b"W", b"W*"):
            self._clips = True
        elif operator in PAINTING or operator == b"n":
            self._paint(operator)
        elif operator == b"Do":
            self.may = self._hides([applied(cm, 0.0, 0.0), applied(cm, 1.0, 1.0)])
        elif operator == b"BDC":
            self.may = operands[0] == "/OC"

    def _paint(self, operator: bytes) -> None:
        if operator in FILLING:
            self.may = self._hides(self._path)
        if self._clips and self._path:
            low, high = map(min, zip(*self._path, strict=True)), map(max, zip(*self._path, strict=True))
            (left, bottom), (right, top) = low, high
            self._seen = (
                max(left, self._seen[0]),
                max(bottom, self._seen[1]),
                min(right, self._seen[2]),
                min(top, self._seen[3]),
            )
        self._path, self._clips = [], False

    def _hides(self, path: list[tuple[float, float]]) -> bool:
        """Tell whether text begins in what is painted, or to the left of it."""
        if not self._starts or not path:
            return False
        (left, low), (right, high) = map(min, zip(*path, strict=True)), map(max, zip(*path, strict=True))
        if high - low < _CLOSE or right - left < _CLOSE or high - low > LARGEST:
            return False
        inside = range(round(low), round(high) + 1)
        rows = self._starts if len(self._starts) < len(inside) else inside
        lines = [self._starts[y] for y in rows if y in inside and y in self._starts]
        return any(left - _FAR < x < right for line in lines for x in line)


def _is_spread(shown: Any) -> bool:
    """Tell whether a list of texts and moves has a move as wide as the space between two columns."""
    return isinstance(shown, list) and any(isinstance(each, int | float) and each < -900 for each in shown)


def _is_blank(operands: list[Any]) -> bool:
    """Tell whether an operator shows nothing but a space, as programs do at the end of a line."""
    shown = operands[-1] if operands else None
    only = shown[0] if isinstance(shown, list) and len(shown) == 1 else shown
    return only in (" ", b" ")
