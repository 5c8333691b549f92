"""`ragqa chat`: a conversation, in which earlier turns are part of the prompt."""

from __future__ import annotations

import sys

import click

from ragqa.cli.answers import stream_answer
from ragqa.cli.common import pipeline_options, profile_option
from ragqa.cli.faults import error_report
from ragqa.cli.opening import open_indexed, open_pipeline
from ragqa.cli.terminal import print_json, print_json_line
from ragqa.conversation import Conversation
from ragqa.errors import UsageError
from ragqa.retrieve import MAX_QUESTION_CHARS


@click.command("chat")
@pipeline_options
@profile_option
def converse(file: str, overrides: tuple[str, ...], as_json: bool, profile: str | None) -> None:
    """Ask one question after another; end with an empty line or Ctrl-D.

    Questions are read from stdin. The last four questions are shown to the model, each with the text that was cited
    for it; those about a name that no document has are not. A question that does not stand alone, such as "And for a
    family?", is searched with words of the turn before, which are shown under the answer. The template `qa` is replaced
    by `chat`, which has a place for earlier turns. With --json each question gets an object on a line of its own, as
    `ragqa ask --json` prints it; one that fails has the key `error`.

    \b
    Examples:
      ragqa chat pipelines/quickstart.yaml
      printf 'Who is the master of MV Tern?\\nWhen was she built?\\n' | ragqa chat corpora/tarnwick/documents
    """
    if open_pipeline(file, overrides, profile).config.prompt.template_name() == "qa":
        overrides = (*overrides, "prompt.template=chat")
    conversation = Conversation(open_indexed(file, overrides, profile))
    while not getattr(sys.stdout, "gone", False) and (question := _read_question()):
        _answer(conversation, question, as_json)


def _answer(conversation: Conversation, question: str, as_json: bool) -> None:
    try:
        if as_json:
            print_json({"question": question})  # printed where an error ends the command
            print_json_line(conversation.ask(question).to_dict())
        else:
            stream_answer(conversation.stream(question))
    except UsageError as error:  # the user can ask another question
        report = error_report(error, ())
        click.echo(report.line, err=True)
        if as_json:
            print_json_line({"question": question, "error": report.to_json()})


def _read_question() -> str:
    """Return the next line from stdin, cut where it is far too long for a question."""
    if sys.stdin.isatty():
        click.echo("\n> ", nl=False, err=True)
    try:
        line = part = sys.stdin.readline(2 * MAX_QUESTION_CHARS)
        while part and not part.endswith("\n"):
            part = sys.stdin.readline(2 * MAX_QUESTION_CHARS)
        return line.strip()
    except OSError as error:
        raise UsageError(f"stdin cannot be read: {error.strerror}") from None
