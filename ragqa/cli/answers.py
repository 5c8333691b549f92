"""Prints an answer: the generated text, each line after a mark, then its sources or the reason for an abstention."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from ragqa.cli.marks import Marked, marked, name, say
from ragqa.cli.terminal import one_line
from ragqa.records import Answer, Citation

_LIMITS = {"deadline": "generate.deadline", "length": "generate.max_new_tokens"}


def stream_answer(pieces: Iterator[str | Answer]) -> Answer | None:
    """Print an answer as it is generated, then its sources or the reason for an abstention; return it.

    Each line of the answer and of a cited text is printed after a mark, so that it cannot look like a line of ragqa.
    Where the reader of stdout has ended, generation stops, and None is returned.
    """
    text = Marked()
    try:
        for piece in pieces:
            if isinstance(piece, Answer):
                break
            text.write(piece)
            if getattr(sys.stdout, "gone", False):
                return None
        else:
            raise AssertionError("a stream must end with its Answer")
    finally:
        text.end()
    _print_end(piece, begun=not text.empty)
    return piece


def _print_end(answer: Answer, *, begun: bool) -> None:
    if answer.finish in _LIMITS and not answer.abstained:
        click.echo(f"[cut off at {_LIMITS[answer.finish]}]")
    if begun:
        click.echo()
    if answer.abstained:
        click.echo(f"No answer: {answer.reason.replace('_', ' ')}.")
        return
    click.echo("Sources:")
    for number, citation in enumerate(answer.citations, start=1):
        page = f" (page {citation.page})" if citation.page else ""
        stale = " [changed since it was indexed]" if citation.stale else ""
        say(f"  [{number}] {citation_name(citation)}{page}{stale}")
        marked(one_line(citation.text), indent="      ")


def citation_name(citation: Citation) -> str:
    """Return a citation for `ragqa show`: the path (relative for a file below the working folder) and the span."""
    path = Path(citation.path)
    shown = os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
    shown = f"./{shown}" if shown.startswith("-") else shown  # else it would be read as an option
    return name(f"{shown}:{citation.start}-{citation.end}")
