"""Compares two runs over the same questions: differences with intervals and tests, and gates.

compare_runs (read_run twice, compare, Gate.check) -> Comparison
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from ragqa.arguments import AnyPath
from ragqa.errors import UsageError
from ragqa.evaluate.metrics.statistics import holm, interval, sign_flip, smallest_difference
from ragqa.evaluate.runs.folder import read_run
from ragqa.evaluate.runs.result import Result

_GATE = re.compile(r"\s*(\S+)\s*>=\s*([-+]?(?:\d+\.?\d*|\.\d+))\s*")


@dataclass(frozen=True, slots=True)
class MetricComparison:
    """One metric of two runs: the means of A and B, and of B - A, in the unit of the metric.

    `n` counts the questions that the metric applies to; those that failed in A or in B are counted separately and are
    in no mean. Means, the difference and its 95% interval, `low` to `high`, are over the questions that failed in
    neither run. `p` is the p-value of no difference, and `p_holm` is adjusted for all metrics. All are None without
    such questions; the interval is None also for a single question. `smallest_difference` is detected in 4 of 5 cases;
    it is None, since unknown, where nothing differed or there is a single question.
    """

    n: int
    failed_a: int
    failed_b: int
    a: float | None = None
    b: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    p_holm: float | None = None
    smallest_difference: float | None = None


@dataclass(frozen=True, slots=True)
class Flip:
    """A question that B got right and A did not (gained), or the other way round (lost)."""

    id: str
    question: str
    answers: tuple[str, ...]
    prediction_a: str
    prediction_b: str
    direction: Literal["gained", "lost"]


@dataclass(frozen=True, slots=True)
class GateResult:
    """The result of a gate: whether it is met; `bound` is the lower end of the interval of B - A, None for none."""

    gate: str
    passed: bool
    bound: float | None
    message: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Metrics by name, the numbers of questions in only one run, and the flips of `flip_metric` in the order of A.

    `gates` has the result of each gate; empty where none was given.
    """

    metrics: Mapping[str, MetricComparison]
    only_a: int
    only_b: int
    flip_metric: str
    flips: tuple[Flip, ...]
    gates: tuple[GateResult, ...] = ()


@dataclass(frozen=True, slots=True)
class Gate:
    """B is not worse than A by more than `-margin`: the interval of B - A begins at the margin or above (Piaggio 2012).

    B must not have more failures than A, since failed questions are in no mean and could hide a loss.
    """

    metric: str
    margin: float

    def __str__(self) -> str:
        return f"{self.metric} >= {self.margin:g}"

    def check(self, comparison: Comparison) -> GateResult:
        """Return the result of the gate.

        :raises UsageError: one of the runs does not have its metric.
        """
        metric = comparison.metrics.get(self.metric)
        if metric is None:
            raise UsageError(f"--gate: no metric {self.metric!r} in both runs; there are: {_names(comparison.metrics)}")
        if metric.failed_b > metric.failed_a:
            message = f"B failed at {metric.failed_b} questions, A at {metric.failed_a}"
            return GateResult(str(self), False, metric.low, message)
        if metric.low is None:
            return GateResult(
                str(self), False, None, "B - A has no interval: fewer than two questions failed in neither"
            )
        return GateResult(str(self), metric.low >= self.margin, metric.low, f"B - A is at least {metric.low:+.4f}")


def parse_gate(text: str) -> Gate:
    """Return the gate of `METRIC >= NUMBER`, such as `f1 >= -0.01`.

    :raises UsageError: the text does not have this form.
    """
    match = _GATE.fullmatch(text)
    if not match:
        raise UsageError(f"--gate: got {text!r}; must be METRIC >= NUMBER, such as 'f1 >= -0.01'")
    return Gate(match[1], float(match[2]))


