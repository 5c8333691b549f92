"""Races the combinations of a grid on one split of a dataset, and tests the winner on another -> Tuning.

A tuning may be kept in a folder:

tune.json     the candidates, the metric and the splits
runs/         a run of each combination
report.json   the winner, and its difference to the baseline with interval and test
winner.yaml   the winner as a pipeline file
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from ragqa import arguments, wire
from ragqa.arguments import AnyPath
from ragqa.config import Combination, Kind
from ragqa.errors import UsageError
from ragqa.evaluate.dataset import Dataset, Question
from ragqa.evaluate.datasets.splits import Split, split
from ragqa.evaluate.metrics import ranking
from ragqa.evaluate.reports.summary import Metric, metric
from ragqa.evaluate.runs.evaluation import Protocol
from ragqa.evaluate.runs.folder import REPORT, RunFolder, differences
from ragqa.evaluate.runs.result import Result
from ragqa.experiments.compare import MetricComparison, compare
from ragqa.experiments.listener import SILENT, Listener
from ragqa.experiments.race import Race, race
from ragqa.experiments.setup import (
    EvaluationSetup,
    ask_all,
    dataset_spec,
    index_for,
    open_run,
    over,
    read,
    run_folder,
    say_notes,
)
from ragqa.kinds import load_combinations
from ragqa.outputs import OutputFolder, check_own_folder
from ragqa.pipeline import Pipeline

TUNING, WINNER, RUNS = "tune.json", "winner.yaml", "runs"
"""The files and the subfolder in the folder of a tuning, besides `REPORT`."""
UNTUNABLE = ("load", "index", "evaluate", "serve")
"""Sections without grids: they set the documents, the questions, the place of the index or the server."""
REBUILDING = ("split", "embed")
"""Sections in which each value of a grid needs an index of its own."""


def pipeline_file(winner: Combination) -> str:
    """Return a combination as a pipeline file: its values filled in, `extends` resolved, paths absolute."""
    name = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in winner.name)
    return f"# {name}\n{pipeline_yaml(winner)}"


def pipeline_yaml(winner: Combination, *, allow_unicode: bool = True) -> str:
    """Return the YAML of `pipeline_file`, without the comment that names the combination."""
    text: str = yaml.safe_dump(winner.config.source.data, sort_keys=False, allow_unicode=allow_unicode)
    return text


@dataclass(frozen=True, slots=True)
class TuningGrid:
    """The combinations of a pipeline file with grids.

    `file` is the name of the file for errors, `to_text` returns the winner as a pipeline file.
    """

    combinations: Sequence[Combination]
    file: str
    to_text: Callable[[Combination], str] = pipeline_file

    @classmethod
    def of(cls, file: AnyPath, overrides: Sequence[str] = (), kinds: Iterable[Kind[Any]] = ()) -> TuningGrid:
        """Read a pipeline file with grids.

        :param overrides: `section.key=value` each; a value may be a grid.
        :param kinds: your own kinds that the file names.
        :raises ConfigError: the file has mistakes; all of them are listed.
        """
        return cls(load_combinations(file, overrides, kinds), str(file))


@dataclass(frozen=True, slots=True)
class TuningGoal:
    """The metric to maximise, and the questions to measure it on: see `ragqa.evaluate.datasets.splits.split`."""

    metric: str = "f1"
    tune_split: str | None = None
    test_split: str | None = None
    seed: int | None = None
    limit: int | None = None
    sample: int | None = None


BY_F1 = TuningGoal()
"""The F1 on the default splits."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """The outcome of a tuning.

    `dataset` is its `KIND:PATH`, `baseline` the name of the first combination. `tested` has the metric of the winner
    and of the baseline on the test split; `comparison` is winner - baseline there, None where they are the same or no
    result has the metric. `pipeline` is the winner as the text of a pipeline file, `failures` are the failed results of
    all combinations. `written` are the files that were written to the folder.
    """

    dataset: str
    metric: str
    split: Split
    race: Race
    baseline: str
    tested: Mapping[str, Metric]
    comparison: MetricComparison | None
    pipeline: str
    failures: tuple[Result, ...]
    written: tuple[Path, ...] = ()


def tune(
    grid: TuningGrid,
    dataset: str | None = None,
    goal: TuningGoal = BY_F1,
    *,
    folder: AnyPath | None = None,
    listener: Listener = SILENT,
) -> Tuning:
    """Race the combinations of a grid on a split of a dataset, and test the winner against the first one on another.

    Every result is written at once; an interrupted tuning is continued.

    :param dataset: `KIND:PATH`; by default the section `evaluate`.
    :param folder: the folder of the tuning; by default only the runs are written, to the cache.
    :raises UsageError: there is one combination, there are no two splits, the metric is unknown, or the folder has
        another tuning.
    """
    # 1. Read and check the dataset, and split the questions.
    output = None if folder is None else open_tuning(arguments.path(folder, "folder"))
    baseline = Pipeline(grid.combinations[0].config)
    data, name = read(baseline, dataset_spec(baseline.config, dataset))
    check_choices(grid, data)
    parts = split(data.questions, goal.tune_split, goal.test_split, goal.limit, goal.sample, goal.seed)
    for note in parts.notes:
        listener.say(f"note: {note}")
    if output:
        identity = {"dataset": data.name, "metric": goal.metric, "splits": parts.names, "seed": parts.seed}
        begin_tuning(output, {**identity, "candidates": [combination.name for combination in grid.combinations]})
    # 2. Open a run for each combination.
    protocol = _protocol(goal.metric)
    setups = _setups(grid.combinations, data, name, parts, listener)
    root = output.folder / RUNS if output else None
    runs = {
        who: _CandidateRun(setup, protocol, open_run(setup, protocol, run_folder(setup, protocol, root), listener), [])
        for who, setup in setups.items()
    }
    # 3. Race, test, and write the outcome.
    tuning = _race(grid, runs, parts, goal.metric, listener)
    return replace(tuning, written=tuple(_write(output, tuning))) if output else tuning


def check_choices(grid: TuningGrid, dataset: Dataset) -> None:
    """Check that there are at least two combinations, and that none of them rebuilds the user's own index.

    :raises UsageError: there is one combination, or a grid is in a section that must have one value.
    """
    first = grid.combinations[0]
    if len(grid.combinations) < 2:
        raise UsageError(
            f"{grid.file}: nothing to choose from; write a grid of at least two values, such as "
            "`top_k: {grid: [3, 5, 10]}`, "
            'or give --set "retrieve.top_k={grid: [3, 5, 10]}"'
        )
    sections = {key: key.partition(".")[0] for key in first.settings}
    for key, section in sections.items():
        if section in UNTUNABLE:
            raise UsageError(f"{grid.file}: {key}: a grid in {section} changes what is asked of what; give one value")
        if section in REBUILDING and not (dataset.documents or dataset.folder):
            raise UsageError(
                f"{grid.file}: {key}: each value would rebuild the pipeline's own index at {Pipeline(first.config).components.index.location}; "
                "give --dataset with documents of its own, such as squad:PATH, which are indexed in the cache, or "
                "evaluate each value with its own `--set index.path=...` and compare them by `ragqa compare`"
            )


@dataclass(slots=True)
class _CandidateRun:
    """A combination with its run, which keeps the results."""

    setup: EvaluationSetup
    protocol: Protocol
    folder: RunFolder
    failed: list[Result]

    def ask(self, questions: Sequence[Question], listener: Listener) -> list[Result]:
        results = []
        for result in ask_all(replace(self.setup, questions=questions), self.protocol, self.folder.known, listener):
            self.folder.append(result)
            results.append(result)
        self.failed += [result for result in results if result.error]
        return results


def _setups(
    combinations: Sequence[Combination], dataset: Dataset, name: str, parts: Split, listener: Listener
) -> dict[str, EvaluationSetup]:
    """Return the setup of each combination by name. Combinations share equal models and indexes."""
    questions = (*parts.tune, *parts.test)
    setups: dict[str, EvaluationSetup] = {}
    for combination in combinations:
        pipeline = Pipeline(combination.config)
        if setups:
            pipeline.components.share(next(iter(setups.values())).pipeline.components)
        pipeline = over(pipeline, dataset)
        same = next((s for s in setups.values() if s.pipeline.config.index == pipeline.config.index), None)
        indexed = same.indexed if same else index_for(pipeline, dataset, questions, listener)
        setups[combination.name] = EvaluationSetup(pipeline, combination.config, dataset, name, questions, indexed)
    say_notes(next(iter(setups.values())), listener)
    return setups


def _race(grid: TuningGrid, runs: Mapping[str, _CandidateRun], parts: Split, by: str, listener: Listener) -> Tuning:
    """Race the combinations on the tuning split, then ask the winner and the baseline the test split."""
    names = [combination.name for combination in grid.combinations]
    outcome = race(names, parts.tune, lambda who, block: runs[who].ask(block, listener), by)
    winner, baseline = outcome.winner, names[0]
    results = {who: runs[who].ask(parts.test, listener) for who in dict.fromkeys((winner, baseline))}
    compared = None if winner == baseline else compare(results[baseline], results[winner]).metrics.get(by)
    return Tuning(
        runs[baseline].setup.name,
        by,
        parts,
        outcome,
        baseline,
        {who: metric(tested, by) for who, tested in results.items()},
        compared,
        grid.to_text(grid.combinations[names.index(winner)]),
        tuple(result for run in runs.values() for result in run.failed),
    )


def _protocol(metric: str) -> Protocol:
    """Return the protocol for a metric; metrics of retrieval need no answers."""
    return Protocol(answers=metric not in ranking.METRICS and not metric.startswith("has_answer@"), trace=False)


def open_tuning(folder: Path) -> OutputFolder:
    """Return the folder of a tuning, whose manifest is not yet written.

    :raises UsageError: the folder is neither new, nor empty, nor that of a tuning with unchanged files.
    :raises RefusedError: one of its files is a link.
    """
    output = OutputFolder(folder, TUNING, ("tuning",), (REPORT, WINNER))
    output.check_files()
    check_own_folder(folder / RUNS)
    return output


def begin_tuning(output: OutputFolder, identity: Mapping[str, Any]) -> None:
    """Write the identity of a tuning (candidates, metric, splits) into its folder, before any question is asked.

    :raises UsageError: the folder has another tuning (the error lists the differences), or cannot be written.
    """

    def check(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        if differing := list(differences(before["tuning"], now["tuning"])):
            raise UsageError(
                f"{output.folder} holds another tuning ({'; '.join(differing[:3])}): name another folder, or remove it"
            )

    output.begin({"tuning": json.loads(json.dumps(identity))}, check)


def _write(output: OutputFolder, tuning: Tuning) -> list[Path]:
    """Write the report and the winner; return their paths."""
    files = {REPORT: wire.indented(wire.tuning(tuning)), WINNER: tuning.pipeline.encode("utf-8", "backslashreplace")}
    return [output.write(name, data) for name, data in files.items()]
