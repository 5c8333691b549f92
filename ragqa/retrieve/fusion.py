"""Fusion: several rankings -> one."""

from __future__ import annotations

from collections.abc import Mapping

RRF_CONSTANT = 60
"""The constant k of reciprocal rank fusion (Cormack, Clarke and Buettcher 2009)."""


def convex(dense: Mapping[str, float], lexical: Mapping[str, float], weight: float, bound: float) -> dict[str, float]:
    """Return weight * cosine + (1 - weight) * BM25 / bound; a missing score is 0.

    This is a convex combination (Bruch, Gai and Ingber 2023, https://arxiv.org/abs/2210.11934) of two scores, each
    relative to its theoretical maximum. So it depends neither on the lengths of the lists nor on the best text. For
    example, if no text has more than half of the question's words, the lexical scores are at most about half.

    :param weight: the weight of the dense score, in [0, 1].
    :param bound: the upper bound of the BM25 of any text for this question.
    """
    ids = [*dense, *(chunk_id for chunk_id in lexical if chunk_id not in dense)]
    share = (1 - weight) / bound if bound > 0 else 0.0
    return {i: weight * dense.get(i, 0.0) + share * lexical.get(i, 0.0) for i in ids}


def reciprocal_rank(*rankings: Mapping[str, float]) -> dict[str, float]:
    """Return the sum of 1 / (60 + rank) over the rankings, by chunk id. Equal scores keep the given order."""
    fused: dict[str, float] = {}
    for ranking in rankings:
        for rank, chunk_id in enumerate(sorted(ranking, key=lambda i: -ranking[i]), start=1):
            fused[chunk_id] = fused.get(chunk_id, 0.0) + 1.0 / (RRF_CONSTANT + rank)
    return fused


def mean(rankings: list[dict[str, float]]) -> dict[str, float]:
    """Return the mean of the scores of several rankings, by chunk id; a missing score is 0."""
    if len(rankings) == 1:
        return rankings[0]
    ids = dict.fromkeys(chunk_id for ranking in rankings for chunk_id in ranking)
    return {i: sum(ranking.get(i, 0.0) for ranking in rankings) / len(rankings) for i in ids}
