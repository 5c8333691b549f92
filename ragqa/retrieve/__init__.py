"""question -> ranked Hits: dense, lexical, or both fused. Knows an `Embedder` and a `Searcher`, neither by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ragqa.config.specs import DenseRetrieve, HybridRetrieve, LexicalRetrieve
from ragqa.errors import UsageError
from ragqa.records import Hit
from ragqa.stages import Embedder, Searcher

MAX_QUESTION_CHARS = 8000
RRF_CONSTANT = 60
"""k of reciprocal rank fusion (Cormack, Clarke and Buettcher 2009)."""


class FusionRetriever:
    """Ranks chunks as a `retrieve` section says."""

    def __init__(self, spec: DenseRetrieve | LexicalRetrieve | HybridRetrieve, embedder: Embedder) -> None:
        self.spec = spec
        self._embedder = embedder

    def retrieve(self, question: str, searcher: Searcher, k: int | None = None) -> list[Hit]:
        """Return the best `k` (default `top_k`) hits; ties go by chunk id.

        :raises UsageError: the question is empty, not text, or too long.
        """
        check_question(question)
        k = k or self.spec.top_k
        wanted = k if self.spec.per_document is None else 50 * k
        hits = searcher.hits(self._rank(question, searcher, wanted))
        return _cap(hits, self.spec.per_document)[:k]

    def _rank(self, question: str, searcher: Searcher, k: int) -> list[tuple[str, float, dict[str, float]]]:
        spec = self.spec
        depth = max(k, spec.depth) if isinstance(spec, HybridRetrieve) else k
        dense: dict[str, float] = {}
        lexical: dict[str, float] = {}
        if not isinstance(spec, LexicalRetrieve):
            dense = dict(searcher.dense(self._embedder.embed_question(question), depth))
        if not isinstance(spec, DenseRetrieve):
            lexical = dict(searcher.lexical(question, depth))
        if isinstance(spec, DenseRetrieve):
            fused: Mapping[str, float] = dense
        elif isinstance(spec, LexicalRetrieve):
            fused = lexical
        elif spec.fusion == "convex":
            fused = convex(dense, lexical, spec.weight)
        else:
            fused = reciprocal_rank(dense, lexical)
        best = sorted(fused, key=lambda chunk_id: (-fused[chunk_id], chunk_id))[:k]
        return [(chunk_id, fused[chunk_id], _scores(chunk_id, dense, lexical)) for chunk_id in best]


def check_question(question: str) -> None:
    """Refuse a question that cannot be asked.

    :raises UsageError: empty, longer than `MAX_QUESTION_CHARS`, or holding NULs or lone surrogates.
    """
    if not any(c.isprintable() and not c.isspace() for c in question):
        raise UsageError("the question is empty: write at least one word")
    if len(question) > MAX_QUESTION_CHARS:
        raise UsageError(f"the question has {len(question):,} characters; at most {MAX_QUESTION_CHARS:,} are read")
    if "\0" in question or any("\ud800" <= c <= "\udfff" for c in question):
        raise UsageError("the question holds NULs or lone surrogates: write plain text")


def convex(dense: Mapping[str, float], lexical: Mapping[str, float], weight: float) -> dict[str, float]:
    """Mix scores after scaling each list to [0, 1] (Bruch, Gai and Ingber 2023); a missing score is 0.

    :param weight: share of the dense score.
    """
    scaled_dense, scaled_lexical = _min_max(dense), _min_max(lexical)
    ids = [*dense, *(chunk_id for chunk_id in lexical if chunk_id not in dense)]
    return {i: weight * scaled_dense.get(i, 0.0) + (1 - weight) * scaled_lexical.get(i, 0.0) for i in ids}


def reciprocal_rank(*rankings: Mapping[str, float]) -> dict[str, float]:
    """Sum 1 / (60 + rank) over the rankings (each in order, best first)."""
    fused: dict[str, float] = {}
    for ranking in rankings:
        for rank, chunk_id in enumerate(ranking, start=1):
            fused[chunk_id] = fused.get(chunk_id, 0.0) + 1.0 / (RRF_CONSTANT + rank)
    return fused


def _min_max(scores: Mapping[str, float]) -> dict[str, float]:
    if not scores:
        return {}
    low, high = min(scores.values()), max(scores.values())
    return {chunk_id: (score - low) / (high - low) if high > low else 1.0 for chunk_id, score in scores.items()}


def _scores(chunk_id: str, dense: Mapping[str, float], lexical: Mapping[str, float]) -> dict[str, float]:
    named = {"dense": dense.get(chunk_id), "lexical": lexical.get(chunk_id)}
    return {name: score for name, score in named.items() if score is not None}


def _cap(hits: Sequence[Hit], per_document: int | None) -> list[Hit]:
    if per_document is None:
        return list(hits)
    kept: list[Hit] = []
    counts: dict[str, int] = {}
    for hit in hits:
        counts[hit.chunk.document_id] = counts.get(hit.chunk.document_id, 0) + 1
        if counts[hit.chunk.document_id] <= per_document:
            kept.append(hit)
    return kept
