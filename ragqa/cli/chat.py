"""`ragqa chat`: questions one after another, each knowing the ones before."""

from __future__ import annotations

import sys

import click

from ragqa.cli.common import pipeline_options, print_json, stream_answer, warn_of_changes
from ragqa.errors import UsageError
from ragqa.pipeline import Pipeline
from ragqa.records import Answer

TURNS = 4
"""How many earlier turns a question is shown with."""


@click.command("chat")
@pipeline_options
def command(file: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """Ask one question after another; end with an empty line or Ctrl-D.

    Questions are read from stdin. The last four turns are shown to the model, and the previous question is searched
    along with the new one. The template `qa` is replaced by `chat`, which has a place for them.

    \b
    Examples:
      ragqa chat pipelines/quickstart.yaml
      printf 'Who runs the ferry?\\nSince when?\\n' | ragqa chat pipelines/quickstart.yaml
    """
    pipeline = Pipeline.from_file(file, overrides)
    if pipeline.config.prompt.template == "qa":
        pipeline = Pipeline.from_file(file, (*overrides, "prompt.template=chat"))
    warn_of_changes(pipeline)
    answers: list[Answer] = []
    while question := _read_question():
        answer = _turn(pipeline, question, answers, as_json)
        if answer is not None:
            answers.append(answer)
    if as_json:
        print_json({"turns": [answer.to_dict() for answer in answers]})


def _turn(pipeline: Pipeline, question: str, answers: list[Answer], quiet: bool) -> Answer | None:
    history = [(a.question, a.text or "I do not know.") for a in answers[-TURNS:]]
    pieces = pipeline.stream(question, history=history)
    try:
        if not quiet:
            return stream_answer(pieces)
        *_, answer = pieces
    except UsageError as error:  # a question that cannot be asked does not end the conversation
        click.echo(f"ragqa: error: {error}", err=True)
        return None
    assert isinstance(answer, Answer)
    return answer


def _read_question() -> str:
    if sys.stdin.isatty():
        click.echo("\n> ", nl=False, err=True)
    return sys.stdin.readline().strip()
