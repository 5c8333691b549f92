"""What a question asks of all rows of a table: the greatest or least in a column, or which rows have something.

No row says by itself that it is the cheapest, so that all rows of the table are compared here. As for a cell, nothing is
given where a word of the question is neither in the rows, nor in the names of the columns, nor around the table.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from ragqa import table_rows, text_analysis
from ragqa.evidence.amounts import amount_of, is_number, tokens
from ragqa.evidence.cells import AskedOfTable, Cell
from ragqa.evidence.columns import HINTED, OPENING, shares
from ragqa.evidence.passages import Candidate
from ragqa.evidence.tables import MOST_ROWS, Tables
from ragqa.question_analysis import QuestionAnalysis

_GREATEST = {
    "most": "", "maximum": "", "greatest": "", "highest": "high", "largest": "large", "biggest": "big",
    "longest": "long", "tallest": "tall", "deepest": "deep", "widest": "wide", "thickest": "thick",
    "heaviest": "heavy", "farthest": "far", "furthest": "far", "fastest": "fast", "hottest": "hot",
    "warmest": "warm", "loudest": "loud", "strongest": "strong", "oldest": "old", "dearest": "expensive",
}  # fmt: skip
_LEAST = {
    "least": "", "minimum": "", "fewest": "", "lowest": "high", "smallest": "large", "shortest": "long",
    "shallowest": "deep", "narrowest": "wide", "thinnest": "thick", "lightest": "heavy", "nearest": "far",
    "closest": "far", "slowest": "fast", "coldest": "cold", "weakest": "strong", "youngest": "old", "newest": "old",
    "cheapest": "cheap",
}  # fmt: skip
"""Superlatives, and the words that follow "how" where a question asks for the same measure."""
_GRADING = frozenset(["most", "least"])
"""Superlatives that may be of the word after them: "most expensive"."""
_GRADED = set(text_analysis.terms("price strength power temperature"))
"""Measures whose adjectives follow such a word."""
_BEGUN = frozenset(text_analysis.terms("built born birth founded since year"))
"""Words of the names of columns in which the oldest has the least number."""
_UNSAID = frozenset(text_analysis.terms("list listed table row entry overall altogether total work"))
"""Words of questions that name neither a row nor a column here."""
_TOTALS = frozenset(text_analysis.terms("total sum average mean median minimum maximum"))
_THINGS = re.compile(r"^(how many|which|(?:list|name|show)(?: me)?(?: all)?(?: the)?) (\w+)\b", re.IGNORECASE)
"""The things that a question counts or lists."""
_WHICH = re.compile(r"^(?:which|who)\b", re.IGNORECASE)
_WHICH_THING = re.compile(r"^(?:who|which (?!(?:is|are|was|were)\b))", re.IGNORECASE)
_OF_PERSONS = frozenset(text_analysis.terms("people persons employees colleagues members"))
_NONE = ("", "-", "–", "—", "n/a", "none")
_NEGATED = re.compile(r"n['’]t\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CountedRows:
    """The rows of a table that a question counts or lists: their spans in the document of `row`, and how many rows there are."""

    row: Candidate
    spans: tuple[tuple[int, int], ...]
    of: int


def extreme_asked_for(question: QuestionAnalysis, candidates: Sequence[Candidate], tables: Tables) -> Cell | None:
    """Return the cell of the row that has the greatest or least number in a column; None where there is any doubt.

    That is the cell that names the row, or the number itself where the question asks for it; or the whole row.
    """
    said = _superlative(question)
    if said is None or question.kind in ("compare", "summary", "why", "yes_no", "how"):
        return None
    found = {}
    for asked, example in _asked_of_tables(question, candidates, tables):
        cell = _Rows(asked, {said.word, *said.terms}).extreme(said, example)
        if cell is not None:
            found[cell.row.hit.chunk.document_id, cell.start] = cell
    return next(iter(found.values())) if len(found) == 1 else None


def rows_counted(question: QuestionAnalysis, candidates: Sequence[Candidate], tables: Tables) -> CountedRows | None:
    """Return the rows that a question counts or lists by what is in one column of them; None where there is any doubt."""
    match = _THINGS.match(question.core)
    if (
        match is None
        or question.kind not in ("fact", "list")
        or _superlative(question)
        or _NEGATED.search(question.core)
    ):
        return None
    things = text_analysis.term(match[2].lower())
    found = [
        _Rows(asked, {things}).counted(things, example)
        for asked, example in _asked_of_tables(question, candidates, tables)
    ]
    counted = [each for each in found if each is not None]
    several = match[1].lower() == "how many" or (counted and len(counted[0].spans) > 1)
    return counted[0] if len(counted) == 1 and several else None


@dataclass(frozen=True, slots=True)
class _Superlative:
    """A superlative of a question: its word, whether it asks for the greatest, and the word of its measure, if any."""

    word: str
    greatest: bool
    measure: str
    after: str

    @property
    def terms(self) -> set[str]:
        """The terms of the question that are the superlative."""
        return {text_analysis.term(each) for each in (self.word, self.measure) if each}


def _superlative(question: QuestionAnalysis) -> _Superlative | None:
    """Return the superlative of a question; None where it has none, or several."""
    words = text_analysis.words(question.core)
    places = [n for n, word in enumerate(words) if word in _GREATEST or word in _LEAST]
    if len(places) != 1 or _NEGATED.search(question.core):
        return None
    at = places[0]
    following = [*words[at + 1 :], "", ""]
    word, measure = words[at], _GREATEST.get(words[at]) or _LEAST.get(words[at], "")
    if word in _GRADING and shares(text_analysis.term(following[0]), [_GRADED])[0] >= HINTED:
        measure, following = following[0], following[1:]
    return _Superlative(word, word in _GREATEST, measure, text_analysis.term(following[0]) if following[0] else "")


def _asked_of_tables(
    question: QuestionAnalysis, candidates: Sequence[Candidate], tables: Tables
) -> list[tuple[AskedOfTable, Candidate]]:
    """Return what the question asks of each table with a header in which rows were found, with one of these rows."""
    found = {}
    for each in candidates:
        if each.kind != "row" or each.header is None or len(list(tables.like(each))) > 1:
            continue  # the rows of one of several tables with one header say nothing about those of the others
        if id(table := tables.of(each)) not in found:
            found[id(table)] = (AskedOfTable(question, table, each), each)
    return [pair for pair in found.values() if len(pair[0].names) > 1 and len(pair[0].table.rows) < MOST_ROWS]


class _Rows:
    """The rows of a table that have all that a question names.

    :param own: the terms by which the question asks, which name no row.
    """

    def __init__(self, asked: AskedOfTable, own: set[str]) -> None:
        self._asked = asked
        lines = asked.table.lines
        values = {
            n: list(table_rows.row_values(line)) for n, line in enumerate(lines) if line.strip() != asked.table.header
        }
        self._all = {n: row for n, row in values.items() if len(row) == len(asked.names)}
        self._wanted = [each for each in asked.wanted if each not in own and each not in _UNSAID]
        doubts = [word for word, _ in asked.doubts if word not in own]
        rows = {} if doubts or len(self._all) < len(values) else self._all  # a row with other cells may be the one
        self._keys = {n: [asked.columns_with(each, row) for each in self._wanted] for n, row in rows.items()}
        self._rows = {
            n: self._all[n] for n, keys in self._keys.items() if all(keys) and not self._is_total(self._all[n])
        }

    def _is_total(self, row: Sequence[str]) -> bool:
        return bool(_TOTALS & {*tokens(row[self._asked.name_column])})

    def extreme(self, said: _Superlative, example: Candidate) -> Cell | None:
        """Return the cell that the row with the greatest or least number is asked for by."""
        asked = self._asked
        column = self._measured(said)
        numbers = {} if column is None else self._numbers(column)
        if column is None or len(numbers) < 2:
            return None
        begun = text_analysis.term(said.measure) == "old" and bool(_BEGUN & {*asked.names[column]})
        best = (max if said.greatest != begun else min)(numbers.values())
        rows = [n for n, number in numbers.items() if number == best]
        if len(rows) != 1:
            return None
        values, (start, end) = self._all[rows[0]], asked.table.rows[rows[0]]
        shown = self._shown(said, column)
        if shown is not None and values[shown].strip():
            return Cell(example, start, end, values[shown].strip())
        return Cell(example, start, end, " ".join(asked.table.lines[rows[0]].split()), is_row=True)

    def _measured(self, said: _Superlative) -> int | None:
        """Return the column of numbers that the superlative and the other words name most; None where several or none is.

        That is one of those that the word after the superlative names, else of those of its measure, where there are any.
        """
        asked = self._asked
        none = [0] * len(asked.names)
        by_measure = shares(text_analysis.term(said.measure), asked.names) if said.measure else none
        direct = asked.shares.get(said.after, none)  # "highest price"
        numeric = [n for n in range(len(none)) if n not in (asked.head or ()) and self._numbers(n)]
        numeric = [n for n in numeric if direct[n] > OPENING] or [n for n in numeric if by_measure[n]] or numeric
        totals = [asked.totals[n] + by_measure[n] if n in numeric else 0 for n in range(len(none))]
        best = table_rows.only_greatest(totals)
        return best if best is not None and totals[best] >= HINTED else None

    def _numbers(self, column: int) -> dict[int, Decimal]:
        """Return the numbers of a column by row; {} where a cell has none or several, or where their units differ."""
        found, units = {}, set()
        for n, row in self._rows.items():
            if row[column].strip().lower() in _NONE:
                continue
            there = tokens(row[column])
            amounts = [amount_of(each) for each in there if is_number(each)]
            if len(amounts) != 1 or amounts[0] is None:
                return {}
            found[n] = amounts[0]
            units.add(tuple(each for each in there if not is_number(each)))
        return found if len(units) == 1 and 2 * len(found) > len(self._rows) else {}

    def _shown(self, said: _Superlative, measured: int) -> int | None:
        """Return the column that is asked for: that of "the capital of", "which boat", the word after the superlative, or "who".

        Return None for the whole row.
        """
        asked = self._asked
        naming = [share for share in asked.shares.values() if share[measured] <= OPENING]
        others = {n for share in naming for n, each in enumerate(share) if each > OPENING} - {asked.name_column}
        if others:
            sums = [sum(share[n] for share in naming) if n in others else 0 for n in range(len(asked.names))]
            return table_rows.only_greatest(sums)
        if asked.head and len(asked.head) == 1:
            return next(iter(asked.head))
        named = [n for n, share in enumerate(asked.shares.get(said.after, [])) if share > OPENING]
        if not _WHICH_THING.match(asked.question.core) and (measured in named or len(named) == 1):
            return measured if measured in named else named[0]
        return asked.name_column if _WHICH.match(asked.question.core) else None

    def counted(self, things: str, example: Candidate) -> CountedRows | None:
        """Return the rows with what is wanted in one column, where the table's rows are the things that are counted."""
        asked = self._asked
        named = {n for n, share in enumerate(asked.shares.get(things, [])) if share > OPENING}
        if things in _OF_PERSONS:
            named |= {n for n, share in enumerate(shares("who", asked.names)) if share}
        if not named and things not in asked.wanted:  # the title or the name of the file says what the rows are
            named = {asked.name_column}
        columns = (
            {frozenset.intersection(*map(frozenset, self._keys[n])) for n in self._rows} if self._wanted else set()
        )
        if named != {asked.name_column} or len(columns) != 1 or len(column := next(iter(columns))) != 1:
            return None
        if asked.name_column in column or any(
            total > OPENING for n, total in enumerate(asked.totals) if n not in column | named
        ):
            return None
        spans = tuple(asked.table.rows[n] for n in sorted(self._rows))
        return CountedRows(example, spans, sum(not self._is_total(row) for row in self._all.values()))
