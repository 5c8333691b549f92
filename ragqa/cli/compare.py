"""`ragqa compare`: the differences between two runs of `ragqa eval`, and gates on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ragqa import wire
from ragqa.cli.common import json_option
from ragqa.cli.marks import say
from ragqa.cli.terminal import escaped, one_line, print_json
from ragqa.errors import GateError

if TYPE_CHECKING:
    from ragqa.experiments.compare import Comparison, Flip, GateResult, MetricComparison


@click.command("compare")
@click.argument("run_a", metavar="RUN_A", type=click.Path(path_type=Path))
@click.argument("run_b", metavar="RUN_B", type=click.Path(path_type=Path))
@click.option(
    "--gate",
    "gates",
    multiple=True,
    metavar="'METRIC >= NUMBER'",
    help="Exit with 10 unless the interval of B - A begins at the number or above, and B has no more failures than A.",
)
@click.option(
    "--flips", type=click.IntRange(min=0), default=10, show_default=True, help="Show the first N changed answers."
)
@json_option
def compare_command(run_a: Path, run_b: Path, gates: tuple[str, ...], flips: int, as_json: bool) -> None:
    """Compare two runs of `ragqa eval --out`, question by question: is B better than A, and how sure is that?

    Differences are B - A over the questions that failed in neither run, with 95% intervals that know that questions
    about one document go together. p is that of no difference at all; Holm is p adjusted for the number of metrics;
    shows is the smallest true difference that these questions would show in 4 of 5 cases.

    \b
    Examples:
      ragqa eval pipelines/quickstart.yaml --retrieval-only --out .ragqa/a
      ragqa eval pipelines/quickstart.yaml --retrieval-only --set retrieve.kind=dense --out .ragqa/b
      ragqa compare .ragqa/a .ragqa/b
      ragqa compare .ragqa/a .ragqa/b --gate "mrr >= -0.05" --json
    """
    from ragqa.experiments import compare_runs

    comparison = compare_runs(run_a, run_b, gates)
    if as_json:
        print_json(wire.comparison(comparison))
    else:
        click.echo("\n".join(_table(comparison)))
        for line in (*_flips(comparison, flips), *_gates(comparison.gates)):
            say(line)
    missed = [result.gate for result in comparison.gates if not result.passed]
    if missed:
        raise GateError(f"{len(missed)} of {len(comparison.gates)} gates not met: {', '.join(missed)}")


def _table(comparison: Comparison) -> list[str]:
    alone = ((comparison.only_a, "A"), (comparison.only_b, "B"))
    lines = [f"{count} questions are in {run} alone, and left out." for count, run in alone if count]
    header = f"{'metric':<20}{'n':>6}{'failed A, B':>13}{'A':>8}{'B':>8}{'B - A':>9}"
    lines.append(f"{header}   {'95% interval':<17}{'p':>8}{'Holm':>8}{'shows':>8}")
    return lines + [_row(name, metric) for name, metric in comparison.metrics.items()]


def _row(name: str, metric: MetricComparison) -> str:
    failed = f"{metric.failed_a}, {metric.failed_b}"
    means = f"{_figure(metric.a):>8}{_figure(metric.b):>8}{_figure(metric.difference, '+.3f'):>9}"
    spread = f"{_figure(metric.low, '+.3f')} to {_figure(metric.high, '+.3f')}"
    tests = f"{_figure(metric.p, '.4f'):>8}{_figure(metric.p_holm, '.4f'):>8}{_figure(metric.smallest_difference):>8}"
    return f"{escaped(name):<20}{metric.n:>6}{failed:>13}{means}   {spread:<17}{tests}"


def _figure(value: float | None, form: str = ".3f") -> str:
    return "-" if value is None else format(value, form)


def _flips(comparison: Comparison, shown: int) -> list[str]:
    flips = comparison.flips
    gained = sum(flip.direction == "gained" for flip in flips)
    lines = ["", f"{comparison.flip_metric or 'no metric'}: {gained} gained, {len(flips) - gained} lost."]
    for flip in flips[:shown]:
        lines += _flip(flip)
    if len(flips) > shown:
        lines.append(f"  ... and {len(flips) - shown} more; --flips {len(flips)} shows all.")
    return lines


def _flip(flip: Flip) -> list[str]:
    texts = [("gold", " | ".join(flip.answers))]
    if flip.prediction_a != flip.prediction_b:  # equal where retrieval alone was measured
        texts += [("A", flip.prediction_a), ("B", flip.prediction_b)]
    lines = [f"         {name + ':':<6}{one_line(text) or '(no answer)'}" for name, text in texts]
    return [f"  {flip.direction:<6} {escaped(flip.id)}: {one_line(flip.question)}", *lines]


def _gates(results: Sequence[GateResult]) -> list[str]:
    lines = [f"{'PASS' if result.passed else 'FAIL'}  {result.gate}: {result.message}" for result in results]
    return ["", *lines] if lines else []
