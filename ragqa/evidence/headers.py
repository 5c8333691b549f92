"""The headers of the tables of a document, which may stand far above the passage of a row."""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property

from ragqa.markdown import tables
from ragqa.records import Document
from ragqa.records.delimited import delimiter_of, tables_of


class Headers:
    """The headers of the tables of a document. They are looked for when a row first asks for its own."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def above(self, row: int) -> tuple[str, int] | None:
        """Return the header of the table in which the row at an offset stands, and its offset; None without one."""
        number = bisect_right(self._tables, row, key=lambda place: place[0]) - 1
        if number < 0 or row >= self._tables[number][3]:
            return None
        _, header, body, _ = self._tables[number]
        line = self._document.text[header:body]
        return (line.strip(), header + len(line) - len(line.lstrip())) if line.strip() else None

    def of(self, line: str) -> list[int]:
        """Return where the tables with this header have it, in order."""
        text = self._document.text
        return [header for _, header, body, _ in self._tables if text[header:body].strip() == line]

    @cached_property
    def _tables(self) -> list[tuple[int, int, int, int]]:
        """Return the offsets of the beginning, the header, the end of the header, and the end of each table."""
        text = self._document.text
        if not delimiter_of(self._document):
            return [(each.start, each.start, text.find("\n", each.start), each.end) for each in tables(text)]
        places = tables_of(self._document)
        ends = [start for start, _, _ in places[1:]] + [len(text)]
        return [(*place, end) for place, end in zip(places, ends, strict=False)]
