"""Hits that have the identifiers of a question come before those that have their digits and letters in another order.

Neither words nor vectors tell 3.2.1 from 1.3.2. Where a question has such an identifier, chunks that lack what another has
lose a part of their score. Other questions are ranked as without this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ragqa import identifiers
from ragqa.retrieve.state import RetrievalState
from ragqa.stages import Searcher

EXACT = "exact"
"""The name in `Hit.scores` of the share of the question's identifiers that a hit has; only where some hit has any."""

LEAST_SHARE = 0.5
"""What is left of the score of a chunk that has none of the identifiers, where another has all. A chunk that has them and
half the score of the best one is first."""


def shares(texts: Sequence[str], searcher: Searcher, chunk_ids: Sequence[str]) -> dict[str, float]:
    """Return by chunk id the share of the identifiers of a question; empty where the question or all chunks have none.

    :param texts: the question, then other texts of it, whose identifiers count where those before them have none.
    """
    asking = next((text for text in texts if identifiers.asked(text)), None)
    found = searcher.identifier_shares(asking, chunk_ids) if asking is not None else []
    return dict(zip(chunk_ids, found, strict=True)) if any(found) else {}


def preferred(scores: Mapping[str, float], found: Mapping[str, float]) -> dict[str, float]:
    """Return scores by chunk id, lowered where a chunk lacks identifiers that another has.

    :param found: the shares of the identifiers; empty where no chunk has any.
    """
    best = max(found.values(), default=0.0)
    lost = {i: (1 - LEAST_SHARE) * (best - found.get(i, best)) for i in scores}
    return {i: score - lost[i] * abs(score) if lost[i] else score for i, score in scores.items()}


def prefer_exact(state: RetrievalState) -> RetrievalState:
    """Lower the scores of hits that lack identifiers that another hit has; best first, ties by chunk id."""
    found = {hit.chunk.id: hit.scores[EXACT] for hit in state.hits if EXACT in hit.scores}
    scores = preferred({hit.chunk.id: hit.score for hit in state.hits}, found)
    hits = (replace(hit, score=scores[hit.chunk.id]) for hit in state.hits)
    return state.with_hits(sorted(hits, key=lambda hit: (-hit.score, hit.chunk.id)))
