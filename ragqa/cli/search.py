"""`ragqa search`: the best passages for a question."""

from __future__ import annotations

import click

from ragqa.cli.common import hit_json, pipeline_options, print_json
from ragqa.pipeline import Pipeline


@click.command("search")
@pipeline_options
@click.argument("question")
def command(file: str, overrides: tuple[str, ...], as_json: bool, question: str) -> None:
    """Print the best passages for a question.

    \b
    Example:
      ragqa search pipelines/quickstart.yaml "Who runs the ferry?"
    """
    hits = Pipeline.from_file(file, overrides).search(question)
    if as_json:
        print_json({"hits": [hit_json(hit) for hit in hits]})
        return
    for number, hit in enumerate(hits, start=1):
        page = f" page {hit.chunk.page}" if hit.chunk.page else ""
        click.echo(f"{number}. {hit.source}{page} [{hit.chunk.start}:{hit.chunk.end}] {hit.score:.3f}")
        click.echo(f"   {' '.join(hit.chunk.text.split())[:300]}")
