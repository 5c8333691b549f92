"""`ragqa tune`: chooses the best values of a grid on one split of a dataset, and tests them on another."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ragqa import wire
from ragqa.cli.common import pipeline_options
from ragqa.cli.listening import listener
from ragqa.cli.marks import say
from ragqa.cli.opening import open_combinations
from ragqa.cli.terminal import escaped, print_json, printable
from ragqa.config import Combination

if TYPE_CHECKING:
    from ragqa.evaluate import Metric
    from ragqa.experiments import Tuning
    from ragqa.experiments.race import Racer


@click.command("tune")
@pipeline_options
@click.option("--dataset", metavar="KIND:PATH", help="As for `ragqa eval`; default: the section `evaluate`.")
@click.option("--metric", default="f1", show_default=True, help="What to maximise; a metric of retrieval loads no generator.")  # fmt: skip
@click.option("--tune-split", metavar="NAME", help="Choose by the questions of this split; default: tune, dev or train.")  # fmt: skip
@click.option("--test-split", metavar="NAME", help="Test the winner on this split; default: report or test.")
@click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Split all questions in two by document instead, drawn by this seed; 0 where they have no two splits.")  # fmt: skip
@click.option("--limit", type=click.IntRange(min=1), help="Ask the first N questions of each split only.")
@click.option("--sample", type=click.IntRange(min=1), help="Ask N questions of each split, drawn with a fixed seed.")
@click.option("--out", metavar="DIR", type=click.Path(path_type=Path), help="Keep the runs and winner.yaml in this folder; default: the runs in the cache, by content.")  # fmt: skip
def tune_command(
    file: str,
    overrides: tuple[str, ...],
    as_json: bool,
    dataset: str | None,
    out: Path | None,
    **goal: Any,
) -> None:
    """Find the best values of the grids in a pipeline file, such as `top_k: {grid: [3, 5, 10]}`.

    All combinations race over growing blocks of the tuning split; those that are significantly behind the best leave
    early. The winner and the first combination then answer the test split, which nothing was chosen by, and the winner
    is printed as a pipeline file. Questions without two splits, such as drafts, are split by a seed: whole documents
    go to either side. Results are kept as they come: the same command again goes on where it was killed.

    \b
    Examples:
      ragqa tune pipelines/quickstart.yaml --set "retrieve.kind={grid: [hybrid, dense]}" --metric mrr --limit 20
      ragqa tune pipelines/quickstart.yaml --set "retrieve.top_k={grid: [1, 3]}" --limit 2 --out .ragqa/tune
    """
    from ragqa.experiments import TuningGoal, TuningGrid, tune

    if out:
        from ragqa.experiments.tuning import open_tuning

        open_tuning(out)
    grid = TuningGrid(open_combinations(file, overrides), file, _pipeline_file)
    with listener() as told:
        tuning = tune(grid, dataset, TuningGoal(**goal), folder=out, listener=told)
    if as_json:
        print_json(wire.tuning(tuning))
    else:
        click.echo("\n".join(_lines(tuning)))
        click.echo(f"\n{tuning.pipeline}", nl=False)
    if tuning.written:
        say("Written: " + ", ".join(map(str, tuning.written)), err=True)
    for result in tuning.failures:
        say(f"failed: {result.id}: {result.error}", err=True)
    if tuning.failures:
        sys.exit(3)


def _pipeline_file(winner: Combination) -> str:
    """Return a combination as a pipeline file that the encoding of stdout can represent."""
    from ragqa.experiments.tuning import pipeline_yaml

    text = pipeline_yaml(winner)
    return f"# {escaped(winner.name)}\n{text if printable(text) else pipeline_yaml(winner, allow_unicode=False)}"


def _lines(tuning: Tuning) -> Iterator[str]:
    """Yield the candidates, then the test."""
    from ragqa.evaluate.reports.tables import Table
    from ragqa.evaluate.reports.text import aligned

    tune, test = tuning.split.names
    yield from (escaped(f"{note[0].upper()}{note[1:]}.") for note in tuning.split.notes)
    yield ""
    header = (f"split {tune}", tuning.metric, "95% interval", "n", "failed", "outcome")
    yield aligned(Table(header, tuple(map(_row, tuning.race.racers))))
    yield ""
    for name, metric in tuning.tested.items():
        role = "winner" if name == tuning.race.winner else "baseline"
        yield escaped(f"{test}: {tuning.metric}, {_figures(metric)}  {role}: {name}")
    comparison = tuning.comparison
    if comparison is None:
        yield "The winner is the first combination, the baseline: there is nothing to compare."
    elif comparison.difference is None:
        yield "winner - baseline: no question was answered by both"
    else:
        between = _interval(comparison.low, comparison.high, "+.3f")
        yield f"winner - baseline: {comparison.difference:+.3f}, {between}, p {comparison.p:.4f}"


def _row(racer: Racer) -> tuple[str, ...]:
    metric = racer.metric
    value = "-" if metric.value is None else f"{metric.value:.3f}"
    spread = _interval(metric.low, metric.high)
    return escaped(racer.name), value, spread, str(metric.n), str(metric.failed), escaped(racer.outcome)


def _figures(metric: Metric) -> str:
    value = "-" if metric.value is None else f"{metric.value:.3f}"
    return f"{value}, {_interval(metric.low, metric.high)}, n {metric.n}, failed {metric.failed}"


def _interval(low: float | None, high: float | None, form: str = ".3f") -> str:
    return "-" if low is None or high is None else f"{low:{form}} to {high:{form}}"
