"""What an evaluation found: every question's result, and the means with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ragqa.evaluate.bootstrap import interval
from ragqa.evaluate.dataset import Question
from ragqa.evaluate.metrics import Span
from ragqa.records import Hit


@dataclass(frozen=True, slots=True)
class Metric:
    """A mean over `n` questions with its 95% interval; all three figures are None where n is 0.

    `n` counts every question that the metric is about, the `failed` ones among them: those count as 0 in the value, so
    that failing can never raise it, and are told apart here and in the results.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    failed: int


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one question.

    `scores` holds the metrics that the question has, all 0 where it failed; `error` is then the reason, else empty.
    `ms` holds wall milliseconds of `retrieve` and `answer`. `prediction` is empty where the system abstained.
    """

    question: Question
    gold: tuple[Span, ...]
    prediction: str
    abstained: bool
    hits: tuple[Hit, ...]
    scores: Mapping[str, float]
    ms: Mapping[str, float]
    error: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """Metrics by name, results in the order of the questions, and notes on what was decided along the way."""

    metrics: Mapping[str, Metric]
    results: tuple[Result, ...]
    notes: tuple[str, ...]
    seconds: float

    @property
    def failures(self) -> tuple[Result, ...]:
        """Return the results of the questions that failed."""
        return tuple(result for result in self.results if result.error)


def summarize(results: Sequence[Result], names: Sequence[str]) -> dict[str, Metric]:
    """Return a `Metric` for each name, over the results that have it."""
    return {name: _metric([result for result in results if name in result.scores], name) for name in names}


def _metric(results: Sequence[Result], name: str) -> Metric:
    if not results:
        return Metric(None, None, None, 0, 0)
    scores = [result.scores[name] for result in results]
    failed = sum(bool(result.error) for result in results)
    return Metric(sum(scores) / len(scores), *interval(scores), len(scores), failed)
