"""Delimited text, such as that of CSV and of spreadsheets: its tables, rows and cells, with their offsets.

A document is delimited text if its type is, or if its metadata have both `delimiter`, a character, and `tables`, the
places of its tables.

A quotation mark counts only at the beginning of a cell; inside, two of them are one. A line break between quotation
marks does not end a row. A mark that is never closed reaches to the end of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Any

from ragqa.records.documents import Document

Span = tuple[int, int]
_TYPES = {"text/csv": ",", "text/tab-separated-values": "\t"}
"""The types of delimited text, each with its delimiter where the metadata name none."""
_OF_AUTHORS = ("text/markdown",)
"""The types whose metadata have any names, since the author chooses them."""
MOST_NAMES = 10_000
"""The most columns of a table whose names are kept with the parts of its rows."""


@cache
def _patterns(delimiter: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return the patterns of a row with its line break, and of a cell with what ends it.

    Every repetition is possessive, so that the time is linear on any text.
    """
    mark = re.escape(delimiter)
    cell = rf'(?: *+"[^"]*+(?:""[^"]*+)*+(?:"|\Z))?+[^{mark}\r\n]*+'
    line_end = r"\r\n|\r|\n|\Z"
    return re.compile(rf"(?:{cell}{mark})*+{cell}(?:{line_end})"), re.compile(rf"({cell})(?:{mark}|{line_end})")


def rows(text: str, delimiter: str, low: int, high: int) -> Iterator[Span]:
    """Yield the rows of [low, high), blank ones too; each ends behind its line break."""
    row, _ = _patterns(delimiter)
    while low < high and (match := row.match(text, low, high)):
        yield match.span()
        low = match.end()


def cells(text: str, delimiter: str, low: int, high: int) -> Iterator[Span]:
    """Yield the cells of a row, with their quotation marks and without delimiters and line break."""
    _, cell = _patterns(delimiter)
    for match in cell.finditer(text, low, high):
        yield match.span(1)
        if match.end() == match.end(1) or text[match.end() - 1] != delimiter:
            return


def width(text: str, delimiter: str, low: int, high: int) -> int:
    """Return the number of cells of a row."""
    if text.find('"', low, high) < 0:
        return text.count(delimiter, low, high) + 1
    return sum(1 for _ in cells(text, delimiter, low, high))


def value(cell: str) -> str:
    """Return the content of a cell on one line, without its quotation marks."""
    content = cell.strip()
    if content[:1] == '"':
        content = content[1:].removesuffix('"').replace('""', '"')
    return " ".join(content.split())


def delimiter_of(document: Document) -> str:
    """Return the delimiter of a document; "" where it is no delimited text."""
    given = document.metadata.get("delimiter")
    said = given if isinstance(given, str) and len(given) == 1 else ""
    if document.media_type in _TYPES:
        return said or _TYPES[document.media_type]
    return said if document.metadata.get("tables") and document.media_type not in _OF_AUTHORS else ""


def tables_of(document: Document) -> list[tuple[int, int, int]]:
    """Return the offsets of the beginning, the header and the first row of each table.

    None are returned where the metadata have none, or wrong ones: a loader of one's own may record anything.
    """
    given: Any = document.metadata.get("tables")
    try:
        places = [(int(start), int(header), int(body)) for start, header, body in given or ()]
    except (TypeError, ValueError):
        return []
    flat = [0, *(offset for place in places for offset in place), len(document.text)]
    return places if all(low <= high for low, high in pairwise(flat)) else []
