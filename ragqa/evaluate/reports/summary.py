"""Results -> the figures of an evaluation: means with intervals, lost points by cause, curves, latency. Plain data."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ragqa.evaluate.metrics.statistics import interval
from ragqa.evaluate.runs.lost_points import CAUSES
from ragqa.evaluate.runs.result import Result

PERCENTILES = (50, 95, 99)

GROUPED = ("f1", "rouge_l", "recall@5", "support", "citation_precision", "citation_recall", "abstained", "seconds")
"""The metrics that are also given for groups of questions, as far as they were measured."""

GROUPINGS: Mapping[str, Callable[[Result], Sequence[str]]] = {
    "answerability": lambda result: [result.answerability] if result.answerability else [],
    "type": lambda result: result.types,
}
"""The ways to group questions: each has a function from a result to the names of its groups."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A mean with its 95% interval, clustered by the groups of the questions.

    `n` counts the questions that the metric applies to, including the `failed` ones; the mean is over those that did
    not fail. Mean and interval are None where there are no such questions; the interval also where a single question
    gives no interval.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    failed: int


@dataclass(frozen=True, slots=True)
class LostPoints:
    """The loss by one cause: `points` of the mean F1 (all causes add up to 1 - F1), and the number of questions."""

    points: float
    questions: int


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """The figures of a run.

    `risk_coverage` has points `(coverage, risk)`, one for each threshold of confidence, from the highest on. Coverage
    is the share of answerable questions whose answers reach the threshold; risk is 1 - mean F1 of all answers that
    reach it. `latency` has milliseconds by stage and percentile, `total` for those from question to answer; `tokens`
    has the mean tokens of a question. `groups` has the metrics of `GROUPED` by `answerability` and by `type`, then by
    the name of the group, with all questions first. It has no groups that would be the same as all questions.
    """

    metrics: Mapping[str, Metric]
    lost_points: Mapping[str, LostPoints]
    risk_coverage: tuple[tuple[float, float], ...]
    latency: Mapping[str, Mapping[str, float]]
    tokens: Mapping[str, float]
    results: tuple[Result, ...]
    notes: tuple[str, ...] = ()
    groups: Mapping[str, Mapping[str, Mapping[str, Metric]]] = field(default_factory=dict)

    @property
    def failures(self) -> tuple[Result, ...]:
        """Return the results of the questions that failed."""
        return tuple(result for result in self.results if result.error)


def summarize(results: Sequence[Result], notes: Sequence[str] = ()) -> EvaluationReport:
    """Return the report of results, with every metric that at least one of them has."""
    names = list(dict.fromkeys(name for result in results for name in result.scores))
    metrics = {name: metric(results, name) for name in names}
    for name in names:
        if name.startswith("nll_per_token_"):
            metrics[name.replace("nll_per_token", "perplexity")] = _exponential(metrics[name])
    return EvaluationReport(
        metrics,
        _lost_points(results),
        risk_coverage(results),
        _latency(results),
        _tokens(results),
        tuple(results),
        tuple(notes),
        _groups(results),
    )


def _groups(results: Sequence[Result]) -> dict[str, dict[str, dict[str, Metric]]]:
    groups = {}
    for heading, labels_of in GROUPINGS.items():
        named: dict[str, list[Result]] = {}
        for result in results:
            for label in labels_of(result):
                named.setdefault(label, []).append(result)
        if len(named) > 1:
            parts = {"all": list(results), **{name: named[name] for name in sorted(named)}}
            groups[heading] = {name: _grouped(part) for name, part in parts.items()}
    return groups


def _grouped(results: Sequence[Result]) -> dict[str, Metric]:
    measured = {name: metric(results, name) for name in GROUPED}
    return {name: figure for name, figure in measured.items() if figure.value is not None}


def metric(results: Sequence[Result], name: str) -> Metric:
    """Return the mean of one metric, or of the `seconds`; its figures are None where no result has it."""
    scored = {place: value for place, result in enumerate(results) if (value := _value(result, name)) is not None}
    failed = sum(bool(result.error) and _concerns(name, result) for result in results)
    scores = list(scored.values())
    if not scores:
        return Metric(None, None, None, failed, failed)
    endless = name.startswith("nll_") or name == "seconds"
    low, high = interval(scores, [results[place].group for place in scored], differences=endless)
    mean, n = math.fsum(scores) / len(scores), len(scores) + failed
    return Metric(mean, low, high, n, failed) if math.isfinite(low) else Metric(mean, None, None, n, failed)


def _value(result: Result, name: str) -> float | None:
    return result.seconds if name == "seconds" else result.scores.get(name)


def _concerns(name: str, result: Result) -> bool:
    """Tell whether a metric would apply to a question that failed."""
    if name.startswith(("unanswerable", "abstention_recall")):
        return not result.answerable
    everyone = ("exact_match", "f1", "contains", "rouge_l", "well_formed", "abst", "seconds")
    return result.answerable or name.startswith(everyone)


def _exponential(metric: Metric) -> Metric:
    value, low, high = (None if x is None else math.exp(x) for x in (metric.value, metric.low, metric.high))
    return Metric(value, low, high, metric.n, metric.failed)


def _lost_points(results: Sequence[Result]) -> dict[str, LostPoints]:
    scored = [result for result in results if "f1" in result.scores]
    by_cause = {}
    for cause in CAUSES:
        lost = [result.lost_points[cause] for result in scored if result.lost_points.get(cause)]
        if lost:
            by_cause[cause] = LostPoints(sum(lost) / len(scored), len(lost))
    return by_cause


def risk_coverage(results: Sequence[Result]) -> tuple[tuple[float, float], ...]:
    """Return the risk-coverage curve (El-Yaniv and Wiener 2010); empty where no answer has a confidence.

    Answers of equal confidence form one point. Unanswerable questions count in the risk when they are answered.
    Questions that the system declined to answer are never counted as answered.
    """
    rated = [r for r in results if r.confidence is not None and "f1" in r.scores and not r.abstained]
    answerable = sum(result.answerable and "f1" in result.scores for result in results)
    if not rated or not answerable:
        return ()
    curve, wrong, covered = [], 0.0, 0
    ordered = sorted(rated, key=lambda r: -(r.confidence or 0.0))
    for given, result in enumerate(ordered, start=1):
        wrong += 1 - result.scores["f1"]
        covered += result.answerable
        if given == len(ordered) or ordered[given].confidence != result.confidence:
            curve.append((covered / answerable, wrong / given))
    return tuple(curve)


def _latency(results: Sequence[Result]) -> dict[str, dict[str, float]]:
    measured = [
        {**result.ms, "total": 1000 * result.seconds} if result.seconds is not None else result.ms for result in results
    ]
    stages = list(dict.fromkeys(stage for ms in measured for stage in ms))
    percentiles = {}
    for stage in sorted(stages, key="total".__eq__):
        times = [ms[stage] for ms in measured if stage in ms]
        percentiles[stage] = {f"p{p}": round(float(np.percentile(times, p)), 1) for p in PERCENTILES}
    return percentiles


def _tokens(results: Sequence[Result]) -> dict[str, float]:
    counted = [result.tokens for result in results if result.tokens]
    return {key: sum(tokens[key] for tokens in counted) / len(counted) for key in ("prompt", "answer") if counted}
