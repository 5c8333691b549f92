"""Rankings -> scores, by ir_measures and, below it, pytrec_eval; and whether two systems differ."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import ir_measures
from ir_measures import RR, R, nDCG

from ragqa.evaluate.metrics.statistics import interval, sign_flip

MEASURES = ("nDCG@10", "R@5", "R@100", "RR@10")

Scores = dict[str, dict[str, float]]
"""By question, then by measure."""


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean over `n` questions with its 95% bootstrap interval."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """A paired comparison: the mean difference over `n` questions, and the two-sided p of no difference."""

    difference: float
    p: float
    n: int


def pool(ranked: Iterable[str]) -> list[str]:
    """Return the documents (or pages) of ranked chunks, each once, where its best chunk ranks."""
    return list(dict.fromkeys(ranked))


def as_run(ranking: Sequence[str]) -> dict[str, float]:
    """Return a ranking as scores that keep its order."""
    return {unit: float(len(ranking) - place) for place, unit in enumerate(ranking)}


def score(relevant: Mapping[str, Collection[str]], run: Mapping[str, Mapping[str, float]]) -> Scores:
    """Return all measures of every question in `relevant`; one that the run lacks, or that found nothing, has 0.

    Equal scores are ranked as trec_eval does, the greater id first.

    :param relevant: ids of what each question should find, by question; all weigh the same.
    :param run: score by id, by question.
    """
    qrels = {query: dict.fromkeys(ids, 1) for query, ids in relevant.items()}
    found: Scores = {query: dict.fromkeys(MEASURES, 0.0) for query in qrels}
    # RR@10 itself is not pytrec_eval's: another provider ranks equal scores in another way
    evaluator = ir_measures.pytrec_eval.evaluator([nDCG @ 10, R @ 5, R @ 100, RR], qrels)
    for metric in evaluator.iter_calc({query: dict(scores) for query, scores in run.items() if scores}):
        name, value = str(metric.measure), float(metric.value)
        if name == "RR":
            name, value = "RR@10", value if value > 1 / 10.5 else 0.0
        found[metric.query_id][name] = value
    return found


def mean(values: Sequence[float]) -> Mean:
    """Return the mean with its interval.

    :raises ValueError: there are no values.
    """
    return Mean(sum(values) / max(1, len(values)), *interval(values), len(values))


def compare(ours: Mapping[str, float], theirs: Mapping[str, float]) -> Comparison:
    """Compare two systems on the same questions, by question.

    :raises KeyError: a question is in `ours` alone.
    """
    differences = [value - theirs[query] for query, value in ours.items()]
    return Comparison(sum(differences) / len(differences), sign_flip(differences), len(differences))
