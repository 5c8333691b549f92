"""Opens the vectors of one generation: its segments, and its approximate index."""

from __future__ import annotations

from pathlib import Path

from ragqa.index import connection, pending, search, tables


def open_vectors(db: connection.Connection, path: Path) -> search.VectorStore:
    """Return the vectors of the generation that `db` sees, with its approximate index where there is one.

    :raises IndexCorruptError: a segment is missing or damaged.
    """
    dim = int(tables.meta(db, "identity")["dim"])
    folder = path / "seg"
    segments = [
        search.open_segment(folder, name, n, dim) if name != pending.NO_FILE else pending.absent(n, dim)
        for _, n, name in tables.segments(db)
    ]
    row = db.execute("SELECT kind, sha256, effort, recall FROM ann").fetchone()
    store = search.VectorStore(segments, dim)
    if row:
        store.ann = search.load(folder, search.AnnRow(*row), dim=dim, n=len(store))
    return store
