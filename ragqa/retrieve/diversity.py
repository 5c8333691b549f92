"""Diversity of hits: near-duplicates are left out, hits of one document are limited, or MMR chooses the hits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ragqa import text_analysis
from ragqa.records import Hit
from ragqa.retrieve.state import RetrievalState

_SHINGLE_WORDS = 5


def cap(hits: Sequence[Hit], per_document: int) -> list[Hit]:
    """Keep the best `per_document` hits of each document.

    :param hits: best first.
    """
    count: Counter[str] = Counter()
    within_cap = []
    for hit in hits:
        count[hit.chunk.document_id] += 1
        if count[hit.chunk.document_id] <= per_document:
            within_cap.append(hit)
    return within_cap


def deduplicate(hits: Sequence[Hit], share: float) -> list[Hit]:
    """Leave out a hit if one better hit has at least `share` of its shingles of five words (Broder 1997).

    :param hits: best first.
    :param share: in (0, 1].
    """
    distinct: list[Hit] = []
    better: list[frozenset[tuple[str, ...]]] = []
    for hit in hits:
        shingles = _shingles(hit.chunk.text)
        if not shingles or not any(len(shingles & other) / len(shingles) >= share for other in better):
            distinct.append(hit)
            better.append(shingles)
    return distinct


def diversify(state: RetrievalState, *, relevance: float) -> RetrievalState:
    """Choose k hits by maximal marginal relevance."""
    vectors = state.searcher.vectors([hit.chunk.id for hit in state.hits])
    return state.with_hits(marginal_relevance(state.hits, vectors, state.k, relevance))


def marginal_relevance(hits: Sequence[Hit], vectors: NDArray[np.float32], k: int, relevance: float) -> list[Hit]:
    """Choose k hits one by one: each has the highest relevance * score - (1 - relevance) * similarity.

    This is maximal marginal relevance, MMR (Carbonell and Goldstein 1998). Scores are divided by the best one. The
    similarity is the highest cosine to a chosen hit, at least 0.

    :param vectors: float32[len(hits), dim], unit rows.
    :param relevance: in [0, 1]; 1 chooses by score alone.
    """
    # 1. Divide the scores by the best one, so that they are comparable with cosines.
    best = max((hit.score for hit in hits), default=0.0)
    scores = np.array([hit.score / best if best > 0 else 0.0 for hit in hits])
    # 2. Choose greedily; `nearest` is the cosine of each hit to the nearest chosen one.
    nearest = np.zeros(len(hits))
    chosen: list[int] = []
    while len(chosen) < min(k, len(hits)):
        gain = relevance * scores - (1 - relevance) * nearest
        gain[chosen] = -np.inf
        chosen.append(int(gain.argmax()))
        nearest = np.maximum(nearest, vectors @ vectors[chosen[-1]])
    return [hits[i] for i in chosen]


def _shingles(text: str) -> frozenset[tuple[str, ...]]:
    """Return the shingles of five words; one of all words if there are fewer; none if there are no words."""
    words = text_analysis.words(text)
    starts = range(max(1, len(words) - _SHINGLE_WORDS + 1)) if words else ()
    return frozenset(tuple(words[i : i + _SHINGLE_WORDS]) for i in starts)
