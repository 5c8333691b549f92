"""Texts that have no vector yet. Each has a row, a key and postings like every other text.

The rows of such texts lie in segments without a file (`NO_FILE`). A later commit writes the vectors of some rows to a
file, which becomes a segment of its own; what is left around it stays pending.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ragqa.index import durable, lexical, tables
from ragqa.records import Chunk, Coverage, indexed_text

Vectors = NDArray[np.float32]
Rows = NDArray[np.int64]

NO_FILE = ""
"""The name of a segment whose rows have no vectors yet."""


def ranges(db: sqlite3.Connection) -> list[tuple[int, int]]:
    """Return (first row, end) of each run of rows without a vector."""
    return [(first, first + n) for first, n, name in tables.segments(db) if name == NO_FILE]


def mask(runs: Sequence[tuple[int, int]], rows: Rows) -> NDArray[np.bool_]:
    """Return bool[len(rows)], True for the rows in `runs`."""
    inside = np.zeros(len(rows), dtype=np.bool_)
    for first, end in runs:
        inside |= (rows >= first) & (rows < end)
    return inside


def coverage(db: sqlite3.Connection) -> Coverage:
    """Return the number of distinct texts of chunks, and how many of them have a vector."""
    (texts,) = db.execute("SELECT count(DISTINCT vector) FROM chunk").fetchone()
    return Coverage(texts - count(db), texts)


def count(db: sqlite3.Connection) -> int:
    """Return the number of distinct texts of chunks that have no vector."""
    statement = "SELECT count(DISTINCT vector) FROM chunk WHERE vector >= ? AND vector < ?"
    return sum(int(db.execute(statement, run).fetchone()[0]) for run in ranges(db))


def rows(db: sqlite3.Connection) -> int:
    """Return the number of texts without a vector, those of no chunk included."""
    statement = "SELECT count(*) FROM vector WHERE row >= ? AND row < ?"
    return sum(int(db.execute(statement, run).fetchone()[0]) for run in ranges(db))


def texts(db: sqlite3.Connection, n: int) -> list[str]:
    """Return up to n texts of chunks that have no vector, in the order of their rows."""
    found: list[str] = []
    statement = (
        "SELECT context, text FROM chunk WHERE vector >= ? AND vector < ? GROUP BY vector ORDER BY vector LIMIT ?"
    )
    for first, end in ranges(db):
        found += [indexed_text(context, text) for context, text in db.execute(statement, (first, end, n - len(found)))]
        if len(found) >= n:
            break
    return found


def missing(db: sqlite3.Connection, chunks: Sequence[Chunk]) -> list[str]:
    """Return the indexed texts of chunks that have no vector, each once, in order."""
    runs, texts = ranges(db), list(dict.fromkeys(chunk.indexed_text for chunk in chunks))
    rows = rows_of(db, texts)
    return [text for text in texts if text not in rows or _is_in(runs, rows[text])]


def _is_in(runs: Sequence[tuple[int, int]], row: int) -> bool:
    return any(first <= row < end for first, end in runs)


def rows_of(db: sqlite3.Connection, texts: Sequence[str]) -> dict[str, int]:
    """Return the row of each text that has one."""
    keys = {tables.vector_key(text): text for text in texts}
    statement = "SELECT key, row FROM vector WHERE key IN (SELECT value FROM json_each(?))"
    return {keys[key]: row for key, row in db.execute(statement, (json.dumps(list(keys)),))}


def add(db: sqlite3.Connection, texts: Sequence[str]) -> dict[str, int]:
    """Give texts that have no row one without a vector, with their keys and postings; return the row of each."""
    known = rows_of(db, texts)
    if texts := [text for text in texts if text not in known]:
        first = tables.next_row(db)
        keys = ((first + i, tables.vector_key(text)) for i, text in enumerate(texts))
        db.executemany("INSERT INTO vector VALUES (?, ?)", keys)
        db.execute("INSERT INTO segment VALUES (?, ?, ?)", (first, len(texts), NO_FILE))
        lexical.add(db, first, texts)
        known |= zip(texts, range(first, first + len(texts)), strict=True)
    return known


def fill(db: sqlite3.Connection, folder: Path, vectors: Mapping[int, Vectors]) -> None:
    """Write the vectors of pending rows: one segment for each run of consecutive rows. Other rows are left out."""
    runs = ranges(db)
    by_row = {row: vector for row, vector in vectors.items() if _is_in(runs, row)}
    for run in _runs(sorted(by_row)):
        name = durable.write_hashed(folder, ".f32", [by_row[row].astype("<f4").tobytes() for row in run])
        _take_out(db, run[0], run[-1] + 1)
        db.execute("INSERT INTO segment VALUES (?, ?, ?)", (run[0], len(run), name))


def _runs(rows: Sequence[int]) -> Iterator[list[int]]:
    """Yield the runs of consecutive numbers among ascending ones."""
    for _, run in groupby(enumerate(rows), key=lambda pair: pair[1] - pair[0]):
        yield [row for _, row in run]


def _take_out(db: sqlite3.Connection, start: int, end: int) -> None:
    """Cut the rows from `start` to `end` out of the segments without a file."""
    for first, stop in ranges(db):
        if first < end and start < stop:
            db.execute("DELETE FROM segment WHERE first_row = ?", (first,))
            rest = [(low, high) for low, high in ((first, start), (end, stop)) if low < high]
            db.executemany("INSERT INTO segment VALUES (?, ?, ?)", [(low, high - low, NO_FILE) for low, high in rest])


def absent(n: int, dim: int) -> Vectors:
    """Return rows of NaN in place of vectors that are not there yet, float32[n, dim]; they take no memory."""
    return np.broadcast_to(np.float32(np.nan), (n, dim))


def is_absent(rows: Vectors) -> bool:
    """Tell whether rows are those of `absent`."""
    return rows.strides == (0, 0)
