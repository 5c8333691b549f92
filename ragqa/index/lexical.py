"""The postings of an index for `bm25`. They are derived from the texts, and stored and committed in the same database.

The number of a text is the row of its vector, since equal texts share a vector. Postings are stored in blocks of rows:
one block for each commit, and as few as memory allows after a compaction. Statistics count living texts alone (the
texts of chunks), so that an index built in several steps ranks like an index built in one.
"""

from __future__ import annotations

import heapq
import sqlite3
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ragqa import identifiers, languages, text_analysis
from ragqa.index import names
from ragqa.records import indexed_text

Rows = NDArray[np.int64]

SCHEMA = (
    """
CREATE TABLE lexicon (first_row INTEGER PRIMARY KEY, lengths BLOB NOT NULL) STRICT;
CREATE TABLE posting (first_row INTEGER NOT NULL, term TEXT NOT NULL, texts BLOB NOT NULL) STRICT;
CREATE UNIQUE INDEX posting_term ON posting (first_row, term);
CREATE TABLE analysis (version TEXT NOT NULL) STRICT;
"""
    + names.SCHEMA
)
"""`lengths`: uint32 for each row of the block. `texts`: uint32 offsets from `first_row` in ascending order, then
equally many uint8 counts of the term, at most 255 each."""

_BLOCK_ROWS = 65_536
_BYTES = 5
"""The bytes of one posting: four for the offset and one for the count."""


def version(db: sqlite3.Connection) -> str:
    """Return the `text_analysis.VERSION` that the stored terms were made with; "" where none is recorded."""
    row = db.execute("SELECT version FROM analysis").fetchone()
    return row[0] if row else ""


def add(db: sqlite3.Connection, first_row: int, texts: Sequence[str]) -> None:
    """Write a block: the postings of texts whose rows are first_row, first_row + 1 and so on."""
    if texts:
        lengths, postings = invert(texts)
        db.execute("INSERT INTO lexicon VALUES (?, ?)", (first_row, lengths))
        db.executemany("INSERT INTO posting VALUES (?, ?, ?)", ((first_row, *posting) for posting in postings))


def invert(texts: Iterable[str]) -> tuple[bytes, Iterator[tuple[str, bytes]]]:
    """Return the lengths of texts in words, and the postings of each term in ascending order; the text "" has none.

    The terms are those of words, those of identifiers, and those of languages other than English.
    """
    lengths, sizes, found = array("I"), array("I"), array("I")
    ids: defaultdict[str, int] = defaultdict()
    ids.default_factory = ids.__len__
    of_words = _TermsOfWords(ids)
    for text in texts:
        words, before = text_analysis.words(text), len(found)
        lengths.append(len(words))
        found.extend(map(of_words.__getitem__, words))
        found.extend([ids[term] for term in identifiers.terms(text)])
        found.extend([ids[term] for term in languages.terms(text, languages.language_of(text, words))])
        sizes.append(len(found) - before)
    return _bytes(lengths, "<u4"), _by_term(ids, found, sizes)


class _TermsOfWords(dict[str, int]):
    """The number of the term of each word that was met."""

    def __init__(self, ids: dict[str, int]) -> None:
        super().__init__()
        self._ids = ids

    def __missing__(self, word: str) -> int:
        number = self[word] = self._ids[text_analysis.term(word)]
        return number


def _by_term(ids: Mapping[str, int], found: array[int], sizes: array[int]) -> Iterator[tuple[str, bytes]]:
    """Yield the packed postings of each term in order.

    :param found: the numbers of the terms of one text after another, with repeats.
    :param sizes: how many of them each text has.
    """
    # 1. Sort the pairs (term, text) as one number each. Equal pairs are then neighbours, and are counted.
    n = max(1, len(sizes))
    pairs = np.frombuffer(found, dtype=found.typecode).astype(np.int64) * n
    pairs += np.repeat(np.arange(len(sizes)), np.frombuffer(sizes, dtype=sizes.typecode))
    pairs.sort()
    first = np.flatnonzero(np.diff(pairs, prepend=-1))
    counts = np.minimum(np.diff(first, append=len(pairs)), 255).astype("u1").tobytes()
    # 2. Cut the offsets and the counts of all pairs where another term begins.
    owners, offsets = np.divmod(pairs[first], n)
    starts = np.searchsorted(owners, np.arange(len(ids) + 1)).tolist()
    packed = offsets.astype("<u4").tobytes()
    for term in sorted(ids):
        low, high = starts[ids[term]], starts[ids[term] + 1]
        yield term, packed[4 * low : 4 * high] + counts[low:high]


