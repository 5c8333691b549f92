"""Retrieval: the three rankings, fusion by hand-computed values, filters, caps, and questions that cannot be asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ragqa.config.retrieval import DenseRetrieve, HybridRetrieve, LexicalRetrieve
from ragqa.errors import UsageError
from ragqa.records import Chunk, Hit
from ragqa.retrieve import MAX_QUESTION_CHARS
from ragqa.retrieve.fusion import convex, mean, reciprocal_rank
from ragqa.retrieve.retriever import FusionRetriever
from tests.fakes import WordEmbedder, hit


class FixedSearcher:
    """Gives the same rankings for every question."""

    generation = 1

    def __init__(
        self, dense: dict[str, float], lexical: dict[str, float], documents: dict[str, str] | None = None
    ) -> None:
        self._dense, self._lexical, self._documents = dense, lexical, documents or {}

    def dense(self, vector: Any, k: int) -> list[tuple[str, float]]:
        return list(self._dense.items())[:k]

    def lexical(self, question: str, k: int) -> list[tuple[str, float]]:
        return list(self._lexical.items())[:k]

    def dense_scores(self, vector: Any, chunk_ids: Sequence[str]) -> list[float]:
        return [self._dense.get(chunk_id, 0.0) for chunk_id in chunk_ids]

    def lexical_scores(self, question: str, chunk_ids: Sequence[str]) -> list[float]:
        return [self._lexical.get(chunk_id, 0.0) for chunk_id in chunk_ids]

    def lexical_bound(self, question: str) -> float:
        return 20.0

    def document_counts(self, terms: Sequence[str]) -> list[int]:
        raise NotImplementedError

    def vectors(self, chunk_ids: Sequence[str]) -> NDArray[np.float32]:
        """Vectors whose inner product with any of these embedder's vectors is 0."""
        return np.zeros((len(chunk_ids), WordEmbedder().dim), dtype=np.float32)

    def chunks(self, document_id: str) -> list[Chunk]:
        raise NotImplementedError

    def span(self, hit: Hit, start: int, end: int) -> Hit:
        raise NotImplementedError

    def hits(self, ranked: Any) -> list[Hit]:
        return [hit(name, self._documents.get(name, name), score=score, **scores) for name, score, scores in ranked]


SEARCHER = FixedSearcher({"1": 0.9, "2": 0.5, "3": 0.1}, {"3": 12.0, "4": 4.0, "1": 2.0})


def ranked(spec: Any, searcher: FixedSearcher = SEARCHER, k: int | None = None) -> list[str]:
    return [h.chunk.text for h in FusionRetriever(spec, WordEmbedder()).retrieve("a question", searcher, k)]


def test_dense_and_lexical_rank_by_their_own_scores() -> None:
    assert ranked(DenseRetrieve(kind="dense")) == ["1", "2", "3"]
    assert ranked(LexicalRetrieve(kind="lexical")) == ["3", "4", "1"]
    assert ranked(DenseRetrieve(kind="dense", top_k=2)) == ["1", "2"]
    assert ranked(DenseRetrieve(kind="dense", top_k=2), k=3) == ["1", "2", "3"]


def test_convex_fusion_adds_shares_of_what_could_be_scored_and_counts_a_missing_score_as_zero() -> None:
    fused = convex({"1": 0.8, "2": 0.4, "3": -0.1}, {"3": 12.0, "4": 3.0}, 0.75, bound=24.0)
    assert fused == pytest.approx({"1": 0.6, "2": 0.3, "3": -0.075 + 0.125, "4": 0.25 * 0.125})
    assert convex({}, {}, 0.5, bound=0.0) == {}
    assert convex({"7": 0.3}, {}, 0.5, bound=0.0) == {"7": 0.15}


def test_the_mean_of_rankings_counts_a_missing_score_as_zero() -> None:
    assert mean([{"1": 1.0, "2": 0.5}, {"2": 0.5}]) == {"1": 0.5, "2": 0.5}


def test_reciprocal_ranks_add_up() -> None:
    fused = reciprocal_rank({"1": 0.9, "2": 0.5}, {"2": 8.0, "3": 1.0})
    assert fused == pytest.approx({"1": 1 / 61, "2": 1 / 62 + 1 / 61, "3": 1 / 62})


@given(weight=st.floats(0, 1))
def test_hybrid_follows_the_weight_and_says_what_each_retriever_gave(weight: float) -> None:
    hits = FusionRetriever(HybridRetrieve(kind="hybrid", weight=weight), WordEmbedder()).retrieve("q", SEARCHER)
    assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)
    scores = {h.chunk.text: h.scores for h in hits}
    assert scores["1"] == {"dense": 0.9, "lexical": 2.0}
    assert scores["4"] == {"dense": 0.0, "lexical": 4.0}
    assert scores["2"] == {"dense": 0.5}  # a word score of 0 is none


def test_equal_scores_are_ordered_by_chunk_id_in_every_run() -> None:
    assert ranked(HybridRetrieve(kind="hybrid", fusion="rrf"), FixedSearcher({"5": 1.0}, {"2": 1.0})) == ["2", "5"]


def test_hits_of_one_document_are_capped_and_others_take_their_place() -> None:
    searcher = FixedSearcher({"1": 0.9, "2": 0.8, "3": 0.7, "4": 0.6}, {}, {"1": "a", "2": "a", "3": "a", "4": "b"})
    assert ranked(DenseRetrieve(kind="dense", top_k=2, per_document=1), searcher) == ["1", "4"]


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ("", "the question is empty"),
        ("\0\0 \n", "the question is empty"),
        ("who\0", "NULs or lone surrogates"),
        ("who \ud800", "NULs or lone surrogates"),
        ("x" * (MAX_QUESTION_CHARS + 1), "8,001 characters; at most 8,000"),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused_with_the_rule(question: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        FusionRetriever(DenseRetrieve(kind="dense"), WordEmbedder()).retrieve(question, SEARCHER)
