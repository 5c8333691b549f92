"""JSON and JSON lines. The text is made from the records: every leaf is a line `path: value`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ragqa.errors import RejectedError
from ragqa.records import Extracted

RECORD_END = "\n\n\n"
"""The end of a record in the text. Inside a record there is at most one blank line in a row."""
_DEPTH = 50
"""The deepest nesting that is read."""
_LONGEST_PATH = 1_000
"""The most characters of a path. Deep nesting of long names would make a large text from a small file."""
_TEXT_RATIO, _LEAST_CHARACTERS = 20, 1 << 20
"""The most characters of text for each character of a file, and the characters that every file may give."""
_ON_ONE_LINE = 200
"""The most characters of a value in a list that is written on one line."""
_TITLES = ("title", "name", "heading", "headline", "subject", "question")
"""The fields that name a record, best first."""

_BLANK = re.compile(r"[ \t\r\n]*+")
_BLANK_LINES = re.compile(r"\n(?:[ \t\r]*+\n){2,}")


class Fields(list[tuple[str, Any]]):
    """The fields of a JSON object in their order. A name that is given twice is kept twice."""

    def of(self, name: str) -> list[Any]:
        """Return the values of a name."""
        return [value for key, value in self if key == name]


@dataclass(frozen=True, slots=True)
class _Record:
    """A record, the line of the file on which it begins, and the path to it."""

    line: int
    value: Any
    path: str = ""


def json_lines(text: str, text_field: str | None = None) -> Extracted:
    """Return the rows of a JSON lines file as text, one record each; see `_extracted`.

    A file that is one array is read as its elements.
    """
    rows = _values(text)
    return _extracted(text, _elements(rows[0]) if len(rows) == 1 else rows, text_field)


def document(text: str, text_field: str | None = None) -> Extracted:
    """Return a JSON file as text; see `_extracted`.

    Each element of an array is a record. So is each element of an array of objects inside an object; what stands
    beside the array is the first record. A file with several JSON documents is read as JSON lines.
    """
    rows = _values(text)
    if len(rows) == 1:
        rows = _parts(rows[0]) if isinstance(rows[0].value, Fields) else _elements(rows[0])
        if text_field is not None and len(rows) > 1 and isinstance(rows[0].value, Fields):
            rows = rows if rows[0].value.of(text_field) else rows[1:]
    return _extracted(text, rows, text_field)


def records(text: str, values: Sequence[tuple[int, Any]], not_read: Mapping[str, int]) -> Extracted:
    """Return values of a format with the same structure as JSON, such as YAML, as `document` does.

    :param text: the file, whose length bounds that of the text.
    :param values: each with its line: objects as `Fields`, numbers as texts. Several values are a record each.
    :param not_read: what of the file is in no value, to how often.
    """
    rows = [_Record(line, value) for line, value in values]
    if len(rows) == 1:
        rows = _parts(rows[0]) if isinstance(rows[0].value, Fields) else _elements(rows[0])
    extracted = _extracted(text, rows, None)
    counts = {kind: count for kind, count in not_read.items() if count}
    return replace(extracted, metadata={**extracted.metadata, **({"not_read": counts} if counts else {})})


def _extracted(text: str, rows: Sequence[_Record], text_field: str | None) -> Extracted:
    """Return records as text.

    A record is a line `path: value` for each value in it, such as `messages[0].role: user`; plain values of one list
    share a line. Numbers are as they are written in the file. Where every record has a text in the field `text` and a
    title, the title is a heading, the other fields follow, and the text comes last and without its name. Where
    `text_field` names a field, a record is its title and this text alone.
    Metadata: `rows`, the number of records; `text_field`, the field that was used, if any; `fields_left_out`, the names
    of fields that are not read because of `text_field`.

    :raises RejectedError: the file is not JSON, or a record lacks the field; the message names the line.
    """
    field = text_field
    if field is None and rows and all(_has_text(row.value) for row in rows):
        field = "text"
    left_out: dict[str, None] = {}
    if text_field is not None:
        rows = [_narrowed(row, text_field, left_out) for row in rows]
    titled = field is not None and all(_title_field(_without(row.value, field)) for row in rows)
    alone = field is not None and all(isinstance(row.value, Fields) and len(row.value) == 1 for row in rows)
    room = max(_LEAST_CHARACTERS, _TEXT_RATIO * len(text))
    pieces: list[str] = []
    for row in rows:
        lines = _with_text(row, field) if field is not None and (titled or alone) else _leaves(row)
        kept: list[str] = []
        for line in lines:
            room -= len(line) + 1
            if room < 0:
                raise RejectedError(f"line {row.line}: more text than {_TEXT_RATIO} times the file: a bomb?")
            kept.append(line)
        pieces.append("\n".join(kept))
    if len(pieces) > 1:
        pieces = [_BLANK_LINES.sub("\n\n", piece).strip("\r\n") for piece in pieces]
    metadata: dict[str, Any] = {"rows": len(rows)} | ({"text_field": field} if field else {})
    metadata |= {"fields_left_out": list(left_out)} if left_out else {}
    title = _title(rows[0].value) if len(rows) == 1 else ""
    return Extracted(RECORD_END.join(piece for piece in pieces if piece.strip()), title, metadata=metadata)


def _values(text: str) -> list[_Record]:
    """Return the JSON values of a file, with white space between them. Numbers are strings, as they are written.

    :raises RejectedError: something is not JSON, or an escape is half of a character.
    """
    decoder = json.JSONDecoder(object_pairs_hook=Fields, parse_int=str, parse_float=str, parse_constant=str)
    found = []
    at = 1 if text.startswith("\ufeff") else 0
    line, counted = 1, 0
    while (at := _BLANK.match(text, at).end()) < len(text):  # type: ignore[union-attr]
        line, counted = line + text.count("\n", counted, at), at
        try:
            value, end = decoder.raw_decode(text, at)
            if text.find("\\u", at, end) >= 0:
                json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise RejectedError(f"line {line}: half of a surrogate pair, which is no character") from error
        except json.JSONDecodeError as error:
            where = f"column {error.colno}" + (f" of line {error.lineno}" if error.lineno != line else "")
            raise RejectedError(f"line {line}: not JSON: {error.msg}, at {where}") from error
        except RecursionError as error:
            raise RejectedError(f"line {line}: not JSON: nested too deeply") from error
        found.append(_Record(line, value))
        at = end
    return found


def _elements(whole: _Record) -> list[_Record]:
    """Return the elements of an array as records; the value itself where it is no array, or one of plain values."""
    value = whole.value
    if isinstance(value, Fields) or not isinstance(value, list) or _is_plain(value):
        return [whole]
    return [_Record(whole.line, each) for each in value]


def _parts(whole: _Record) -> list[_Record]:
    """Return an object as records: the elements of its arrays of objects, and before them everything else."""
    arrays: list[tuple[str, list[Any]]] = []
    rest = _without_arrays(whole.value, "", arrays, 0)
    if not arrays:
        return [whole]
    records = [_Record(whole.line, value, f"{path}[{n}]") for path, array in arrays for n, value in enumerate(array)]
    return [_Record(whole.line, rest), *records] if rest else records


def _without_arrays(fields: Fields, path: str, arrays: list[tuple[str, list[Any]]], depth: int) -> Fields:
    """Return an object without its arrays of two or more objects, which are appended to `arrays` with their paths."""
    rest = Fields()
    for name, value in fields:
        inner = _joined(path, name)
        if isinstance(value, Fields) and value and depth < _DEPTH:
            if kept := _without_arrays(value, inner, arrays, depth + 1):
                rest.append((name, kept))
        elif _is_array_of_objects(value):
            arrays.append((inner, value))
        else:
            rest.append((name, value))
    return rest


def _is_array_of_objects(value: Any) -> bool:
    if not isinstance(value, list) or isinstance(value, Fields) or len(value) < 2:
        return False
    return all(isinstance(each, Fields) for each in value)


def _has_text(value: Any) -> bool:
    return isinstance(value, Fields) and any(isinstance(each, str) for each in value.of("text"))


def _without(fields: Fields, name: str) -> Fields:
    """Return an object without a field."""
    return Fields(pair for pair in fields if pair[0] != name)


def _title_field(value: Any) -> str:
    """Return the field that is the title of a record; empty where it has none."""
    if not isinstance(value, Fields):
        return ""
    return next((name for name in _TITLES for each in value.of(name) if isinstance(each, str) and each.strip()), "")


def _title(value: Any) -> str:
    """Return the title of a record on one line; empty where it has none."""
    name = _title_field(value)
    return " ".join(str(value.of(name)[0]).split()) if name else ""


def _narrowed(row: _Record, field: str, left_out: dict[str, None]) -> _Record:
    """Return a record with its title and one field alone; the names of the others are added to `left_out`.

    :raises RejectedError: the record has no text in the field.
    """
    fields = row.value
    if not isinstance(fields, Fields):
        raise RejectedError(f"line {row.line}: must be a JSON object")
    texts = fields.of(field)
    if not texts:
        known = ", ".join(repr(name) for name, _ in fields) or "none"
        what = f"no field {field!r}; its fields: {known[:500]}; set load.text_field to one of them"
        raise RejectedError(f"line {row.line}: {what}")
    if not isinstance(texts[0], str):
        what = f"field {field!r} must be text; set load.text_field to another field"
        raise RejectedError(f"line {row.line}: {what}")
    kept = {field, _title_field(_without(fields, field))}
    left_out |= dict.fromkeys(name for name, _ in fields if name not in kept)
    return _Record(row.line, Fields(pair for pair in fields if pair[0] in kept), row.path)


def _with_text(row: _Record, field: str) -> Iterator[str]:
    """Yield the lines of a record whose text is in a field: its title, its other fields, and the text without a name."""
    others = _without(row.value, field)
    name = _title_field(others)
    if name:
        yield f"# {_title(others)}"
        others.remove((name, others.of(name)[0]))
    if others:
        yield from _leaves(_Record(row.line, others, row.path))
        yield ""
    yield from map(str, row.value.of(field))


def _leaves(row: _Record) -> Iterator[str]:
    """Yield a line for each value in a record, in the order of the file.

    A list of values waits instead of recursion, since the depth of a stack is limited.

    :raises RejectedError: the record is nested too deeply, or a path is too long.
    """
    waiting: list[tuple[str, Any, int]] = [(row.path, row.value, 0)]
    while waiting:
        path, value, depth = waiting.pop()
        if depth > _DEPTH or len(path) > _LONGEST_PATH:
            raise RejectedError(f"line {row.line}: nested too deeply, or with too long names: {path[:80]}")
        if isinstance(value, Fields) and value:
            waiting += [(_joined(path, name), each, depth + 1) for name, each in reversed(value)]
        elif isinstance(value, list) and value and not _is_plain(value):
            waiting += [(f"{path}[{n}]", value[n], depth + 1) for n in range(len(value) - 1, -1, -1)]
        else:
            yield f"{path}: {_written(value)}" if path else _written(value)


def _joined(path: str, name: str) -> str:
    name = " ".join(name.split()) or '""'
    return f"{path}.{name}" if path else name


def _is_plain(values: Sequence[Any]) -> bool:
    """Tell whether a list has plain values only, which fit on one line."""
    return not any(
        isinstance(value, list) or (isinstance(value, str) and (len(value) > _ON_ONE_LINE or "\n" in value))
        for value in values
    )


def _written(value: Any) -> str:
    """Return a value as it is written in JSON, a text without its quotation marks unless it is blank."""
    match value:
        case Fields():
            return "{}"
        case list():
            return ", ".join(map(_written, value)) or "[]"
        case str():
            return value if value.strip() else json.dumps(value)
        case None:
            return "null"
    return "true" if value else "false"
