"""A question as it is looked up in one generation: the postings of its terms, and the chunks that they name."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ragqa import identifiers, languages, text_analysis
from ragqa.identifiers import Identifier
from ragqa.index import names
from ragqa.index.bm25 import Lexicon, Mask, Norm, Rows, TermQuery
from ragqa.index.names import NamedChunks

IDENTIFIER_WEIGHT = 1.5
"""The weight of an identifier among the terms of a question; that of a word is 1."""


@dataclass(frozen=True, slots=True)
class LexicalQuestion:
    """The content words and identifiers of a question, each once: their postings, and the chunks whose documents they name."""

    terms: TermQuery
    named: NamedChunks

    @classmethod
    def look_up(cls, db: sqlite3.Connection, lexicon: Lexicon, question: str) -> LexicalQuestion:
        """Read the postings and names of a question."""
        weights = dict.fromkeys(map(text_analysis.term, text_analysis.query_words(question)), 1.0)
        asked = identifiers.asked(question)
        ways = {term: IDENTIFIER_WEIGHT * share for each in asked for term, share in each.wanted.items()}
        named = names.look_up(db, [*weights, *ways], lexicon.first_row)
        # An identifier that nothing has is left out. One that a text has replaces its numbers, which other texts have in
        # another order.
        ways = {term: weight for term, weight in ways.items() if term in named.having or len(lexicon.rows(db, term))}
        ways |= _of_language(db, lexicon, question)
        numbers = _numbers_within([each for each in asked if f"={each.exact}" in ways], question)
        characters = {character for term in ways if term[0] == "~" for character in term[1:]}  # pairs of them are there
        weights = {term: weight for term, weight in weights.items() if term not in numbers | characters}
        return cls(lexicon.look_up(db, weights | ways, named.texts), named)

    def scores(self, rows: Rows, positions: Rows) -> Norm:
        """Return the BM25 of chunks, float32[n], from their rows and the positions of their texts."""
        return self.terms.scores(positions, self.named.weights_at(rows))

    def with_named(self, by_text: Mapping[int, float], k: int, findable: Rows | None) -> dict[int, float]:
        """Return the scores by row of chunks among which the best k are.

        :param by_text: the scores by text alone of the best k texts, by row, ties with the k-th included. A chunk that
            is not named has no other score.
        :param findable: the rows of the chunks that may be found; None for all.
        """
        rows, scores = self.named.rows, self.terms.scores(self.named.positions, self.named.weights())
        if findable is not None:
            may = np.isin(rows, findable)
            rows, scores = rows[may], scores[may]
        named = set(rows.tolist())
        found = {row: score for row, score in by_text.items() if row not in named}
        if 0 < k < len(rows):
            best = scores >= np.partition(scores, len(scores) - k)[len(scores) - k]
            rows, scores = rows[best], scores[best]
        return found | dict(zip(rows.tolist(), scores.tolist(), strict=True))


def _of_language(db: sqlite3.Connection, lexicon: Lexicon, question: str) -> dict[str, float]:
    """Return the terms of a question in its own language that a text has; each counts like a word."""
    return {term: 1.0 for term in languages.query_terms(question) if len(lexicon.rows(db, term))}


def _numbers_within(found: Sequence[Identifier], question: str) -> set[str]:
    """Return the numbers of a question that it has within some of its identifiers alone."""
    rest, within = question, []
    for start, end in (each.span for each in found):
        within.append(question[start:end])
        rest = f"{rest[:start]}{' ' * (end - start)}{rest[end:]}"
    return {word for word in text_analysis.words(" ".join(within)) if word.isdecimal()}.difference(
        text_analysis.words(rest)
    )


def count_texts(db: sqlite3.Connection, lexicon: Lexicon, term: str, rows: Rows, allowed: Mask) -> int:
    """Return the number of different texts that have a term, or whose documents have it in their names.

    :param rows: the rows of the chunks that may be found.
    :param allowed: bool[n], True at the positions of their texts.
    """
    having = np.zeros(len(allowed), dtype=np.bool_)
    having[lexicon.rows(db, term)] = True
    having &= allowed
    named = names.look_up(db, [term], lexicon.first_row, common=True)
    having[named.positions[np.isin(named.rows, rows)]] = True
    return int(np.count_nonzero(having))
