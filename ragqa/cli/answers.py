"""Prints an answer: the generated text, each line after a mark, then its sources or the reason for an abstention."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable, Iterator
from threading import Timer
from typing import TYPE_CHECKING

import click

from ragqa.cli.marks import marked, name, say
from ragqa.cli.sources import print_place, print_sources
from ragqa.cli.terminal import one_line
from ragqa.records import Answer, AnswerSentence, Citation, Passages
from ragqa.text_analysis import words

if TYPE_CHECKING:
    from ragqa.pipeline.answer.asking import Event

PATIENCE = 0.5
"""The seconds after which the nearest passages are shown to somebody who waits for an answer."""
MOST_WORDS = 6
"""The most words of an earlier turn that are printed as searched for."""
MISSPELLED = 5
"""The least letters of a word that is read as another one."""
_KINDS = {"span": "short answer, word for word", "quote": "quoted word for word", "write": "in the model's own words"}
_LIMITS = {"deadline": "generate.deadline", "length": "generate.max_new_tokens"}
_REFUSALS = {
    "nothing_asked": "No answer: the question names nothing to look for.",
    "no_evidence": "No answer in these documents: nothing in them is near enough to the question.",
    "not_in_passages": "No sure answer in these documents: the model found none in what it read.",
    "low_confidence": "No sure answer in these documents.",
    "unsupported": "No sure answer in these documents: what the model wrote is not supported by them.",
    "deadline": "No answer in time.",
}
"""What is said for a reason of having no answer; "No answer in these documents." for others, such as an unknown name."""
_TO_BE_READ = ("not_in_passages", "low_confidence", "unsupported")
"""The reasons for which the nearest passages may hold the answer, so that they come before the advice."""


def stream_answer(events: Iterator[Event]) -> Answer | None:
    """Print each sentence of an answer when it is known, with the numbers of its sources; then the sources; return it.

    Where there is no answer, the reason is printed, with the nearest passages and what can be changed. The last line says
    which other words than those of the question were searched for: corrected ones, or some of the turn before. Each line
    of the answer and of a cited text is printed after a mark, so that it cannot look like a line of ragqa. On a terminal
    the nearest passages are printed while an answer is waited for. Where the reader of stdout has ended, generation stops,
    and None is returned.
    """
    said: dict[Citation, list[str]] = {}  # in the order of their numbers
    for event in _shown_while_waiting(events):
        if isinstance(event, Answer):
            _print_end(event, said)
            return event
        if isinstance(event, AnswerSentence):
            for citation in event.citations:
                said.setdefault(citation, []).append(event.text)
            numbers = [list(said).index(citation) + 1 for citation in event.citations]
            marked(event.text + "".join(f" [{number}]" for number in numbers))
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
        print_place("-", citation)
        marked(one_line(citation.text), indent="      ")
    click.echo()


def _print_end(answer: Answer, said: dict[Citation, list[str]]) -> None:
    """Print what follows the sentences of an answer.

    :param said: the citations in the order of their numbers, each with the lines of the answer that cite it.
    """
    if answer.abstained:
        _print_refusal(answer)
    else:
        for line in _notes(answer):
            say(line)
        if said:
            click.echo("\nSources:")
            marks = {citation: f"[{number}]" for number, citation in enumerate(said, start=1)}
            print_sources(answer, marks, said)
    for line in _other_words(answer):
        say(line)


def _print_refusal(answer: Answer) -> None:
    """Print why there is no answer, what the user can do, and the nearest passages."""
    why = _REFUSALS.get(answer.reason, "No answer in these documents.")
    advice = _sentence(answer.advice)
    nearest = dict.fromkeys(answer.nearest, "-")
    first = nearest and answer.reason in _TO_BE_READ
    say(f"{why} The nearest passages:" if first else why)
    if first:
        print_sources(answer, nearest, {})
    if advice:
        say(advice)
    if nearest and not first:
        click.echo("Nearest passages:")
        print_sources(answer, nearest, {})
    if found := answer.coverage:
        known = f"{found.vectors:,} of {found.texts:,} texts have a vector so far"
        say(f"{known}; the answer may change when all have one.")


def _notes(answer: Answer) -> Iterator[str]:
    """Yield how an answer was made, what it lacks, and what else there is."""
    if answer.finish in _LIMITS:
        yield f"[cut off at {_LIMITS[answer.finish]}]"
    if answer.kind in _KINDS:
        yield f"({'; '.join([_KINDS[answer.kind], *_sureness(answer)])})"
    if answer.unsupported:
        yield f"[sentences left out because no passage supports them: {answer.unsupported}]"
    for part in answer.unanswered:
        yield f"No sure answer in these documents to: {one_line(part)}"
    yield from _versions(answer)
    if answer.read:
        yield _sentence(answer.read)


def _sureness(answer: Answer) -> Iterator[str]:
    """Yield the least support of written sentences, and the confidence of an answer."""
    support = [each.support for each in answer.sentences if each.citations]
    if answer.kind == "write" and support:
        yield f"at least {min(support):.0%} of each sentence stands in its sources"
    if answer.confidence is not None:
        yield f"confidence that it answers: {answer.confidence:.2f}"


def _versions(answer: Answer) -> dict[str, None]:
    """Return a line for each other version of a cited document, each once and in order."""
    cited = {each.source for each in answer.citations}
    found = ((hit.source, *pair) for hit in answer.hits if hit.source in cited for pair in hit.versions.items())
    return dict.fromkeys(
        f"{name(source)} has a version that is {which}: {name(other)}"
        for source, other, which in found
        if other not in cited
    )


def _other_words(answer: Answer) -> Iterator[str]:
    """Yield the words that were searched for and are not those of the question: corrected ones, and those of before."""
    asked, searched = words(answer.question), words(answer.searched)
    added = [word for word in dict.fromkeys(searched) if word not in asked]
    lost = [word for word in dict.fromkeys(asked) if word not in searched and len(word) >= MISSPELLED]
    meant = {word: difflib.get_close_matches(word, added, n=1, cutoff=0.8) for word in lost}
    if read := [f'"{word}" as "{near[0]}"' for word, near in meant.items() if near]:
        yield f"Read {', '.join(read)}."
    before = [word for word in added if [word] not in meant.values()]
    if before:
        shown = ", ".join([*before[:MOST_WORDS], *(["…"] if before[MOST_WORDS:] else [])])
        yield f"Also searched for, from what was said before: {shown}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""
