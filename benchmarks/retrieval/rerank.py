"""What a reranker gains over hybrid on the same questions, and what it costs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.retrieval.product import Product
from benchmarks.retrieval.scores import MEASURES, Comparison, Mean, Scores, as_run, compare, mean, pool, score
from benchmarks.retrieval.sets import Query
from ragqa import Pipeline

_WARM_UP = "What is this about?"


@dataclass(frozen=True, slots=True)
class Row:
    """One system: means by measure, and median wall milliseconds of a question, models loaded."""

    system: str
    means: dict[str, Mean]
    ms: float


def measure(product: Product, queries: Sequence[Query], rerank: str, depth: int) -> tuple[list[Row], Comparison]:
    """Return the rows of hybrid and of hybrid reranked, and their comparison in nDCG@10.

    :param rerank: the section `retrieve.rerank`.
    :param depth: how many chunks are retrieved and read again.
    """
    name = f"hybrid, {rerank}"
    systems = {"hybrid": product.system("hybrid"), name: product.system("hybrid", [f"retrieve.rerank={rerank}"])}
    rows, ndcg = [], {}
    for system, pipeline in systems.items():
        scores, ms = _ask(product, pipeline, queries, depth)
        rows.append(Row(system, {m: mean([one[m] for one in scores.values()]) for m in MEASURES if m != "R@100"}, ms))
        ndcg[system] = {query: one["nDCG@10"] for query, one in scores.items()}
    return rows, compare(ndcg[name], ndcg["hybrid"])


def _ask(product: Product, pipeline: Pipeline, queries: Sequence[Query], depth: int) -> tuple[Scores, float]:
    pipeline.search(_WARM_UP, depth)
    run, ms = {}, []
    for query in queries:
        started = time.perf_counter()
        ranked = product.rank(pipeline, query, depth)
        ms.append(1000 * (time.perf_counter() - started))
        run[query.id] = as_run(pool(ranked))
    return score({query.id: query.relevant for query in queries}, run), statistics.median(ms)
