"""CSV and TSV. The text is the file itself; the metadata say where its tables, their headers and their rows begin."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from ragqa.records import Extracted
from ragqa.records.delimited import MOST_NAMES, Span, cells, rows, value, width

_HEADER_CHARACTERS = 10_000
"""The most characters of a header. A longer first record is the result of a quotation mark that is not closed."""
_SAMPLED = 50
"""The rows of a block by which its header is found, and the rows of a file by which its delimiter is found."""
_COMPARED = 100
"""The cells of a row that are compared with those below, and the characters of a cell that are."""
_MOST_BLOCKS = 1_000
"""The most runs of rows between blank lines. A file with more is one table."""

_SEPARATOR_LINE = re.compile(r"sep=([^\w\s\"]|\t)[ \t]*(?:\r\n|\r|\n|\Z)", re.IGNORECASE)
"""The first line by which a spreadsheet says the delimiter."""
_NUMBER = re.compile(r"[^\w\s]{0,3}\s?\d[\d.,:/\s-]*\s?[^\w\s]?(?:[A-Za-z]{1,3})?")
"""An amount, a date or a time, perhaps with a sign and a unit."""
_YEAR = re.compile(r"(?:19|20)\d\d")
"""A number that may as well be the name of a column."""


def comma_separated(text: str) -> Extracted:
    """Return a CSV file as it is, as `separated` does.

    Its delimiter is a comma, or a semicolon, a tab or a bar, as some programs write.
    """
    return separated(text, ",;\t|")


def tab_separated(text: str) -> Extracted:
    """Return a TSV file as it is, as `separated` does."""
    return separated(text, "\t")


def separated(text: str, delimiters: str) -> Extracted:
    """Return a CSV or TSV file as it is. The delimiter is that of a line `sep=`, else that which divides most rows.

    Metadata: `header` (that of the first table on one line; empty where it is very long), `columns` (the number of its
    columns), `rows` (the number of rows below the headers of all tables, without blank ones), `ragged_rows` (the number
    of rows with more or fewer columns than their header; left out where there is none), `delimiter`, `tables`: for
    each table the offsets of its beginning, its header and its first row, and `unnamed_columns`, the number of columns
    of very wide tables whose names are with no part of a row. Lines above a header, such as a title, are a part of its
    table.
    """
    start = len(text) - len(text.removeprefix("\ufeff"))
    said = _SEPARATOR_LINE.match(text, start)
    start = said.end() if said else start
    delimiter = said[1] if said else _delimiter(text, delimiters, start)
    tables = tables_in(text, delimiter, start)
    return Extracted(text, metadata=table_metadata(text, delimiter, tables))


def table_metadata(text: str, delimiter: str, tables: Sequence[Table]) -> dict[str, Any]:
    """Return the metadata of tables (see `separated`)."""
    first = next((table for table in tables if table.columns), tables[0])
    header = text[first.header : first.body]
    widths = [(length == table.columns, n) for table in tables for length, n in table.widths.items()]
    ragged = sum(n for same, n in widths if not same)
    metadata: dict[str, Any] = {
        "header": " ".join(header.splitlines()).strip() if len(header) <= _HEADER_CHARACTERS else "",
        "columns": first.columns,
        "rows": sum(n for _, n in widths),
        "delimiter": delimiter,
        "tables": [[table.start, table.header, table.body] for table in tables],
    }
    unnamed = sum(max(0, table.columns - MOST_NAMES) for table in tables)
    metadata |= {"unnamed_columns": unnamed} if unnamed else {}
    return metadata | ({"ragged_rows": ragged} if ragged else {})


def _delimiter(text: str, delimiters: str, start: int) -> str:
    """Return the delimiter that divides most of the first rows, and most of them into the same number of cells."""

    def fit(delimiter: str) -> tuple[float, float, int]:
        sample = islice(_filled(text, delimiter, start, len(text)), _SAMPLED)
        widths = Counter(width(text, delimiter, *row) for row in sample)
        divided = {length: n for length, n in widths.items() if length > 1}
        if not divided:
            return 0, 0, 0
        n, length = max((n, length) for length, n in divided.items())
        return sum(divided.values()) / widths.total(), n / widths.total(), length

    return max(delimiters, key=fit)


def _filled(text: str, delimiter: str, low: int, high: int) -> Iterator[Span]:
    """Yield the rows that are not blank."""
    return (row for row in rows(text, delimiter, low, high) if not _is_blank(text, delimiter, row))


def _is_blank(text: str, delimiter: str, row: Span) -> bool:
    blank = f"{delimiter} \t\r\n"
    return text[row[0]] in blank and not text[row[0] : row[1]].strip(blank)


@dataclass(slots=True)
class _Block:
    """A run of rows without a blank one, and the number of its rows by their number of cells.

    `starts`, `lengths` and `sample` are the offsets, the numbers of cells and the contents of its first rows.
    """

    starts: list[int] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    sample: list[list[str]] = field(default_factory=list)
    widths: Counter[int] = field(default_factory=Counter)
    end: int = 0

    def add(self, text: str, delimiter: str, row: Span) -> None:
        """Add a row; beyond the first ones it is only counted."""
        length = width(text, delimiter, *row)
        self.widths[length] += 1
        self.end = row[1]
        if len(self.sample) < _SAMPLED:
            self.starts.append(row[0])
            self.lengths.append(length)
            compared = islice(cells(text, delimiter, *row), _COMPARED)
            self.sample.append([value(text[low : min(high, low + _COMPARED)]) for low, high in compared])

    def table(self, at: int, start: int) -> Table:
        """Return the table whose header is the row `at`."""
        body = self.starts[at + 1] if at + 1 < len(self.starts) else self.end
        below = self.widths - Counter(self.lengths[: at + 1])
        return Table(start, self.starts[at], body, self.lengths[at], self.sample[at], below)


@dataclass(frozen=True, slots=True)
class Table:
    """The offsets of a table, the columns and names of its header, and the number of its rows by their number of cells."""

    start: int
    header: int
    body: int
    columns: int
    names: list[str]
    widths: Counter[int]

    @classmethod
    def without_header(cls, start: int) -> Table:
        """Return lines that are no rows below names of columns, such as notes."""
        return cls(start, start, start, 0, [], Counter())

    def moved(self, offset: int) -> Table:
        """Return the same table in a text with so many characters before it."""
        return replace(self, start=self.start + offset, header=self.header + offset, body=self.body + offset)


def tables_in(text: str, delimiter: str, start: int = 0) -> list[Table]:
    """Return the tables of a file, at least one. Where no run of rows is a table of its own, all rows are one."""
    blocks = _blocks(text, delimiter, start)
    tables: list[Table] = []
    pending: int | None = None  # the beginning of lines that belong to the next table
    for n, block in enumerate(blocks if len(blocks) <= _MOST_BLOCKS else ()):
        top = block.starts[0] if pending is None else pending
        at = _header_row(block.sample)
        following = blocks[n + 1].sample if n + 1 < len(blocks) else []
        if at is None or (not tables and _is_preamble(block.sample, at, following)):
            pending = top
        elif not tables or _is_new(block.sample, at, tables[-1], titled=pending is not None):
            tables.append(block.table(at, top))
            pending = None
        else:
            tables[-1].widths.update(block.widths)
            pending = None
    return tables or [_whole(text, delimiter, start, blocks)]


def _blocks(text: str, delimiter: str, start: int) -> list[_Block]:
    """Return the runs of rows without a blank one; the last of very many has all that follows."""
    blocks: list[_Block] = []
    inside = False
    for row in rows(text, delimiter, start, len(text)):
        if _is_blank(text, delimiter, row):
            inside = False
            continue
        if not inside and len(blocks) <= _MOST_BLOCKS:
            blocks.append(_Block())
        inside = True
        blocks[-1].add(text, delimiter, row)
    return blocks


def _whole(text: str, delimiter: str, start: int, blocks: Sequence[_Block]) -> Table:
    """Return all rows as one table; the first row that looks like a header is its header."""
    first = _Block()
    for row in islice(_filled(text, delimiter, start, len(text)), _SAMPLED):
        first.add(text, delimiter, row)
    if not first.sample:
        return Table.without_header(start)
    first.widths = sum((block.widths for block in blocks), Counter[int]())
    return first.table(_header_row(first.sample) or 0, start)


def _header_row(sample: Sequence[Sequence[str]]) -> int | None:
    """Return the number of the row that is the header; None where most rows have one cell.

    Rows above it have one cell, or fewer cells than most rows and than the header, such as `Date;2024-05-01`.
    """
    used = [_used(row) for row in sample]
    typical = max(Counter(used).items(), key=lambda item: (item[1], item[0]), default=(0, 0))[0]
    if typical < 2:
        return None
    first = next((n for n, row in enumerate(sample) if sum(map(bool, row)) > 1), 0)
    wide = next((n for n in range(first, len(sample)) if used[n] >= typical), first)
    return wide if wide == first or is_names(sample[wide]) else first


def _used(row: Sequence[str]) -> int:
    """Return the number of cells of a row without empty ones at its end."""
    return max((n for n, cell in enumerate(row, start=1) if cell), default=0)


def is_names(row: Sequence[str]) -> bool:
    """Tell whether a row can hold the names of columns: different texts, and no number but a year."""
    filled = [cell for cell in row if cell]
    numbers = [cell for cell in filled if _is_number(cell) and not _YEAR.fullmatch(cell)]
    return len(filled) > 1 and len(set(filled)) == len(filled) and not numbers


def _is_number(cell: str) -> bool:
    return _NUMBER.fullmatch(cell) is not None


def _is_preamble(sample: Sequence[Sequence[str]], at: int, following: Sequence[Sequence[str]]) -> bool:
    """Tell whether the first rows of a file are notes on the table that follows: one row, or names with their values."""
    below = _header_row(following)
    if below is None or len(following) == below + 1:
        return False
    narrower = _used(sample[at]) < _used(following[below])
    return len(sample) == at + 1 or (narrower and _used(sample[at]) == 2 and not is_names(sample[at]))


def _is_new(sample: Sequence[Sequence[str]], at: int, last: Table, *, titled: bool) -> bool:
    """Tell whether a block after a blank line begins a table of its own, rather than going on with the last one.

    :param titled: there are lines between the last table and the block.
    """
    header, body = sample[at], sample[at + 1 :]
    if not body or not is_names(header):
        return False
    if titled or at or _used(header) != _used(last.names) or [*header] == last.names:
        return True
    columns = (
        [row[n] for row in body if n < len(row) and row[n]] for n, name in enumerate(header) if not _is_number(name)
    )
    return any(column and all(map(_is_number, column)) for column in columns)
