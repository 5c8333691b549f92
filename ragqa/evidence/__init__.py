"""question + Hits -> the evidence: the excerpts of the passages, ranked, and how likely they answer the question.

    excerpts    a text -> sentences, items, rows, lines of code
    passages    hits -> candidates: excerpts of documents
    tables      rows of tables -> their whole tables
    rows        candidates -> those without rows of tables that the question does not name
    columns     words of questions -> names of columns
    amounts     numbers and ranges, in any spelling
    cells       candidates -> the cell of a table that is asked for, where that is beyond doubt
    over_rows   candidates -> the row that is greatest or least in a column, or the rows that are counted
    families    a term -> that of its family: "wrote" and "written"
    ranking     candidates -> ranked excerpts
    confidence  ranked excerpts -> the probability that they answer the question
    asked_for   what has no year, number or price that is asked for; numbers on which documents disagree
    selection   ranked excerpts -> a quote
    compaction  ranked excerpts -> those that a generator reads
    support     a written sentence -> the excerpts that support it

This room uses an `Embedder`, a `PassageReader` where there is one, and no generator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ragqa import identifiers, text_analysis
from ragqa.evidence import columns
from ragqa.evidence.cells import Cell, cell_asked_for
from ragqa.evidence.confidence import answerable
from ragqa.evidence.over_rows import CountedRows, extreme_asked_for, rows_counted
from ragqa.evidence.passages import Candidate as Candidate
from ragqa.evidence.passages import candidates
from ragqa.evidence.ranking import RankedExcerpt, best_span, only, rank, term_weights
from ragqa.evidence.rows import about_the_row
from ragqa.evidence.tables import Tables
from ragqa.question_analysis import QuestionAnalysis, analyse
from ragqa.records import Hit
from ragqa.stages import Embedder, IndexReader, PassageReader

MOST_HITS = 5
"""The number of best hits whose excerpts are ranked."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The ranked excerpts of the passages for a question, best first.

    `unknown` are the names of the question that no document has. `weights` are those of the question's terms.
    `probability` is that of the event that the excerpts answer the question. `span` is the span of the best excerpt that
    answers by a reader, with its score. `cell` is the cell of a table that is asked for,
    and `counted` are the rows that are counted, where that is beyond doubt.
    """

    question: QuestionAnalysis
    ranked: tuple[RankedExcerpt, ...]
    unknown: tuple[str, ...]
    probability: float
    cell: Cell | None = None
    counted: CountedRows | None = None
    span: tuple[int, int, float] | None = None


def examine(
    question: str,
    asked: str,
    searched: str,
    hits: Sequence[Hit],
    embedder: Embedder,
    reader: IndexReader,
    passage_reader: PassageReader | None = None,
) -> Evidence:
    """Return the evidence for a question in the best `MOST_HITS` hits.

    :param asked: the question after the one before it, where it does not stand alone. :param searched: the text that was
        searched for, which has more words then. Else both are the question.
    """
    analysis = analyse(asked)
    if searched != question:
        analysis = replace(analysis, core=searched, terms=analyse(searched).terms)
    terms = [*analysis.terms, *(f"={each.exact}" for each in identifiers.asked(analysis.core))]
    weights = term_weights(terms, reader.document_counts(terms))
    best = hits[:MOST_HITS]
    passages = candidates(best, reader.document)
    tables = Tables(reader.document)
    alone = analyse(question)
    cell = cell_asked_for(alone, passages, tables) or extreme_asked_for(alone, passages, tables)
    counted = None if cell else rows_counted(alone, passages, tables)
    found = about_the_row(analysis, passages, tables)
    read = passage_reader.read(asked, best) if passage_reader and found else ()
    ranked = rank(analysis, found, embedder, weights, read)
    unknown = tuple(name for name in alone.names if _is_unknown(name, reader))
    if cell is None and counted is None and ranked and searched == question:
        unknown += columns.missing(alone, ranked[0].candidate, reader)
    probability = answerable(analysis, best, ranked, only(weights, alone.terms))
    span = best_span(ranked[0].candidate, read) if ranked else None
    return Evidence(analysis, tuple(ranked), unknown, probability, cell, counted, span)


def _is_unknown(name: str, reader: IndexReader) -> bool:
    """Tell whether a word of a name is in no document."""
    terms = [text_analysis.term(word) for word in text_analysis.words(name) if word not in text_analysis.STOP_WORDS]
    terms = [term for term in terms if not term.isdigit()]
    return bool(terms) and min(reader.document_counts(terms)) == 0
