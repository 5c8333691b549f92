"""`ragqa eval`: how well a pipeline finds and answers, over questions with gold answers."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ragqa.cli.common import pipeline_options
from ragqa.cli.evaluation import Bench, ask_all, dataset_name, open_run, peak_mib, prepare
from ragqa.cli.marks import say
from ragqa.cli.opening import open_pipeline
from ragqa.cli.terminal import print_json
from ragqa.errors import UsageError

if TYPE_CHECKING:
    from ragqa.evaluate import Protocol, Report
    from ragqa.evaluate.runs import RunFolder


@click.command("eval")
@pipeline_options
@click.option("--dataset", metavar="KIND:PATH", help="jsonl, squad, beir, hotpotqa, musique, pubmedqa or pages; default: the section `evaluate`.")  # fmt: skip
@click.option("--limit", type=click.IntRange(min=1), help="Ask the first N questions only.")
@click.option("--sample", type=click.IntRange(min=1), help="Ask N questions drawn with a fixed seed; for a set too large to ask whole.")  # fmt: skip
@click.option("--split", help="Ask the questions of one split only, such as tune, report, dev or test.")
@click.option("--out", metavar="DIR", type=click.Path(path_type=Path), help="Keep the run in this folder; default: in the cache, by content.")  # fmt: skip
@click.option("--report", is_flag=True, help="Write report.html and report.md into the run's folder.")
@click.option("--retrieval-only", is_flag=True, help="Measure retrieval alone; no generator is loaded.")
@click.option("--oracle", is_flag=True, help="Answer from the gold passages instead of what is retrieved.")
@click.option("--closed-book", is_flag=True, help="Answer without any passage.")
@click.option("--likelihood", is_flag=True, help="Also measure how likely the gold answer is after gold, retrieved and no passages.")  # fmt: skip
@click.option("--no-trace", is_flag=True, help="Do not ask wrong answers again with the gold passage to find what was lost where.")  # fmt: skip
def command(
    file: str,
    overrides: tuple[str, ...],
    as_json: bool,
    dataset: str | None,
    limit: int | None,
    sample: int | None,
    split: str | None,
    out: Path | None,
    report: bool,
    retrieval_only: bool,
    oracle: bool,
    closed_book: bool,
    likelihood: bool,
    no_trace: bool,
) -> None:
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
    from ragqa.evaluate.runs import check_folder

    protocol = _protocol(retrieval_only, oracle, closed_book, likelihood, not no_trace)
    if out:
        check_folder(out)
    pipeline = open_pipeline(file, overrides)
    if likelihood:
        pipeline.components.likelihood_model("the likelihood of an answer")
    name = dataset_name(pipeline, dataset)
    bench = prepare(pipeline, name, split, limit, sample)
    folder = open_run(bench, pipeline.config, protocol, name, folder=out)
    found = _run(bench, protocol, folder)
    for result in found.failures:
        say(f"failed: {result.id}: {result.error}", err=True)
    _tell(found, folder, bench.dataset.name, report, as_json)
    if found.failures:
        sys.exit(3)


def _protocol(retrieval_only: bool, oracle: bool, closed_book: bool, likelihood: bool, trace: bool) -> Protocol:
    from ragqa.evaluate import Protocol

    if retrieval_only + oracle + closed_book > 1:
        raise UsageError("--retrieval-only, --oracle and --closed-book exclude one another: give one of them")
    if retrieval_only and likelihood:
        raise UsageError("--likelihood needs a generator, which --retrieval-only leaves out")
    context = "gold" if oracle else "none" if closed_book else "retrieved"
    traced = trace and context == "retrieved" and not retrieval_only
    return Protocol(context, answers=not retrieval_only, trace=traced, likelihood=likelihood)  # type: ignore[arg-type]


def _run(bench: Bench, protocol: Protocol, folder: RunFolder) -> Report:
    from ragqa.evaluate import summarize

    results = []
    for result in ask_all(bench, protocol, folder.known):
        folder.append(result)
        results.append(result)
    shown = {example for result in results for example in result.examples} & {result.id for result in results}
    leak = f"{len(shown)} of the questions are shown with their answers to others: use prompt.examples_split"
    if shown:
        click.echo(f"warning: {leak}", err=True)
    return summarize(results, [*bench.notes, *([leak] if shown else [])])


def _tell(report: Report, folder: RunFolder, title: str, pages: bool, as_json: bool) -> None:
    """Write the reports of a run, and print its figures."""
    from ragqa.evaluate.report import to_json
    from ragqa.evaluate.report_text import table

    figures = {**to_json(report), "peak_mib": peak_mib(), "run": str(folder.folder)}
    written = _write(folder, report, figures, title, pages)
    if as_json:
        print_json(figures)
    else:
        click.echo(table(report))
        click.echo()
        say("Written: " + ", ".join(map(str, written)))


def _write(folder: RunFolder, report: Report, figures: Mapping[str, Any], title: str, pages: bool) -> list[Path]:
    """Write the reports of a run; return their paths."""
    from ragqa.evaluate.runs import read_run

    written = [folder.write("report.json", json.dumps(figures, indent=2, ensure_ascii=False) + "\n")]
    if pages:
        from ragqa.evaluate.report_html import html
        from ragqa.evaluate.report_text import markdown

        run = read_run(folder.folder)
        about = {**run.recorded, "identity": run.identity, "peak_mib": figures["peak_mib"]}
        written.append(folder.write("report.md", markdown(report, title, about)))
        written.append(folder.write("report.html", html(report, title, about)))
    return written
