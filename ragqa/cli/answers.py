"""Prints an answer: the generated text, each line after a mark, then its sources or the reason for an abstention."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING

import click

from ragqa.cli.marks import marked, name, say
from ragqa.cli.terminal import one_line
from ragqa.records import Answer, AnswerSentence, Citation, Hit, Passages
from ragqa.text_analysis import words

if TYPE_CHECKING:
    from ragqa.pipeline.answer.asking import Event

PATIENCE = 0.5
"""The seconds after which the nearest passages are shown to somebody who waits for an answer."""
MOST_FIELD_CHARACTERS = 200
"""The most characters of fields that are printed with a passage."""
_KINDS = {"span": "short answer", "quote": "quoted", "write": "written"}
_LIMITS = {"deadline": "generate.deadline", "length": "generate.max_new_tokens"}


def stream_answer(events: Iterator[Event]) -> Answer | None:
    """Print each sentence of an answer when it is known, with the numbers of its sources; then the sources; return it.

    Where other words were searched for than those of the question, they are printed: words of the turn before, or
    corrected ones. Where there is no answer, the reason is printed, with the nearest passages and what can be changed. Each line of the
    answer and of a cited text is printed after a mark, so that it cannot look like a line of ragqa. On a terminal the
    nearest passages are printed while an answer is waited for. Where the reader of stdout has ended, generation stops,
    and None is returned.
    """
    numbers: dict[Citation, int] = {}
    for event in _shown_while_waiting(events):
        if isinstance(event, Answer):
            _print_end(event, numbers)
            return event
        if isinstance(event, AnswerSentence):
            marks = "".join(f" [{numbers.setdefault(each, len(numbers) + 1)}]" for each in event.citations)
            marked(event.text + marks)
        if getattr(sys.stdout, "gone", False):
            return None
    raise AssertionError("a stream must end with its Answer")


def _shown_while_waiting(events: Iterator[Event]) -> Iterator[Event]:
    """Yield the events. On a terminal, print the passages, once, where nothing follows them for `PATIENCE` seconds."""
    timer: Timer | None = None
    printed: list[Passages] = []

    def show(passages: Passages) -> None:
        printed.append(passages)
        _print_nearest(passages.citations)

    try:
        for event in events:
            if timer:
                timer.cancel()
                timer.join()  # what it prints is whole before anything else is printed
            timer = None
            if isinstance(event, Passages) and not printed and sys.stdout.isatty():
                timer = Timer(PATIENCE, show, [event])
                timer.daemon = True
                timer.start()
            yield event
    finally:
        if timer:
            timer.cancel()


def _print_nearest(citations: Iterable[Citation]) -> None:
    click.echo("Nearest passages:")
    for citation in citations:
        _print_place("-", citation)
    click.echo()


def _print_end(answer: Answer, numbers: dict[Citation, int]) -> None:
    if set(words(answer.searched)) - set(words(answer.question)):
        say(f"Searched for: {one_line(answer.searched)}")
    if answer.finish in _LIMITS and not answer.abstained:
        click.echo(f"[cut off at {_LIMITS[answer.finish]}]")
    if answer.abstained:
        say(f"No answer in these documents: {answer.reason.replace('_', ' ')}.")
        if answer.advice:
            say(f"{answer.advice[:1].upper()}{answer.advice[1:]}.")
        if answer.nearest:
            click.echo("Nearest passages:")
            _print_places(answer, dict.fromkeys(answer.nearest, "-"))
        return
    if answer.kind in _KINDS:
        click.echo(f"({_KINDS[answer.kind]}{_sureness(answer)})")
    if answer.unsupported:
        click.echo(f"[sentences left out because no passage supports them: {answer.unsupported}]")
    for part in answer.unanswered:
        say(f"No answer in these documents to: {one_line(part)}")
    for line in _versions(answer):
        say(line)
    if answer.read:
        say(f"{answer.read[:1].upper()}{answer.read[1:]}.")
    if numbers:
        click.echo()
        click.echo("Sources:")
        _print_places(answer, {citation: f"[{number}]" for citation, number in numbers.items()})


def _sureness(answer: Answer) -> str:
    """Return the confidence of an answer, and the least support of a written sentence."""
    sure = "" if answer.confidence is None else f", confidence {answer.confidence:.2f}"
    least = min((each.support for each in answer.sentences), default=0.0)
    return f"{sure}, support of its sentences from {least:.2f}" if answer.kind == "write" else sure


def _print_places(answer: Answer, marks: Mapping[Citation, str]) -> None:
    """Print citations after their marks, the first one of each document with the document's fields."""
    fields = {hit.source: fields_line(hit) for hit in answer.hits if hit.fields}
    for citation, mark in marks.items():
        _print_place(mark, citation, fields.pop(citation.source, ""))


def _versions(answer: Answer) -> dict[str, None]:
    """Return a line for each other version of a cited document, each once and in order."""
    cited = {each.source for each in answer.citations}
    found = ((hit.source, *pair) for hit in answer.hits if hit.source in cited for pair in hit.versions.items())
    return dict.fromkeys(
        f"{name(source)} has a version that is {which}: {name(other)}"
        for source, other, which in found
        if other not in cited
    )


def _print_place(mark: str, citation: Citation, fields: str = "") -> None:
    page = f" ({one_line(citation.place)})" if citation.place else ""
    stale = " [changed since it was indexed]" if citation.stale else ""
    say(f"  {mark} {citation_name(citation)}{page}{stale}")
    if fields:
        marked(fields, indent="      ")
    marked(one_line(citation.text), indent="      ")


def fields_line(hit: Hit) -> str:
    """Return the fields of a hit's document on one line, cut where they are long."""
    values = ((key, each if isinstance(each, list) else [each]) for key, each in hit.fields.items())
    line = one_line("; ".join(f"{key}: {', '.join(map(str, value))}" for key, value in values))
    return f"({line if len(line) <= MOST_FIELD_CHARACTERS else f'{line[:MOST_FIELD_CHARACTERS]}…'})"


def citation_name(citation: Citation) -> str:
    """Return a citation for `ragqa show`: the path (relative for a file below the working folder) and the span."""
    path = Path(citation.path)
    shown = os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
    shown = f"./{shown}" if shown.startswith("-") else shown  # else it would be read as an option
    return name(f"{shown}:{citation.start}-{citation.end}")
