"""Searches for a thing that a question compares where the best hits are about the other thing alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ragqa import text_analysis
from ragqa.comparisons import compared
from ragqa.evidence import MOST_HITS
from ragqa.pipeline.answer.draft import AskedQuestion
from ragqa.question_analysis import analyse
from ragqa.records import Hit


def with_each_thing(question: AskedQuestion, search: Callable[[AskedQuestion], list[Hit]]) -> list[Hit]:
    """Return the hits for a question, the first `MOST_HITS` with a passage of each of two things that it compares.

    A thing that no passage there names is searched for alone; its best passage takes the place of the last one.

    :param search: returns the hits for a question, best first.
    """
    hits = search(question)
    things = compared(question.text) if analyse(question.text).kind == "compare" else ()
    names = [set(text_analysis.terms(thing)) for thing in things]
    best = hits[:MOST_HITS]
    missing = [n for n, name in enumerate(names) if not any(_names(hit, name) for hit in best)]
    if len(missing) != 1:
        return hits
    wanted, other = names[missing[0]], names[1 - missing[0]]
    words = [word for word in text_analysis.words(question.text) if word not in text_analysis.STOP_WORDS]
    known = {hit.chunk.id for hit in best}
    alone = " ".join(word for word in words if text_analysis.term(word) not in other - wanted)
    found = search(replace(question, text=alone, history=()))
    found = [hit for hit in found if _names(hit, wanted) and hit.chunk.id not in known][:1]
    kept = [hit for hit in hits if hit not in found]
    place = len(best) - len(found)
    return [*kept[:place], *found, *kept[place:]][: len(hits)]


def _names(hit: Hit, name: set[str]) -> bool:
    return name <= set(text_analysis.terms(f"{hit.source} {hit.chunk.indexed_text}"))
