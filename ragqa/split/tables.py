"""The pieces of tables (CSV, spreadsheets) and of records (JSON), each with the names and titles that it needs.

Rows and records that fit are not cut. What is cut keeps its names: a part of a row has those of its own columns.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import islice, pairwise

from ragqa.markdown import Heading
from ragqa.records import Document
from ragqa.records.delimited import MOST_NAMES, cells, delimiter_of, rows, tables_of, value
from ragqa.split.cutter import Cutter
from ragqa.split.markdown import headings_of
from ragqa.split.spans import Span, match_ends

RECORDS = ("application/jsonl", "application/json", "application/yaml", "application/toml", "application/xml")
"""The types of records. A file of such a type with headings is a document, as some in XML are."""
LABEL_CHARACTERS = 80
"""The most characters of one column's name, of a title and of a row's first cell in a context."""

_RECORD_END = re.compile(r"\n{3,}")
_HEADING = re.compile(r"# (.+)")
_TITLE = re.compile(r"^((?:title|name|heading|headline|subject|question): .*)", re.MULTILINE)

Fits = Callable[[str], bool]
"""Tells whether a text is short enough for a context."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a text, and the parts of its context, outer ones first. Its overlap begins at `floor` at the earliest.

    `names` are column names behind the context; the piece is so much shorter that both fit a chunk.
    """

    start: int
    end: int
    context: tuple[str, ...]
    floor: int
    names: str = ""


def record_pieces(text: str, low: int, high: int, cutter: Cutter) -> Iterator[Piece]:
    """Yield the pieces of records. A record that does not fit is cut, and every part has its title."""
    for (start, end), fits in cutter.runs(text, match_ends(_RECORD_END, text, low, high)):
        if fits:
            yield Piece(start, end, (), start)
            continue
        title = _HEADING.match(text, start, end) or _TITLE.search(text, start, end)
        context = (_short(title[1]),) if title else ()
        for first, last in cutter.recurse(text, start, end):
            yield Piece(first, last, context, start)


def table_pieces(document: Document, cutter: Cutter, fits: Fits) -> Iterator[Piece]:
    """Yield the pieces of delimited text, by the places of its tables. A table is below the last heading before it."""
    delimiter, places = delimiter_of(document), tables_of(document)
    headings = headings_of(document) if "headings" in document.metadata else []
    ends = [start for start, _, _ in places[1:]]
    for (start, header, body), end in zip(places, [*ends, len(document.text)], strict=True):
        number = bisect_right(headings, start, key=lambda heading: heading.start) - 1
        heading = headings[number] if number >= 0 else Heading(start, 1, "")
        above = document.text.find("\n", start) + 1 if heading.title and heading.start == start else start
        title = _short(heading.title)
        yield from DelimitedTable(
            document.text, delimiter, cutter, fits, start, max(start, min(above, header)), header, body, end, title
        ).pieces()


@dataclass(frozen=True)
class DelimitedTable:
    """One table: a heading, other lines above its header from `above` on, its header, and its rows from `body` on.

    It begins with its heading, or the heading is somewhere before it.
    """

    text: str
    delimiter: str
    cutter: Cutter
    fits: Fits
    start: int
    above: int
    header: int
    body: int
    end: int
    heading: str

    def pieces(self) -> Iterator[Piece]:
        """Yield the pieces: whole rows with the header where it takes at most half of a chunk; else parts of rows."""
        every = len(self._names)
        if self.fits(self.header_line):
            yield from self._whole_rows(self.cutter, (*self._titles, self.header_line))
        elif every < MOST_NAMES and (cost := self._cost(0, every)) <= self._most_cost:
            yield from self._whole_rows(self.cutter.within(cost), self._titles, self._joined(0, every))
        else:
            yield from self._parts_of_rows()

    def _whole_rows(self, cutter: Cutter, context: tuple[str, ...], names: str = "") -> Iterator[Piece]:
        """Yield runs of rows that fit, and the parts of a row that does not."""
        for (low, high), fits in cutter.runs(self.text, self._rows(self.start, self.end)):
            if fits:
                yield Piece(low, high, context, low, names)
            elif high > self.body:
                yield from self._cut_row(low, high, [(0, len(self._names))])
            else:
                yield from (Piece(*part, self._titles, low) for part in self.cutter.recurse(self.text, low, high))

    def _parts_of_rows(self) -> Iterator[Piece]:
        """Yield what is above the rows, then each row in groups of columns whose names take at most half of a chunk."""
        head = self._rows(self.start, self.body)
        yield from (Piece(*part, self._titles, part[0]) for part in self.cutter.fill(self.text, head))
        groups = self._groups()
        for row in self._rows(self.body, self.end):
            yield from self._cut_row(*row, groups)

    def _rows(self, low: int, high: int) -> Iterator[Span]:
        """Yield the rows between two offsets."""
        return rows(self.text, self.delimiter, low, high)

    def _cells(self, low: int, high: int) -> Iterator[Span]:
        """Yield the cells of the row that begins at `low`."""
        return cells(self.text, self.delimiter, low, high)

    @cached_property
    def _cutters(self) -> Callable[[int, int], Cutter]:
        """Return a function that returns a cutter with room for the names of some columns."""
        return lru_cache(lambda begin, end: self.cutter.within(self._cost(begin, end)))

    @property
    def _most_cost(self) -> int:
        return self.cutter.bound // 2

    def _cost(self, begin: int, end: int) -> int:
        """Return the length of the names of some columns behind a context."""
        return self.cutter.measure(f" > {self._joined(begin, end)}")

    @cached_property
    def header_line(self) -> str:
        """Return the header as it is written, on one line."""
        return " ".join(self.text[self.header : self.body].splitlines()).strip()

    @cached_property
    def _titles(self) -> tuple[str, str]:
        """Return the heading, and what else stands above the header, on one line."""
        above = self._rows(self.above, self.header)
        filled = (value(self.text[slice(*cell)]) for row in above for cell in self._cells(*row))
        return self.heading, _short(" ".join(islice(filter(None, filled), LABEL_CHARACTERS)))

    @cached_property
    def _names(self) -> list[str]:
        found = islice(self._cells(self.header, self.body), MOST_NAMES)
        return [_short(value(self.text[low : min(high, low + 2 * LABEL_CHARACTERS)])) for low, high in found]

    def _groups(self) -> list[Span]:
        """Return runs of columns whose names take at most half of a chunk."""
        groups: list[Span] = []
        begin = 0
        for end in range(2, len(self._names) + 1):
            if self._cost(begin, end) > self._most_cost:
                groups.append((begin, end - 1))
                begin = end - 1
        return [*groups, (begin, len(self._names))]

    def _cut_row(self, low: int, high: int, groups: Sequence[Span]) -> Iterator[Piece]:
        """Yield the parts of a row. Cells behind the last column are in a group without names."""
        row = list(self._cells(low, high))
        starts = [low, *(start for start, _ in row[1:])]
        bounds = [*starts, high]
        behind = [(groups[-1][1], len(row))] if len(row) > groups[-1][1] else []
        for first, last in [*groups, *behind]:
            cutter = self._cutters(first, last)
            if not any(value(self.text[slice(*cell)]) for cell in row[first:last]):
                continue
            for (begin, end), fits in cutter.runs(self.text, pairwise(bounds[first : last + 1])):
                columns = bisect_right(starts, begin) - 1, bisect_left(starts, end)
                context = (*self._titles, self._key(row[0]) if columns[0] else "")
                parts = [(begin, end)] if fits else cutter.recurse(self.text, begin, end)
                yield from (Piece(*part, context, begin, self._joined(*columns)) for part in parts)

    def _key(self, cell: Span) -> str:
        low, high = cell
        first = value(self.text[low : min(high, low + 2 * LABEL_CHARACTERS)])
        return _short(f"{self._names[0]}: {first}") if first and self._names and self._names[0] else _short(first)

    def _joined(self, begin: int, end: int) -> str:
        """Return the names of some columns; a single one that takes more than half of a chunk is cut."""
        joined = self.delimiter.join(self._names[begin:end])
        while end - begin == 1 and len(joined) > 1 and self.cutter.measure(f" > {joined}") > self._most_cost:
            joined = joined[: len(joined) // 2]
        return joined


def _short(text: str) -> str:
    return text if len(text) <= LABEL_CHARACTERS else f"{text[: LABEL_CHARACTERS - 1]}…"
