"""Two lists of scores -> one."""

from __future__ import annotations

from collections.abc import Mapping

RRF_CONSTANT = 60
"""k of reciprocal rank fusion (Cormack, Clarke and Buettcher 2009)."""


def convex(dense: Mapping[str, float], lexical: Mapping[str, float], weight: float) -> dict[str, float]:
    """Mix scores after dividing each by the best of its list; below 0, and where it is missing, a score counts as 0.

    This is the convex combination of Bruch, Gai and Ingber (2023, https://arxiv.org/abs/2210.11934) with the
    theoretical minimum of both scores at 0: what a score is worth does not depend on how deep the lists go.

    :param weight: share of the dense score.
    """
    scaled_dense, scaled_lexical = _by_best(dense), _by_best(lexical)
    ids = [*dense, *(chunk_id for chunk_id in lexical if chunk_id not in dense)]
    return {i: weight * scaled_dense.get(i, 0.0) + (1 - weight) * scaled_lexical.get(i, 0.0) for i in ids}


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


def _by_best(scores: Mapping[str, float]) -> dict[str, float]:
    best = max(scores.values(), default=0.0)
    return {chunk_id: max(0.0, score / best) for chunk_id, score in scores.items()} if best > 0 else {}
