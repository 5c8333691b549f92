"""Searches for a thing that a question compares where the best hits are about the other thing alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ragqa import text_analysis
from ragqa.comparisons import compared
from ragqa.evidence import MOST_HITS
from ragqa.question_analysis import analyse
from ragqa.records import Hit


def with_each_thing(question: str, hits: Sequence[Hit], search: Callable[[str], Sequence[Hit]]) -> list[Hit]:
    """Return hits with a passage of each of the two things that a question compares, among the first `MOST_HITS`.

    A thing that no passage there names is searched for alone; its best passage takes the place of the last one.

    :param hits: the hits for the question, best first. :param search: returns the hits for a text.
    """
    things = compared(question) if analyse(question).kind == "compare" else ()
    names = [set(text_analysis.terms(thing)) for thing in things]
    best = list(hits[:MOST_HITS])
    missing = [n for n, name in enumerate(names) if not any(_names(hit, name) for hit in best)]
    if len(missing) != 1:
        return list(hits)
    (lost,) = missing
    others = [word for word in text_analysis.content_words(question) if text_analysis.term(word) not in names[1 - lost]]
    known = {hit.chunk.id for hit in best}
    found = next(
        (hit for hit in search(" ".join(others)) if _names(hit, names[lost]) and hit.chunk.id not in known), None
    )
    if found is None:
        return list(hits)
    kept = [hit for hit in hits if hit.chunk.id != found.chunk.id]
    place = min(len(kept), MOST_HITS) - (len(hits) >= MOST_HITS)
    return [*kept[:place], found, *kept[place:]][: len(hits)]


def _names(hit: Hit, name: set[str]) -> bool:
    return name <= set(text_analysis.terms(f"{hit.source} {hit.chunk.indexed_text}"))
