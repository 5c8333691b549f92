"""Files of rows: CSV and TSV, whose text is the file itself, and JSON lines, whose text is made from the rows."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from ragqa.errors import RejectedError
from ragqa.records import Extracted

Row = dict[str, Any]
_HEADER_CHARACTERS = 10_000
"""The most characters of a header. A longer first record is the result of a quotation mark that is not closed."""


def comma_separated(text: str) -> Extracted:
    """Return a CSV file as it is, as `separated` does.

    Its delimiter is a comma, or a semicolon as some spreadsheets write.
    """
    return separated(text, ",;")


def tab_separated(text: str) -> Extracted:
    """Return a TSV file as it is, as `separated` does."""
    return separated(text, "\t")


def separated(text: str, delimiters: str) -> Extracted:
    """Return a CSV or TSV file as it is. The delimiter is the one of `delimiters` that gives the header most columns.

    Metadata: `header` (its line; empty where it is very long), `columns` (the number of columns of the header), `rows`
    (the number of rows below the header, without blank lines), and `ragged_rows` (the number of rows with more or fewer
    columns than the header; left out where there is none).
    """
    body = text.removeprefix("\ufeff")
    csv.field_size_limit(len(body) + 1)
    return Extracted(text, metadata=_table(body, delimiters))


def _table(body: str, delimiters: str) -> dict[str, Any]:
    """Return the metadata of a table with the best of the delimiters."""
    delimiter = max(delimiters, key=lambda each: len(next(_records(body, each), (0, []))[1]))
    records = _records(body, delimiter)
    line, names = next(records, (0, []))
    header = "".join(itertools.islice(io.StringIO(body, newline=""), line))
    widths = Counter(len(record) for _, record in records)
    ragged = widths.total() - widths[len(names)]
    title = " ".join(header.splitlines()).strip() if len(header) <= _HEADER_CHARACTERS else ""
    metadata = {"header": title, "columns": len(names), "rows": widths.total()}
    return metadata | ({"ragged_rows": ragged} if ragged else {})


def _records(body: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the records that are not blank, each with the number of the line on which it ends."""
    reader = csv.reader(io.StringIO(body, newline=""), delimiter=delimiter)
    return ((reader.line_num, record) for record in reader if record)


def json_lines(text: str, text_field: str | None = None) -> Extracted:
    """Return the rows of a JSON lines file as text, a blank line between two rows.

    A row's text is its field `text_field`. Where that is None, it is the field `text` if every row has one. Else it is
    every field that is a string or a number, as lines of `name: value`. Numbers are kept as they are written in the
    file. Metadata: `rows`, the number of rows, and `text_field`, the field that was used, if any.

    :raises RejectedError: a line is not a JSON object, or lacks the field; the message names the line.
    """
    rows = list(_rows(text))
    field = text_field
    if field is None and all(isinstance(row.get("text"), str) for _, row in rows):
        field = "text"
    pieces = [_fields(row) if field is None else _field(line, row, field) for line, row in rows]
    made = "\n\n".join(piece for piece in pieces if piece.strip())
    return Extracted(made, metadata={"rows": len(rows)} | ({"text_field": field} if field else {}))


def _rows(text: str) -> Iterator[tuple[int, Row]]:
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        if line.strip():
            yield number, _row(number, line)


def _row(number: int, line: str) -> Row:
    """Parse a line of a JSON lines file. Numbers are kept as strings, as they are written."""
    try:
        row = json.loads(line, parse_int=str, parse_float=str)
        if "\\u" in line:
            json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise RejectedError(f"line {number}: half of a surrogate pair, which is no character") from error
    except (ValueError, RecursionError) as error:
        raise RejectedError(f"line {number}: not JSON: {error}") from error
    if not isinstance(row, dict):
        raise RejectedError(f"line {number}: must be a JSON object")
    return row


def _field(line: int, row: Row, name: str) -> str:
    value = row.get(name)
    if isinstance(value, str):
        return value
    if name in row:
        raise RejectedError(f"line {line}: field {name!r} must be text; set load.text_field to another field")
    known = ", ".join(map(repr, row)) or "none"
    raise RejectedError(f"line {line}: no field {name!r}; its fields: {known}; set load.text_field to one of them")


def _fields(row: Row) -> str:
    return "\n".join(f"{name}: {value}" for name, value in row.items() if isinstance(value, str))
