"""Scores of a ranking of passages: hits -> units of relevance -> scores by ir_measures (with pytrec_eval).

A question is judged by its relevant units (documents, or pages of files); where it has none, by the gold spans of its
evidence. A unit has the rank of its best hit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from ragqa.evaluate.dataset import Question, Span
from ragqa.records import Hit

DEPTH = 300
"""The number of hits to retrieve: recall@100 needs a hundred documents, and a document may have several hits."""

COVERED = 0.5
"""The least share of a gold span, in code points, that one hit must cover for the span to count as found."""

RECALL_DEPTHS = (1, 5, 10, 100)
METRICS = (*(f"recall@{k}" for k in RECALL_DEPTHS), "precision@5", "map", "mrr", "ndcg@10")


def ranked_units(question: Question, gold: Sequence[Span], hits: Sequence[Hit]) -> list[list[str]]:
    """Return the units at each rank, best first, each unit once.

    With documents or pages as units, each rank has one of them. With spans as units, each rank is a passage: it has the
    gold spans that no better passage covers, or the passage's own id where it covers none.
    """
    seen: set[str] = set()
    ranks = []
    for hit in hits:
        new = [unit for unit in _units(question, gold, hit) if unit not in seen]
        if not new and not question.relevant:
            new = [hit.chunk.id]
        if new and seen.isdisjoint(new):
            seen.update(new)
            ranks.append(new)
    return ranks


def relevant_units(question: Question, gold: Sequence[Span]) -> dict[str, int]:
    """Return the grade of each unit that a question should find; empty where no unit is known to be relevant."""
    return dict(question.relevant) or {_span_unit(span): 1 for span in gold}


def scores(relevant: Mapping[str, int], ranks: Sequence[Sequence[str]]) -> dict[str, float]:
    """Return each of `METRICS` for one ranking; all 0 for an empty ranking.

    Recall is cut off by ranks; the other measures are trec_eval's over the units in order. The scores of hits are not
    used, so ties keep the order of the system.

    :param relevant: grade by unit; not empty.
    """
    recalls = {f"recall@{k}": _recall(relevant, ranks[:k]) for k in RECALL_DEPTHS}
    ranking = [unit for rank in ranks for unit in rank]
    run = {"q": {unit: float(len(ranking) - place) for place, unit in enumerate(ranking)}}
    names = _measures()
    measured = dict.fromkeys(names.values(), 0.0)
    if ranking:
        for metric in _provider().iter_calc(list(names), {"q": dict(relevant)}, run):
            measured[names[metric.measure]] = float(metric.value)
    return recalls | measured


def _recall(relevant: Mapping[str, int], ranks: Sequence[Sequence[str]]) -> float:
    return sum(unit in relevant for rank in ranks for unit in rank) / len(relevant)


def covers(hit: Hit, span: Span) -> bool:
    """Tell whether a hit covers at least half of a gold span, counted in code points."""
    if hit.chunk.document_id != span.document_id:
        return False
    shared = min(hit.chunk.end, span.end) - max(hit.chunk.start, span.start)
    return shared >= COVERED * (span.end - span.start)


def _units(question: Question, gold: Sequence[Span], hit: Hit) -> list[str]:
    """Return the units of a hit: its document or page, or the gold spans that it covers, else its chunk's id."""
    if not question.relevant:
        return list(dict.fromkeys(_span_unit(span) for span in gold if covers(hit, span))) or [hit.chunk.id]
    by_page = any("#page=" in unit for unit in question.relevant)
    return [f"{hit.source}#page={hit.chunk.page}" if by_page else hit.source]


def _span_unit(span: Span) -> str:
    return f"{span.document_id}:{span.start}-{span.end}"


@cache
def _measures() -> Mapping[Any, str]:
    """Return our name of each measure of ir_measures."""
    from ir_measures import AP, RR, P, nDCG

    return {P @ 5: "precision@5", AP: "map", RR: "mrr", nDCG @ 10: "ndcg@10"}


@cache
def _provider() -> Any:
    import ir_measures

    return ir_measures.pytrec_eval
