"""What a folder is about: its documents by type, in groups of similar ones, with a sentence of each group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ragqa.pipeline.catalogue import centre
from ragqa.pipeline.catalogue.listing import Catalogue
from ragqa.pipeline.catalogue.summaries import Summarizer, Summary
from ragqa.records import Document, body_start
from ragqa.stages import Embedder, IndexReader

MOST_GROUPS = 8
"""The most groups of documents; a folder with so few documents has a sentence of each of them."""
MOST_DOCUMENTS = 5_000
"""The most documents whose vectors are compared. Of more, as many are taken at equal distances in order of their names."""
MOST_BEGUN = 500
"""The most documents without vectors whose beginnings are embedded for an overview."""
BEGINNING = 200
"""The characters of a beginning."""
EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Group:
    """Similar documents: their number, titles of the most central ones, and the document that stands for them."""

    count: int
    titles: tuple[str, ...]
    document: Document
    gist: Summary


@dataclass(frozen=True, slots=True)
class Overview:
    """The groups of a folder, the largest first.

    `read` is the number of documents that were compared, `begun` that of those among them that have no vectors yet, so
    that only their beginnings were.
    """

    groups: tuple[Group, ...]
    read: int
    begun: int


def overview(catalogue: Catalogue, reader: IndexReader, summarizer: Summarizer) -> Overview:
    """Return the groups of the documents of a catalogue."""
    sources = _sample(list(catalogue.documents))
    if len(sources) <= MOST_GROUPS:
        groups = [_group([catalogue.documents[source]], reader, summarizer) for source in sources]
        return Overview(tuple(group for group in groups if group.gist.spans), len(sources), 0)
    vectors, begun = _vectors(sources, catalogue, reader, summarizer.embedder)
    names = list(vectors)
    grouped = centre.groups(np.array(list(vectors.values())), MOST_GROUPS) if vectors else []
    groups = [_group([catalogue.documents[names[row]] for row in rows], reader, summarizer) for rows in grouped]
    return Overview(tuple(groups), len(names), begun)


def _vectors(
    sources: Sequence[str], catalogue: Catalogue, reader: IndexReader, embedder: Embedder
) -> tuple[dict[str, centre.Vectors], int]:
    """Return a vector for each document, and for how many it is that of their beginning.

    It is the mean of its chunks' vectors. Of documents without any, the beginnings of up to `MOST_BEGUN` are embedded.
    """
    means = {source: _mean(catalogue.documents[source], reader) for source in sources}
    lacking = [source for source in sources if means[source] is None][:MOST_BEGUN]
    texts = {source: _beginning(reader.document(catalogue.documents[source])) for source in lacking}
    texts = {source: text for source, text in texts.items() if text}
    made = embedder.embed_passages(list(texts.values())) if texts else ()
    known = {source: mean for source, mean in means.items() if mean is not None}
    return known | dict(zip(texts, made, strict=True)), len(texts)


def _beginning(document: Document) -> str:
    """Return the title of a document and the first words of its text."""
    begin = body_start(document.metadata, document.text)
    return " ".join(f"{document.title} {document.text[begin : begin + BEGINNING]}".split())[:BEGINNING]


def _sample(sources: Sequence[str]) -> list[str]:
    step = max(1.0, len(sources) / MOST_DOCUMENTS)
    return [sources[int(i * step)] for i in range(min(len(sources), MOST_DOCUMENTS))]


def _mean(document_id: str, reader: IndexReader) -> centre.Vectors | None:
    """Return the mean vector of a document, of length 1; None where none of its chunks has a vector."""
    chunks = reader.chunks(document_id)
    rows = reader.vectors([chunk.id for chunk in chunks]) if chunks else np.empty((0, 1), dtype=np.float32)
    rows = rows[np.isfinite(rows).all(axis=1)]
    return centre.unit(rows.mean(axis=0)) if len(rows) else None


def _group(ids: Sequence[str], reader: IndexReader, summarizer: Summarizer) -> Group:
    """Return the group of documents, the most central one first; the first that has a sentence stands for it."""
    examples = [reader.document(id_) for id_ in ids[:EXAMPLES]]
    gists = [(document, summarizer.gist(document)) for document in examples[:1]]
    if not gists[0][1].spans:
        gists = [(document, summarizer.gist(document)) for document in examples]
    document, gist = next((pair for pair in gists if pair[1].spans), gists[0])
    return Group(len(ids), tuple(map(title_of, examples)), document, gist)


def title_of(document: Document) -> str:
    """Return the title of a document, on one line; the name of its file where it has none, or a very long one."""
    title = " ".join(document.title.split())
    return title if 0 < len(title) <= 80 else document.source.rsplit("/", 1)[-1]
