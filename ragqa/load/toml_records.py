"""TOML. The text is made from the values, as that of JSON: every value is a line `path: value`."""

from __future__ import annotations

import datetime
import re
import tomllib
from typing import Any

from ragqa.errors import RejectedError
from ragqa.load.json_records import Fields, records
from ragqa.load.text import as_text
from ragqa.records import Extracted

_TOKEN = re.compile(
    r"\"\"\"(?:\\.|(?!\"\"\").)*+\"{3,5}|'''(?:(?!''').)*+'{3,5}|\"(?:\\.|[^\"\\\n])*+\"|'[^'\n]*+'|(#)[^\n]*",
    re.DOTALL,
)
"""Strings, which may hold a number sign, and comments."""
_NUMBER = re.compile(
    _TOKEN.pattern + r"|(?<=[=,\[\s])([-+]?(?:0x[\da-fA-F_]+|0o[0-7_]+|0b[01_]+|\d+(?:_\d+)+))(?=\s*(?:[,\]}#]|$))",
    re.DOTALL | re.MULTILINE,
)
"""Also whole numbers whose value is written in another way than they are, such as 0x1F and 1_000."""


def extract(text: str) -> Extracted:
    """Return a TOML file as text. The tables of an array of tables are records.

    Metadata: those of JSON, and `not_read` with the number of comments. A file that is not TOML is read as text.

    :raises RejectedError: the file is nested too deeply.
    """
    plain = text.removeprefix("\ufeff")
    try:
        value = _plain(tomllib.loads(_as_written(plain.replace("\r\n", "\n")), parse_float=str))
    except RecursionError as error:
        raise RejectedError("nested too deeply") from error
    except ValueError as error:
        return as_text(text, f"not TOML: {error}")
    comments = sum(1 for token in _TOKEN.finditer(plain) if token[1])
    return records(plain, [(1, value)], {"comments": comments})


def _as_written(text: str) -> str:
    """Return the file with quotation marks around whole numbers that would not be read as they are written."""
    return _NUMBER.sub(lambda match: f'"{match[2]}"' if match[2] else match[0], text)


def _plain(value: Any) -> Any:
    """Return a value as the values of JSON are given: objects as `Fields`, numbers and dates as texts."""
    if isinstance(value, dict):
        return Fields((name, _plain(each)) for name, each in value.items())
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return value if isinstance(value, bool) else str(value)
