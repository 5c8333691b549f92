"""The filter on metadata: `retrieve.filter` of the pipeline file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from ragqa.messages import nearest
from ragqa.records import fields_of

_NAMED = 20
"""The most keys or values that are named."""
_SHOWN = 100
"""The most characters of a value that are shown."""


def matching_chunks(db: sqlite3.Connection, where: Mapping[str, Any]) -> list[int]:
    """Return the rows of the chunks of documents whose metadata match a filter."""
    ids = {id_ for id_, document in _documents(db) if matches(document, where)}
    return [row for row, document_id in db.execute("SELECT row, document_id FROM chunk") if document_id in ids]


def mistakes(db: sqlite3.Connection, where: Mapping[str, Any]) -> list[str]:
    """Return what is probably wrong with a filter that finds no document: one sentence for each of its keys."""
    return explain([document for _, document in _documents(db)], where)


def _documents(db: sqlite3.Connection) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the id of each document and its `values`."""
    sources: dict[str, list[str]] = {}
    for source, id_ in db.execute("SELECT source, document_id FROM source ORDER BY source"):
        sources.setdefault(id_, []).append(source)
    for id_, media_type, title, metadata in db.execute("SELECT id, media_type, title, metadata FROM document"):
        yield id_, values(json.loads(metadata), media_type, title, sources.get(id_, []))


def values(metadata: Mapping[str, Any], media_type: str, title: str, sources: Sequence[str]) -> dict[str, Any]:
    """Return what a filter compares of a document, by key: its metadata, `media_type`, `title`, and `source`, its names.

    Where it has a `source` of its own in its metadata, that counts too.
    """
    return {
        **metadata,
        "media_type": media_type,
        "title": title,
        "source": [*_listed(metadata.get("source", [])), *sources],
    }


def matches(document: Mapping[str, Any], where: Mapping[str, Any]) -> bool:
    """Tell whether a document has every value of a filter.

    :param document: its `values`.
    :param where: for each key the wanted value, a list of which one value is enough, or a range `{from, to}`, either of
        which may be left out. Types matter: 1 is not "1". For `source`, `*` and `?` in a value stand for any text.
    """
    return all(_meets(key, document.get(key), wanted) for key, wanted in where.items())


def _meets(key: str, value: Any, wanted: Any) -> bool:
    """Tell whether a value, or one of a list of them, is wanted."""
    if isinstance(wanted, Mapping):
        return any(_in_range(each, wanted) for each in _listed(value))
    pairs = [(each, one) for each in _listed(value) for one in _listed(wanted) if type(each) is type(one)]
    return any(each == one or (key == "source" and _is_named(each, one)) for each, one in pairs)


def _is_named(source: Any, pattern: Any) -> bool:
    """Tell whether a name is that of a pattern, in which `[` is a character as any other."""
    return isinstance(source, str) and fnmatchcase(source, pattern.replace("[", "[[]"))


def _in_range(value: Any, limits: Mapping[str, Any]) -> bool:
    """Tell whether a value is within limits of its type: a number, or a text, such as a date that begins with the year.

    A text that goes on behind the upper limit is within it: `2024-05` is up to `2024`.
    """
    low, high = limits.get("from"), limits.get("to")
    given = [limit for limit in (low, high) if limit is not None]
    if not given or not all(_kind_of_order(limit) == _kind_of_order(value) != "" for limit in given):
        return False
    below = high is None or (value[: len(high)] if isinstance(value, str) else value) <= high
    return below and (low is None or low <= value)


def _kind_of_order(value: Any) -> str:
    """Return which values a value can be compared with; empty for none."""
    if isinstance(value, str):
        return "text"
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def explain(documents: Sequence[Mapping[str, Any]], where: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each value of a filter that no document has, with the keys or values that there are.

    :param documents: the `values` of each document.
    """
    if any(matches(document, where) for document in documents) or not documents:
        return []
    keys = sorted({key for document in documents for key in fields_of(document)})
    found = []
    for key, wanted in where.items():
        there = [document[key] for document in documents if key in document]
        if not there:
            near = nearest(key, keys)
            meant = f" (did you mean {near!r}?)" if near else ""
            found.append(f"no document has the key {key!r}{meant}; the keys are {_some(keys)}")
        elif not any(_meets(key, value, wanted) for value in there):
            found.append(f"no document has {key}: {_shown(wanted)}{_other_values(key, there, wanted)}")
    return found or [f"no document has all of these: {', '.join(where)}"]


def _other_values(key: str, there: Sequence[Any], wanted: Any) -> str:
    """Return which value of another type was probably meant; else the values that there are."""
    known = list({repr(each): each for value in there for each in _listed(value)}.values())
    for asked in _listed(wanted):
        for value in known:
            if type(value) is not type(asked) and _text(value) == _text(asked):
                return f", which is {_kind(asked)}; the documents have {_kind(value)}: write {key}: {_shown(value)}"
    return f"; the values are {_some([_shown(value) for value in known])}"


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
