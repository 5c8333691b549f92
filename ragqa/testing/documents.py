"""Small documents, chunks and vectors to test an index with."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ragqa.records import Chunk, Document
from ragqa.stages import CANARIES, Entry, IndexWriter

Vectors = NDArray[np.float32]

DIM = 64
IDENTITY = {"weights": "hashed words", "dim": str(DIM), "splitter": "lines"}
"""The identity of an index of these chunks and vectors."""


def vector(text: str) -> Vectors:
    """Return a unit vector, float32[DIM], of the hashed words of a text: texts that share words are near each other."""
    counts = np.full(DIM, 1e-3, dtype=np.float32)
    for word in re.findall(r"\w+", text.lower()):
        counts[int(_sha256(word), 16) % DIM] += 1
    unit: Vectors = counts / np.linalg.norm(counts)
    return unit


def vectors(texts: Sequence[str]) -> Vectors:
    """Return the vectors of texts, float32[len(texts), DIM]."""
    return np.array([vector(text) for text in texts], dtype=np.float32).reshape(len(texts), DIM)


def entry(source: str, text: str, **fields: Any) -> Entry:
    """Return a document with a chunk for each of its lines. The same text under two sources is one document.

    :param fields: of `Document`, such as `metadata`.
    """
    digest = _sha256(text)
    values: dict[str, Any] = {"encoding": "utf-8", "title": "", "extractor": "lines/1", "media_type": "text/plain"}
    document = Document(id=digest, source=source, path=source, sha256=digest, text=text, **values | fields)
    spans = [match.span() for match in re.finditer(r"[^\n]+", text)]
    chunks = [Chunk(_sha256(f"{digest} {a}")[:16], digest, a, b, text[a:b], document.title) for a, b in spans]
    return Entry(document, chunks)


def commit(writer: IndexWriter, entries: Sequence[Entry], removed: Sequence[str] = ()) -> int:
    """Commit documents with their sources, and remove sources, as a run of `Pipeline.index` does."""
    texts = writer.missing([chunk for each in entries for chunk in each.chunks])
    writer.check_embedder(vectors(CANARIES))
    sources: dict[str, str | None] = {each.document.source: each.document.id for each in entries}
    by_text = dict(zip(texts, vectors(texts), strict=True))
    return writer.commit(entries, by_text, sources | dict.fromkeys(removed))


def publish(writer: IndexWriter, entries: Sequence[Entry], removed: Sequence[str] = ()) -> int:
    """Commit documents with their sources and without vectors, and remove sources, as a long run does at first."""
    sources: dict[str, str | None] = {each.document.source: each.document.id for each in entries}
    return writer.commit(entries, {}, sources | dict.fromkeys(removed))


def embed_pending(writer: IndexWriter, n: int) -> int:
    """Commit the vectors of up to n pending texts; return the number of texts."""
    texts = writer.pending(n)
    writer.check_embedder(vectors(CANARIES))
    writer.commit([], dict(zip(texts, vectors(texts), strict=True)), {})
    return len(texts)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
