"""A report as plain text for the terminal, and as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ragqa.evaluate.reports import tables
from ragqa.evaluate.reports.summary import EvaluationReport
from ragqa.evaluate.reports.tables import Table
from ragqa.evaluate.runs.lost_points import CAUSES
from ragqa.evaluate.runs.result import Result

_SYNTAX = re.compile(r"[\\`*\[\]<>|#~&!$]|(?<!\w)_|_(?!\w)")
"""Characters that may be syntax in Markdown. An underscore within a word is not."""


def table(report: EvaluationReport) -> str:
    """Return the figures in aligned columns, where there are any: metrics, groups, lost points by cause, latency, tokens."""
    figures = [tables.metrics(report), *tables.groups(report, intervals=False), tables.lost_points(report)]
    figures.append(tables.latency(report))
    parts = [tables.counts(report), *(aligned(each) for each in figures if each.rows), tables.tokens(report)]
    return "\n\n".join(part for part in parts if part)


def markdown(report: EvaluationReport, title: str, recorded: Mapping[str, object]) -> str:
    """Return Markdown: the figures as tables, the worst examples of each cause, failures, and recorded facts.

    :param recorded: the identity of the run and the versions of packages; may be nested.
    """
    sections = {
        "Notes": [f"- {_plain(note)}" for note in report.notes],
        "Metrics": _piped(tables.metrics(report)),
        "Groups": [line for table in tables.groups(report) for line in (*_piped(table), "")][:-1],
        "Losses": _piped(tables.lost_points(report)),
        "Latency": _piped(tables.latency(report)),
        "Tokens": [tables.tokens(report)] if report.tokens else [],
        "Worst examples": list(_examples(report)),
        "Failures": [f"- {_plain(result.id)}: {_plain(result.error)}" for result in report.failures],
        "Run": list(_nested(recorded)),
    }
    lines = [f"# {_plain(title)}", "", tables.counts(report)]
    for heading, body in sections.items():
        if body:
            lines += ["", f"## {heading}", "", *body]
    return "\n".join(lines) + "\n"


def aligned(table: Table) -> str:
    """Return a table with columns as wide as their widest cell; the first is left-aligned, the others right-aligned."""
    rows = [table.header, *table.rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "   ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    )


def _piped(table: Table) -> list[str]:
    """Return the lines of a Markdown table; none where it has no rows."""
    if not table.rows:
        return []
    rule = ["---", *("---:" for _ in table.header[1:])]
    cells = [table.header, rule, *(map(_plain, row) for row in table.rows)]
    return [f"| {' | '.join(row)} |" for row in cells]


def _examples(report: EvaluationReport) -> Iterator[str]:
    for cause in CAUSES:
        if results := tables.worst(report, cause):
            yield from (f"### {cause}", "", f"{CAUSES[cause].capitalize()}.", "")
            for result in results:
                yield from (*_example(result, cause), "")


def _example(result: Result, cause: str) -> Iterator[str]:
    id = "" if result.id == result.question else f" ({_plain(result.id)})"
    yield f"- **{_plain(result.question)}**{id}"
    yield f"    - gold: {_plain(tables.golds(result))}"
    yield f"    - answer: {_plain(tables.said(result))}"
    yield f"    - from the gold passage: {_plain(tables.alone(result))}"
    yield f"    - points lost: {tables.number(result.lost_points[cause])}"
    yield f"    - prompt SHA-256: {result.prompt_sha256 or '-'}"


def _nested(values: Mapping[str, object], depth: int = 0) -> Iterator[str]:
    for key, value in values.items():
        inner = isinstance(value, Mapping) and bool(value)
        yield f"{'    ' * depth}- {_plain(key)}:" + ("" if inner else f" {_plain(tables.plain(value))}")
        if isinstance(value, Mapping):
            yield from _nested(value, depth + 1)


def _plain(text: str) -> str:
    """Return text on one line, escaped so that Markdown shows it literally."""
    return _SYNTAX.sub(lambda match: f"\\{match[0]}", " ".join(text.split()))
