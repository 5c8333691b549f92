"""Rows of tables: which of them a question is about, and in which cell of a row its answer stands.

Two rows of a table are nearly the same to vectors and to words, and only one of them answers. So a row is compared with
all rows of its table: where another one has more of what the question names, this one is no evidence, whether or not the
other one was found.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

from ragqa import table_rows, text_analysis
from ragqa.evidence.passages import Candidate
from ragqa.evidence.support import stated
from ragqa.evidence.tables import EXAMPLES, YEAR, Table, Tables
from ragqa.question_analysis import QuestionAnalysis, QuestionKind

OF_ONE_ROW: tuple[QuestionKind, ...] = ("fact", "yes_no", "definition", "other")
"""The kinds of questions that are about one row, where a table answers them."""
MOST_COMMON = 0.5
"""Words that more than this part of the rows have tell no row from another."""
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_FIELD = re.compile(r"^([^\s:|][^\n:|]{0,80}): (\S.*)$", re.MULTILINE)
"""A line of a record."""
_IN_PATH = re.compile(r"[._\[\]]")


def about_the_row(question: QuestionAnalysis, candidates: Sequence[Candidate], tables: Tables) -> list[Candidate]:
    """Leave out the rows of tables that are not those that a question names.

    Where a table lacks the row of the number that is asked for, what is beside the table is no evidence either.
    """
    if question.kind not in OF_ONE_ROW:
        return list(candidates)
    named: dict[int, _Named] = {}
    kept, without = [], set[str]()
    for each in candidates:
        if each.kind == "row":
            table = tables.of(each)
            of_table = named.get(id(table))
            if of_table is None:
                of_table = named[id(table)] = _Named(question, table, each)
            if of_table.is_missing:
                without.add(each.hit.chunk.document_id)
            if not of_table.is_this(each):
                continue
        kept.append(each)
    if any(each.kind == "row" for each in kept):
        return kept
    return [each for each in kept if each.hit.chunk.document_id not in without or _has_number(question, each.text)]


class _Named:
    """What a question names of a table: the words and phrases by which its rows differ, and numbers that it must have.

    Words of the header, the title and the headings name no row.
    """

    def __init__(self, question: QuestionAnalysis, table: Table, example: Candidate) -> None:
        around = (example.hit.source, example.hit.chunk.context, example.heading, example.before)
        known = stated(around)
        terms = {term for term in question.terms if term not in known}
        self._pairs = set(pairwise(text_analysis.terms(question.core)))
        self._names = table.names
        # 1. Words that few rows have tell rows apart, and so do pairs of words with one of them.
        having = {term: rows for term, rows in table.having(terms).items() if rows}
        self._terms = {term for term, rows in having.items() if len(rows) <= MOST_COMMON * len(table.lines)}
        # 2. Read the rows that may have most of them.
        there: defaultdict[int, set[str]] = defaultdict(set)
        for term in self._terms:
            for row in having[term]:
                there[row].add(term)
        pairs = [self._terms & {*pair} for pair in self._pairs if self._terms & {*pair}]
        least = max(map(len, there.values()), default=0)
        most = {frozenset(terms): len(terms) + sum(pair <= terms for pair in pairs) for terms in there.values()}
        best = [row for row, terms in there.items() if most[frozenset(terms)] >= least]
        self._most = max((len(self._matches(table.lines[row])) for row in best), default=0)
        self.is_missing = bool(question.numbers) and (
            _lacks_number(question, table, known) or self._lacks_numbered(table)
        )

    def is_this(self, row: Candidate) -> bool:
        """Tell whether no other row of the table has more of what the question names."""
        return not self.is_missing and len(self._matches(row.text)) == self._most

    def _lacks_numbered(self, table: Table) -> bool:
        """Tell whether the question numbers a thing, such as "type 99", as rows do, and no row has that number for it."""
        numbered = {(a, b) for a, b in self._pairs if b.isdigit() and not a.isdigit()}
        having = table.having(b for _, b in numbered)
        near = {n for rows in having.values() for n in sorted(rows)[:EXAMPLES]}
        examples = (
            (self._read(line) for line in table.lines[:EXAMPLES] + [table.lines[n] for n in near]) if numbered else ()
        )
        things = {
            a for line in examples for a, b in pairwise(line) if b.isdigit() and a not in text_analysis.STOP_TERMS
        }
        return any(
            a in things and not any((a, b) in pairwise(self._read(table.lines[n])) for n in sorted(having[b]))
            for a, b in numbered
        )

    def _read(self, line: str) -> list[str]:
        """Return the terms of a row, those of each cell after those of its column's name."""
        return table_rows.named_terms(line, self._names)

    def _matches(self, line: str) -> set[table_rows.Found]:
        """Return the words of the question in a row that tell it from others, and its pairs of words with one of them."""
        return table_rows.matches(self._read(line), self._terms, self._pairs)


