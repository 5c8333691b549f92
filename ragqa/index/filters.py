"""The filter on metadata: `retrieve.filter` of the pipeline file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ragqa.messages import nearest
from ragqa.records import fields_of

_NAMED = 20
"""The most keys or values that are named."""
_SHOWN = 100
"""The most characters of a value that are shown."""


def matching_chunks(db: sqlite3.Connection, where: Mapping[str, Any]) -> list[int]:
    """Return the rows of the chunks of documents whose metadata match a filter."""
    ids = {id_ for id_, values in _documents(db) if matches(values, where)}
    return [row for row, document_id in db.execute("SELECT row, document_id FROM chunk") if document_id in ids]


def mistakes(db: sqlite3.Connection, where: Mapping[str, Any]) -> list[str]:
    """Return what is probably wrong with a filter that finds no document: one sentence for each of its keys."""
    return explain([values for _, values in _documents(db)], where)


def _documents(db: sqlite3.Connection) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the id of each document and its metadata, with `title` and `media_type`."""
    for id_, media_type, title, metadata in db.execute("SELECT id, media_type, title, metadata FROM document"):
        yield id_, json.loads(metadata) | {"media_type": media_type, "title": title}


def matches(values: Mapping[str, Any], where: Mapping[str, Any]) -> bool:
    """Tell whether a document has every value of a filter.

    :param values: the document's metadata, with `title` and `media_type`.
    :param where: for each key the wanted value, or a list of which one value is enough. Types matter: 1 is not "1".
    """
    return all(_shares(values.get(key), wanted) for key, wanted in where.items())


def _shares(value: Any, wanted: Any) -> bool:
    """Tell whether two values are the same, or have one in common where either is a list."""
    values = value if isinstance(value, list) else [value]
    accepted = wanted if isinstance(wanted, list) else [wanted]
    return any(type(v) is type(w) and v == w for v in values for w in accepted)


def explain(documents: Sequence[Mapping[str, Any]], where: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each value of a filter that no document has, with the keys or values that there are.

    :param documents: the metadata of each document, with `title` and `media_type`.
    """
    if any(matches(values, where) for values in documents) or not documents:
        return []
    keys = sorted({key for values in documents for key in fields_of(values)})
    found = []
    for key, wanted in where.items():
        there = [values[key] for values in documents if key in values]
        if not there:
            near = nearest(key, keys)
            meant = f" (did you mean {near!r}?)" if near else ""
            found.append(f"no document has the key {key!r}{meant}; the keys are {_some(keys)}")
        elif not any(_shares(value, wanted) for value in there):
            found.append(f"no document has {key}: {_shown(wanted)}{_other_values(key, there, wanted)}")
    return found or [f"no document has all of these: {', '.join(where)}"]


def _other_values(key: str, there: Sequence[Any], wanted: Any) -> str:
    """Return which value of another type was probably meant; else the values that there are."""
    values = list({repr(v): v for value in there for v in (value if isinstance(value, list) else [value])}.values())
    for asked in wanted if isinstance(wanted, list) else [wanted]:
        for value in values:
            if type(value) is not type(asked) and _text(value) == _text(asked):
                return f", which is {_kind(asked)}; the documents have {_kind(value)}: write {key}: {_shown(value)}"
    return f"; the values are {_some([_shown(value) for value in values])}"


def _text(value: Any) -> str:
    """Return a value as text, so that values of different types can be compared."""
    number = isinstance(value, float) and value.is_integer()
    return str(int(value) if number else value).strip().casefold()


def _kind(value: Any) -> str:
    """Return the name of a value's type."""
    kinds = {bool: "true or false", int: "a whole number", float: "a decimal number", str: "a text"}
    return kinds.get(type(value), "null" if value is None else "of another type")


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _some(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - _NAMED:,} more" if len(texts) > _NAMED else ""
    return ", ".join(texts[:_NAMED]) + more
