"""BM25 with the postings of one generation: the terms of a question are looked up, and texts are scored by them.

Score: sum over the question's terms of idf * tf * (k1 + 1) / (tf + k1 * (1 - b + b * length / mean length)), with
idf = ln(1 + (n - df + 0.5) / (df + 0.5)) (Robertson and Zaragoza 2009, as in Lucene). A term in a name of the document
is added to df, and to tf as `NAME_WEIGHT` occurrences times the share of the question's terms in names that the names
of this document have (BM25F, same source: fields are added before saturation). So names raise a score towards the same
bound as a text, and terms of no name score as without names.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from ragqa.index.lexical import unpack

Rows = NDArray[np.int64]
Norm = NDArray[np.float32]
Mask = NDArray[np.bool_]
Counts = NDArray[np.uint8]

K1, B = 1.2, 0.75
NAME_WEIGHT = 2.0
"""The most occurrences in the text that a term in a name counts as."""
_ROUNDING = 1.001
"""The factor by which bounds are increased, because sums in float32 may differ from those in float64 in the last
bits."""


def _no_rows(term: str) -> Rows:
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Lexicon:
    """The lengths of all texts of one generation, and the places of their postings.

    Position i is the row `first_row + i`.

    :param blocks: (first row, number of rows) of each block of postings.
    :param norm: float32[n], k1 * (1 - b + b * length / mean length).
    :param living: bool[n], True for texts that belong to a chunk.
    """

    first_row: int
    blocks: tuple[tuple[int, int], ...]
    norm: Norm
    living: Mask

    @classmethod
    def load(cls, db: sqlite3.Connection, first_row: int, living: Mask) -> Lexicon:
        """Read the lengths of all texts."""
        lengths, blocks = np.zeros(len(living), dtype=np.float32), []
        for first, stored in db.execute("SELECT * FROM lexicon ORDER BY first_row"):
            block = np.frombuffer(stored, dtype="<u4")
            blocks.append((first, len(block)))
            lengths[first - first_row : first - first_row + len(block)] = block
        mean = max(1.0, float(lengths[living].mean(dtype=np.float64))) if living.any() else 1.0
        return cls(first_row, tuple(blocks), (K1 * (1 - B + B * lengths / mean)).astype(np.float32), living)

    def look_up(
        self, db: sqlite3.Connection, weights: Mapping[str, float], named: Callable[[str], Rows] = _no_rows
    ) -> TermQuery:
        """Return the postings of a question.

        :param weights: the weight in the query of each term.
        :param named: returns the positions of the texts that have a term in their names.
        """
        postings = [self._posting(db, term, weight, named(term)) for term, weight in weights.items()]
        return TermQuery(self.norm, tuple(sorted(postings, key=lambda posting: -posting.bound)))

    def rows(self, db: sqlite3.Connection, term: str) -> Rows:
        """Return the positions of the texts that have a term, dead ones included, int64[n] in order."""
        return self._posting(db, term, 1.0, _no_rows(term)).rows

    @cached_property
    def _n(self) -> int:
        return int(self.living.sum())

    @cached_property
    def _least_norm(self) -> float:
        return float(self.norm.min(initial=np.inf, where=self.living))

    @cached_property
    def _statement(self) -> str:
        blocks = ",".join(str(first) for first, _ in self.blocks)
        return f"SELECT first_row, texts FROM posting WHERE term = ? AND first_row IN ({blocks}) ORDER BY first_row"

    def _posting(self, db: sqlite3.Connection, term: str, weight: float, named: Rows) -> Posting:
        """Read the postings of one term, and compute its idf and its bound."""
        stored = [(first - self.first_row, *unpack(texts)) for first, texts in db.execute(self._statement, (term,))]
        rows = np.concatenate([_no_rows(term), *(offsets + np.int64(first) for first, offsets, _ in stored)])
        counts = np.concatenate([np.empty(0, dtype=np.uint8), *(times for *_, times in stored)])
        living = counts if self._n == len(self.living) else counts[self.living[rows]]
        df = len(living) if not len(named) else self._living_among(named, rows)
        most = float(living.max(initial=0))
        top = weight * math.log(1 + (self._n - df + 0.5) / (df + 0.5)) * (K1 + 1)
        return Posting(term, rows, counts, top, top * most / (most + self._least_norm) if most else 0.0)

    def _living_among(self, named: Rows, rows: Rows) -> int:
        """Return the number of living texts that have a term in the text or in a name."""
        having = np.zeros(len(self.living), dtype=np.bool_)
        having[named] = having[rows] = True
        return int(np.count_nonzero(having & self.living))


@dataclass(frozen=True, slots=True)
class TermQuery:
    """The postings of a question's terms, and the norms of all texts. The term with the highest bound is first."""

    norm: Norm
    postings: tuple[Posting, ...]

    @property
    def bound(self) -> float:
        """Return an upper bound of the score of any text. Terms that no text has count too."""
        return math.fsum(posting.top for posting in self.postings)

    def best(self, k: int, allowed: Mask) -> list[tuple[int, float]]:
        """Return up to k `(position, BM25)` of texts with a term of the question, best first; ties by position.

        Terms are processed in descending order of their bounds. When the remaining terms together cannot bring a new
        text into the best k, they are looked up for the candidates alone (MaxScore: Turtle and Flood 1995).

        :param allowed: bool[n], the living positions that may be found. The statistics count all living texts.
        """
        # `least`: the k-th best score so far. `left`: the sum of the bounds of the remaining terms.
        scores = np.zeros(len(self.norm), dtype=np.float32)
        candidates: Rows | None = None
        least, left = 0.0, math.fsum(posting.bound for posting in self.postings)
        for posting in self.postings:
            # 1. if no new text can reach the k-th best: choose the candidates, or drop those that cannot reach it any
            #    more
            needed = least / _ROUNDING - left * _ROUNDING
            if candidates is not None:
                candidates = candidates[scores[candidates] >= needed]
            elif needed > 0:
                candidates = _found(scores, needed, allowed)
            # 2. add the term's gains to all texts that have it, or to the candidates alone
            if candidates is None:
                rows = posting.rows
                scores[rows] += posting.gains(self.norm)
                least = max(least, _kth(scores[rows[allowed[rows]]], k))
            else:
                scores[candidates] += posting.gains_at(candidates, self.norm)
                least = max(least, _kth(scores[candidates], k))
            left -= posting.bound
        # 3. sort, and cut at k; ties with the k-th are kept
        best = _found(scores, least, allowed) if candidates is None else candidates[scores[candidates] >= least]
        best = best[np.argsort(-scores[best], kind="stable")]
        if 0 < k < len(best):  # keep all that tie with the k-th: the caller orders ties by chunk id
            k = int(np.count_nonzero(scores[best] >= scores[best[k - 1]]))
        best = best[:k]
        return list(zip(best.tolist(), scores[best].tolist(), strict=True))

    def scores(self, positions: Rows, named: Mapping[str, Norm] = MappingProxyType({})) -> Norm:
        """Return the BM25 of each position, float32[len(positions)].

        :param named: for terms that are in names, float32[len(positions)]: the weight of the names, in [0, 1], where
            they have the term, else 0.
        """
        total = np.zeros(len(positions), dtype=np.float32)
        for posting in self.postings:
            total += posting.gains_at(positions, self.norm, named.get(posting.term))
        return total


