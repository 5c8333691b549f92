"""Rows of tables as words: each cell after the name of its column, so that a row with the type 33 is told from one with a stock of 33."""

from __future__ import annotations

import csv
from collections.abc import Sequence, Set
from itertools import pairwise

from ragqa import text_analysis
from ragqa.markdown import row_cells

DELIMITERS = "\t,;"
Found = str | tuple[str, str]
"""A word, or two words that follow one another."""


def row_values(row: str) -> Sequence[str]:
    """Return the cells of a row of one line, written with pipes or with the delimiter that occurs most often in it."""
    if "|" in row:
        return row_cells(row)
    delimiter = max(DELIMITERS, key=row.count)
    try:
        return next(csv.reader([row], delimiter=delimiter), [])
    except csv.Error:  # a line break within the row, or a very long cell
        return row.split(delimiter)


def named_terms(row: str, names: Sequence[Sequence[str]]) -> list[str]:
    """Return the terms of a row, those of each cell after those of its column's name.

    :param names: the terms of the columns' names. A row that has not as many cells comes without them.
    """
    values = row_values(row) if names else []
    if len(values) != len(names):
        return text_analysis.terms(row)
    return [term for name, value in zip(names, values, strict=True) for term in (*name, *text_analysis.terms(value))]


def name_terms(header: str) -> list[list[str]]:
    """Return the terms of the names of columns in a header; [] where it has only one."""
    names = [text_analysis.terms(name) for name in row_values(header)]
    return names if len(names) > 1 else []


def matches(terms: Sequence[str], wanted: Set[str], pairs: Set[tuple[str, str]]) -> set[Found]:
    """Return what a question and a row have in common: words, and pairs of neighbouring words with one of them.

    :param wanted: the words of the question that count. :param pairs: its pairs of neighbouring words.
    """
    return {*(wanted & {*terms}), *(pair for pair in pairwise(terms) if pair in pairs and wanted & {*pair})}


def only_greatest(shares: Sequence[int]) -> int | None:
    """Return the place of the greatest number; None where it is 0, or several are as great."""
    best = max(shares, default=0)
    return shares.index(best) if best and shares.count(best) == 1 else None


def may_have(line: str, term: str) -> bool:
    """Tell, fast, whether a line may have a term; words and their terms differ in their endings."""
    if not line.isascii():
        return True
    return term in line.replace(",", "") or term in line if term[:1].isdigit() else term[:2] in line.lower()
