"""The names of the columns of the table in which a piece of a document begins."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right

from ragqa.markdown import Table, tables
from ragqa.records import Document

_DELIMITER = re.compile(r"[,;\t]")


class Columns:
    """The names of columns by place in a document: those of its metadata, else those of its tables with pipes."""

    def __init__(self, document: Document) -> None:
        header = document.metadata.get("header") or ()
        self._whole = tuple(_DELIMITER.split(header) if isinstance(header, str) else map(str, header))
        self._tables = [] if header else list(tables(document.text))
        self._starts = [table.start for table in self._tables]

    def at(self, offset: int) -> tuple[str, ...]:
        """Return the names of the columns of the table at an offset; none outside tables."""
        number = bisect_right(self._starts, offset) - 1
        if number < 0 or offset >= self._tables[number].end:
            return self._whole
        return self._tables[number].names

    def tables(self, low: int, high: int) -> list[Table]:
        """Return the tables with pipes between two offsets."""
        first, last = bisect_left(self._starts, low), bisect_left(self._starts, high)
        return [table for table in self._tables[first:last] if table.end <= high]