@dataclass(frozen=True, slots=True)
class Posting:
    """The texts that have a term, dead texts included.

    :param rows: their positions in order, int64[n].
    :param counts: how often each has the term.
    :param top: idf * (k1 + 1) * the weight of the term in the query.
    :param bound: the highest gain of a living text.
    """

    term: str
    rows: Rows
    counts: Counts
    top: float
    bound: float

    def gains(self, norm: Norm) -> Norm:
        """Return the gain of each text from this term, float32[n], from the norms of all texts."""
        return self._gains(self.counts, norm[self.rows])

    def gains_at(self, positions: Rows, norm: Norm, named: Norm | None = None) -> Norm:
        """Return the gain at each position, float32[len(positions)]; 0 where neither a text nor a name has the term."""
        counts = np.zeros(len(positions), dtype=np.uint8)
        if len(self.rows):
            places = np.minimum(np.searchsorted(self.rows, positions), len(self.rows) - 1)
            present = self.rows[places] == positions
            counts[present] = self.counts[places[present]]
        if named is None:
            return self._gains(counts, norm[positions])
        return self._gains(counts.astype(np.float32) + np.float32(NAME_WEIGHT) * named, norm[positions])

    def _gains(self, counts: Counts | Norm, norm: Norm) -> Norm:
        gained: Norm = np.float32(self.top) * counts / (counts + norm)
        return gained


def _found(scores: Norm, least: float, allowed: Mask) -> Rows:
    """Return the allowed positions with a score of at least `least` and more than 0."""
    positions = np.flatnonzero(scores >= np.float32(least) if least > 0 else scores > 0)
    return positions[allowed[positions]]


def _kth(scores: Norm, k: int) -> float:
    """Return the k-th best score; 0 where there are fewer than k, or k is 0."""
    return float(np.partition(scores, len(scores) - k)[len(scores) - k]) if 0 < k <= len(scores) else 0.0
