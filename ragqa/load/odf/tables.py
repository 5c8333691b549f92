"""Tables of an OpenDocument file -> rows of cells, with a short merged cell in each place that it covers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ragqa.load.odf.package import qn
from ragqa.load.odf.styles import whole
from ragqa.load.pages import Line
from ragqa.load.pipes import REPEATED_CHARACTERS

_MOST_COLUMNS, _MOST_ROWS, _MOST_COVERED = 1_000, 10_000, 100_000
_GROUPS = {qn(f"table:{name}") for name in ("table-header-rows", "table-rows", "table-row-group")}


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: its lines, and these as one text."""

    lines: Sequence[Line]
    text: str


_EMPTY = Cell((), "")


def rows(table: Any, lines: Callable[[Any], list[Line]]) -> list[list[Cell]]:
    """Return the rows of a table.

    :param lines: returns the lines of what is within a cell.
    """
    covered: dict[tuple[int, int], str] = {}
    grid: list[list[Cell]] = []
    for place, row in enumerate(_rows(table)):
        cells: list[Cell] = []
        for element in row.iterchildren(qn("table:table-cell"), qn("table:covered-table-cell")):
            repeats = max(1, whole(element.get(qn("table:number-columns-repeated")), 1))
            own = _cell(lines(element)) if element.tag == qn("table:table-cell") else _EMPTY
            for _ in range(min(repeats, _MOST_COLUMNS - len(cells))):
                text = covered.pop((place, len(cells)), "")
                _cover(covered, element, place, len(cells), own.text)
                cells.append(Cell((), text) if text and not own.text else own)
        grid.append(cells)
    return grid


def _rows(table: Any) -> Iterator[Any]:
    for child in table.iterchildren():
        if child.tag == qn("table:table-row"):
            yield child
        elif child.tag in _GROUPS:
            yield from _rows(child)


def _cell(lines: list[Line]) -> Cell:
    """Return a cell; a single item of a list has no bullet there."""
    texts = [line.text.strip() for line in lines if line.text.strip()]
    return Cell(lines, texts[0].removeprefix("- ") if len(texts) == 1 else " ".join(texts))


def _cover(covered: dict[tuple[int, int], str], cell: Any, row: int, column: int, text: str) -> None:
    """Put down the text of a merged cell for the other places that it covers."""
    columns = min(_MOST_COLUMNS, whole(cell.get(qn("table:number-columns-spanned")), 1))
    deep = min(_MOST_ROWS, whole(cell.get(qn("table:number-rows-spanned")), 1))
    if text and len(text) <= REPEATED_CHARACTERS and columns * deep + len(covered) < _MOST_COVERED:
        for below in range(deep):
            for right in range(columns):
                if below or right:
                    covered[row + below, column + right] = text
