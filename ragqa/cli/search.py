"""`ragqa search`: the best passages for a question."""

from __future__ import annotations

import click

from ragqa.cli.common import escaped, one_line, pipeline_options, print_json, warn_of_changes
from ragqa.pipeline import Pipeline
from ragqa.retrieve import check_question


@click.command("search")
@pipeline_options
@click.argument("question")
@click.option("-k", type=click.IntRange(1, 1000), help="How many hits; default: retrieve.top_k.")
def command(file: str, overrides: tuple[str, ...], as_json: bool, question: str, k: int | None) -> None:
    """Print the best passages for a question.

    \b
    Example:
      ragqa search pipelines/quickstart.yaml "ferry timetable" -k 3
    """
    check_question(question)
    pipeline = Pipeline.from_file(file, overrides)
    warn_of_changes(pipeline)
    hits = pipeline.search(question, k)
    if as_json:
        print_json({"hits": [hit.to_dict() for hit in hits]})
        return
    for number, hit in enumerate(hits, start=1):
        scores = "  ".join(f"{name} {score:.3f}" for name, score in hit.scores.items())
        page = f", page {hit.chunk.page}" if hit.chunk.page else ""
        click.echo(
            f"[{number}] {hit.score:.3f}  {escaped(hit.source)}{page} [{hit.chunk.start}:{hit.chunk.end}]  {scores}"
        )
        click.echo("    " + one_line(hit.chunk.text))
    if not hits:
        click.echo("No passage found.")
