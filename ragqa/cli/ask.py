"""`ragqa ask`: an answer with its sources."""

from __future__ import annotations

import shlex

import click

from ragqa.cli.answers import stream_answer
from ragqa.cli.common import json_option, profile_option, set_option
from ragqa.cli.indexing import allow_empty_option, embed_rest, verbose_option
from ragqa.cli.opening import holds_documents, open_indexed
from ragqa.cli.terminal import print_json
from ragqa.cli.usage import exists
from ragqa.retrieve import check_question


@click.command("ask")
@click.argument("arguments", nargs=-1, required=True, metavar="[FILE|FOLDER] QUESTION")
@click.option("--folder", metavar="DIR", help="The same as DIR in place of FILE.")
@profile_option
@allow_empty_option
@verbose_option
@set_option
@json_option
def command(
    arguments: tuple[str, ...],
    folder: str | None,
    profile: str | None,
    allow_empty: bool,
    verbose: bool,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Answer a question from the documents, and cite where the answer stands.

    FILE is a pipeline file. With a FOLDER of documents, or one document, in its place the profile says which models
    answer: by default the best ones that are here and that this machine can run (stderr says which, and why). The index
    is kept in the cache and brought up to date first; --profile, --allow-empty and --verbose are for that. A large new
    folder is answered by words at once, and embedded after the answer: to the end on a terminal, where Ctrl-C keeps
    what was embedded, else for some seconds. Each line of the answer, and of what is cited, begins with `|`; no other
    line does. A question that begins with `-` goes behind `--`.

    \b
    Examples: a fact, how to do something, a list, and what no document says.
      ragqa ask corpora/tarnwick/documents "How much does the cooperative lend for a heat pump?"
      ragqa ask corpora/tarnwick/documents "How do I become a member of the cooperative?"
      ragqa ask pipelines/quickstart.yaml "What are the tasks of the Lantern Room?"
      ragqa ask pipelines/quickstart.yaml "When does the ferry to Iceland leave?"
    """
    if len(arguments) != (1 if folder else 2):
        raise click.UsageError(_wrong_number(arguments, folder))
    question = arguments[-1]
    check_question(question)
    options = {"confirm": not as_json, "allow_empty": allow_empty, "verbose": verbose}
    target = folder or arguments[0]
    if (allow_empty or verbose) and not holds_documents(target):
        raise click.UsageError("--allow-empty and --verbose go with a folder, whose index is brought up to date first")
    pipeline = open_indexed(target, overrides, profile, **options)
    if as_json:
        print_json(pipeline.ask(question).to_dict())
    else:
        stream_answer(pipeline.stream(question))
    if holds_documents(target):
        embed_rest(pipeline, watched=not as_json)


def _wrong_number(arguments: tuple[str, ...], folder: str | None) -> str:
    """Return the error about the number of arguments, with the command line that was probably meant."""
    if folder:
        return f"--folder DIR takes one argument, QUESTION; got {len(arguments)} (quote the question)"
    target, words = (".", arguments) if len(arguments) == 1 else (arguments[0], arguments[1:])
    if exists(arguments[0]):
        target, words = arguments[0], arguments[1:] or ("your question",)
    meant = f"ragqa ask {shlex.quote(target)} {shlex.quote(' '.join(words))}"
    return f"give FILE and QUESTION; got {len(arguments)}; did you mean `{meant}`?"
