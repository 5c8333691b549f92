"""Shapes of a slide -> the order in which a person reads them.

The slide is cut at its widest free strip, from side to side or from top to bottom, and each half again. So the columns
of a slide are read one after the other, and so are the rows of a grid. A file lists shapes as they were drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

_MOST_CUT = 200
"""More shapes than this are read from top to bottom."""
_SLACK = 0.08
"""The part of its height and width by which a shape may reach into its neighbour; frames are larger than their texts."""

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Box:
    """The place of a shape in its tree."""

    left: int
    top: int
    width: int
    height: int


def in_reading_order(items: Sequence[tuple[Item, Box | None]]) -> list[Item]:
    """Return items in the order of their boxes. Items follow the one before them where they have no box."""
    placed: list[tuple[list[Item], Box]] = []
    first: list[Item] = []
    for item, box in items:
        if box is not None:
            placed.append(([item], box))
        else:
            (placed[-1][0] if placed else first).append(item)
    ordered = _sorted(placed) if len(placed) > _MOST_CUT else _cut(placed)
    return first + [item for group, _ in ordered for item in group]


def _sorted(placed: list[tuple[list[Item], Box]]) -> list[tuple[list[Item], Box]]:
    return sorted(placed, key=lambda each: (each[1].top, each[1].left))


def _cut(placed: list[tuple[list[Item], Box]]) -> list[tuple[list[Item], Box]]:
    """Return the parts on either side of the widest free strip in turn; from top to bottom where there is none."""
    if len(placed) < 2:
        return placed
    rows = _widest(placed, [(box.top, box.height) for _, box in placed])
    columns = _widest(placed, [(box.left, box.width) for _, box in placed])
    if rows is None and columns is None:
        return _sorted(placed)
    if columns is None or (rows is not None and rows[0] >= columns[0]):
        strip, before = rows, [box.top for _, box in placed]
    else:
        strip, before = columns, [box.left for _, box in placed]
    assert strip is not None
    low = [each for each, start in zip(placed, before, strict=True) if start < strip[1]]
    high = [each for each, start in zip(placed, before, strict=True) if start >= strip[1]]
    return _cut(low) + _cut(high) if low and high else _sorted(placed)


def _widest(placed: Sequence[object], spans: Sequence[tuple[int, int]]) -> tuple[float, int] | None:
    """Return the width of the widest free strip between spans, and where the first span after it begins."""
    ends: float | None = None
    best: tuple[float, int] | None = None
    for start, length in sorted(spans):
        slack = length * _SLACK
        if ends is not None and (gap := start + slack - ends) >= 0 and (best is None or gap > best[0]):
            best = (gap, start)
        ends = max(start + length - slack, ends if ends is not None else start)
    return best
