"""Searches an index whose texts do not all have a vector yet: by words, and by vectors that are made for the question."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ragqa.records import Chunk, Hit
    from ragqa.stages import Embedder, IndexReader, Searcher, Vectors

CANDIDATES = 50
"""How many chunks without a vector, the best by words, get one for a question."""


def searcher(reader: IndexReader, embedder: Embedder, made: MutableMapping[str, Vectors], question: str) -> Searcher:
    """Return what a retriever searches: the reader itself, or `ByWords` while some of its texts have no vector."""
    return ByWords(reader, embedder, made, question) if reader.coverage().pending else reader


class ByWords:
    """A `Searcher` that embeds chunks without a vector when they are scored.

    Dense search ranks the chunks that have a vector, exactly, together with the best `CANDIDATES` by the words of the
    question. Where more chunks without a vector are to be scored, the best by words are embedded, and the others count
    as near as the farthest of these: they are ranked by words.

    :param made: vectors by text, float32[dim]. Those that are made here are added, for later questions and the index.
    """

    def __init__(
        self, reader: IndexReader, embedder: Embedder, made: MutableMapping[str, Vectors], question: str
    ) -> None:
        self._reader, self._embedder, self._made, self._question = reader, embedder, made, question
        self._texts: dict[str, str] = {}  # by chunk, of those that were scored

    @property
    def generation(self) -> int:
        """Return the number of the generation that is read."""
        return self._reader.generation

    def dense(self, vector: Vectors, k: int) -> list[tuple[str, float]]:
        """Return up to k `(chunk id, inner product)` of stored vectors and of the candidates by words, best first."""
        stored = dict(self._reader.dense(vector, k))
        others = [i for i, _ in self._reader.lexical(self._question, CANDIDATES) if i not in stored]
        found = stored | dict(zip(others, self.dense_scores(vector, others), strict=True))
        return sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))[:k]

    def lexical(self, question: str, k: int) -> list[tuple[str, float]]:
        """Return what the reader finds: every text has postings."""
        return self._reader.lexical(question, k)

    def dense_scores(self, vector: Vectors, chunk_ids: Sequence[str]) -> list[float]:
        """Return the inner product of each chunk, or the least of the others' for one that is not embedded."""
        scores = dict(zip(chunk_ids, self._reader.dense_scores(vector, chunk_ids), strict=True))
        lacking = [i for i in scores if np.isnan(scores[i])]
        if len(lacking) > CANDIDATES:
            by_words = dict(zip(lacking, self.lexical_scores(self._question, lacking), strict=True))
            lacking = sorted(lacking, key=lambda i: (i not in self._texts, -by_words[i], i))[:CANDIDATES]
        rows = self._embedded(lacking).astype(np.float64) @ vector.astype(np.float64)
        scores |= zip(lacking, rows.astype(np.float32).tolist(), strict=True)
        least = min((scores[i] for i in lacking), default=0.0)
        return [least if np.isnan(scores[i]) else scores[i] for i in chunk_ids]

    def lexical_scores(self, question: str, chunk_ids: Sequence[str]) -> list[float]:
        """Return the BM25 of each chunk."""
        return self._reader.lexical_scores(question, chunk_ids)

    def lexical_bound(self, question: str) -> float:
        """Return an upper bound of the BM25 of any text for a question."""
        return self._reader.lexical_bound(question)

    def document_counts(self, terms: Sequence[str]) -> list[int]:
        """Return for each search term the number of texts that have it."""
        return self._reader.document_counts(terms)

    def named(self, terms: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        """Return the fields by source of documents whose names have all terms."""
        return self._reader.named(terms)

    def vectors(self, chunk_ids: Sequence[str]) -> Vectors:
        """Return the vectors of chunks, float32[len(chunk_ids), dim]."""
        rows = np.array(self._reader.vectors(chunk_ids))
        lacking = np.flatnonzero(np.isnan(rows).any(axis=1)).tolist()
        rows[lacking] = self._embedded([chunk_ids[i] for i in lacking])
        return rows

    def hits(self, ranked: Sequence[tuple[str, float, dict[str, float]]]) -> list[Hit]:
        """Return the hits of `(chunk id, score, scores)`, in order."""
        return self._reader.hits(ranked)

    def chunks(self, document_id: str) -> list[Chunk]:
        """Return the chunks of a document in order."""
        return self._reader.chunks(document_id)

    def span(self, hit: Hit, start: int, end: int) -> Hit:
        """Return a hit with another span of its document as its text."""
        return self._reader.span(hit, start, end)

    def _embedded(self, chunk_ids: Sequence[str]) -> Vectors:
        """Return the vectors of chunks that have none in the index, float32[len(chunk_ids), dim]; each is made once."""
        new = [i for i in dict.fromkeys(chunk_ids) if i not in self._texts]
        if new:
            hits = self._reader.hits([(i, 0.0, {}) for i in new])
            self._texts |= zip(new, (hit.chunk.indexed_text for hit in hits), strict=True)
        texts = [self._texts[i] for i in chunk_ids]
        vectors = {text: vector for text in texts if (vector := self._made.get(text)) is not None}
        lacking = [text for text in dict.fromkeys(texts) if text not in vectors]
        if lacking:
            made = dict(zip(lacking, self._embedder.embed_passages(lacking), strict=True))
            self._made.update(made)
            vectors |= made
        return np.array([vectors[text] for text in texts], dtype=np.float32).reshape(len(texts), self._embedder.dim)
