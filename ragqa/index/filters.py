"""The filter on metadata: `retrieve.filter` of the pipeline file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any


def matching_chunks(db: sqlite3.Connection, where: Mapping[str, Any]) -> list[int]:
    """Return the rows of the chunks of documents whose metadata match a filter."""
    ids = set()
    for document_id, media_type, title, metadata in db.execute("SELECT id, media_type, title, metadata FROM document"):
        if matches(json.loads(metadata) | {"media_type": media_type, "title": title}, where):
            ids.add(document_id)
    return [row for row, document_id in db.execute("SELECT row, document_id FROM chunk") if document_id in ids]


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
