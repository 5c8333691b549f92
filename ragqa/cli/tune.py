"""`ragqa tune`: which values of a grid answer best, chosen on one split of a dataset and tested on another."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import yaml

from ragqa.cli.common import pipeline_options
from ragqa.cli.evaluation import Bench, ask_all, dataset_name, make_bench, open_run, over, say_notes
from ragqa.cli.marks import say
from ragqa.cli.opening import open_combinations
from ragqa.cli.terminal import escaped, print_json, printable
from ragqa.config import Combination
from ragqa.errors import UsageError
from ragqa.pipeline import Pipeline

if TYPE_CHECKING:
    from ragqa.evaluate import Dataset, Metric, Protocol, Question, Result
    from ragqa.evaluate.compare import MetricComparison
    from ragqa.evaluate.runs import RunFolder
    from ragqa.evaluate.splits import Split
    from ragqa.evaluate.tune import Candidate, Race
    from ragqa.outputs import OutputFolder

UNTUNABLE = ("load", "index", "evaluate")
"""Sections that say what is asked of what, and where it is kept; not how it is answered."""
REBUILDING = ("split", "embed")
"""Sections of which each value has an index of its own."""


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
def command(
    file: str,
    overrides: tuple[str, ...],
    as_json: bool,
    dataset: str | None,
    metric: str,
    tune_split: str | None,
    test_split: str | None,
    seed: int | None,
    limit: int | None,
    sample: int | None,
    out: Path | None,
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
    from ragqa.evaluate import read_dataset
    from ragqa.evaluate.splits import split
    from ragqa.evaluate.tune import race

    output = _output(out)
    combinations = open_combinations(file, overrides)
    name = dataset_name(Pipeline(combinations[0].config), dataset)
    data = read_dataset(name)
    _check(file, combinations, data)
    parts = split(data.questions, tune_split, test_split, limit, sample, seed)
    for note in parts.notes:
        say(f"note: {note}", err=True)
    if output:
        _begin(output, combinations, data.name, metric, parts)
    runs = _runs(combinations, data, name, parts, metric, out)
    found = race([one.name for one in combinations], parts.tune, lambda who, block: runs[who].ask(block), metric)
    first = combinations[0].name
    tested = {who: runs[who].ask(parts.test) for who in dict.fromkeys((found.winner, first))}
    winner = next(one for one in combinations if one.name == found.winner)
    outcome = Outcome(name, metric, parts, found, first, tested, pipeline_file(winner))
    _tell(outcome, output, as_json)
    if failures := [result for run in runs.values() for result in run.failed]:
        for result in failures:
            say(f"failed: {result.id}: {result.error}", err=True)
        sys.exit(3)


def _check(file: str, combinations: Sequence[Combination], dataset: Dataset) -> None:
    """Refuse what is no choice, and what would rebuild an index of the user's own."""
    if len(combinations) < 2:
        raise UsageError(
            f"{file}: nothing to choose from; write a grid of at least two values, such as `top_k: {{grid: [3, 5, 10]}}`, "
            'or give --set "retrieve.top_k={grid: [3, 5, 10]}"'
        )
    sections = {key: key.partition(".")[0] for key in combinations[0].settings}
    for key, section in sections.items():
        if section in UNTUNABLE:
            raise UsageError(f"{file}: {key}: a grid in {section} changes what is asked of what; give one value")
        if section in REBUILDING and not (dataset.documents or dataset.folder):
            raise UsageError(
                f"{file}: {key}: each value would rebuild the pipeline's own index at {Pipeline(combinations[0].config).components.index.location}; "
                "give --dataset with documents of its own, such as squad:PATH, which are indexed in the cache, or "
                "evaluate each value with its own `--set index.path=...` and compare them by `ragqa compare`"
            )


@dataclass(slots=True)
class _Run:
    """A candidate that can be asked; what it answers is kept."""

    bench: Bench
    protocol: Protocol
    folder: RunFolder
    failed: list[Result]

    def ask(self, questions: Sequence[Question]) -> list[Result]:
        results = []
        for result in ask_all(replace(self.bench, questions=questions), self.protocol, self.folder.known):
            self.folder.append(result)
            results.append(result)
        self.failed += [result for result in results if result.error]
        return results


def _runs(
    combinations: Sequence[Combination], dataset: Dataset, name: str, parts: Split, metric: str, out: Path | None
) -> dict[str, _Run]:
    """Return what answers for each combination; an index and a model that several have in common are made once."""
    protocol = _protocol(metric)
    benches: dict[str, Bench] = {}
    for one in combinations:
        pipeline = Pipeline(one.config)
        for other in benches.values():
            pipeline.components.share(other.pipeline.components)
        pipeline = over(pipeline, dataset)
        same = next((b for b in benches.values() if b.pipeline.config.index == pipeline.config.index), None)
        questions = (*parts.tune, *parts.test)
        benches[one.name] = replace(same, pipeline=pipeline) if same else make_bench(pipeline, dataset, questions)
    say_notes(next(iter(benches.values())))
    root = out / "runs" if out else None
    folders = {one.name: open_run(benches[one.name], one.config, protocol, name, root=root) for one in combinations}
    return {who: _Run(bench, protocol, folders[who], []) for who, bench in benches.items()}


