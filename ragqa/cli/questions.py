"""`ragqa questions`: the first questions with answers about one's own documents."""

from __future__ import annotations

import json
import os
import shlex
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ragqa import outputs
from ragqa.cli.common import pipeline_options
from ragqa.cli.indexing import refresh
from ragqa.cli.marks import MARK, name, say
from ragqa.cli.opening import open_pipeline
from ragqa.cli.terminal import bar, one_line, print_json
from ragqa.config.generators import FreeDecode
from ragqa.errors import NothingUsableError, UsageError
from ragqa.pipeline import Pipeline

if TYPE_CHECKING:
    from ragqa.evaluate import Question
    from ragqa.records import Dropped
    from ragqa.stages import Generator

MAX_NEW_TOKENS = 48
"""The longest question that is drafted; whatever is longer than that is no question."""


@click.group("questions")
def command() -> None:
    """Make questions with answers, to measure a pipeline on documents of your own.

    \b
    Example:
      ragqa questions draft pipelines/quickstart.yaml --n 5
    """


@command.command("draft")
@pipeline_options
@click.option("--n", type=click.IntRange(min=1), default=20, show_default=True, help="How many questions.")
@click.option("--out", type=click.Path(path_type=Path), default="questions.draft.jsonl", show_default=True, metavar="FILE", help="Where they are written.")  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Draws the passages and the answers.")  # fmt: skip
@click.option("--force", is_flag=True, help="Overwrite the file where it exists.")
def draft(file: str, overrides: tuple[str, ...], as_json: bool, n: int, out: Path, seed: int, force: bool) -> None:
    """Draft questions about the pipeline's documents, with answers and evidence, for a person to review.

    Passages are drawn from all documents. Rules choose an answer in each (a date, a number, a name, a quoted term), the
    pipeline's generator writes the question, and code drops what cannot be right: what is no question, gives its
    answer away, or does not find its passage again. What is left is a draft: small models ask odd questions.

    \b
    Examples:
      ragqa questions draft pipelines/quickstart.yaml --n 5
      ragqa questions draft pipelines/quickstart.yaml --n 50 --seed 1 --out more.jsonl --json
    """
    from ragqa.evaluate.draft import row

    _check_target(out, force)
    pipeline = open_pipeline(file, overrides)
    click.echo("bringing the index up to date", err=True)
    refresh(pipeline)
    drafts, dropped = _drafts(pipeline, n, seed)
    for reason, count in dropped.most_common():
        click.echo(f"dropped: {count} of {len(drafts) + dropped.total()} tries: {reason}", err=True)
    if not drafts:
        raise NothingUsableError(
            f"no draft was kept of {dropped.total()} tries; use a stronger generator, or more documents"
        )
    rows = [row(question) for question in drafts]
    data = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in rows).encode("utf-8", "backslashreplace")
    outputs.replace(out, data) if force else outputs.write_new(out, data)
    if as_json:
        print_json({"out": str(out), "questions": rows, "dropped": dict(dropped)})
    else:
        for line in _lines(drafts, n, out, file):
            say(line)


def _check_target(out: Path, force: bool) -> None:
    if not out.parent.is_dir():
        raise UsageError(f"--out: folder not found: {out.parent}; make it first")
    if os.path.lexists(out) and not force:
        raise UsageError(f"--out: {out} exists and may hold reviewed questions; name another file, or give --force")
    outputs.check_own(out)
    outputs.check_writable(out)


def _drafts(pipeline: Pipeline, n: int, seed: int) -> tuple[list[Question], Counter[str]]:
    """Return the drafts, and how many tries gave none, by reason."""
    from ragqa.evaluate.draft import draft, sample
    from ragqa.records import Dropped

    with pipeline.open_index() as reader:
        passages = sample(reader.sources(), reader.chunks, seed)
        drafts, dropped = [], Counter[str]()
        made: Iterator[Question | Dropped] = draft(passages, _writer(pipeline), pipeline, n, seed)
        with bar(total=n, unit=" questions") as drawn:
            for one in made:
                if isinstance(one, Dropped):
                    dropped[one.reason] += 1
                else:
                    drafts.append(one)
                    drawn.update()
    return drafts, dropped


def _writer(pipeline: Pipeline) -> Generator:
    """Return the pipeline's generator as one that writes a single line freely, whatever it is set to for answers."""
    spec = pipeline.config.generate
    changes = {"stop": ["\n"], "max_new_tokens": MAX_NEW_TOKENS, "decode": FreeDecode(kind="free")}
    fields = type(spec).model_fields
    writer: Generator = pipeline.components.build(
        spec.model_copy(update={k: v for k, v in changes.items() if k in fields})
    )
    return writer


def _lines(drafts: list[Question], n: int, out: Path, file: str) -> Iterator[str]:
    for question in drafts:
        yield MARK + one_line(question.question)
        yield f"    {MARK}{one_line(question.answers[0])}   {name(question.evidence[0].source)}"
    yield ""
    yield f"Written: {len(drafts)} of {n} drafts to {out}"
    yield "Review each line: mend or delete what is wrong, and add the other right ways to say an answer. Then:"
    yield f"  ragqa eval {shlex.quote(file)} --dataset {shlex.quote(f'jsonl:{out}')}"
