"""Finds a document by its source or its id."""

from __future__ import annotations

import re
from difflib import get_close_matches

from ragqa.errors import UsageError
from ragqa.pipeline import Pipeline
from ragqa.records import Document

_ID = re.compile(r"[0-9a-f]{64}", re.ASCII)


def find(pipeline: Pipeline, named: str) -> Document:
    """Return the document that a source or a document id names.

    :raises UsageError: the index has no such document.
    """
    with pipeline.open_index() as reader:
        sources = reader.sources()
        identifier = sources.get(named)
        if identifier is None and _ID.fullmatch(named) and named in sources.values():
            identifier = named
        if identifier is not None:
            return reader.document(identifier)
        near = get_close_matches(named, list(sources)[:5000], n=3)
    hint = f"; near are: {', '.join(near)}" if near else ""
    raise UsageError(f"document: the index has no {named[:200]!r}: give `source` or `document_id` of a result{hint}")
