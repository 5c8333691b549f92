"""`ragqa ask`: an answer with its sources."""

from __future__ import annotations

import click

from ragqa.cli.common import (
    answer_json,
    escaped,
    json_option,
    print_json,
    print_statuses,
    progress_bar,
    set_option,
    stream_answer,
    warn_of_changes,
)
from ragqa.pipeline import Pipeline
from ragqa.retrieve import check_question


@click.command("ask")
@click.argument("arguments", nargs=-1, required=True, metavar="[FILE] QUESTION")
@click.option("--folder", metavar="DIR", help="Ask the documents of a folder; no pipeline file is needed.")
@set_option
@json_option
def command(arguments: tuple[str, ...], folder: str | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Answer a question from the documents, and cite where the answer stands.

    With --folder the small default models are used, and the index is kept in the cache and brought up to date first.

    \b
    Examples:
      ragqa ask pipelines/quickstart.yaml "How much does the cooperative lend for a heat pump?"
      ragqa ask --folder corpora/tarnwick/documents "How long is a lease on a Limpet M3?"
    """
    if len(arguments) != (1 if folder else 2):
        given = "--folder DIR takes one argument, QUESTION" if folder else "give FILE and QUESTION, or --folder DIR"
        raise click.UsageError(f"{given}; got {len(arguments)} (quote the question)")
    question = arguments[-1]
    check_question(question)
    if folder:
        pipeline = Pipeline.from_folder(folder, overrides)
        refresh(pipeline)
    else:
        pipeline = Pipeline.from_file(arguments[0], overrides)
        warn_of_changes(pipeline)
    if as_json:
        print_json(answer_json(pipeline.ask(question)))
    else:
        stream_answer(pipeline.stream(question))


def refresh(pipeline: Pipeline) -> None:
    """Index what changed; a folder that did not change is not locked, and its rejected files are only named again."""
    if pipeline.has_index() and (plan := pipeline.changes()).is_empty:
        for reading in plan.read:
            click.echo(escaped(f"{reading.file.source}: {reading.reason}"), err=True)
        return
    with progress_bar() as progress:
        print_statuses(pipeline.index(progress=progress))
