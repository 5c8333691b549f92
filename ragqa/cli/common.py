"""What commands share: options, records as JSON, bringing an index up to date, progress and warnings."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from ragqa.cli.marks import say
from ragqa.cli.terminal import bar, escaped, one_line, print_json
from ragqa.errors import UsageError
from ragqa.records import Answer, Hit

if TYPE_CHECKING:
    from ragqa.pipeline import Pipeline
    from ragqa.pipeline.refresh import IndexReport, Progress

__all__ = ["escaped", "one_line", "print_json", "say"]

file_help = (
    "A pipeline file. A folder of documents, or one document, is read by the default pipeline, its index in the cache."
)
file_argument = click.argument("file", metavar="FILE|FOLDER", help=file_help)
question_argument = click.argument("question", help="Between quotes; behind -- where it begins with -.")
set_option = click.option("--set", "overrides", multiple=True, metavar="SECTION.KEY=VALUE", help="Override a key.")
wait_option = click.option(
    "--wait", type=click.FloatRange(0), default=0.0, metavar="SECONDS", help="Wait for another writer to end."
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="One JSON object on stdout and nothing else; an error is its key `error`."
)


def pipeline_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add FILE, --set and --json."""
    return file_argument(set_option(json_option(function)))


def hit_json(hit: Hit) -> dict[str, Any]:
    """Return a hit's fields."""
    chunk = hit.chunk
    return {
        "source": hit.source,
        "path": hit.path,
        "page": chunk.page,
        "start": chunk.start,
        "end": chunk.end,
        "text": chunk.text,
        "score": hit.score,
        "scores": dict(hit.scores),
    }


def answer_json(answer: Answer) -> dict[str, Any]:
    """Return an answer's fields."""
    return {
        "question": answer.question,
        "text": answer.text,
        "citations": [asdict(citation) for citation in answer.citations],
        "abstained": answer.abstained,
        "reason": answer.reason,
        "finish": answer.finish,
        "hits": [hit_json(hit) for hit in answer.hits],
        "prompt": answer.prompt.text if answer.prompt else None,
        "dropped": [asdict(dropped) for dropped in answer.prompt.dropped] if answer.prompt else [],
        "ledger": dict(answer.ledger),
        "generation": answer.generation,
    }


def refresh(pipeline: Pipeline) -> None:
    """Index what changed; a folder that did not change is not locked, and its rejected files are only named again."""
    if pipeline.has_index() and (plan := pipeline.changes()).is_empty:
        for reading in plan.read:
            say(f"{reading.file.source}: {reading.reason}", err=True)
        return
    with progress_bar() as progress:
        print_statuses(pipeline.index(progress=progress))


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Give a callback that draws chunks done and time left on stderr, for whatever takes more than two seconds."""
    with bar(unit=" chunks") as drawn:

        def report(done: int, expected: int) -> None:
            drawn.total = expected
            drawn.update(done - drawn.n)

        yield report


def warn_of_changes(pipeline: Pipeline) -> None:
    """Say on stderr when the folder is no longer what was indexed, or is not there: the index answers all the same."""
    try:
        plan = pipeline.changes()
    except UsageError as error:
        say(f"warning: {error}: the index answers as it is", err=True)
        return
    if not plan.is_empty:
        what = f"{len(plan.changed)} files are new or changed, {len(plan.removed)} are gone"
        command = f"ragqa index {shlex.quote(os.path.relpath(pipeline.config.file))}"
        say(f"warning: the folder changed since it was indexed ({what}): run `{command}`", err=True)


def print_statuses(report: IndexReport) -> None:
    """Name on stderr each file that is not in the index, and why."""
    for entry in report.statuses:
        if entry.status in ("rejected", "skipped"):
            say(f"{entry.status}: {entry.source}: {entry.reason}", err=True)
