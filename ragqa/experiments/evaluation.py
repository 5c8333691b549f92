"""One pipeline over the questions of a dataset -> an EvaluationRun: its report, and the folder that keeps it."""

from __future__ import annotations

import resource
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragqa import arguments, wire
from ragqa.arguments import AnyPath
from ragqa.evaluate.reports.html import html
from ragqa.evaluate.reports.summary import EvaluationReport, summarize
from ragqa.evaluate.reports.text import markdown
from ragqa.evaluate.runs.evaluation import USUAL, Protocol
from ragqa.evaluate.runs.folder import REPORT, check_folder, read_run, write_report
from ragqa.evaluate.runs.result import Result
from ragqa.experiments.listener import SILENT, Listener
from ragqa.experiments.setup import ALL, Selection, ask_all, dataset_spec, open_run, prepare
from ragqa.pipeline import Pipeline


@dataclass(frozen=True, slots=True)
class EvaluationRun:
    """A finished evaluation: its figures with all results, the folder of the run, and the dataset's name.

    `peak_mib` is the peak memory of this process up to the end of the run, in MiB.
    """

    report: EvaluationReport
    folder: Path
    dataset: str
    peak_mib: float

    @property
    def figures(self) -> dict[str, Any]:
        """Return the figures as plain data, as `ragqa eval --json` prints them."""
        return {**wire.evaluation_report(self.report), "peak_mib": self.peak_mib, "run": str(self.folder)}


def evaluate_pipeline(
    pipeline: Pipeline,
    dataset: str | None = None,
    protocol: Protocol = USUAL,
    *,
    selection: Selection = ALL,
    folder: AnyPath | None = None,
    listener: Listener = SILENT,
) -> EvaluationRun:
    """Evaluate a pipeline on a dataset. Every result is written at once, and an interrupted run is continued.

    The documents of a dataset are indexed in the cache; without any, the pipeline's own index is brought up to date.
    `EvaluationRun.report` has the report and the results; `write_reports` writes it beside the results.

    :param dataset: `KIND:PATH`; by default the section `evaluate` of the pipeline.
    :param folder: the folder of the run; by default one in the cache, whose name is a hash of the run's identity.
    :raises UsageError: there are no questions, evidence is not in its document, or the folder has other content.
    """
    place = None if folder is None else arguments.path(folder, "folder")
    if place:
        check_folder(place)
    if protocol.likelihood:
        pipeline.components.likelihood_model("the likelihood of an answer")
    setup = prepare(pipeline, dataset_spec(pipeline.config, dataset), selection, listener)
    run = open_run(setup, protocol, place, listener)
    results = []
    for result in ask_all(setup, protocol, run.known, listener):
        run.append(result)
        results.append(result)
    leaks = _leaks(results)
    for leak in leaks:
        listener.say(f"warning: {leak}")
    return EvaluationRun(summarize(results, [*setup.notes, *leaks]), run.folder, setup.dataset.name, peak_mib())


def _leaks(results: Sequence[Result]) -> list[str]:
    """Return a warning where evaluated questions are examples in the prompts of others."""
    shown = {example for result in results for example in result.examples} & {result.id for result in results}
    leak = f"{len(shown)} of the questions are shown with their answers to others: use prompt.examples_split"
    return [leak] if shown else []


def write_reports(run: EvaluationRun, *, pages: bool = False) -> list[Path]:
    """Write report.json into the folder of a run, with `pages` report.md and report.html too; return their paths."""
    written = [write_report(run.folder, REPORT, wire.indented(run.figures).decode())]
    if pages:
        saved = read_run(run.folder)
        about = {**saved.recorded, "identity": saved.identity, "peak_mib": run.peak_mib}
        written.append(write_report(run.folder, "report.md", markdown(run.report, run.dataset, about)))
        written.append(write_report(run.folder, "report.html", html(run.report, run.dataset, about)))
    return written


def peak_mib() -> float:
    """Return the peak memory of this process, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB; on macOS bytes
    return round(peak / (1 << 10 if sys.platform != "darwin" else 1 << 20), 1)