def _lacks_number(question: QuestionAnalysis, table: Table, known: set[str]) -> bool:
    """Tell whether the question names a year, or numbers a thing, that neither the table nor its title has.

    A number after a stop word, such as in "for 3 nights", is a quantity of the question's own.

    :param known: what is stated around the table.
    """
    words = text_analysis.words(question.core)
    named = {after for before, after in pairwise(words) if before not in text_analysis.STOP_WORDS and before.isalpha()}
    wanted = {
        number.replace(",", "")
        for number in (digits for each in question.numbers for digits in _NUMBER.findall(each))
        if number.partition(",")[0].partition(".")[0] in named or YEAR.fullmatch(number)
    }
    missing = wanted - known - table.words
    if not missing:
        return False
    spelled = " ".join(word for word in table.words if word.isalpha())
    near = [line for line in table.lines if any(number in line.replace(",", "") for number in missing)]
    return not missing <= stated([spelled, *near])


def _has_number(question: QuestionAnalysis, text: str) -> bool:
    """Tell whether a text has a number of a question."""
    asked = {digits for each in question.numbers for digits in _NUMBER.findall(each)}
    return not asked.isdisjoint(_NUMBER.findall(text))


def is_of_cell(text: str, question: QuestionAnalysis, row: Candidate) -> bool:
    """Tell whether a text stands in the cell of a row whose column the question names; False where it names none."""
    cell = _cell_of_words(question, row)
    return cell is not None and any(text_analysis.occurrences(text.strip(" .\"'"), cell, ignore_case=True))


def is_of_field(text: str, question: QuestionAnalysis, record: str) -> bool:
    """Tell whether a text is of the field of a record that a question names: the field whose name has most of its words.

    :param record: lines `name: value`. Where the names of no field, or of several, are those, any text is.
    """
    fields = [(match[1], match[2]) for match in _FIELD.finditer(record)]
    asked = set(question.terms)
    values = [value for _, value in fields]
    shares = [
        0
        if asked.issuperset(text_analysis.terms(value))
        else len(asked.intersection(text_analysis.terms(_IN_PATH.sub(" ", name))))
        for name, value in fields
    ]
    best = table_rows.only_greatest(shares)
    if len(fields) < 2 or best is None:
        return True
    return any(text_analysis.occurrences(text.strip(" .\"'"), values[best], ignore_case=True))


def _cell_of_words(question: QuestionAnalysis, row: Candidate) -> str | None:
    """Return the cell in the column whose name has most words of a question; None where none has any, or several do.

    A cell with words of the question alone is one by which it names the row.
    """
    if row.header is None:
        return None
    names, values = table_rows.row_values(row.before), table_rows.row_values(row.text)
    asked = set(question.terms)
    shares = [
        0 if asked.issuperset(text_analysis.terms(value)) else len(asked.intersection(text_analysis.terms(name)))
        for name, value in zip(names, values, strict=False)
    ]
    best = table_rows.only_greatest(shares)
    return None if best is None else values[best]
