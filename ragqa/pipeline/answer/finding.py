"""A question -> the passages that may answer it, with one of each thing that it compares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ragqa import text_analysis
from ragqa.comparisons import compared
from ragqa.evidence import MOST_HITS
from ragqa.pipeline.answer.draft import AskedQuestion, Clock, Draft
from ragqa.pipeline.answer.retrieving import retrieve
from ragqa.pipeline.answer.spelling import spelled
from ragqa.question_analysis import analyse
from ragqa.records import Hit
from ragqa.retrieve.versions import without_superseded

if TYPE_CHECKING:
    from ragqa.pipeline.assemble.components import Components
    from ragqa.stages import IndexReader


def find(components: Components, reader: IndexReader, question: AskedQuestion, clock: Clock) -> Draft:
    """Return the passages for a question, those given or those retrieved for its corrected words, without evidence yet."""
    if question.passages is not None:
        hits = read = tuple(question.passages)
    else:
        question = spelled(question, reader.document_counts, components.embedder)
        hits = tuple(with_each_thing(question, partial(retrieve, components, reader)))
        read = tuple(without_superseded(hits, question.searched))
    clock.lap("retrieve")
    return Draft(question, hits, read, None, (), clock)


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
