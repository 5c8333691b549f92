"""`ragqa summarize`: what a document or a folder is about, in its own sentences."""

from __future__ import annotations

import click

from ragqa.cli.answers import stream_answer
from ragqa.cli.common import file_argument, json_option, profile_option, set_option
from ragqa.cli.opening import open_indexed
from ragqa.cli.terminal import print_json


@click.command("summarize")
@file_argument
@click.argument("name", required=False, help="A document or folder in it, also by a loose name; default: all.")
@profile_option
@set_option
@json_option
def command(file: str, name: str | None, profile: str | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Say what a document, a folder or all documents are about, in their own sentences, each with its source.

    The whole text is read, not the nearest passages, and the last line says how much that was. No generator is used.
    Summaries are kept in the cache: after a change, only the changed document is summarised anew.

    \b
    Examples:
      ragqa summarize corpora/tarnwick/documents
      ragqa summarize corpora/tarnwick/documents "turbine safety manual"
      ragqa summarize pipelines/quickstart.yaml handbook/on-call.md
    """
    answer = open_indexed(file, overrides, profile, confirm=not as_json).summarize(name)
    if as_json:
        print_json(answer.to_dict())
    else:
        stream_answer(iter([*answer.sentences, answer]))
