"""The stages of retrieval, in the order in which they run.

    question -rewrite-> questions -candidates-> scores -feedback-> scores -rerank-> hits -diversity-> hits -widen-> hits

Knows an `Embedder`, a `Searcher`, a `Scorer` and a `Generator`, none by class.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ragqa.config.specs import DenseRetrieve, HybridRetrieve, HydeRewrite, LexicalRetrieve, MultiQueryRewrite
from ragqa.records import Hit
from ragqa.retrieve import check_question, diversity, fusion, passages, rewrite
from ragqa.retrieve.rerank import rescore
from ragqa.stages import Embedder, Generator, Scorer, Searcher

FEEDBACK_WEIGHT = 0.2
"""How far feedback moves the question's vector towards the mean of its best passages (Rocchio 1971)."""

_SPARE = 10
"""How many hits for each that is wanted are looked at where some may be left out."""

Vector = NDArray[np.float32]
Spec = DenseRetrieve | LexicalRetrieve | HybridRetrieve


@dataclass(frozen=True, slots=True)
class Candidates:
    """What a question found: fused scores by chunk id, and those of either retriever."""

    fused: dict[str, float]
    dense: dict[str, float]
    lexical: dict[str, float]

    def best(self, k: int) -> list[tuple[str, float, dict[str, float]]]:
        """Return the k best as `(chunk id, score, scores)`; ties by chunk id."""
        ids = sorted(self.fused, key=lambda chunk_id: (-self.fused[chunk_id], chunk_id))[:k]
        named = {"dense": self.dense, "lexical": self.lexical}
        return [(i, self.fused[i], {name: of[i] for name, of in named.items() if i in of}) for i in ids]


class FusionRetriever:
    """Ranks chunks as a `retrieve` section says.

    :param scorer: of the reranker, where the section has one.
    :param generator: writes other questions, where the section wants them.
    """

    def __init__(
        self, spec: Spec, embedder: Embedder, scorer: Scorer | None = None, generator: Generator | None = None
    ) -> None:
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
            return searcher.hits(self._candidates(question, searcher, wanted).best(wanted))
        depth = max(spec.rerank.depth, k)
        hits = searcher.hits(self._candidates(question, searcher, depth).best(depth))
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

    def _candidates(self, question: str, searcher: Searcher, k: int) -> Candidates:
        vector = self._vector(question)
        found = self._once(question, vector, searcher, k)
        if isinstance(self.spec.rewrite, MultiQueryRewrite) and self._generator is not None:
            others = rewrite.other_words(question, self.spec.rewrite.n, self._generator)
            more = [self._once(other, self._vector(other), searcher, k).fused for other in others]
            return Candidates(fusion.mean([found.fused, *more]), found.dense, found.lexical)
        if self.spec.feedback and not isinstance(self.spec, LexicalRetrieve):
            nearest = searcher.vectors([chunk_id for chunk_id, *_ in found.best(self.spec.feedback)])
            if len(nearest):
                moved = (1 - FEEDBACK_WEIGHT) * vector + FEEDBACK_WEIGHT * nearest.mean(axis=0)
                return self._once(question, moved / np.linalg.norm(moved), searcher, k)
        return found

    def _vector(self, question: str) -> Vector:
        """Return what is looked for among the vectors, float32[dim]."""
        if isinstance(self.spec, LexicalRetrieve):
            return np.empty(0, dtype=np.float32)
        vector: Vector = self._embedder.embed_question(question)
        if isinstance(self.spec.rewrite, HydeRewrite) and self._generator is not None:
            passage = rewrite.hypothetical_passage(question, self._generator)
            both = vector + self._embedder.embed_passages([passage])[0]
            vector = both / np.linalg.norm(both)
        return vector

    def _once(self, question: str, vector: Vector, searcher: Searcher, k: int) -> Candidates:
        spec = self.spec
        if isinstance(spec, DenseRetrieve):
            dense = dict(searcher.dense(vector, k))
            return Candidates(dense, dense, {})
        if isinstance(spec, LexicalRetrieve):
            lexical = dict(searcher.lexical(question, k))
            return Candidates(lexical, {}, lexical)
        depth = max(k, spec.depth)
        dense, lexical = dict(searcher.dense(vector, depth)), dict(searcher.lexical(question, depth))
        if spec.fusion == "rrf":
            return Candidates(fusion.reciprocal_rank(dense, lexical), dense, lexical)
        unseen = [chunk_id for chunk_id in lexical if chunk_id not in dense]
        unread = [chunk_id for chunk_id in dense if chunk_id not in lexical]
        dense |= zip(unseen, (searcher.vectors(unseen) @ vector).tolist(), strict=True)
        scores = zip(unread, searcher.lexical_scores(question, unread), strict=True)
        lexical |= {chunk_id: score for chunk_id, score in scores if score > 0}
        return Candidates(fusion.convex(dense, lexical, spec.weight, searcher.lexical_bound(question)), dense, lexical)
