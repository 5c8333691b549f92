"""Hits, best first -> fewer that say the same: caps, near-duplicates, maximal marginal relevance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ragqa import text_analysis
from ragqa.records import Hit

_SHINGLE = 5


def cap(hits: Sequence[Hit], per_document: int) -> list[Hit]:
    """Keep the best `per_document` hits of each document."""
    seen: Counter[str] = Counter()
    kept = []
    for hit in hits:
        seen[hit.chunk.document_id] += 1
        if seen[hit.chunk.document_id] <= per_document:
            kept.append(hit)
    return kept


def without_near_duplicates(hits: Sequence[Hit], share: float) -> list[Hit]:
    """Leave out a hit when at least `share` of its runs of five words stand in one better hit (Broder 1997)."""
    kept: list[Hit] = []
    known: list[frozenset[tuple[str, ...]]] = []
    for hit in hits:
        mine = _shingles(hit.chunk.text)
        if not mine or not any(len(mine & other) / len(mine) >= share for other in known):
            kept.append(hit)
            known.append(mine)
    return kept


def marginal_relevance(hits: Sequence[Hit], vectors: NDArray[np.float32], k: int, relevance: float) -> list[Hit]:
    """Choose k hits one by one, each the best by relevance * score - (1 - relevance) * nearest chosen cosine (at least 0).

    Maximal marginal relevance (Carbonell and Goldstein 1998); scores are divided by the best of them.

    :param vectors: float32[len(hits), dim], unit rows.
    """
    best = max((hit.score for hit in hits), default=0.0)
    scores = np.array([hit.score / best if best > 0 else 0.0 for hit in hits])
    nearest = np.zeros(len(hits))
    chosen: list[int] = []
    while len(chosen) < min(k, len(hits)):
        gain = relevance * scores - (1 - relevance) * nearest
        gain[chosen] = -np.inf
        chosen.append(int(gain.argmax()))
        nearest = np.maximum(nearest, vectors @ vectors[chosen[-1]])
    return [hits[i] for i in chosen]


def _shingles(text: str) -> frozenset[tuple[str, ...]]:
    """Return the runs of five words; all words where there are fewer, nothing where there are none."""
    found = text_analysis.words(text)
    runs = range(max(1, len(found) - _SHINGLE + 1)) if found else ()
    return frozenset(tuple(found[i : i + _SHINGLE]) for i in runs)