def _bytes(values: array[int], dtype: str) -> bytes:
    return np.frombuffer(values, dtype=values.typecode).astype(dtype).tobytes()


def pack(offsets: NDArray[Any], counts: NDArray[Any]) -> bytes:
    """Return the bytes of the postings of one term in a block."""
    return offsets.astype("<u4").tobytes() + counts.astype("u1").tobytes()


def unpack(texts: bytes) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """Return the offsets in ascending order, and the counts."""
    n = len(texts) // _BYTES
    return np.frombuffer(texts, dtype="<u4", count=n), np.frombuffer(texts, dtype="u1", offset=4 * n)


def move(db: sqlite3.Connection, rows: Rows, first_row: int) -> None:
    """Keep only the postings of `rows` (ascending), renumbered to first_row, first_row + 1, ..., in large blocks."""
    old = [(first, len(lengths) // 4) for first, lengths in db.execute("SELECT * FROM lexicon ORDER BY first_row")]
    for start in range(0, len(rows), _BLOCK_ROWS):
        _join(db, old, rows[start : start + _BLOCK_ROWS], first_row + start)
    for first, _ in old:
        db.execute("DELETE FROM lexicon WHERE first_row = ?", (first,))
        db.execute("DELETE FROM posting WHERE first_row = ?", (first,))


def _join(db: sqlite3.Connection, old: Sequence[tuple[int, int]], rows: Rows, first_row: int) -> None:
    """Write one new block from the postings of `rows` in the old blocks."""
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
    """Return the new offsets and the counts of the postings that are kept (`new_offset` is at least 0)."""
    offsets, counts = unpack(texts)
    moved = new_offset[offsets]
    return moved[moved >= 0], counts[moved >= 0]


def rebuild(db: sqlite3.Connection) -> None:
    """Write all postings and names anew. A vector without a chunk has no text any more."""
    names.rebuild(db)
    db.execute("DELETE FROM posting WHERE true")
    db.execute("DELETE FROM lexicon WHERE true")
    low, high = db.execute("SELECT min(row), max(row) FROM vector").fetchone()
    db.execute("DELETE FROM analysis WHERE true")
    db.execute("INSERT INTO analysis VALUES (?)", (text_analysis.VERSION,))
    for first in range(low, high + 1, _BLOCK_ROWS) if low is not None else ():
        add(db, first, _texts(db, first, min(_BLOCK_ROWS, high + 1 - first)))


def problems(db: sqlite3.Connection) -> list[str]:
    """Compare the postings of living texts with the texts; return `[]`, or one sentence where they differ."""
    blocks = [(first, lengths) for first, lengths in db.execute("SELECT * FROM lexicon ORDER BY first_row")]
    (uncovered,) = db.execute(
        "SELECT count(*) FROM vector v WHERE NOT EXISTS (SELECT 1 FROM lexicon l "
        "WHERE v.row >= l.first_row AND v.row < l.first_row + length(l.lengths) / 4)"
    ).fetchone()
    if uncovered or any(not _is_sound(db, *block) for block in blocks):
        return ["full text: not that of the chunks"]
    return names.problems(db)


def _is_sound(db: sqlite3.Connection, first: int, lengths: bytes) -> bool:
    """Tell whether the postings and lengths of a block are those of its living texts."""
    texts = _texts(db, first, len(lengths) // 4)
    living = np.array([bool(text) for text in texts], dtype=np.bool_)
    wanted_lengths, postings = invert(texts)
    wanted = dict(postings)
    for term, stored in db.execute("SELECT term, texts FROM posting WHERE first_row = ?", (first,)):
        offsets, counts = unpack(stored)
        if len(stored) % _BYTES or offsets.max(initial=0) >= len(texts):
            return False
        alive = living[offsets]  # postings of dead texts remain until a compaction
        if alive.any() and pack(offsets[alive], counts[alive]) != wanted.pop(term, None):
            return False
    stored_lengths, true_lengths = (np.frombuffer(each, dtype="<u4")[living] for each in (lengths, wanted_lengths))
    return not wanted and np.array_equal(stored_lengths, true_lengths)


def _texts(db: sqlite3.Connection, first: int, n: int) -> list[str]:
    """Return the texts of n rows; "" for a row whose text was removed."""
    texts = [""] * n
    statement = "SELECT vector, context, text FROM chunk WHERE vector >= ? AND vector < ? GROUP BY vector"
    for row, context, text in db.execute(statement, (first, first + n)):
        texts[row - first] = indexed_text(context, text)
    return texts
