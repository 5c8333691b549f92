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
    """Return the hits for a question; where it compares two things, the first `MOST_HITS` with a passage of each.

    A thing that no passage there names, while the other is named, is searched for alone. Its best passage is put after
    them, or in the place of the last one that is not the only one about the other thing, where there are as many.

    :param search: returns the hits for a question, best first.
    """
    hits = search(question)
    things = compared(question.text) if analyse(question.text).kind == "compare" else ()
    names = [set(map(text_analysis.term, text_analysis.content_words(thing))) for thing in things]
    best = hits[:MOST_HITS]
    named = [[hit for hit in best if _names(hit, name)] for name in names]
    if len(named) != 2 or bool(named[0]) == bool(named[1]):
        return hits
    lost = 0 if named[1] else 1
    wanted, other = names[lost], names[1 - lost]
    words = [word for word in text_analysis.words(question.text) if word not in text_analysis.STOP_WORDS]
    alone = " ".join(word for word in words if text_analysis.term(word) not in other - wanted)
    found = next((hit for hit in search(replace(question, text=alone, history=())) if _names(hit, wanted)), None)
    if found is None:
        return hits
    spare = best if len(named[1 - lost]) > 1 else [hit for hit in best if hit not in named[1 - lost]]
    if len(best) == MOST_HITS:
        best = [hit for hit in best if hit is not spare[-1]]
    return [*best, found, *(hit for hit in hits[MOST_HITS:] if hit.chunk.id != found.chunk.id)]


def _names(hit: Hit, name: set[str]) -> bool:
    return name <= set(text_analysis.terms(f"{hit.source} {hit.chunk.indexed_text}"))
