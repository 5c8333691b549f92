"""Compaction, approximate indexes, rewriting, and repair of segments. Each change is an ordinary commit."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from ragqa import points
from ragqa.errors import ResourceError
from ragqa.index import durable, lexical, pending, search, tables
from ragqa.index.publication import Publisher
from ragqa.index.vectors import open_vectors
from ragqa.records import indexed_text

Vectors = NDArray[np.float32]

MOST_DEAD = 0.2
LEAST_VECTORS = 1000
MOST_SEGMENTS = 32
"""Dead vectors are dropped when they are over a fifth of at least 1,000 vectors. More than 32 segments are joined."""

READERS_SECONDS = 10.0
"""The time that a rewrite waits for readers of the old file and of the log to close them."""

_BLOCK_ROWS = 65_536


def compact_when_due(publisher: Publisher) -> int:
    """Drop dead texts if there are many, else join segments if there are many; return the number of drops.

    Dead texts without a vector are also dropped when no living text is pending any more.
    """
    texts = _stored(publisher)
    if texts >= LEAST_VECTORS and _dead(publisher, texts) > MOST_DEAD * texts:
        return compact(publisher)
    if pending.ranges(publisher.db) and not pending.count(publisher.db):
        return compact(publisher)
    if publisher.count("segment") > MOST_SEGMENTS:
        with publisher.publication():
            _move(publisher, _rows(publisher, "SELECT row FROM vector ORDER BY row"))
    return 0


def compact(publisher: Publisher) -> int:
    """Copy the vectors of living chunks into one segment; return the number of dead ones. No text is embedded."""
    dead = _dead(publisher, _stored(publisher))
    if dead or publisher.count("segment") > 1:
        with publisher.publication():
            _move(publisher, _living(publisher))
    return dead


def _stored(publisher: Publisher) -> int:
    """Return the number of rows of the segments, including those without a row in `vector` after a repair."""
    return sum(n for _, n, _ in tables.segments(publisher.db))


def _dead(publisher: Publisher, vectors: int) -> int:
    return vectors - publisher.count("(SELECT DISTINCT vector FROM chunk)")


def _living(publisher: Publisher) -> list[int]:
    return _rows(publisher, "SELECT DISTINCT vector FROM chunk ORDER BY vector")


def _rows(publisher: Publisher, statement: str) -> list[int]:
    return [row for (row,) in publisher.db.execute(statement)]


def build_ann(publisher: Publisher, setting: str) -> search.AnnIndex | None:
    """Build and return the approximate index that the setting asks for; None where the search is to be exact.

    An existing index with at least four fifths of the vectors is kept. The newer vectors are searched exactly. None is
    built while texts are pending.
    """
    kind = search.resolve(setting, publisher.count("vector"))
    if kind == "flat" and not publisher.count("ann"):
        return None
    store = open_vectors(publisher.db, publisher.path)
    old = store.ann
    if pending.ranges(publisher.db):
        return old
    if old is not None and old.kind == kind and old.n >= (1 - MOST_DEAD) * len(store):
        return old
    with publisher.publication():
        publisher.db.execute("DELETE FROM ann")
        if kind == "flat" or not len(store):
            return None
        first, *_ = tables.segments(publisher.db)[0]
        alive = np.zeros(len(store), dtype=np.bool_)
        alive[np.array(_living(publisher), dtype=np.int64) - first] = True
        built = store.build(kind, alive)
        name = search.save(publisher.folder, built)
        values = (kind, name, built.n, built.search_width, built.recall)
        publisher.db.execute("INSERT INTO ann VALUES (?, ?, ?, ?, ?)", values)
    return built


def ann_kind(publisher: Publisher) -> str:
    """Return the kind of the existing approximate index, `flat` if there is none."""
    row = publisher.db.execute("SELECT kind FROM ann").fetchone()
    return row[0] if row else "flat"


def rebuild_ann(publisher: Publisher, kind: str) -> None:
    """Build the approximate index again, whatever the state of the old one."""
    if publisher.count("ann"):
        with publisher.publication():
            publisher.db.execute("DELETE FROM ann")
    build_ann(publisher, kind)


def reclaim(publisher: Publisher) -> int:
    """Drop dead vectors with their postings, and rewrite the database without free pages and old bytes.

    :return: the number of dropped vectors.
    """
    kind = ann_kind(publisher)
    dropped = compact(publisher)
    rewrite(publisher)
    build_ann(publisher, kind)
    return dropped


def rewrite(publisher: Publisher) -> None:
    """Rebuild the indexes of SQLite, and rewrite the database file.

    :raises ResourceError: the disk is full.
    """
    with publisher.publication():
        publisher.db.execute("REINDEX")
    publisher.need_space(2 * publisher.db.size())
    try:
        publisher.db.execute("PRAGMA temp_store = MEMORY")  # so that no copy goes to a temporary file
        publisher.db.execute("VACUUM")
    except sqlite3.OperationalError as error:
        raise ResourceError(
            f"cannot rewrite {publisher.path}: {error}; it holds generation {publisher.generation}"
        ) from error
    with publisher.publication():
        pass  # the bytes of the file have changed, so that it needs a new seal and therefore a new generation
    deadline = time.monotonic() + READERS_SECONDS
    while not publisher.seal(patience_ms=100):
        if time.monotonic() >= deadline:
            raise ResourceError(
                f"{publisher.path}: old bytes are still held by a reader: run it again when that has ended"
            )
        time.sleep(0.1)
    publisher.remove_orphans()


def replace_segments(publisher: Publisher, names: Sequence[str], embed: Callable[[Sequence[str]], Vectors]) -> int:
    """Embed the stored texts of whole segments again, and commit the vectors; return their number."""
    rows: list[int] = []
    for first, n, name in tables.segments(publisher.db):
        rows += range(first, first + n) if name in names else ()
    texts: dict[int, str] = {}
    for row, context, text in publisher.db.execute("SELECT vector, context, text FROM chunk"):
        texts[row] = indexed_text(context, text)
    lost = [row for row in rows if row in texts]
    fresh = dict(zip(lost, embed([texts[row] for row in lost]), strict=True)) if lost else {}
    with publisher.publication():
        _move(publisher, _living(publisher), fresh)
    return len(lost)


def _move(publisher: Publisher, rows: Sequence[int], fresh: Mapping[int, Vectors] | None = None) -> None:
    """Write the vectors of `rows` into one new segment, which replaces the old ones. Between pending rows, into several.

    :param fresh: vectors that replace stored ones, by row.
    """
    publisher.need_space(len(rows) * publisher.dim * 4)
    segments = tables.segments(publisher.db)
    first = tables.next_row(publisher.db)
    if len(rows) < sum(
        n for _, n, _ in segments
    ):  # otherwise every vector keeps its position, and the approximate index remains valid
        publisher.db.execute("DELETE FROM ann")
    runs = _in_runs(publisher, rows)
    names = [
        durable.write_hashed(publisher.folder, ".f32", _blocks(publisher, segments, run, fresh or {}))
        if embedded
        else pending.NO_FILE
        for embedded, run in runs
    ]
    publisher.db.execute("CREATE TEMP TABLE moved (old INTEGER PRIMARY KEY, new INTEGER NOT NULL)")
    publisher.db.executemany("INSERT INTO moved VALUES (?, ?)", ((row, first + i) for i, row in enumerate(rows)))
    publisher.db.execute("DELETE FROM vector WHERE row NOT IN (SELECT old FROM moved)")
    for table, column in (("vector", "row"), ("chunk", "vector")):
        publisher.db.execute(f"UPDATE {table} SET {column} = (SELECT new FROM moved WHERE old = {column})")
    publisher.db.execute("DROP TABLE moved")
    lexical.move(publisher.db, np.array(rows, dtype=np.int64), first)
    publisher.db.execute("DELETE FROM segment WHERE true")
    for name, (_, run) in zip(names, runs, strict=True):
        publisher.db.execute("INSERT INTO segment VALUES (?, ?, ?)", (first, len(run), name))
        first += len(run)
    points.reached("vectors moved")


def _in_runs(publisher: Publisher, rows: Sequence[int]) -> list[tuple[bool, list[int]]]:
    """Return rows in runs of neighbours that all have a vector (True), or that all have none."""
    present = ~pending.mask(pending.ranges(publisher.db), np.array(rows, dtype=np.int64))
    pairs = groupby(zip(present.tolist(), rows, strict=True), key=lambda pair: pair[0])
    return [(embedded, [row for _, row in run]) for embedded, run in pairs]


def _blocks(
    publisher: Publisher, segments: Sequence[tuple[int, int, str]], rows: Sequence[int], fresh: Mapping[int, Vectors]
) -> Iterator[bytes]:
    """Yield the bytes of the vectors of `rows` in order, block by block, from `fresh` or from the segments."""
    wanted = np.array(rows, dtype=np.int64)
    for first, n, name in segments:
        inside = wanted[(wanted >= first) & (wanted < first + n)]
        if not len(inside):
            continue
        whole = all(row in fresh for row in inside.tolist())
        stored = None if whole else search.open_segment(publisher.folder, name, n, publisher.dim)
        for start in range(0, len(inside), _BLOCK_ROWS):
            part = inside[start : start + _BLOCK_ROWS]
            block = np.array([fresh[row] for row in part.tolist()]) if stored is None else stored[part - first]
            yield block.astype("<f4").tobytes()
