"""Reads files of questions. Every value is checked; an error has its position and the expected type.

Errors show only the type of the value that was found, no content: a pipeline file could name any file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragqa import files
from ragqa.errors import UsageError

MAX_BYTES = 4 << 30
"""The largest file of a dataset that is read."""
_REQUIRED: Any = object()
_TYPES = {str: "a text", bool: "true or false", int: "a number", float: "a number", dict: "an object"}
"""The names of JSON types; `null` counts as missing."""


@dataclass(frozen=True, slots=True)
class Row:
    """An object of a JSON file and its position: `file` (with the line, in JSON Lines) and `path` in it.

    Every method raises `UsageError` where the value of a key is missing or of another type; `null` counts as missing.
    """

    values: Mapping[str, Any]
    file: str
    path: str = ""

    def fault(self, key: str, message: str) -> UsageError:
        """Return the error about the value of a key."""
        return UsageError(f"{self.file}: {self.path}{key}: {message}")

    def get(self, key: str, kind: type, wanted: str, default: Any = _REQUIRED) -> Any:
        """Return the value of a key, which must be of exactly this type, or the default where it is missing."""
        value = self.values.get(key)
        if value is None and default is not _REQUIRED:
            return default
        if value is None:
            raise self.fault(key, f"is missing; must be {wanted}")
        if type(value) is not kind:  # not `isinstance`: a bool is an int
            raise self.fault(key, f"got {type_name(value)}; must be {wanted}")
        return value

    def text(self, key: str, default: Any = _REQUIRED) -> str:
        """Return a string that is not blank, or the default where it is missing."""
        text: str = self.get(key, str, "a text", default)
        if not text.strip() and text != default:
            raise self.fault(key, "is empty; must be a text")
        return text

    def string(self, key: str, default: Any = _REQUIRED) -> str:
        """Return a string, which may be blank, or the default where it is missing."""
        text: str = self.get(key, str, "a text", default)
        return text

    def number(self, key: str, default: Any = _REQUIRED) -> Any:
        """Return an integer, or the default where it is missing."""
        return self.get(key, int, "a whole number", default)

    def flag(self, key: str, default: bool) -> bool:
        """Return true or false, or the default where it is missing."""
        flag: bool = self.get(key, bool, "true or false", default)
        return flag

    def strings(self, key: str, default: Any = _REQUIRED) -> tuple[str, ...]:
        """Return a list of strings, which may be blank, or the default where it is missing."""
        values = self.get(key, list, "a list of texts", default)
        if not all(isinstance(value, str) for value in values):
            raise self.fault(key, "must hold texts alone")
        return tuple(values)

    def pairs(self, key: str, kind: type, wanted: str) -> list[tuple[str, Any]]:
        """Return a list of pairs, each of a string and a value of this type; a list as value must have only strings."""
        pairs = self.get(key, list, f"a list of pairs {wanted}")
        for number, pair in enumerate(pairs):
            if not _is_pair(pair, kind):
                raise self.fault(f"{key}[{number}]", f"got {type_name(pair)}; must be a pair {wanted}")
        return [(first, second) for first, second in pairs]

    def row(self, key: str) -> Row:
        """Return the object that is the value of a key."""
        return Row(self.get(key, dict, "an object"), self.file, f"{self.path}{key}.")

    def items(self, name: str) -> Iterator[tuple[str, Row]]:
        """Yield each key of an object whose keys are data, with its value as a row that has the single key `name`."""
        for number, (key, value) in enumerate(self.values.items(), start=1):
            yield key, Row({name: value}, self.file, f"{self.path}item {number}.")

    def rows(self, key: str, default: Any = _REQUIRED) -> list[Row]:
        """Return the objects of a list, or those of the default where the list is missing."""
        values = self.get(key, list, "a list of objects", default)
        return [_row(value, self.file, f"{self.path}{key}[{number}]") for number, value in enumerate(values)]


def read_object(path: Path) -> Row:
    """Return the object that a JSON file holds.

    :raises UsageError: the file cannot be read or has other content.
    """
    return _row(_parsed(read_text(path), str(path)), str(path))


def read_list(path: Path) -> list[Row]:
    """Return the objects of a JSON file that holds a list of them, or of a JSON Lines file.

    :raises UsageError: the file cannot be read or has other content.
    """
    if path.suffix == ".jsonl":
        return list(read_lines(path))
    values = _parsed(read_text(path), str(path))
    if not isinstance(values, list):
        raise UsageError(f"{path}: got {type_name(values)}; must be a list of objects")
    return [_row(value, str(path), f"[{number}]") for number, value in enumerate(values)]


def read_lines(path: Path) -> Iterator[Row]:
    """Yield the objects of a JSON Lines file; blank lines are skipped.

    :raises UsageError: the file cannot be read, or a line is not an object.
    """
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            yield _row(_parsed(line, f"{path}:{number}"), f"{path}:{number}")


def read_text(path: Path) -> str:
    """Return the text of a file in UTF-8, without a byte-order mark.

    :raises UsageError: the file cannot be read, is not a regular file, has more than `MAX_BYTES`, or is not UTF-8.
    """
    try:
        return files.read_text(path, MAX_BYTES)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}; check the path") from None


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where}: not JSON: {error}; mend it or fetch it again") from None


def _row(value: Any, file: str, path: str = "") -> Row:
    if not isinstance(value, dict):
        raise UsageError(f"{file}: {path + ': ' if path else ''}got {type_name(value)}; must be an object")
    return Row(value, file, f"{path}." if path else "")


def type_name(value: Any) -> str:
    """Return the name of a JSON value's type."""
    return f"a list of {len(value):,}" if isinstance(value, list) else _TYPES.get(type(value), "null")


def _is_pair(value: Any, kind: type) -> bool:
    if not isinstance(value, list) or [type(part) for part in value] != [str, kind]:
        return False
    return kind is not list or all(isinstance(text, str) for text in value[1])
