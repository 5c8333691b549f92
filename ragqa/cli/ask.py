"""`ragqa ask`: an answer with its sources."""

from __future__ import annotations

import click

from ragqa.cli.common import json_option, print_json, set_option, stream_answer, warn_of_changes
from ragqa.cli.indexing import allow_empty_option, bring_up_to_date, print_left_out, verbose_option
from ragqa.pipeline import Pipeline
from ragqa.records import FileStatus
from ragqa.retrieve import check_question


@click.command("ask")
@click.argument("arguments", nargs=-1, required=True, metavar="[FILE] QUESTION")
@click.option("--folder", metavar="DIR", help="Ask the documents of a folder; no pipeline file is needed.")
@allow_empty_option
@verbose_option
@set_option
@json_option
def command(
    arguments: tuple[str, ...],
    folder: str | None,
    allow_empty: bool,
    verbose: bool,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Answer a question from the documents, and cite where the answer stands.

    With --folder the small default models are used, and the index is kept in the cache and brought up to date first;
    --allow-empty and --verbose are for that.

    \b
    Examples:
      ragqa ask pipelines/quickstart.yaml "How much does the cooperative lend for a heat pump?"
      ragqa ask --folder corpora/tarnwick/documents "How long is a lease on a Limpet M3?"
    """
    if len(arguments) != (1 if folder else 2):
        given = "--folder DIR takes one argument, QUESTION" if folder else "give FILE and QUESTION, or --folder DIR"
        raise click.UsageError(f"{given}; got {len(arguments)} (quote the question)")
    if not folder and (allow_empty or verbose):
        raise click.UsageError("--allow-empty and --verbose go with --folder DIR, which is brought up to date first")
    question = arguments[-1]
    check_question(question)
    if folder:
        pipeline = Pipeline.from_folder(folder, overrides)
        refresh(pipeline, confirm=not as_json, allow_empty=allow_empty, verbose=verbose)
    else:
        pipeline = Pipeline.from_file(arguments[0], overrides)
        warn_of_changes(pipeline)
    if as_json:
        print_json(pipeline.ask(question).to_dict())
    else:
        stream_answer(pipeline.stream(question))


def refresh(pipeline: Pipeline, *, confirm: bool = False, allow_empty: bool = False, verbose: bool = False) -> None:
    """Index what changed; a folder that did not change is not locked, and its rejected files are only named again.

    See `bring_up_to_date` for the parameters.
    """
    if pipeline.has_index() and (plan := pipeline.changes()).is_empty:
        again = [FileStatus(reading.file.source, "rejected", reading.reason) for reading in plan.read]
        print_left_out(again, verbose=verbose)
        return
    bring_up_to_date(pipeline, confirm=confirm, allow_empty=allow_empty, verbose=verbose)
