"""Delimited text, such as that of CSV and of spreadsheets: its tables, rows and cells, with their offsets.

A document is delimited text if its type is, or if its metadata have both `delimiter`, a character, and `tables`, the
places of its tables.

A quotation mark counts only at the beginning of a cell; inside, two of them are one. A line break between quotation
marks does not end a row. A mark that is never closed reaches to the end of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from typing import Any

Span = tuple[int, int]
Place = tuple[int, int, int]
"""The offsets of the beginning, the header and the first row of a table."""
_TYPES = {"text/csv": ",", "text/tab-separated-values": "\t"}
"""The types of delimited text, each with its delimiter where the metadata name none."""
_OF_AUTHORS = ("text/markdown",)
"""The types whose metadata have any names, since the author chooses them."""
MOST_NAMES = 10_000
"""The most columns of a table whose names are kept with the parts of its rows."""


def delimiter_of(media_type: str, metadata: Mapping[str, Any]) -> str:
    """Return the delimiter of a document; "" where it is no delimited text."""
    given = metadata.get("delimiter")
    is_said = isinstance(given, str) and len(given) == 1
    if media_type in _TYPES:
        return str(given) if is_said else _TYPES[media_type]
    return str(given) if is_said and metadata.get("tables") and media_type not in _OF_AUTHORS else ""


def places_of(metadata: Mapping[str, Any], length: int) -> list[Place]:
    """Return the places of the tables of a document.

    None are returned where the metadata have none, or wrong ones: a loader of one's own may record anything.

    :param length: of the document's text.
    """
    try:
        places = [(int(start), int(header), int(body)) for start, header, body in metadata.get("tables") or ()]
    except (TypeError, ValueError):
        return []
    flat = [0, *(offset for place in places for offset in place), length]
    return places if all(low <= high for low, high in pairwise(flat)) else []


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
