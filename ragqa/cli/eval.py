"""`ragqa eval`: how well a pipeline finds and answers, over questions with gold answers."""

from __future__ import annotations

import json
import statistics
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ragqa.cli.ask import refresh
from ragqa.cli.common import pipeline_options, print_json
from ragqa.errors import ResourceError, UsageError
from ragqa.pipeline import Pipeline

if TYPE_CHECKING:
    from ragqa.evaluate import Metric, Question, Report, Result
    from ragqa.records import Document


@click.command("eval")
@pipeline_options
@click.option("--dataset", metavar="jsonl:PATH", help="Questions to ask; default: the section `evaluate`.")
@click.option("--limit", type=click.IntRange(min=1), help="Ask the first N questions only.")
@click.option("--split", help="Ask the questions whose key `split` has this value, such as dev or test.")
@click.option("--out", metavar="DIR", type=click.Path(path_type=Path), help="Write report.json and results.jsonl here.")
@click.option("--retrieval-only", is_flag=True, help="Measure retrieval alone; no generator is loaded.")
def command(
    file: str,
    overrides: tuple[str, ...],
    as_json: bool,
    dataset: str | None,
    limit: int | None,
    split: str | None,
    out: Path | None,
    retrieval_only: bool,
) -> None:
    """Measure how often a pipeline finds the evidence and answers right, with 95% intervals.

    The index is brought up to date first. A question that fails counts as 0, is listed, and makes the exit code 3.

    \b
    Examples:
      ragqa eval pipelines/quickstart.yaml --limit 20
      ragqa eval pipelines/quickstart.yaml --retrieval-only --json
      ragqa eval pipelines/quickstart.yaml --dataset jsonl:corpora/tarnwick/questions.jsonl --out .ragqa/run
    """
    from ragqa.evaluate import evaluate, read_questions, select

    pipeline = Pipeline.from_file(file, overrides)
    questions = select(read_questions(_questions_path(pipeline, dataset)), split, limit)
    if out:
        _make_folder(out)
    click.echo(f"bringing the index of {file} up to date", err=True)
    refresh(pipeline)
    documents = _gold_documents(pipeline, questions)
    with _question_bar(len(questions)) as bar:
        report = evaluate(
            pipeline,
            questions,
            documents,
            retrieval_only=retrieval_only,
            progress=lambda done: bar.update(done - bar.n),
        )
    for note in report.notes:
        click.echo(f"note: {note}", err=True)
    for result in report.failures:
        click.echo(f"failed: {result.question.id}: {result.error}", err=True)
    if out:
        _write(out, report)
    if as_json:
        print_json(_report_json(report))
    else:
        click.echo(_table(report))
        if out:
            click.echo(f"Written: {out / 'report.json'} and {out / 'results.jsonl'}")
    if report.failures:
        sys.exit(3)


def _questions_path(pipeline: Pipeline, dataset: str | None) -> Path:
    spec: Any = pipeline.config.evaluate
    if dataset is None:
        if spec is None:
            line = "evaluate: {kind: jsonl, path: questions.jsonl}"
            raise UsageError(
                f"{pipeline.config.file}: no section `evaluate`; add `{line}` or give --dataset jsonl:PATH"
            )
        return Path(spec.path)
    kind, _, path = dataset.partition(":")
    if kind != "jsonl" or not path:
        raise UsageError(f"--dataset: got {dataset!r}; must be jsonl:PATH, such as jsonl:questions.jsonl")
    return Path(path)


def _gold_documents(pipeline: Pipeline, questions: list[Question]) -> dict[str, Document]:
    """Return the indexed documents that the evidence names, by source; one that is not indexed is left to `evaluate`."""
    wanted = {evidence.source for question in questions for evidence in question.evidence}
    with pipeline.open_index() as reader:
        return {source: reader.document(id_) for source, id_ in reader.sources().items() if source in wanted}


def _question_bar(total: int) -> Any:
    from tqdm import tqdm

    return tqdm(total=total, unit=" questions", delay=2, leave=False)


def _table(report: Report) -> str:
    """Return the report for people."""
    asked, failed = len(report.results), len(report.failures)
    answerable = sum(result.question.answerable for result in report.results)
    lines = [f"{asked} questions, {answerable} of them answerable; {failed} failed.", ""]
    lines.append(f"{'metric':<22}{'value':>7}   {'95% interval':<15}{'n':>6}{'failed':>8}")
    lines += [_row(name, metric) for name, metric in report.metrics.items()]
    median, slow = _seconds(report)
    lines += ["", f"{median:.2f} s a question (median), {slow:.2f} s (slowest); {report.seconds:.1f} s in all."]
    return "\n".join(lines)


def _row(name: str, metric: Metric) -> str:
    if metric.value is None:
        return f"{name:<22}{'-':>7}   {'no such question':<21}"
    spread = f"{metric.low:.3f} to {metric.high:.3f}"
    return f"{name:<22}{metric.value:>7.3f}   {spread:<15}{metric.n:>6}{metric.failed:>8}"


def _seconds(report: Report) -> tuple[float, float]:
    """Return the median and the largest time of a question, in seconds."""
    times = [sum(result.ms.values()) / 1000 for result in report.results]
    return statistics.median(times), max(times)


def _report_json(report: Report) -> dict[str, Any]:
    median, slowest = _seconds(report)
    return {
        "metrics": {name: asdict(metric) for name, metric in report.metrics.items()},
        "questions": len(report.results),
        "failures": [{"id": result.question.id, "error": result.error} for result in report.failures],
        "notes": list(report.notes),
        "seconds": round(report.seconds, 2),
        "seconds_per_question": {"median": round(median, 3), "max": round(slowest, 3)},
    }


def _result_json(result: Result) -> dict[str, Any]:
    question = result.question
    return {
        "id": question.id,
        "question": question.question,
        "answers": list(question.answers),
        "answerable": question.answerable,
        "evidence": [asdict(evidence) for evidence in question.evidence],
        "gold": [asdict(span) for span in result.gold],
        "prediction": result.prediction,
        "abstained": result.abstained,
        "hits": [
            {"source": hit.source, "start": hit.chunk.start, "end": hit.chunk.end, "score": hit.score}
            for hit in result.hits
        ],
        "scores": dict(result.scores),
        "ms": dict(result.ms),
        "error": result.error,
        "metadata": dict(question.metadata),
    }


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out: {out}: {error.strerror}; name a folder that can be written") from None


def _write(out: Path, report: Report) -> None:
    lines = (json.dumps(_result_json(result), ensure_ascii=False) + "\n" for result in report.results)
    try:
        (out / "report.json").write_text(json.dumps(_report_json(report), indent=2) + "\n", encoding="utf-8")
        (out / "results.jsonl").write_text("".join(lines), encoding="utf-8")
    except OSError as error:
        raise ResourceError(f"--out: {out}: {error.strerror}; free some space or name another folder") from None
