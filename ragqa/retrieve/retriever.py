"""The stages of retrieval, in the order in which they run.

    question -rewrite-> questions -candidates-> scores -feedback-> scores -rerank-> hits -diversity-> hits -widen-> hits

Knows an `Embedder`, a `Searcher`, a `Scorer` and a `Generator`, none by class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ragqa.config.retrieval import DenseRetrieve, HybridRetrieve, HydeRewrite, LexicalRetrieve, MultiQueryRewrite
from ragqa.errors import UsageError
from ragqa.records import Hit
from ragqa.retrieve import check_question, diversity, fusion, passages, rewrite
from ragqa.retrieve.rerank import rescore
from ragqa.stages import Embedder, Generator, Scorer, Searcher

FEEDBACK_WEIGHT = 0.2
"""How far feedback moves the question's vector."""

_SPARE = 50
"""How many hits for each that is wanted are looked at where some may be left out."""

Vector = NDArray[np.float32]
Spec = DenseRetrieve | LexicalRetrieve | HybridRetrieve


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for: words, and a unit vector, float32[dim] (None where vectors are not searched)."""

    text: str
    vector: Vector | None


class FusionRetriever:
    """Ranks chunks as a `retrieve` section says.

    :param scorer: of the reranker, where the section has one.
    :param generator: writes other questions, where the section wants them.
    """

    def __init__(
        self, spec: Spec, embedder: Embedder, scorer: Scorer | None = None, generator: Generator | None = None
    ) -> None:
        if (spec.rerank is None) != (scorer is None) or (spec.rewrite is None) != (generator is None):
            raise TypeError("a scorer goes with retrieve.rerank, and a generator with retrieve.rewrite")
        self.spec = spec
        self._embedder = embedder
        self._scorer = scorer
        self._generator = generator

    def retrieve(self, question: str, searcher: Searcher, k: int | None = None) -> list[Hit]:
        """Return the best `k` (default `top_k`) hits, before they are joined to what surrounds them; ties go by chunk id.

        :raises UsageError: the question is empty, not text, or too long.
        """
        check_question(question)
        k = self.spec.top_k if k is None else k
        hits = self._thinned(self._ranked(question, searcher, k), searcher, k)
        if self.spec.neighbours or self.spec.section:
            return passages.widen(hits, searcher, neighbours=self.spec.neighbours, section=self.spec.section)
        return hits

    def _ranked(self, question: str, searcher: Searcher, k: int) -> list[Hit]:
        """Return as many hits as thinning may need."""
        spec = self.spec
        thinned = spec.per_document is not None or spec.near_duplicates is not None or spec.mmr < 1
        wanted = k * _SPARE if thinned else k
        if self._scorer is None or spec.rerank is None:
            return searcher.hits(self._best(question, searcher, wanted))
        hits = searcher.hits(self._best(question, searcher, max(spec.rerank.depth, k)))
        scores = self._scorer.scores(question, [hit.chunk.indexed_text for hit in hits])
        return rescore(hits, scores, spec.rerank.weight)

    def _thinned(self, hits: list[Hit], searcher: Searcher, k: int) -> list[Hit]:
        spec = self.spec
        if spec.near_duplicates is not None:
            hits = diversity.without_near_duplicates(hits, spec.near_duplicates)
        if spec.per_document is not None:
            hits = diversity.cap(hits, spec.per_document)
        if spec.mmr < 1:
            vectors = searcher.vectors([hit.chunk.id for hit in hits])
            return diversity.marginal_relevance(hits, vectors, k, spec.mmr)
        return hits[:k]

    def _best(self, question: str, searcher: Searcher, k: int) -> list[tuple[str, float, dict[str, float]]]:
        """Return the k best as `(chunk id, score, scores)`, ties by chunk id; `scores` are those of the question as asked."""
        asked = self._query(question)
        queries = [self._imagined(asked), *map(self._query, self._other_words(question))]
        if self.spec.feedback:
            queries = [self._fed_back(query, searcher, k) for query in queries]
        fused = self._ranking(queries, searcher, k)
        ids = sorted(fused, key=lambda chunk_id: (-fused[chunk_id], chunk_id))[:k]
        dense, lexical = self._scores(asked, searcher, ids)
        own = [{"dense": dense.get(i), "lexical": lexical.get(i) or None} for i in ids]
        named = ({name: score for name, score in each.items() if score is not None} for each in own)
        return [(i, fused[i], scores) for i, scores in zip(ids, named, strict=True)]

    def _ranking(self, queries: Sequence[Query], searcher: Searcher, k: int) -> dict[str, float]:
        """Return the mean score over the queries of every chunk that one of them found."""
        found = [self._found(query, searcher, k) for query in queries]
        if isinstance(self.spec, HybridRetrieve) and self.spec.fusion == "rrf":
            return fusion.mean([fusion.reciprocal_rank(*lists) for lists in found])
        ids = list(dict.fromkeys(chunk_id for lists in found for ranking in lists for chunk_id in ranking))
        return fusion.mean([self._fused(query, searcher, ids) for query in queries])

    def _found(self, query: Query, searcher: Searcher, k: int) -> list[dict[str, float]]:
        """Return what each retriever found, best first."""
        spec = self.spec
        depth = max(k, spec.depth) if isinstance(spec, HybridRetrieve) else k
        dense = [] if query.vector is None else [dict(searcher.dense(query.vector, depth))]
        return dense if isinstance(spec, DenseRetrieve) else [*dense, dict(searcher.lexical(query.text, depth))]

    def _fused(self, query: Query, searcher: Searcher, ids: Sequence[str]) -> dict[str, float]:
        dense, lexical = self._scores(query, searcher, ids)
        if isinstance(self.spec, HybridRetrieve):
            return fusion.convex(dense, lexical, self.spec.weight, searcher.lexical_bound(query.text))
        return dense or lexical

    def _scores(
        self, query: Query, searcher: Searcher, ids: Sequence[str]
    ) -> tuple[dict[str, float], dict[str, float]]:
        """Return the exact scores of chunks by either retriever, by chunk id; none of one that is not used."""
        dense = [] if query.vector is None else searcher.dense_scores(query.vector, ids)
        lexical = [] if isinstance(self.spec, DenseRetrieve) else searcher.lexical_scores(query.text, ids)
        return dict(zip(ids, dense, strict=False)), dict(zip(ids, lexical, strict=False))

    def _query(self, question: str) -> Query:
        wordless = isinstance(self.spec, LexicalRetrieve)
        return Query(question, None if wordless else self._embedder.embed_question(question))

    def _other_words(self, question: str) -> list[str]:
        if not isinstance(self.spec.rewrite, MultiQueryRewrite) or self._generator is None:
            return []
        return rewrite.other_words(question, self.spec.rewrite.n, self._generator)

    def _imagined(self, query: Query) -> Query:
        """Move the vector towards that of a passage which the generator imagines."""
        if not isinstance(self.spec.rewrite, HydeRewrite) or self._generator is None or query.vector is None:
            return query
        passage = rewrite.hypothetical_passage(query.text, self._generator)
        try:
            imagined = self._embedder.embed_passages([passage])[0]
        except UsageError as error:
            raise UsageError(
                f"retrieve.rewrite: the imagined passage: {error}; lower generate.max_new_tokens"
            ) from error
        return _moved(query, query.vector + imagined)

    def _fed_back(self, query: Query, searcher: Searcher, k: int) -> Query:
        """Move the vector towards the mean of the best passages (Rocchio 1971)."""
        found = self._ranking([query], searcher, max(k, self.spec.feedback))
        nearest = searcher.vectors(sorted(found, key=lambda i: (-found[i], i))[: self.spec.feedback])
        if not len(nearest) or query.vector is None:
            return query
        return _moved(query, (1 - FEEDBACK_WEIGHT) * query.vector + FEEDBACK_WEIGHT * nearest.mean(axis=0))


def _moved(query: Query, vector: Vector) -> Query:
    return Query(query.text, vector / np.linalg.norm(vector))
