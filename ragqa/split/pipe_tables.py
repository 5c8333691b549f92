"""The pieces of a table with pipes whose column names are too long for a context: parts of rows have those of their own columns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from ragqa.markdown import Table
from ragqa.split.cutter import Cutter
from ragqa.split.spans import Span
from ragqa.split.tables import DelimitedTable, Fits, Piece

_LINE = re.compile(r"[^\n]*(?:\n|\Z)")
_CELL = re.compile(r"(?:\\.|[^|\\])*+")


def pipe_table_pieces(text: str, table: Table, cutter: Cutter, fits: Fits) -> Iterator[Piece]:
    """Yield the pieces of a table, without the headings above it."""
    at = table.start
    yield from _PipeTable(text, " | ", cutter, fits, at, at, at, table.rows, table.end, "").pieces()


@dataclass(frozen=True)
class _PipeTable(DelimitedTable):
    """A table with pipes. A row is a line, and a cell ends at a pipe that is not escaped."""

    def _rows(self, low: int, high: int) -> Iterator[Span]:
        return (match.span() for match in _LINE.finditer(self.text, low, high) if match.group())

    def _cells(self, low: int, high: int) -> Iterator[Span]:
        """Yield the cells of the row that begins at `low`, without the pipes at its ends."""
        end = self.text.find("\n", low, high)
        end = low + len(self.text[low : high if end < 0 else end].rstrip())
        low += len(self.text[low:end]) - len(self.text[low:end].lstrip())
        low += self.text.startswith("|", low)
        while low < end:
            found = _CELL.match(self.text, low, end)
            stop = found.end() if found else end
            yield low, stop
            low = stop + 1

    @cached_property
    def header_line(self) -> str:
        """Return the names of all columns on one line."""
        return self.delimiter.join(self._names)
