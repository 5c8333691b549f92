"""The sheets of a file -> text: one line for each row, tabs between cells; the metadata say where tables and rows are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from ragqa.errors import RejectedError
from ragqa.load.bounds import Limits
from ragqa.load.sheets.sheet import TAB, Budget, Sheet, cell
from ragqa.load.table import Table, is_names, table_metadata, tables_in
from ragqa.records import Extracted

_MOST_GAP = 20
"""The most empty rows that are kept as blank lines. The number of the row behind a longer gap is recorded."""
_MOST_PLACES = 5_000
"""The most places whose row number is recorded."""
_MOST_BLOCK = 200_000
"""The most cells of a run of rows in which tables side by side are looked for."""

Line = tuple[int, list[str]]
"""The number of a row and its cells."""


@dataclass(slots=True)
class _Text:
    """The text so far and its places."""

    budget: Budget
    parts: list[str] = field(default_factory=list)
    length: int = 0
    places: list[list[Any]] = field(default_factory=list)

    def add(self, line: str) -> None:
        self.budget.take(line)
        self.parts += (line, "\n")
        self.length += len(line) + 1

    def place(self, name: str, row: int | None = None) -> None:
        """Record that a place begins here; the line that follows is this row."""
        numbered = row is not None and len(self.places) < _MOST_PLACES
        if numbered or row is None or len(self.places[-1]) > 2:
            self.places.append([self.length, name, *([row] if numbered else [])])


def extracted(
    sheets: Iterable[Sheet], limits: Limits, properties: Mapping[str, str], not_read: Mapping[str, int]
) -> Extracted:
    """Return the text of sheets: the name of each on a line of its own, then its rows, comments, text boxes and charts.

    - The names of columns in two rows, of which the upper one is over several columns, are joined to one line.
    - Tables side by side follow one another.
    - Columns that are empty in the whole sheet are left out, and so are sheets in which there is nothing.

    Metadata: those of CSV; `headings`, the names of sheets; `places`, such as `[120, "sheet Prices", 40]`; `hidden`, what
    the file hides and the text has; `not_read`; and the author's properties.

    :raises RejectedError: there is no text, or too much.
    """
    text = _Text(Budget(limits.characters))
    headings: list[list[int]] = []
    tables: list[Table] = []
    hidden: Counter[str] = Counter()
    for sheet in sheets:
        columns = sheet.used_columns()
        hidden_columns = sum(any(low <= n <= high for low, high in sheet.hidden_columns) for n in columns)
        hidden.update({"sheets": int(sheet.hidden), "rows": sheet.hidden_rows, "columns": hidden_columns})
        if sheet.rows or sheet.comments or sheet.boxes:
            if text.length:
                text.add("")
            headings.append([text.length, 1])
            tables += _write(sheet, text)
    not_read = {kind: count for kind, count in not_read.items() if count}
    if not headings:
        said = f"; not read: {', '.join(f'{kind} ({count})' for kind, count in not_read.items())}" if not_read else ""
        raise RejectedError(f"no text: all sheets are empty{said}")
    whole = "".join(text.parts)
    found = {"headings": headings, "places": text.places, "hidden": dict(+hidden), "not_read": not_read}
    author = {name: value for name, value in properties.items() if name != "title"}
    metadata: dict[str, Any] = {
        **author,
        **table_metadata(whole, TAB, tables),
        **{name: value for name, value in found.items() if value},
    }
    metadata.pop("ragged_rows", None)  # empty cells at the end of a row are not written
    return Extracted(whole, " ".join(properties.get("title", "").split()), (), metadata)


def _write(sheet: Sheet, text: _Text) -> list[Table]:
    """Write a sheet, and return its tables."""
    start, name = text.length, cell(sheet.name)
    place = f"sheet {name}"
    text.place(place)
    text.add(name)
    ends = [*sheet.comment_lines(), *filter(None, map(cell, sheet.boxes))]
    over_columns = sheet.fill_merged()
    first, begin = text.length, len(text.parts)
    _write_rows(sheet, over_columns, place, text)
    rows = "".join(text.parts[begin:])
    tables = [table.moved(first) for table in tables_in(rows, TAB)] if TAB in rows else [Table.without_header(first)]
    tables[0] = replace(tables[0], start=start)
    if ends:
        text.add("")
        text.place(place)
        tables.append(Table.without_header(text.length))
        for line in ends:
            text.add(line)
    return tables


def _write_rows(sheet: Sheet, over_columns: set[int], place: str, text: _Text) -> None:
    """Write rows; blank lines are between those that empty rows divide."""
    columns = sheet.used_columns()
    expected: int | None = None  # the number of the row that the next line would be
    for block in _blocks(sheet.rows):
        parts = _side_by_side(block)
        if len(parts) == 1 and len(columns) <= columns[-1]:
            parts = [[(number, [cells[n] for n in columns if n < len(cells)]) for number, cells in block]]
        for part in parts:
            if expected is not None:
                gap = part[0][0] - expected
                near = 0 < gap <= _MOST_GAP
                for _ in range(gap if near else 1):
                    text.add("")
                expected = part[0][0] if near else None
            for number, cells in _with_one_header(part, over_columns):
                if number != expected:
                    text.place(place, number)
                text.add(TAB.join(cells).rstrip(TAB))
                expected = number + 1


def _blocks(rows: Mapping[int, str]) -> Iterator[list[Line]]:
    """Yield the runs of rows without an empty one between them."""
    for _, run in groupby(enumerate(sorted(rows)), key=lambda item: item[1] - item[0]):
        yield [(number, rows[number].split(TAB)) for _, number in run]


def _with_one_header(block: list[Line], over_columns: set[int]) -> list[Line]:
    """Return a run of rows; the names of its columns are joined where a row over several columns is above others."""
    top = next((n for n, (_, cells) in enumerate(block) if sum(map(bool, cells)) > 1), 0)
    end = top
    while end + 1 < len(block) and block[end][0] in over_columns and _is_text(block[end + 1][1]):
        end += 1
    if end == top or end + 1 == len(block) or not _is_text(block[top][1]):
        return block
    levels = [cells for _, cells in block[top : end + 1]]
    width = max(map(len, levels))
    padded = [cells + [""] * (width - len(cells)) for cells in levels]
    names = [" ".join(dict.fromkeys(filter(None, column))) for column in zip(*padded, strict=True)]
    return [*block[:top], (block[top][0], names), *block[end + 1 :]]


def _is_text(cells: Sequence[str]) -> bool:
    """Tell whether the cells of a row can be names of columns, which may be repeated."""
    return is_names(list(dict.fromkeys(filter(None, cells))))


def _side_by_side(block: list[Line]) -> list[list[Line]]:
    """Return the tables of a run of rows that are side by side, with an empty column between them.

    An empty column may also be within a table. Tables are told from its parts by names of columns that are repeated, or
    by different numbers of rows.
    """
    width = max(len(cells) for _, cells in block)
    if width < 5 or len(block) * width > _MOST_BLOCK:
        return [block]
    used = [any(place < len(cells) and cells[place] for _, cells in block) for place in range(width)]
    spans = [
        [place for place, _ in group]
        for is_used, group in groupby(enumerate(used), key=lambda item: item[1])
        if is_used
    ]
    if len(spans) < 2 or any(len(span) < 2 for span in spans):
        return [block]
    parts = [[(number, own) for number, cells in block if any(own := cells[span[0] : span[-1] + 1])] for span in spans]
    headers = [part[0][1] for part in parts]
    if any(len(part) < 2 or not is_names(header) for part, header in zip(parts, headers, strict=True)):
        return [block]
    repeated = len({name for header in headers for name in header if name}) < sum(1 for h in headers for n in h if n)
    rows = {tuple(number for number, _ in part) for part in parts}
    return parts if repeated or len(rows) == len(parts) else [block]
