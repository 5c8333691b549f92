"""The state that the steps of retrieval pass on. It is frozen: each step returns a changed copy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ragqa.records import Hit
from ragqa.stages import Searcher

Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """The text of one search, and its unit vector, float32[dim] (None if vectors are not searched).

    The vector is zero where the embedder knows no word of the text.
    """

    text: str
    vector: Vector | None

    def moved_to(self, vector: Vector) -> SearchQuery:
        """Return the same text with another vector, float32[dim]. It may have any norm, and is normalised."""
        return SearchQuery(self.text, vector / (np.linalg.norm(vector) or 1.0))


@dataclass(frozen=True, slots=True)
class RetrievalState:
    """The state of a retrieval between two steps.

    :param question: the question as asked, with its own vector; `Hit.scores` are computed with it.
    :param queries: all queries for this question; the scores of a chunk are averaged over them.
    :param k: the number of hits in the result.
    :param fetch_k: the number of hits to fetch from the index, since later steps may leave some out.
    :param hits: the hits, best first; empty until the index is searched.
    """

    question: SearchQuery
    searcher: Searcher
    k: int
    fetch_k: int
    queries: tuple[SearchQuery, ...]
    hits: tuple[Hit, ...] = ()

    def with_queries(self, queries: Sequence[SearchQuery]) -> RetrievalState:
        """Return the same state with other queries."""
        return replace(self, queries=tuple(queries))

    def with_hits(self, hits: Sequence[Hit]) -> RetrievalState:
        """Return the same state with other hits."""
        return replace(self, hits=tuple(hits))


Step = Callable[[RetrievalState], RetrievalState]
"""One step of retrieval. Several threads may call it at the same time."""


def on_hits(change: Callable[[Sequence[Hit]], Sequence[Hit]]) -> Step:
    """Return a step that changes the hits only."""
    return lambda state: state.with_hits(change(state.hits))
