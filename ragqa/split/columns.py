"""The names of the columns of the table in which a chunk begins, which the chunk carries in its context."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

from ragqa.markdown import tables
from ragqa.records import Document

TABLES = ("text/csv", "text/tab-separated-values")
"""The media types of files that are one table."""
RECORDS = "application/jsonl"
"""The media type of files that are records, one behind the other."""
_AFTER_DELIMITER = re.compile(r"(?<=[,;\t])")


@dataclass(frozen=True, slots=True)
class ColumnNames:
    """The names of the columns of a table, and what stands between two of them; no names outside tables."""

    names: tuple[str, ...] = ()
    between: str = " | "

    def __len__(self) -> int:
        return len(self.names)

    def first(self, count: int) -> str:
        """Return the first names as one text."""
        return self.between.join(self.names[:count]).strip()


class Columns:
    """The names of columns by place in a document: those of its header, or those of its tables with pipes."""

    def __init__(self, document: Document) -> None:
        header = document.metadata.get("header")
        self._whole = _of_header(header) if header else ColumnNames()
        within = not header and document.media_type not in (*TABLES, RECORDS)
        self._tables = list(tables(document.text)) if within else []
        self._starts = [table.start for table in self._tables]

    def at(self, offset: int) -> ColumnNames:
        """Return the names of the columns of the table at an offset."""
        number = bisect_right(self._starts, offset) - 1
        if number < 0 or offset >= self._tables[number].end:
            return self._whole
        return ColumnNames(self._tables[number].names)


def _of_header(header: object) -> ColumnNames:
    """Return the names in the field `header` of the metadata: a list, or the line of a file with its delimiters."""
    if isinstance(header, list | tuple):
        return ColumnNames(tuple(map(str, header)))
    return ColumnNames(tuple(_AFTER_DELIMITER.split(str(header))), "")
