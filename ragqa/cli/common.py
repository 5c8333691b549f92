"""What commands share: options, what is printed of an answer, warnings."""

from __future__ import annotations

import json
import os
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ragqa.errors import UsageError
from ragqa.records import Answer, Citation

if TYPE_CHECKING:
    from ragqa.pipeline import Pipeline

file_argument = click.argument("file", metavar="FILE")
set_option = click.option("--set", "overrides", multiple=True, metavar="SECTION.KEY=VALUE", help="Override a key.")
wait_option = click.option(
    "--wait", type=click.FloatRange(0), default=0.0, metavar="SECONDS", help="Wait for another writer to end."
)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout and nothing else.")

_DIRECTIONS = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")


def pipeline_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add FILE, --set and --json."""
    return file_argument(set_option(json_option(function)))


def print_json(data: dict[str, Any]) -> None:
    """Print one JSON object."""
    click.echo(json.dumps(data, ensure_ascii=False))


def escaped(text: str, keep: str = "") -> str:
    """Return a document's name or text for a terminal: controls, line ends and marks of direction are escaped.

    So no document can move the cursor, colour the output or forge a line.

    :param keep: what is printed as it is all the same.
    """
    return "".join(c if c in keep or not _moves(c) else c.encode("unicode_escape").decode() for c in text)


def _moves(character: str) -> bool:
    directs = unicodedata.bidirectional(character) in _DIRECTIONS
    return directs or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")


def one_line(text: str) -> str:
    """Return a passage for one line of a terminal."""
    return escaped(" ".join(text.split()))


def stream_answer(pieces: Iterator[str | Answer]) -> Answer:
    """Print an answer as it is written, then its sources or why there are none; return it."""
    for piece in pieces:
        if isinstance(piece, Answer):
            _print_sources(piece)
            return piece
        click.echo(escaped(piece, "\n\t"), nl=False)
    raise AssertionError("a stream must end with its Answer")


def _print_sources(answer: Answer) -> None:
    if answer.abstained:
        click.echo(f"\nNo answer: {answer.reason.replace('_', ' ')}.")
        return
    if answer.finish in ("deadline", "length"):
        limit = {"deadline": "generate.deadline", "length": "generate.max_new_tokens"}[answer.finish]
        click.echo(f"\n[cut off at {limit}]", nl=False)
    click.echo("\n\nSources:")
    for number, citation in enumerate(answer.citations, start=1):
        page = f" (page {citation.page})" if citation.page else ""
        stale = " [changed since it was indexed]" if citation.stale else ""
        click.echo(f"  [{number}] {citation_name(citation)}{page}{stale}")
        click.echo(f"      {one_line(citation.text)}")


def citation_name(citation: Citation) -> str:
    """Return what `ragqa show` takes: the path (relative where the file is below the working folder) and the span."""
    path = Path(citation.path)
    shown = os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
    return f"{escaped(shown)}:{citation.start}-{citation.end}"


def warn_of_changes(pipeline: Pipeline) -> None:
    """Say on stderr when the folder is no longer what was indexed, or is not there: the index answers all the same."""
    try:
        plan = pipeline.changes()
    except UsageError as error:
        click.echo(f"warning: {escaped(str(error))}: the index answers as it is", err=True)
        return
    if not plan.is_empty:
        what = f"{len(plan.changed)} files are new or changed, {len(plan.removed)} are gone"
        command = f"ragqa index {os.path.relpath(pipeline.config.file)}"
        click.echo(f"warning: the folder changed since it was indexed ({what}): run `{command}`", err=True)
