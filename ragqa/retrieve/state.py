"""What the steps of retrieval pass on to one another: one frozen state, which each step returns changed."""

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
    """One search: its words, and its unit vector, float32[dim] (None where vectors are not searched)."""

    text: str
    vector: Vector | None

    def moved_to(self, vector: Vector) -> SearchQuery:
        """Return the same words with another vector, float32[dim] of any length, which is normalised."""
        return SearchQuery(self.text, vector / np.linalg.norm(vector))


@dataclass(frozen=True, slots=True)
class RetrievalState:
    """A retrieval under way.

    :param question: as it was asked, with its own vector; `Hit.scores` are measured against it.
    :param queries: all searches of this question; the scores of a chunk are averaged over them.
    :param k: how many hits are wanted in the end.
    :param fetch_k: how many hits are fetched from the index, since later steps may leave some out.
    :param hits: best first; empty until the index was searched.
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
"""One step of retrieval. It may be called from several threads at once."""


def on_hits(change: Callable[[Sequence[Hit]], Sequence[Hit]]) -> Step:
    """Return the step that changes the hits alone."""
    return lambda state: state.with_hits(change(state.hits))
