"""The matrices of a PDF, which move, scale and turn what is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Matrix = tuple[float, float, float, float, float, float]

IDENTITY: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


def matrix_of(operands: Sequence[Any]) -> Matrix:
    """Return the matrix of six operands."""
    a, b, c, d, e, f = (float(each) for each in operands)
    return (a, b, c, d, e, f)


def product(first: Matrix, second: Matrix) -> Matrix:
    """Return the matrix that does what the first does, and then what the second does."""
    a, b, c, d, e, f = first
    g, h, i, j, k, m = second
    return (a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + m)


def applied(matrix: Matrix, x: float, y: float) -> tuple[float, float]:
    """Return where a matrix moves a place."""
    a, b, c, d, e, f = matrix
    return a * x + c * y + e, b * x + d * y + f


def turns_of(matrix: Matrix) -> int:
    """Return how often a line of text is turned by 90 degrees, counter-clockwise; -1 where it is aslant or mirrored."""
    a, b, c, d, _, _ = matrix
    if a * d - b * c <= 0:
        return -1
    if abs(b) <= 0.02 * abs(a):
        return 0 if a > 0 else 2
    return (1 if b > 0 else 3) if abs(a) <= 0.02 * abs(b) else -1


def turned_place(x: float, y: float, turns: int) -> tuple[float, float]:
    """Return a place on the page after the page is turned, so that text with that many turns is upright."""
    return ((x, y), (y, -x), (-x, -y), (-y, x))[turns]
