"""The cell of a table that a question asks for, where its words leave no doubt about the row and the column."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from ragqa import table_rows, text_analysis
from ragqa.evidence import columns
from ragqa.evidence.amounts import amount_of, are_ranges, digits, is_number, is_same, range_of, tokens, without_marks
from ragqa.evidence.columns import NAMED, OPENING
from ragqa.evidence.passages import Candidate
from ragqa.evidence.tables import EXAMPLES, YEAR, Table, Tables
from ragqa.question_analysis import QuestionAnalysis

CONFIDENCE = 0.95
"""The confidence of a cell; `make bench-tables` measures how often it is right."""
_ASKING = frozenset(
    text_analysis.terms("cost pay price charge much many long take need have get give amount number kind type sort")
)
"""Words of questions that name neither a row nor a column, unless the table has them."""
_DOUBTFUL = frozenset(
    text_analysis.terms(
        "not no nor neither none never cannot before after over under until till above below beyond more less "
        "fewer most least than between except without instead excluding besides other unlike but or only "
        "within"
    )
)
"""Words that compare, negate or exclude: no cell is given, unless the row or a column's name says the same ("over 800")."""
_NEGATED = re.compile(r"n['’]t\b", re.IGNORECASE)
_COUNTING = frozenset(text_analysis.terms("by from since"))
"""Words that compare before a number."""
_SPOKEN_RANGE = re.compile(r"(?<=\d)\s*(?:\bto\b|–)\s*(?=\d)")
_HEAD = re.compile(
    r"^(?:(?:in|at|on|for|from|to|with)\s+)?(?:which|what)\s+(?:(?:kind|type|sort)s? of\s+)?(.*)", re.IGNORECASE
)
_WHO = re.compile(r"^who\b", re.IGNORECASE)
_ARTICLES = frozenset(["the", "a", "an", "of", "is", "to", "at", "for"])


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell and the span of its row, in the document of a hit; the text is the whole row where the column is in doubt."""

    row: Candidate
    start: int
    end: int
    text: str
    is_row: bool = False


@dataclass(frozen=True, slots=True)
class _Row:
    """A row that has all that is wanted: its number in the table, its cells, and the columns by which it is named."""

    number: int
    values: Sequence[str]
    keys: set[int]


def cell_asked_for(question: QuestionAnalysis, candidates: Sequence[Candidate], tables: Tables) -> Cell | None:
    """Return the cell that a question asks for; None where there is any doubt.

    Every word of the question must be one of the row's cells, name a column, or be around the table; no other row of the
    table, or of one with the same header, may have these cells; a number must be in a column that the question names
    beside it; and one column, in which none of them is, must be named more than others.
    """
    if question.kind in ("compare", "summary", "why", "yes_no") or question.language or _NEGATED.search(question.core):
        return None
    found: dict[tuple[str, int], Cell] = {}
    seen: set[int] = set()
    for each in candidates:
        if each.kind != "row" or each.header is None or id(tables.of(each)) in seen:
            continue
        for table in tables.like(each):
            seen.add(id(table))
            asked = AskedOfTable(question, table, each)
            for row in asked.rows():
                start, end = table.rows[row.number]
                found[table.document.id, start] = asked.cell(each, start, end, row)
    cells = list(found.values())
    return cells[0] if len(cells) == 1 and cells[0].text else None


@dataclass(frozen=True)
class AskedOfTable:
    """What a question asks of a table."""

    question: QuestionAnalysis
    table: Table
    example: Candidate

    @cached_property
    def tokens(self) -> list[str]:
        """The question's terms in order, with whole numbers."""
        return tokens(_SPOKEN_RANGE.sub("-", self.question.core))

    @cached_property
    def names(self) -> list[set[str]]:
        """The terms of the names of the columns."""
        return [set(name) for name in self.table.names]

    @cached_property
    def shares(self) -> dict[str, list[int]]:
        """How much each word of the question names each column."""
        return {each: columns.shares(each, self.names) for each in self.tokens}

    @cached_property
    def wanted(self) -> list[str]:
        """The words that a row must have: those that name no column, and are not around the table."""
        own = self.example if self.table.has(self.example.start) else None
        above = f"{self.table.above} {self.example.hit.source} {own.hit.chunk.context if own else ''} {own.heading if own else ''}"
        around = {each for each in tokens(above) if not is_number(each) or YEAR.fullmatch(each)}
        degrees = {after for before, after in pairwise(self.tokens) if before == "how"} & columns.DEGREES
        free = {*_ASKING, *around, *degrees, *text_analysis.STOP_TERMS}
        return [each for each in dict.fromkeys(self.tokens) if each not in free and not self._names_column(each)]

    def _names_column(self, word: str) -> bool:
        """Tell whether a word names a column; one that is in cells too must be a word of the column's own name."""
        most = max(self.shares[word], default=0)
        return most >= NAMED or (most > OPENING and not self.table.having([word])[word])

    @cached_property
    def totals(self) -> list[int]:
        """How much the question names each column: by words of its own name, or else by others."""
        count = len(self.names)
        shares = [self.shares[each] for each in dict.fromkeys(self.tokens) if each not in self.wanted]
        return [sum(share[column] for share in shares) for column in range(count)]

    @cached_property
    def head(self) -> set[int] | None:
        """The columns that "which boat" or "who" asks for; None where the question does not begin so, or names none."""
        match = _HEAD.match(self.question.core)
        if match is None:
            return None
        found: set[int] | None = None
        for each in tokens(match[1]):
            named = {n for n, share in enumerate(self.shares.get(each, [])) if share > OPENING}
            if each in text_analysis.STOP_TERMS or not named or (found is not None and not found & named):
                break
            found = named if found is None else found & named
        return found

    def homes(self, number: str) -> set[int]:
        """Return the columns in which a number of the question may be: those that the word before it names, or the one after it.

        Where neither names one, those that the question names most.
        """
        for step in (-1, 1):
            at = self.tokens.index(number) + step
            while 0 <= at < len(self.tokens) and self.tokens[at] in _ARTICLES:
                at += step
            if 0 <= at < len(self.tokens) and self.tokens[at][0].isalpha():
                shares = self.shares[self.tokens[at]]
                named = {n for n, share in enumerate(shares) if share > OPENING}
                if named:
                    best = max(self.totals[n] for n in named)
                    return {n for n in named if self.totals[n] == best}
        others = [0 if n in (self.head or ()) else total for n, total in enumerate(self.totals)]
        return {n for n, total in enumerate(others) if total and total == max(others)}

    def rows(self) -> list[_Row]:
        """Return the rows that have all that is wanted; the best where one is better."""
        if not self.wanted or len(self.names) < 2 or (self.doubts and not self.doubts[-1][1]):
            return []
        found = []
        for number in self._near():
            values = list(table_rows.row_values(self.table.lines[number]))
            if len(values) == len(self.names) and self.table.lines[number].strip() != self.table.header:
                keys = [self.columns_with(each, values) for each in self.wanted]
                if all(keys) and self._are_said(values):
                    found.append(_Row(number, values, set.union(*keys)))
        for better in (self._is_whole, self._is_named):
            best = [row for row in found if better(row)]
            found = best if len(found) > 1 and len(best) == 1 else found
        return found

    @cached_property
    def doubts(self) -> list[tuple[str, str]]:
        """The words that compare, negate or exclude, each with the word after it ("" for the last one)."""
        following = zip(self.tokens, [*self.tokens[1:], ""], strict=True)
        numbering = "no"  # as in "student no. 3"
        return [
            (word, after)
            for word, after in following
            if (word in _DOUBTFUL and not (word == numbering and after[:1].isdigit()))
            or (word in _COUNTING and after[:1].isdigit())
        ]

    def _are_said(self, values: Sequence[str]) -> bool:
        """Tell whether the cells of a row, or the names of the columns, have the same comparisons as the question."""
        texts = [*values, *table_rows.row_values(self.table.header)] if self.doubts else []
        return {*self.doubts} <= {pair for text in texts for pair in pairwise(tokens(text))}

    @cached_property
    def ranges(self) -> set[int]:
        """The columns of ranges."""
        rows = [table_rows.row_values(line) for line in self.table.lines[1:EXAMPLES]]
        rows = [row for row in rows if len(row) == len(self.names)]
        return {n for n in range(len(self.names)) if are_ranges(row[n] for row in rows)}

    def _near(self) -> Iterable[int]:
        """Return the numbers of the rows that may have all that is wanted."""
        words = [each for each in self.wanted if not is_number(each)]
        having = self.table.having(words)
        near = sorted(set.intersection(*having.values())) if words else range(len(self.table.lines))
        amounts = [digits(each) for each in self.wanted if is_number(each)]
        if not amounts or self.ranges:
            return near
        bare = ((n, without_marks(self.table.lines[n])) for n in near)
        return [n for n, line in bare if all(each in line for each in amounts)]

    def columns_with(self, wanted: str, values: Sequence[str]) -> set[int]:
        """Return the columns of a row whose cells have a word, or the number in a column where it may be."""
        if not is_number(wanted):
            return {n for n, value in enumerate(values) if wanted in tokens(value)}
        homes, pairs = self.homes(wanted), {*pairwise(self.tokens)}
        found = set()
        for n, value in enumerate(values):
            there = tokens(value)
            same = [at for at, each in enumerate(there) if is_number(each) and is_same(each, wanted)]
            if (
                (same and n in homes and len(there) < 4)
                or any(at and (there[at - 1], wanted) in pairs for at in same)
                or (len(there) > 1 and same and _is_within(there, self.tokens))
                or self._is_in_range(wanted, n, value, there)
            ):
                found.add(n)
        return found

    def _is_in_range(self, wanted: str, column: int, value: str, there: Sequence[str]) -> bool:
        """Tell whether a number is in the range that a cell gives, such as "101-200 kWh", and has the same unit."""
        low_high = range_of(value) if column in self.ranges else None
        amount = amount_of(wanted)
        if low_high is None or amount is None or not low_high[0] <= amount <= low_high[1]:
            return False
        at = self.tokens.index(wanted)
        units = {*there, *self.table.names[column]}
        after = self.tokens[at + 1] if at + 1 < len(self.tokens) else ""
        return after in units or column in self.homes(wanted)

    def _is_whole(self, row: _Row) -> bool:
        """Tell whether all that is wanted is in cells that have no other words."""
        whole = [
            there for n in row.keys if (there := {*tokens(row.values[n])}) <= {*self.tokens, *text_analysis.STOP_TERMS}
        ]
        return all(any(_is_in(each, there) for there in whole) for each in self.wanted)

    def _is_named(self, row: _Row) -> bool:
        """Tell whether what is wanted is in the column of names alone."""
        return row.keys == {self.name_column}

    @cached_property
    def name_column(self) -> int:
        """The first column with words, which names the rows."""
        lines = (table_rows.row_values(line) for line in self.table.lines[1:20])
        rows = [values for values in lines if len(values) == len(self.names)]
        for n in range(len(self.names)):
            if rows and all(any(c.isalpha() for c in values[n]) for values in rows):
                return n
        return 0

    def cell(self, hit: Candidate, start: int, end: int, row: _Row) -> Cell:
        """Return the cell in the column that is asked for; the whole row where several may be, and "" where none is."""
        keys = row.keys
        totals = [0 if n in keys else total for n, total in enumerate(self.totals)]
        if self.head is not None:
            best = [n for n in self.head if n not in keys]
            best = [n for n in best if self.totals[n] == max(self.totals[m] for m in best)]
        elif _WHO.match(self.question.core) and not any(total > OPENING for total in totals):
            persons = [n for n, total in enumerate(totals) if total]  # such as the column "name"
            best = persons or ([self.name_column] if self.name_column not in keys else [])
        else:
            totals[self.name_column] = 0
            best = [n for n, total in enumerate(totals) if total and total == max(totals)]
        if len(best) == 1:
            return Cell(hit, start, end, row.values[best[0]].strip())
        line = self.table.document.text[start:end] if best else ""
        return Cell(hit, start, end, " ".join(line.split()), is_row=True)


def _is_in(wanted: str, there: set[str]) -> bool:
    return wanted in there or (is_number(wanted) and any(is_number(each) and is_same(each, wanted) for each in there))


def _is_within(part: Sequence[str], whole: Sequence[str]) -> bool:
    return any(list(whole[n : n + len(part)]) == list(part) for n in range(len(whole) - len(part) + 1))
