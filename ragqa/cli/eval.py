"""`ragqa eval`: measures retrieval and answers of a pipeline on questions with gold answers."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ragqa.cli.common import pipeline_options
from ragqa.cli.listening import listener
from ragqa.cli.marks import say
from ragqa.cli.opening import open_pipeline
from ragqa.cli.terminal import print_json
from ragqa.errors import UsageError
from ragqa.evaluate.datasets import KINDS as DATASET_KINDS

if TYPE_CHECKING:
    from ragqa.evaluate import Protocol
    from ragqa.experiments import EvaluationRun


def _one_of(names: Mapping[str, Any]) -> str:
    """Return names as `a, b or c`."""
    *others, last = names
    return f"{', '.join(others)} or {last}"


@click.command("eval")
@pipeline_options
@click.option("--dataset", metavar="KIND:PATH", help=f"{_one_of(DATASET_KINDS)}; default: the section `evaluate`.")  # fmt: skip
@click.option("--limit", type=click.IntRange(min=1), help="Ask the first N questions only.")
@click.option("--sample", type=click.IntRange(min=1), help="Ask N questions drawn with a fixed seed; for a set too large to ask whole.")  # fmt: skip
@click.option("--split", help="Ask the questions of one split only, such as tune, report, dev or test.")
@click.option("--out", metavar="DIR", type=click.Path(path_type=Path), help="Keep the run in this folder; default: in the cache, by content.")  # fmt: skip
@click.option("--report", is_flag=True, help="Write report.html and report.md into the run's folder.")
@click.option("--retrieval-only", is_flag=True, help="Measure retrieval alone; no generator is loaded.")
@click.option("--oracle", is_flag=True, help="Answer from the gold passages instead of what is retrieved.")
@click.option("--closed-book", is_flag=True, help="Answer without any passage.")
@click.option("--last-turn", is_flag=True, help="Ask questions of a conversation alone, without the turns before them.")
@click.option("--likelihood", is_flag=True, help="Also measure how likely the gold answer is after gold, retrieved and no passages.")  # fmt: skip
@click.option("--no-trace", is_flag=True, help="Do not ask wrong answers again with the gold passage to find what was lost where.")  # fmt: skip
def eval_command(file: str, overrides: tuple[str, ...], as_json: bool, report: bool, **options: Any) -> None:
    """Measure how often a pipeline finds the evidence and answers right, with 95% intervals.

    A dataset with documents of its own is indexed in the cache; else the pipeline's own index is brought up to date.
    Every result is kept as it comes: the same command again goes on where it was killed, and asks nothing twice. A
    question that fails is counted apart, is listed, and makes the exit code 3.

    \b
    Examples:
      ragqa eval pipelines/quickstart.yaml --limit 20
      ragqa eval pipelines/quickstart.yaml --retrieval-only --json
      ragqa eval pipelines/quickstart.yaml --dataset jsonl:corpora/tarnwick/questions.jsonl --limit 5 --out .ragqa/run --report
    """
    protocol = _protocol(options)
    out: Path | None = options["out"]
    if out:
        from ragqa.evaluate.runs.folder import check_folder

        check_folder(out)
    pipeline = open_pipeline(file, overrides)
    from ragqa.experiments import Selection, evaluate_pipeline, write_reports

    selection = Selection(options["split"], options["limit"], options["sample"])
    with listener() as told:
        run = evaluate_pipeline(pipeline, options["dataset"], protocol, selection=selection, folder=out, listener=told)
    for result in run.report.failures:
        say(f"failed: {result.id}: {result.error}", err=True)
    written = write_reports(run, pages=report)
    _print(run, written, as_json)
    if run.report.failures:
        sys.exit(3)


def _protocol(options: Mapping[str, Any]) -> Protocol:
    """Return the protocol of an evaluation, from the flags of the command line.

    :raises UsageError: flags exclude each other.
    """
    from ragqa.evaluate import Protocol

    retrieval_only, oracle, closed_book = options["retrieval_only"], options["oracle"], options["closed_book"]
    if retrieval_only + oracle + closed_book > 1:
        raise UsageError("--retrieval-only, --oracle and --closed-book exclude one another: give one of them")
    if retrieval_only and options["likelihood"]:
        raise UsageError("--likelihood needs a generator, which --retrieval-only leaves out")
    context = "gold" if oracle else "none" if closed_book else "retrieved"
    traced = not options["no_trace"] and context == "retrieved" and not retrieval_only
    return Protocol(
        context,  # type: ignore[arg-type]
        answers=not retrieval_only,
        trace=traced,
        likelihood=options["likelihood"],
        history=not options["last_turn"],
    )


def _print(run: EvaluationRun, written: Sequence[Path], as_json: bool) -> None:
    """Print the figures of a run, and the paths of its reports."""
    from ragqa.evaluate.reports.text import table

    if as_json:
        print_json(run.figures)
    else:
        click.echo(table(run.report))
        click.echo()
        say("Written: " + ", ".join(map(str, written)))
