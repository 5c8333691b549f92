"""`ragqa ask`: an answer with its sources."""

from __future__ import annotations

import click

from ragqa.cli.common import answer_json, pipeline_options, print_json
from ragqa.pipeline import Pipeline
from ragqa.records import Answer


@click.command("ask")
@pipeline_options
@click.argument("question")
def command(file: str, overrides: tuple[str, ...], as_json: bool, question: str) -> None:
    """Answer a question from the documents, and cite where the answer stands.

    \b
    Example:
      ragqa ask pipelines/quickstart.yaml "Who runs the ferry?"
    """
    pipeline = Pipeline.from_file(file, overrides)
    if as_json:
        print_json(answer_json(pipeline.ask(question)))
        return
    for piece in pipeline.stream(question):
        if isinstance(piece, Answer):
            print_sources(piece)
        else:
            click.echo(piece, nl=False)


def print_sources(answer: Answer) -> None:
    """Print an answer's citations, or why there are none."""
    if answer.abstained:
        click.echo(f"\nNo answer: {answer.reason.replace('_', ' ')}.")
        return
    click.echo("\n\nSources:")
    for number, citation in enumerate(answer.citations, start=1):
        page = f", page {citation.page}" if citation.page else ""
        click.echo(f"  [{number}] {citation.source}{page} [{citation.start}:{citation.end}]")
        click.echo(f"      {' '.join(citation.text.split())}")
