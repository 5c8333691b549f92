"""The cells of an HTML table -> rows of text with pipes. A cell that spans rows or columns stands in each of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

MOST_COLUMNS, MOST_ROWS = 1_000, 65_534
"""The most columns and rows that a cell may span (HTML standard, section 4.9.11)."""
MOST_REPEATED = 2_000_000
"""The most characters that cells which span several places may add to a table; no further cell spans any."""
PROSE_CHARACTERS = 600
"""A table with a cell of more characters, or with one column, arranges a page: its cells are blocks."""
_DIGIT = re.compile(r"\d")


@dataclass(slots=True)
class Cell:
    """A cell: its text on one line, whether it is a header, how many columns and rows it has, and whether a heading is in it."""

    text: str
    header: bool = False
    columns: int = 1
    rows: int = 1
    heading: bool = False


@dataclass(slots=True)
class Row:
    """The cells that a row of the source has, and whether it is in the head of its table."""

    cells: list[Cell] = field(default_factory=list)
    head: bool = False


@dataclass(frozen=True, slots=True)
class _Place:
    """A place of the grid. `begins` tells whether its cell begins here, `below` whether it goes on in the next row."""

    text: str
    header: bool
    begins: bool
    below: bool


_EMPTY = _Place("", False, False, False)


def is_data(rows: Sequence[Row], *, nested: bool) -> bool:
    """Tell whether rows are a table of data, and not cells that arrange a page.

    :param nested: a cell has another table.
    """
    cells = [cell for row in rows for cell in row.cells]
    several = any(len(row.cells) > 1 for row in rows)
    prose = any(len(cell.text) > PROSE_CHARACTERS for cell in cells)
    arranges = nested or not _headings_name(rows)
    return several and not prose and (not arranges or any(cell.header for cell in cells))


def _headings_name(rows: Sequence[Row]) -> bool:
    """Tell whether headings, if there are any, are where names are: in the first row or first cells of a table without gaps."""
    places = [(i, k) for i, row in enumerate(rows) for k, cell in enumerate(row.cells) if cell.heading]
    if not places:
        return True
    even = len(rows) > 1 and len({len(row.cells) for row in rows}) == 1
    return even and (all(i == 0 for i, _ in places) or all(k == 0 for _, k in places))


def table_lines(rows: Sequence[Row]) -> Iterator[tuple[str, str]]:
    """Yield the lines of a table, each also as it stands in a cell of another table: the names of the columns and a line of dashes, where it has a header; then its rows.

    A title over the whole width of the table is a line of its own. Rows without any text are left out.
    """
    grid, heads = _grid(rows)
    while grid and (title := _title(grid[0])):
        yield title, title
        grid, heads = grid[1:], heads[1:]
    count = _header_rows(grid, heads)
    if count:
        names = [_name(column) for column in zip_longest(*grid[:count], fillvalue=_EMPTY)]
        yield _line(names), " ".join(names)
        yield "|" + "---|" * len(names), ""
    for row in grid[count:]:
        texts = [place.text for place in row]
        if any(texts) and not _only_continues(row):
            texts = [texts[0]] + [""] * (len(row) - 1) if _title(row) else texts
            yield _line(texts), " ".join(filter(None, texts))


def _line(texts: Sequence[str]) -> str:
    return "| " + " | ".join(text.replace("|", "\\|") for text in texts) + " |"


def _grid(rows: Sequence[Row]) -> tuple[list[list[_Place]], list[bool]]:
    """Return the places of each row up to its last one, and whether each row is in the head."""
    widths = [sum(cell.columns for cell in row.cells) for row in rows if len(row.cells) > 1]
    filler = _Filler(min(MOST_COLUMNS, max(widths, default=1)))
    grid = [filler.row(row.cells, len(rows) - number - 1) for number, row in enumerate(rows)]
    return grid, [row.head for row in rows]


@dataclass(slots=True)
class _Filler:
    """Puts cells on the places of a grid, row after row.

    :param width: the number of columns of the widest row with several cells; a cell alone in its row spans no more.
    """

    width: int
    going_on: dict[int, tuple[Cell, int]] = field(default_factory=dict)
    """By column: a cell that began in a row above, and the number of rows that are left to it."""
    spare: int = MOST_REPEATED

    def row(self, cells: Sequence[Cell], below: int) -> list[_Place]:
        """Return the places of the next row. :param below: the number of rows after it."""
        if self.spare <= 0:
            self.going_on, self.width = {}, 1
        places = {column: self._repeated(cell, left > 1) for column, (cell, left) in self.going_on.items()}
        self.going_on = {column: (cell, left - 1) for column, (cell, left) in self.going_on.items() if left > 1}
        column = 0
        for cell in cells:
            while column in places:
                column += 1
            left = min(cell.rows - 1, below)
            for place in range(column, max(column + 1, min(column + cell.columns, self.width))):
                first = place == column
                places[place] = (
                    _Place(cell.text, cell.header, True, left > 0) if first else self._repeated(cell, left > 0)
                )
                if left > 0 and self.spare > 0:
                    self.going_on[place] = (cell, left)
            column += 1
        return [places.get(column, _EMPTY) for column in range(max(places, default=-1) + 1)]

    def _repeated(self, cell: Cell, below: bool) -> _Place:
        self.spare -= len(cell.text) + 1
        return _Place(cell.text if self.spare > 0 else "", cell.header, False, below)


def _title(row: Sequence[_Place]) -> str:
    """Return the text of a row that has one cell alone; empty for other rows."""
    whole = bool(row) and row[0].begins and not any(place.begins for place in row[1:])
    return row[0].text if whole and all(place.text in ("", row[0].text) for place in row[1:]) else ""


def _header_rows(grid: Sequence[Sequence[_Place]], heads: Sequence[bool]) -> int:
    """Return how many rows at the top name the columns: those of the head, else those of header cells alone."""
    count = 0
    width = max(map(len, grid), default=0)
    while count < len(grid) - 1 and (heads[count] or (not any(heads) and _is_header(grid[count], count and width))):
        count += 1
    if count or len(grid) < 2 or any(place.header for row in grid for place in row):
        return count
    first, below = grid[0], [place.text for row in grid[1:] for place in row]
    named = all(place.text and not _DIGIT.search(place.text) for place in first)
    return int(named and any(map(_DIGIT.search, below)))


def _is_header(row: Sequence[_Place], width: int) -> bool:
    """Tell whether a row has header cells alone, in each column but the first, and at least `width` columns."""
    filled = [place for place in row if place.text]
    return len(row) >= width and bool(filled) and all(place.header for place in [*filled, *row[1:]])


def _name(column: Sequence[_Place]) -> str:
    """Return the name of a column from the rows of the header, each text once."""
    return " ".join(dict.fromkeys(place.text for place in column if place.text))


def _only_continues(row: Sequence[_Place]) -> bool:
    """Tell whether every cell of a row goes on in the next row, so that this row says nothing of its own."""
    return all(place.below for place in row if place.text)
