"""Hits of one table in the order of their best rows.

The words of a question may stand in different rows of a chunk, and none of these answers it. So chunks of one table
change places: those come first in which one row, with the names of its columns, has most of the question.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

from ragqa import table_rows, text_analysis
from ragqa.question_analysis import analyse
from ragqa.records import Hit
from ragqa.retrieve.state import RetrievalState

OVERFETCH = 25
"""The hits that are fetched besides those that are wanted, since the best row may be in one of them."""


def best_rows_first(state: RetrievalState) -> RetrievalState:
    """Return the state with the hits of each table in the order of their best rows; ties stay in their order."""
    places: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for place, hit in enumerate(state.hits):
        if _has_rows(hit):
            places[hit.chunk.document_id, hit.chunk.context].append(place)
    if not any(len(of_table) > 1 for of_table in places.values()):
        return state
    asked = analyse(state.question.text)
    wanted, pairs = {*asked.terms}, {*pairwise(text_analysis.terms(asked.core))}
    hits = list(state.hits)
    for of_table in places.values():
        ranked = sorted(of_table, key=lambda place: -_most(state.hits[place], wanted, pairs))
        for place, best in zip(of_table, ranked, strict=True):
            hits[place] = state.hits[best]
    return state.with_hits(hits)


def _has_rows(hit: Hit) -> bool:
    """Tell whether a hit is of a table: half of its lines have as many cells as the last part of its context has names."""
    names, lines = table_rows.row_values(_header(hit)), hit.chunk.text.splitlines()
    return len(names) > 1 and 2 * sum(len(table_rows.row_values(line)) == len(names) for line in lines) >= len(lines)


def _header(hit: Hit) -> str:
    """Return the last part of a chunk's context, which is the header where it has rows of a table."""
    return hit.chunk.context.rpartition(" > ")[2]


def _most(hit: Hit, wanted: set[str], pairs: set[tuple[str, str]]) -> int:
    """Return how much of a question is in one row of a hit."""
    names = table_rows.name_terms(_header(hit))
    rows = (table_rows.named_terms(line, names) for line in hit.chunk.text.splitlines())
    return max((len(table_rows.matches(row, wanted, pairs)) for row in rows), default=0)
