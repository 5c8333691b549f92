"""BM25 over the texts of an index: postings in the database, derived from the texts and committed with them.

The texts are numbered by the rows of their vectors, for equal texts share a vector. Postings lie in blocks of rows:
one for each commit, and as few as memory allows after a compaction. Statistics count living texts only, so that an
index built in steps answers like one built at once.

Score: sum over the question's terms of idf * tf * (k1 + 1) / (tf + k1 * (1 - b + b * length / mean length)), with
idf = ln(1 + (n - df + 0.5) / (df + 0.5)) (Robertson and Zaragoza 2009, as in Lucene).
"""

from __future__ import annotations

import heapq
import math
import sqlite3
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ragqa import text_analysis
from ragqa.records import indexed_text

Rows = NDArray[np.int64]
Norm = NDArray[np.float32]
Mask = NDArray[np.bool_]

SCHEMA = """
CREATE TABLE lexicon (first_row INTEGER PRIMARY KEY, lengths BLOB NOT NULL) STRICT;
CREATE TABLE posting (first_row INTEGER NOT NULL, term TEXT NOT NULL, texts BLOB NOT NULL) STRICT;
CREATE UNIQUE INDEX posting_term ON posting (first_row, term);
CREATE TABLE analysis (version TEXT NOT NULL) STRICT;
"""
"""`lengths`: uint32 for each row of the block. `texts`: uint32 offsets from `first_row` in order, then as many uint8
counts of the term, 255 standing for that and more."""

K1, B = 1.2, 0.75
_BLOCK_ROWS = 65_536
_BYTES = 5
_ROUNDING = 1.001  # so that no candidate falls for the last bit of a float


def version(db: sqlite3.Connection) -> str:
    """Return the `text_analysis.VERSION` that the stored terms were made with; "" where none is noted."""
    row = db.execute("SELECT version FROM analysis").fetchone()
    return row[0] if row else ""


def add(db: sqlite3.Connection, first_row: int, texts: Sequence[str]) -> None:
    """Write a block: the postings of texts whose rows are first_row, first_row + 1 and so on."""
    if texts:
        lengths, postings = invert(texts)
        db.execute("INSERT INTO lexicon VALUES (?, ?)", (first_row, lengths))
        db.executemany("INSERT INTO posting VALUES (?, ?, ?)", ((first_row, *posting) for posting in postings))


def invert(texts: Iterable[str]) -> tuple[bytes, Iterator[tuple[str, bytes]]]:
    """Return the lengths of texts in terms, and the postings of each term in order; "" has none."""
    lengths, distinct, owners, counts = array("I"), array("I"), array("I"), array("I")
    ids: defaultdict[str, int] = defaultdict()
    ids.default_factory = ids.__len__
    for text in texts:
        found = Counter(text_analysis.terms(text))
        lengths.append(found.total())
        distinct.append(len(found))
        owners.extend([ids[term] for term in found])
        counts.extend(found.values())
    offsets = np.repeat(np.arange(len(distinct)), np.frombuffer(distinct, dtype=distinct.typecode))
    return _bytes(lengths, "<u4"), _by_term(ids, owners, offsets, counts)


def _by_term(
    ids: Mapping[str, int], owners: array[int], offsets: Rows, counts: array[int]
) -> Iterator[tuple[str, bytes]]:
    owner = np.frombuffer(owners, dtype=owners.typecode)
    order = np.argsort(owner, kind="stable")
    rows, times = offsets[order], np.frombuffer(counts, dtype=counts.typecode)[order]
    ends = np.cumsum(np.bincount(owner, minlength=len(ids)))
    starts = ends - np.bincount(owner, minlength=len(ids))
    for term in sorted(ids):
        part = slice(starts[ids[term]], ends[ids[term]])
        yield term, pack(rows[part], np.minimum(times[part], 255))


def _bytes(values: array[int], dtype: str) -> bytes:
    return np.frombuffer(values, dtype=values.typecode).astype(dtype).tobytes()


def pack(offsets: NDArray[Any], counts: NDArray[Any]) -> bytes:
    """Return the postings of one term in a block."""
    return offsets.astype("<u4").tobytes() + counts.astype("u1").tobytes()


def unpack(texts: bytes) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """Return offsets in order, and counts."""
    n = len(texts) // _BYTES
    return np.frombuffer(texts, dtype="<u4", count=n), np.frombuffer(texts, dtype="u1", offset=4 * n)


