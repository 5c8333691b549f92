"""The figures of a report as rows of text, which all formats of reports use."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from ragqa.evaluate.reports.summary import GROUPED, GROUPINGS, PERCENTILES, EvaluationReport, Metric
from ragqa.evaluate.runs.lost_points import CAUSES
from ragqa.evaluate.runs.result import Result

SHOWN = 3
"""The number of worst examples shown for a cause."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text, each as long as the header: the first column has the name of the row, the others its figures."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def metrics(report: EvaluationReport, names: Iterable[str] | None = None) -> Table:
    """Return a row for each metric, or each named one: its mean, its interval and the number of questions."""
    chosen = report.metrics if names is None else {name: report.metrics[name] for name in names}
    rows = tuple(
        (name, number(metric.value), spread(metric), str(metric.n), str(metric.failed))
        for name, metric in chosen.items()
    )
    return Table(("metric", "value", "95% interval", "n", "failed"), rows)


def groups(report: EvaluationReport, *, intervals: bool = True) -> list[Table]:
    """Return a table for each way to group the questions: a row for each group, with its questions and its means.

    :param intervals: show the interval of each mean, which makes the table too wide for a terminal.
    """
    return [_grouped(report, heading, intervals) for heading in report.groups]


def _grouped(report: EvaluationReport, heading: str, intervals: bool) -> Table:
    parts, labels_of = report.groups[heading], GROUPINGS[heading]
    names = [name for name in GROUPED if any(name in measured for measured in parts.values())]
    rows = []
    for group, measured in parts.items():
        n = sum(group == "all" or group in labels_of(result) for result in report.results)
        rows.append((group, str(n), *(_mean(measured.get(name), intervals) for name in names)))
    return Table((heading, "n", *names), tuple(rows))


def _mean(metric: Metric | None, interval: bool) -> str:
    if metric is None:
        return "-"
    return f"{number(metric.value)} ({spread(metric)})" if interval else number(metric.value)


def lost_points(report: EvaluationReport) -> Table:
    """Return a row for each cause of loss, in the order of the stages: points of the mean F1, and questions."""
    rows = tuple(
        (cause, number(report.lost_points[cause].points), str(report.lost_points[cause].questions))
        for cause in CAUSES
        if cause in report.lost_points
    )
    return Table(("lost by cause", "points", "questions"), rows)


def latency(report: EvaluationReport) -> Table:
    """Return a row for each stage: milliseconds by percentile."""
    columns = [f"p{percentile}" for percentile in PERCENTILES]
    rows = tuple((stage, *(f"{times[column]:.1f}" for column in columns)) for stage, times in report.latency.items())
    return Table(("ms by stage", *columns), rows)


def counts(report: EvaluationReport) -> str:
    """Return the numbers of questions asked, answerable and failed, as text."""
    answerable = sum(result.answerable for result in report.results)
    return f"{len(report.results)} questions, {answerable} of them answerable; {len(report.failures)} failed."


def tokens(report: EvaluationReport) -> str:
    """Return the mean tokens of a question as text; empty where none were counted."""
    means = [f"{mean:,.0f} {part}" for part, mean in report.tokens.items()]
    return f"Mean tokens of a question: {', '.join(means)}." if means else ""


def worst(report: EvaluationReport, cause: str) -> list[Result]:
    """Return up to `SHOWN` results that lost most points by a cause, the worst first, ties in the order of the run."""
    lost = [result for result in report.results if result.lost_points.get(cause)]
    return sorted(lost, key=lambda result: -result.lost_points[cause])[:SHOWN]


def number(value: float | None) -> str:
    """Return three decimals; a dash for None."""
    return "-" if value is None else f"{value:.3f}"


def spread(metric: Metric) -> str:
    """Return the interval of a metric; a dash where it has none."""
    return "-" if metric.low is None or metric.high is None else f"{metric.low:.3f} to {metric.high:.3f}"


def said(result: Result) -> str:
    """Return the answer, or the reason for its absence in brackets."""
    if result.error:
        return "(failed)"
    if result.abstained:
        return f"(declined: {result.reason})" if result.reason else "(declined)"
    return result.prediction or "(not asked for)"


def golds(result: Result) -> str:
    """Return the gold answers on one line, or the reason for their absence in brackets."""
    return " / ".join(result.answers) or ("(not known)" if result.answerable else "(has no answer)")


def alone(result: Result) -> str:
    """Return the answer from the gold passages, or the reason for its absence in brackets."""
    return "(not asked for)" if result.gold_prediction is None else result.gold_prediction or "(declined)"


def plain(value: object) -> str:
    """Return a string unchanged, any other value as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