def _protocol(metric: str) -> Protocol:
    from ragqa.evaluate import Protocol
    from ragqa.evaluate.ranking import METRICS

    return Protocol(answers=metric not in METRICS and not metric.startswith("has_answer@"), trace=False)


def pipeline_file(winner: Combination) -> str:
    """Return a combination as a pipeline file: its values filled in, `extends` resolved, paths absolute."""
    data = winner.config.source.data
    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
    if not printable(text):
        text = yaml.safe_dump(data, sort_keys=False)
    return f"# {escaped(winner.name)}\n{text}"


def _output(out: Path | None) -> OutputFolder | None:
    from ragqa.evaluate.runs import open_tuning

    return open_tuning(out) if out else None


def _begin(output: OutputFolder, combinations: Sequence[Combination], dataset: str, metric: str, parts: Split) -> None:
    """Write down what is chosen from and by."""
    from ragqa.evaluate.runs import begin_tuning

    identity = {"dataset": dataset, "metric": metric, "splits": parts.names, "seed": parts.seed}
    begin_tuning(output, {**identity, "candidates": [one.name for one in combinations]})


def _tell(outcome: Outcome, output: OutputFolder | None, as_json: bool) -> None:
    """Write what was found, and print it."""
    written = _write(output, outcome)
    if as_json:
        print_json(outcome.to_json())
    else:
        click.echo("\n".join(outcome.lines()))
        click.echo(f"\n{outcome.pipeline}", nl=False)
    if written:
        say("Written: " + ", ".join(map(str, written)), err=True)


def _write(output: OutputFolder | None, outcome: Outcome) -> list[Path]:
    """Write the report and the winner; return their paths."""
    from ragqa.evaluate.runs import REPORT, WINNER

    if output is None:
        return []
    report = json.dumps(outcome.to_json(), indent=2, ensure_ascii=False) + "\n"
    files = {REPORT: report, WINNER: outcome.pipeline}
    return [output.write(name, text.encode("utf-8", "backslashreplace")) for name, text in files.items()]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a tuning found, for a terminal and as JSON; `baseline` is the first combination."""

    dataset: str
    metric: str
    parts: Split
    race: Race
    baseline: str
    tested: Mapping[str, Sequence[Result]]
    pipeline: str

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON; `comparison` is None where the winner is the baseline."""
        comparison = self._comparison()
        return {
            "dataset": self.dataset,
            "metric": self.metric,
            "splits": dict(zip(("tune", "test"), self.parts.names, strict=True)),
            "seed": self.parts.seed,
            "questions": {"tune": len(self.parts.tune), "test": len(self.parts.test)},
            "shared_groups": list(self.parts.shared),
            "notes": self.parts.notes,
            "candidates": [asdict(candidate) for candidate in self.race.candidates],
            "winner": self.race.winner,
            "baseline": self.baseline,
            "test": {name: asdict(metric) for name, metric in self._tests().items()},
            "comparison": asdict(comparison) if comparison else None,
            "pipeline": self.pipeline,
        }

    def lines(self) -> Iterator[str]:
        """Yield the candidates, then the test."""
        from ragqa.evaluate.report_text import aligned
        from ragqa.evaluate.tables import Table

        tune, test = self.parts.names
        yield from (escaped(f"{note[0].upper()}{note[1:]}.") for note in self.parts.notes)
        yield ""
        header = (f"split {tune}", self.metric, "95% interval", "n", "failed", "outcome")
        yield aligned(Table(header, tuple(map(_row, self.race.candidates))))
        yield ""
        for name, metric in self._tests().items():
            role = "winner" if name == self.race.winner else "baseline"
            yield escaped(f"{test}: {self.metric}, {_figures(metric)}  {role}: {name}")
        comparison = self._comparison()
        if comparison is None:
            yield "The winner is the first combination, the baseline: there is nothing to compare."
        elif comparison.difference is None:
            yield "winner - baseline: no question was answered by both"
        else:
            between = _interval(comparison.low, comparison.high, "+.3f")
            yield f"winner - baseline: {comparison.difference:+.3f}, {between}, p {comparison.p:.4f}"

    def _tests(self) -> dict[str, Metric]:
        from ragqa.evaluate.report import metric

        return {name: metric(results, self.metric) for name, results in self.tested.items()}

    def _comparison(self) -> MetricComparison | None:
        """Return winner - baseline on the test split; None where they are one, or nothing has the metric there."""
        from ragqa.evaluate.compare import compare

        if self.race.winner == self.baseline:
            return None
        return compare(self.tested[self.baseline], self.tested[self.race.winner]).metrics.get(self.metric)


def _row(candidate: Candidate) -> tuple[str, ...]:
    metric = candidate.metric
    value = "-" if metric.value is None else f"{metric.value:.3f}"
    spread = _interval(metric.low, metric.high)
    return escaped(candidate.name), value, spread, str(metric.n), str(metric.failed), escaped(candidate.outcome)


def _figures(metric: Metric) -> str:
    value = "-" if metric.value is None else f"{metric.value:.3f}"
    return f"{value}, {_interval(metric.low, metric.high)}, n {metric.n}, failed {metric.failed}"


def _interval(low: float | None, high: float | None, form: str = ".3f") -> str:
    return "-" if low is None or high is None else f"{low:{form}} to {high:{form}}"