def move(db: sqlite3.Connection, rows: Rows, first_row: int) -> None:
    """Keep the postings of `rows` (ascending) alone, renumbered to first_row, first_row + 1 and so on, in large blocks."""
    old = [(first, len(lengths) // 4) for first, lengths in db.execute("SELECT * FROM lexicon ORDER BY first_row")]
    for start in range(0, len(rows), _BLOCK_ROWS):
        _join(db, old, rows[start : start + _BLOCK_ROWS], first_row + start)
    for first, _ in old:
        db.execute("DELETE FROM lexicon WHERE first_row = ?", (first,))
        db.execute("DELETE FROM posting WHERE first_row = ?", (first,))


def _join(db: sqlite3.Connection, old: Sequence[tuple[int, int]], rows: Rows, first_row: int) -> None:
    """Write one new block from the parts of old ones that hold `rows`."""
    new_offset: dict[int, Rows] = {}
    lengths = np.zeros(len(rows), dtype="<u4")
    for first, n in old:
        inside = np.flatnonzero((rows >= first) & (rows < first + n))
        if len(inside):
            new_offset[first] = np.full(n, -1, dtype=np.int64)
            new_offset[first][rows[inside] - first] = inside
            stored = db.execute("SELECT lengths FROM lexicon WHERE first_row = ?", (first,)).fetchone()[0]
            lengths[inside] = np.frombuffer(stored, dtype="<u4")[rows[inside] - first]
    db.execute("INSERT INTO lexicon VALUES (?, ?)", (first_row, lengths.tobytes()))
    each = "SELECT term, first_row, texts FROM posting WHERE first_row = ? ORDER BY term"
    sorted_postings = heapq.merge(*(db.execute(each, (first,)) for first in new_offset))
    for term, blocks in groupby(sorted_postings, key=lambda posting: posting[0]):
        parts = [_renumbered(texts, new_offset[first]) for _, first, texts in blocks]
        offsets, counts = (np.concatenate(part) for part in zip(*parts, strict=True))
        if len(offsets):
            db.execute("INSERT INTO posting VALUES (?, ?, ?)", (first_row, term, pack(offsets, counts)))


def _renumbered(texts: bytes, new_offset: Rows) -> tuple[Rows, NDArray[np.uint8]]:
    offsets, counts = unpack(texts)
    moved = new_offset[offsets]
    return moved[moved >= 0], counts[moved >= 0]


def rebuild(db: sqlite3.Connection) -> None:
    """Write all postings anew from the texts of the chunks; a vector of no chunk has no text any more."""
    db.execute("DELETE FROM posting WHERE true")
    db.execute("DELETE FROM lexicon WHERE true")
    low, high = db.execute("SELECT min(row), max(row) FROM vector").fetchone()
    db.execute("DELETE FROM analysis WHERE true")
    db.execute("INSERT INTO analysis VALUES (?)", (text_analysis.VERSION,))
    for first in range(low, high + 1, _BLOCK_ROWS) if low is not None else ():
        add(db, first, _texts(db, first, min(_BLOCK_ROWS, high + 1 - first)))


def problems(db: sqlite3.Connection) -> list[str]:
    """Return what is wrong with the postings of living texts: nothing, or a sentence."""
    blocks = [(first, lengths) for first, lengths in db.execute("SELECT * FROM lexicon ORDER BY first_row")]
    (uncovered,) = db.execute(
        "SELECT count(*) FROM vector v WHERE NOT EXISTS (SELECT 1 FROM lexicon l "
        "WHERE v.row >= l.first_row AND v.row < l.first_row + length(l.lengths) / 4)"
    ).fetchone()
    if uncovered or any(not _is_sound(db, *block) for block in blocks):
        return ["full text: not that of the chunks"]
    return []


def _is_sound(db: sqlite3.Connection, first: int, lengths: bytes) -> bool:
    texts = _texts(db, first, len(lengths) // 4)
    living = np.array([bool(text) for text in texts], dtype=np.bool_)
    wanted_lengths, postings = invert(texts)
    wanted = dict(postings)
    for term, stored in db.execute("SELECT term, texts FROM posting WHERE first_row = ?", (first,)):
        offsets, counts = unpack(stored)
        if len(stored) % _BYTES or offsets.max(initial=0) >= len(texts):
            return False
        kept = living[offsets]
        if kept.any() and pack(offsets[kept], counts[kept]) != wanted.pop(term, None):
            return False
    stored_lengths, true_lengths = (np.frombuffer(each, dtype="<u4")[living] for each in (lengths, wanted_lengths))
    return not wanted and np.array_equal(stored_lengths, true_lengths)


def _texts(db: sqlite3.Connection, first: int, n: int) -> list[str]:
    """Return the texts of n rows; "" for a row whose text is gone."""
    texts = [""] * n
    statement = "SELECT vector, context, text FROM chunk WHERE vector >= ? AND vector < ? GROUP BY vector"
    for row, context, text in db.execute(statement, (first, first + n)):
        texts[row - first] = indexed_text(context, text)
    return texts


@dataclass(frozen=True)
class Lexicon:
    """What BM25 needs of one generation besides its postings. Position i is the row `first_row + i`.

    :param blocks: (first row, number of rows) of each block of postings.
    :param norm: float32[n], k1 * (1 - b + b * length / mean length).
    :param living: bool[n]: which texts belong to a chunk.
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

    def look_up(self, db: sqlite3.Connection, weights: Mapping[str, float]) -> TermQuery:
        """Return the postings of a question.

        :param weights: by term.
        """
        postings = [self._posting(db, term, weight) for term, weight in weights.items()]
        return TermQuery(self.norm, tuple(sorted(postings, key=lambda posting: -posting.bound)))

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

    def _posting(self, db: sqlite3.Connection, term: str, weight: float) -> Posting:
        found = db.execute(self._statement, (term,))
        parts = tuple((first - self.first_row, *unpack(texts)) for first, texts in found)
        counts = [times for *_, times in parts]
        if self._n < len(self.living):
            counts = [times[self.living[first:][offsets]] for first, offsets, times in parts]
        df = sum(map(len, counts))
        most = max((float(times.max(initial=0)) for times in counts), default=0.0)
        top = weight * math.log(1 + (self._n - df + 0.5) / (df + 0.5)) * (K1 + 1)
        return Posting(parts, top, top * most / (most + self._least_norm) if most else 0.0)


@dataclass(frozen=True, slots=True)
class TermQuery:
    """A question that was looked up: its postings, the most telling term first, and the lengths of all texts."""

    norm: Norm
    postings: tuple[Posting, ...]

    @property
    def bound(self) -> float:
        """Return what no text can score, however often it has every term; terms that no text has count too."""
        return math.fsum(posting.top for posting in self.postings)

    def best(self, k: int, allowed: Mask) -> list[tuple[int, float]]:
        """Return up to k `(position, BM25)` of texts that share a term with the question, best first; ties by position.

        Terms are taken in the order of what they can add. Once those that are left cannot lift a new text among the
        best k, they are looked up for the candidates alone (MaxScore: Turtle and Flood 1995).

        :param allowed: bool[n], a part of the living; only these positions are found, whatever the statistics count.
        """
        scores = np.zeros(len(self.norm), dtype=np.float32)
        candidates: Rows | None = None
        least, left = 0.0, math.fsum(posting.bound for posting in self.postings)
        for posting in self.postings:
            needed = least / _ROUNDING - left * _ROUNDING
            if candidates is not None:
                candidates = candidates[scores[candidates] >= needed]
            elif needed > 0:
                candidates = _found(scores, needed, allowed)
            if candidates is None:
                rows = posting.rows
                scores[rows] += posting.gains(self.norm[rows])
                least = max(least, _kth(scores[rows[allowed[rows]]], k))
            else:
                scores[candidates] += posting.gains_at(candidates, self.norm)
                least = max(least, _kth(scores[candidates], k))
            left -= posting.bound
        best = _found(scores, least, allowed) if candidates is None else candidates[scores[candidates] >= least]
        best = best[np.argsort(-scores[best], kind="stable")]
        if 0 < k < len(best):  # all that tie with the k-th: which of them stand first is not for their rows to say
            k = int(np.count_nonzero(scores[best] >= scores[best[k - 1]]))
        best = best[:k]
        return [(int(position), float(scores[position])) for position in best]

    def scores(self, positions: Rows) -> Norm:
        """Return the BM25 of each position, float32[len(positions)]."""
        total = np.zeros(len(positions), dtype=np.float32)
        for posting in self.postings:
            total += posting.gains_at(positions, self.norm)
        return total


@dataclass(frozen=True, slots=True)
class Posting:
    """Where a term stands, the dead among it; read where it lies, for a frequent term is long and mostly skipped.

    :param parts: of each block its first position, offsets from that in order, and how often.
    :param top: idf * (k1 + 1), times the weight of the term in the query.
    :param bound: what no living text gains more than.
    """

    parts: tuple[tuple[int, NDArray[np.uint32], NDArray[np.uint8]], ...]
    top: float
    bound: float

    @property
    def rows(self) -> Rows:
        """Return the positions in order, int64[n]."""
        parts = [offsets + np.int64(first) for first, offsets, _ in self.parts]
        return np.concatenate([np.empty(0, dtype=np.int64), *parts])

    def gains(self, norm: Norm) -> Norm:
        """Return what each text gains from this term, float32[n], by the norm of each."""
        counts = np.concatenate([np.empty(0, dtype=np.uint8), *(times for *_, times in self.parts)])
        return self._gains(counts, norm)

    def gains_at(self, positions: Rows, norm: Norm) -> Norm:
        """Return what each of the positions gains, float32[len(positions)]; 0 where the term does not stand."""
        counts = np.zeros(len(positions), dtype=np.uint8)
        for first, offsets, times in self.parts:
            inside = np.flatnonzero((positions >= first) & (positions <= first + np.int64(offsets[-1])))
            wanted = (positions[inside] - first).astype(np.uint32)  # of the same type, or all offsets would be copied
            places = np.searchsorted(offsets, wanted)
            stands = offsets[places] == wanted
            counts[inside[stands]] = times[places[stands]]
        return self._gains(counts, norm[positions])

    def _gains(self, counts: NDArray[np.uint8], norm: Norm) -> Norm:
        gained: Norm = np.float32(self.top) * counts / (counts + norm)
        return gained


def _found(scores: Norm, least: float, allowed: Mask) -> Rows:
    """Return the allowed positions that score at least this much, and more than 0."""
    found = np.flatnonzero(scores >= np.float32(least) if least > 0 else scores > 0)
    return found[allowed[found]]


def _kth(scores: Norm, k: int) -> float:
    """Return the k-th best score; 0 where there are fewer, or none is wanted."""
    return float(np.partition(scores, len(scores) - k)[len(scores) - k]) if 0 < k <= len(scores) else 0.0
