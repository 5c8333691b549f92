"""A question as it is looked up in one generation: the postings of its terms, and the chunks that they name."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ragqa import identifiers, text_analysis
from ragqa.identifiers import Identifier
from ragqa.index import names
from ragqa.index.bm25 import Lexicon, Mask, Norm, Rows, TermQuery
from ragqa.index.names import NamedChunks


@dataclass(frozen=True, slots=True)
class LexicalQuestion:
    """The content words and identifiers of a question, each once: their postings, and the chunks whose documents they name.

    An identifier that no text and no name has is not among the terms.
    """

    terms: TermQuery
    named: NamedChunks
    identifiers: tuple[Identifier, ...]

    @classmethod
    def look_up(cls, db: sqlite3.Connection, lexicon: Lexicon, question: str) -> LexicalQuestion:
        """Read the postings and names of a question."""
        weights = dict.fromkeys(map(text_analysis.term, text_analysis.query_words(question)), 1.0)
        asked = identifiers.asked(question)
        ways = {term: share for each in asked for term, share in each.wanted.items()}
        named = names.look_up(db, [*weights, *ways], lexicon.first_row)
        terms = lexicon.look_up(db, weights | ways, named.texts)
        return cls(terms.without([term for term in ways if term not in named.having]), named, asked)

    def scores(self, rows: Rows, positions: Rows) -> Norm:
        """Return the BM25 of chunks, float32[n], from their rows and the positions of their texts."""
        return self.terms.scores(positions, self.named.weights_at(rows))

    def identifier_shares(self, rows: Rows, positions: Rows) -> Norm:
        """Return the share of the question's identifiers that each chunk has, float32[n]; see `Identifier.wanted`."""
        having = self.terms.having(positions, self.named.weights_at(rows))
        total = np.zeros(len(positions), dtype=np.float32)
        for each in self.identifiers:
            shares = [np.float32(share) * having[term] for term, share in each.wanted.items() if term in having]
            total += np.max(shares, axis=0) if shares else 0
        return total / np.float32(max(1, len(self.identifiers)))

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
