"""Two lists of scores -> one."""

from __future__ import annotations

from collections.abc import Mapping

RRF_CONSTANT = 60
"""k of reciprocal rank fusion (Cormack, Clarke and Buettcher 2009)."""


def convex(dense: Mapping[str, float], lexical: Mapping[str, float], weight: float, bound: float) -> dict[str, float]:
    """Return weight * cosine + (1 - weight) * BM25 / bound; a missing score is 0.

    A convex combination (Bruch, Gai and Ingber 2023, https://arxiv.org/abs/2210.11934) of what both scores are of the
    most that they can be. It depends neither on how deep the lists go nor on how good the best text is: where no text
    has more than half of the question's words, words weigh half as much.

    :param weight: share of the dense score.
    :param bound: the BM25 that no text can exceed for this question.
    """
    ids = [*dense, *(chunk_id for chunk_id in lexical if chunk_id not in dense)]
    share = (1 - weight) / bound if bound > 0 else 0.0
    return {i: weight * dense.get(i, 0.0) + share * lexical.get(i, 0.0) for i in ids}


def reciprocal_rank(*rankings: Mapping[str, float]) -> dict[str, float]:
    """Sum 1 / (60 + rank) over the rankings; equal scores keep the order given."""
    fused: dict[str, float] = {}
    for ranking in rankings:
        for rank, chunk_id in enumerate(sorted(ranking, key=lambda i: -ranking[i]), start=1):
            fused[chunk_id] = fused.get(chunk_id, 0.0) + 1.0 / (RRF_CONSTANT + rank)
    return fused


def mean(rankings: list[dict[str, float]]) -> dict[str, float]:
    """Average the scores of several rankings; a missing one is 0."""
    ids = dict.fromkeys(chunk_id for ranking in rankings for chunk_id in ranking)
    return {i: sum(ranking.get(i, 0.0) for ranking in rankings) / len(rankings) for i in ids}
