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
"""What is longer is no header, but a quotation mark that nothing closes."""


def comma_separated(text: str) -> Extracted:
    """Return a CSV file as it is, as `separated` does; its delimiter is a comma or, as spreadsheets write it, a semicolon."""
    return separated(text, ",;")


def tab_separated(text: str) -> Extracted:
    """Return a TSV file as it is, as `separated` does."""
    return separated(text, "\t")


def separated(text: str, delimiters: str) -> Extracted:
    """Return a CSV or TSV file as it is; of `delimiters` the one that gives the header most columns is used.

    Metadata: `header` (its line; empty where it is very long), `columns` (of the header), `rows` (below the header, blank lines left out), and
    `ragged_rows`, the number of rows with more or fewer columns, where there are any.
    """
    body = text.removeprefix("\ufeff")
    csv.field_size_limit(len(body) + 1)
    return Extracted(text, metadata=_table(body, delimiters))


def _table(body: str, delimiters: str) -> dict[str, Any]:
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

    A row's text is its field `text_field`; where that is None, the field `text` if every row has one, else every
    field that is a string or a number, as lines of `name: value`. Numbers stand as they are written in the file.
    Metadata: `rows`, and `text_field` where one was used.

    :raises RejectedError: a line that is no JSON object, or that lacks the field; it names the line.
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
