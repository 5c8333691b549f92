"""The part of a table around a span, for documents that are delimited text: CSV files and sheets."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import Any

from ragqa.records import Document
from ragqa.records.delimited import Span, cells, delimiter_of, rows, tables_of, value

MOST_BEFORE, MOST_ROWS = 50, 150
"""The most rows that are shown before a span, and the most from its beginning on."""
MOST_COLUMNS = 200
MOST_CELL = 2_000
"""The most characters of a cell that are shown."""


def table_around(document: Document, start: int, end: int, around: int) -> dict[str, Any] | None:
    """Return the columns of the table at a span and the rows in and around it; None where there is no table.

    Rows that share a character with the span are `marked`. `cut` tells that the table has more rows, columns or text.

    :param around: how many characters before and after the span the rows are taken from.
    """
    text, delimiter, found = document.text, delimiter_of(document), tables_of(document)
    if not delimiter or not found:
        return None
    ends = [*(first for first, *_ in found[1:]), len(text)]
    at = next((number for number, stop in enumerate(ends) if start < stop), len(ends) - 1)
    _, header, body = found[at]
    shown, cut = _rows_around(text, delimiter, (body, ends[at]), (start - around, start, end + around))
    names = next(rows(text, delimiter, header, body), None)
    columns, shorter = _cells(text, delimiter, names) if names else ([], False)
    told: list[dict[str, Any]] = []
    for row in shown:
        content, less = _cells(text, delimiter, row)
        told.append({"cells": content, "marked": row[0] < end and row[1] > start})
        shorter = shorter or less
    return {"columns": columns, "rows": told, "cut": cut or shorter}


def _rows_around(text: str, delimiter: str, table: Span, span: tuple[int, int, int]) -> tuple[list[Span], bool]:
    """Return the rows of a table near a place, and whether it has others; blank rows are no rows.

    :param span: the least offset, the place, and the most.
    """
    (low, start, high), cut = span, False
    before: deque[Span] = deque()
    after: list[Span] = []
    for row in rows(text, delimiter, *table):
        if not text[row[0] : row[1]].strip():
            continue
        if row[1] <= start:
            before.append(row)
            if row[1] <= low or len(before) > MOST_BEFORE:
                before.popleft()
                cut = True
        elif after and (row[0] >= high or len(after) == MOST_ROWS):
            return [*before, *after], True
        else:
            after.append(row)
    return [*before, *after], cut


def _cells(text: str, delimiter: str, row: Span) -> tuple[list[str], bool]:
    """Return the contents of the cells of a row, and whether some are left out or cut."""
    spans = list(islice(cells(text, delimiter, *row), MOST_COLUMNS + 1))
    contents = [value(text[low:high]) for low, high in spans[:MOST_COLUMNS]]
    cut = len(spans) > MOST_COLUMNS or any(len(content) > MOST_CELL for content in contents)
    return [content[:MOST_CELL] for content in contents], cut
