"""The cell of a table that a question asks for, where its words leave no doubt about the row and the column."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ragqa import table_rows, text_analysis
from ragqa.evidence.passages import Candidate
from ragqa.evidence.rows import rows_of, table_of, text_of
from ragqa.question_analysis import QuestionAnalysis
from ragqa.records import Document

CONFIDENCE = 0.95
"""The confidence of a cell; `make bench-tables` measures how often it is right."""
_ASKING = frozenset(
    map(
        text_analysis.term,
        [
            "cost",
            "pay",
            "price",
            "charge",
            "much",
            "many",
            "long",
            "take",
            "need",
            "have",
            "get",
            "give",
            "amount",
            "number",
        ],
    )
)
"""Words of questions that name neither a row nor a column."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell and its row."""

    row: Candidate
    text: str


def cell_asked_for(
    question: QuestionAnalysis, candidates: Sequence[Candidate], document_of: Callable[[str], Document]
) -> Cell | None:
    """Return the cell that a question asks for; None where there is any doubt.

    Every word of the question must be one of the row's cells, of a column's name, or of what is around the table; no other
    row of the table may have these cells; a number must be next to the same word as in the question, or below a name of
    a column that is; and one column, in which none of them is, must have more words of the question than others.
    """
    if question.kind in ("compare", "summary", "why", "yes_no") or question.language:
        return None
    found = [
        each
        for each in candidates
        if each.kind == "row" and (asked := _Asked.of(question, each)) and asked.has(each.text)
    ]
    if len(found) != 1:
        return None
    row, document = found[0], document_of(found[0].hit.chunk.document_id)
    asked = _Asked.of(question, row)
    if asked is None or sum(map(asked.has, rows_of(text_of(document, table_of(document, row.start))))) != 1:
        return None
    text = asked.cell(row.text)
    return Cell(row, text) if text else None


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a question asks of a table: the terms that a row must have, and its pairs of neighbouring terms."""

    names: list[list[str]]
    terms: frozenset[str]
    wanted: frozenset[str]
    pairs: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, question: QuestionAnalysis, row: Candidate) -> _Asked | None:
        """Return what is asked of the table of a row; None where the question names no row, or has words of its own."""
        names = table_rows.name_terms(row.before) if row.header is not None else []
        around = text_analysis.terms(f"{row.hit.source} {row.hit.chunk.context} {row.heading}")
        known = {term for term in around if not term.isdigit()}
        wanted = frozenset(question.terms) - _ASKING - known - {term for name in names for term in name}
        pairs = frozenset(pairwise(text_analysis.terms(question.core)))
        return cls(names, frozenset(question.terms), wanted, pairs) if names and wanted else None

    def has(self, line: str) -> bool:
        """Tell whether a row has all that is wanted."""
        if any(not table_rows.may_have(line, term) for term in self.wanted) or not self.wanted.issubset(
            text_analysis.terms(line)
        ):
            return False
        there = set(pairwise(table_rows.named_terms(line, self.names))) & self.pairs
        numbers = (term for term in self.wanted if term[:1].isdigit())
        return all(any(number in pair for pair in there) for number in numbers)

    def cell(self, line: str) -> str:
        """Return the cell in the column that is asked for; "" where that is not clear."""
        values = table_rows.row_values(line)
        if len(values) != len(self.names):
            return ""
        shares = [
            0
            if self.wanted & {*text_analysis.terms(value)} and self._is_key(name, value)
            else len(self.terms & {*name})
            for name, value in zip(self.names, values, strict=True)
        ]
        best = table_rows.only_greatest(shares)
        return "" if best is None else values[best].strip()

    def _is_key(self, name: Sequence[str], value: str) -> bool:
        """Tell whether a cell is one by which the question names the row: its words, or a number below its name."""
        terms = text_analysis.terms(value)
        is_number = all(term[:1].isdigit() for term in terms)
        return self.terms.issuperset(terms) and (not is_number or bool({*pairwise((*name, *terms))} & self.pairs))