def compare_runs(run_a: AnyPath, run_b: AnyPath, gates: Sequence[Gate | str] = ()) -> Comparison:
    """Compare the run in folder B with that in folder A, and check gates.

    :param gates: each as `METRIC >= NUMBER`, where the metric is the difference B - A.
    :raises UsageError: a folder has no run, the runs share no question, a gate is malformed, or its metric is missing.
    """
    parsed = [parse_gate(gate) if isinstance(gate, str) else gate for gate in gates]
    comparison = compare(read_run(run_a).results, read_run(run_b).results)
    return replace(comparison, gates=tuple(gate.check(comparison) for gate in parsed))


def compare(a: Sequence[Result], b: Sequence[Result]) -> Comparison:
    """Compare B with A over their common questions, for each metric that both have.

    A run that failed at every question has no scores; it is assumed to have the metrics of the other run.

    :raises UsageError: the runs share no question, or a question has two texts.
    """
    others = {result.id: result for result in b}
    pairs = [(result, others[result.id]) for result in a if result.id in others]
    if not pairs:
        begins = " and ".join(repr(run[0].id) if run else "nothing" for run in (a, b))
        raise UsageError(f"the runs share no question: they begin with {begins}; compare runs of one dataset")
    for one, other in pairs:
        if one.question != other.question:
            raise UsageError(
                f"question {one.id!r} differs: {one.question!r} in A, {other.question!r} in B; compare runs of one dataset"
            )
    compared = {name: _compare_metric(pairs, name) for name in _shared_metrics(pairs)}
    adjusted = holm({name: metric.p for name, metric in compared.items() if metric.p is not None})
    metrics = {name: replace(metric, p_holm=adjusted.get(name)) for name, metric in compared.items()}
    flip_metric = "exact_match" if "exact_match" in metrics else next(iter(metrics), "")
    flips = tuple(_flips(pairs, flip_metric))
    return Comparison(metrics, len(a) - len(pairs), len(b) - len(pairs), flip_metric, flips)


Pairs = Sequence[tuple[Result, Result]]


def _shared_metrics(pairs: Pairs) -> list[str]:
    names_of = [dict.fromkeys(name for pair in pairs for name in pair[side].scores) for side in (0, 1)]
    return [name for name in names_of[0] | names_of[1] if all(name in names for names in names_of if names)]


def _applies(pair: tuple[Result, Result], name: str) -> bool:
    """Tell whether a metric applies to a question; for one that failed in both runs this is assumed."""
    return all(name in outcome.scores for outcome in pair if not outcome.error)


def _scored(pairs: Pairs, name: str) -> Pairs:
    return [pair for pair in pairs if all(name in outcome.scores for outcome in pair)]


def _compare_metric(pairs: Pairs, name: str) -> MetricComparison:
    about = [pair for pair in pairs if _applies(pair, name)]
    counts = len(about), sum(bool(one.error) for one, _ in about), sum(bool(other.error) for _, other in about)
    scored = _scored(pairs, name)
    if not scored:
        return MetricComparison(*counts)
    a = math.fsum(one.scores[name] for one, _ in scored) / len(scored)
    b = math.fsum(other.scores[name] for _, other in scored) / len(scored)
    differences = [other.scores[name] - one.scores[name] for one, other in scored]
    clusters = [one.group for one, _ in scored]
    low, high = interval(differences, clusters, differences=True)
    p, smallest = sign_flip(differences, clusters), smallest_difference(differences, clusters)
    return MetricComparison(*counts, a, b, b - a, _finite(low), _finite(high), p, None, _finite(smallest) or None)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _flips(pairs: Pairs, name: str) -> Iterator[Flip]:
    for one, other in _scored(pairs, name):
        change = other.scores[name] - one.scores[name]
        if change:
            direction: Literal["gained", "lost"] = "gained" if change > 0 else "lost"
            yield Flip(one.id, one.question, one.answers, one.prediction, other.prediction, direction)


def _names(metrics: Mapping[str, Any]) -> str:
    return ", ".join(metrics) or "none"
