"""`ragqa questions`: drafts questions with answers about your own documents."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ragqa import outputs, wire
from ragqa.cli.common import pipeline_options
from ragqa.cli.listening import listener
from ragqa.cli.marks import MARK, name, say
from ragqa.cli.opening import open_pipeline
from ragqa.cli.terminal import one_line, print_json
from ragqa.errors import NothingUsableError, UsageError

if TYPE_CHECKING:
    from ragqa.evaluate import Question


@click.group("questions")
def questions_command() -> None:
    """Make questions with answers, to measure a pipeline on documents of your own.

    \b
    Example:
      ragqa questions draft pipelines/quickstart.yaml --n 5
    """


@questions_command.command("draft")
@pipeline_options
@click.option("--n", type=click.IntRange(min=1), default=20, show_default=True, help="How many questions.")
@click.option("--out", type=click.Path(path_type=Path), default="questions.draft.jsonl", show_default=True, metavar="FILE", help="Where they are written.")  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Draws the passages and the answers.")  # fmt: skip
@click.option("--force", is_flag=True, help="Overwrite the file where it exists.")
def draft_command(file: str, overrides: tuple[str, ...], as_json: bool, out: Path, **options: Any) -> None:
    """Draft questions about the pipeline's documents, with answers and evidence, for a person to review.

    Passages are drawn from all documents. Rules choose an answer in each (a date, a number, a name, a quoted term), the
    pipeline's generator writes the question, and code drops what cannot be right: what is no question, gives its
    answer away, or does not find its passage again. What is left is a draft: small models ask odd questions.

    \b
    Examples:
      ragqa questions draft pipelines/quickstart.yaml --n 5
      ragqa questions draft pipelines/quickstart.yaml --n 50 --seed 1 --out more.jsonl --json
    """
    n, force = options["n"], options["force"]
    _check_target(out, force)
    pipeline = open_pipeline(file, overrides)
    from ragqa.experiments import draft_questions

    with listener() as told:
        drafts = draft_questions(pipeline, n, seed=options["seed"], listener=told)
    for reason, count in drafts.dropped.items():
        click.echo(f"dropped: {count} of {drafts.tries} tries: {reason}", err=True)
    if not drafts.questions:
        raise NothingUsableError(
            f"no draft was kept of {drafts.tries} tries; use a stronger generator, or more documents"
        )
    fields = wire.drafts(drafts)
    data = wire.lines(fields["questions"])
    outputs.replace(out, data) if force else outputs.write_new(out, data)
    if as_json:
        print_json({"out": str(out), **fields})
    else:
        for line in _lines(drafts.questions, n, out, file):
            say(line)


def _check_target(out: Path, force: bool) -> None:
    if not out.parent.is_dir():
        raise UsageError(f"--out: folder not found: {out.parent}; make it first")
    if os.path.lexists(out) and not force:
        raise UsageError(f"--out: {out} exists and may hold reviewed questions; name another file, or give --force")
    outputs.check_own(out)
    outputs.check_writable(out)


def _lines(drafts: Sequence[Question], n: int, out: Path, file: str) -> Iterator[str]:
    for question in drafts:
        yield MARK + one_line(question.question)
        yield f"    {MARK}{one_line(question.answers[0])}   {name(question.evidence[0].source)}"
    yield ""
    yield f"Written: {len(drafts)} of {n} drafts to {out}"
    yield "Review each line: mend or delete what is wrong, and add the other right ways to say an answer. Then:"
    yield f"  ragqa eval {shlex.quote(file)} --dataset {shlex.quote(f'jsonl:{out}')}"
