"""The single writer of an index. A commit is one transaction; whatever is not committed is not there."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from ragqa.errors import LockedError, ModelError, ResourceError
from ragqa.index import segment, store
from ragqa.records import Chunk, Document

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Entry:
    """A document to add: its chunks and their vectors, float32[len(chunks), dim]."""

    document: Document
    chunks: Sequence[Chunk]
    vectors: Vectors


class IndexWriter:
    """Writes the index in a folder; a context manager that holds the lock.

    :param identity: what vectors and chunks depend on; must equal the identity that the index was built with.
    :param rebuild: forget what is there, in the first commit; until then the old index still answers.
    :raises LockedError: another process writes this index.
    :raises ModelError: the identity differs; the message names the field and both values.
    """

    def __init__(self, path: Path, identity: dict[str, str], *, dim: int, rebuild: bool = False) -> None:
        self.path = path
        self.dim = dim
        self._identity = identity
        self._segments = path / "seg"
        try:
            self._segments.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ResourceError(f"cannot make the index folder {path}: {error.strerror}") from error
        self._lock = _lock(path)
        self._forget = False
        try:
            self._db = store.create(path, identity)
            self._check_identity(rebuild)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> IndexWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database and let the lock go."""
        if hasattr(self, "_db"):
            self._db.close()
        os.close(self._lock)

    def _check_identity(self, rebuild: bool) -> None:
        if rebuild or self.generation == 0:
            self._forget = True
        else:
            refuse_other_identity(self.path, store.identity(self._db), self._identity)

    @property
    def generation(self) -> int:
        """Return the number of the latest commit."""
        return store.generation(self._db)

    @property
    def chunks(self) -> int:
        """Return how many chunks the latest commit has."""
        return int(self._db.execute("SELECT count(*) FROM chunk WHERE dead IS NULL").fetchone()[0])

    @property
    def rebuilding(self) -> bool:
        """Tell whether the next commit replaces what other commits left."""
        return self._forget and self.generation > 0

    def sources(self) -> dict[str, str]:
        """Return the document id of every source."""
        if self._forget:
            return {}
        return dict(self._db.execute("SELECT source, document_id FROM source WHERE dead IS NULL"))

    def extractors(self) -> dict[str, str]:
        """Return the extractor of every document by id."""
        return {} if self._forget else dict(self._db.execute("SELECT id, extractor FROM document WHERE dead IS NULL"))

    def vectors(self, chunks: Sequence[Chunk]) -> list[Vectors | None]:
        """Return the stored vector of each chunk whose text was embedded before, None for the others."""
        if self._forget:
            return [None] * len(chunks)
        places = [store.find_vector(self._db, store.vector_key(chunk)) for chunk in chunks]
        maps = {name: segment.open_mapped(self._segments, name, n, self.dim) for name, n, _ in filter(None, places)}
        return [maps[place[0]][place[2]] if place else None for place in places]

    def commit(self, entries: Sequence[Entry], sources: Mapping[str, str | None]) -> int:
        """Publish new documents and new names of documents in one transaction; return the generation.

        A document that no source names any more disappears in the same transaction.

        :param sources: document id by source; None removes the source.
        :raises ResourceError: the disk is full; the index is as it was.
        """
        vectors = np.concatenate([np.empty((0, self.dim), np.float32), *(entry.vectors for entry in entries)])
        name = segment.write(self._segments, vectors) if len(vectors) else None
        try:
            self._db.execute("BEGIN IMMEDIATE")
            generation = store.generation(self._db) + 1
            if self._forget:
                self._forget_all(generation)
            self._add(entries, name, generation)
            self._rename(sources, generation)
            self._bury(generation)
            self._log(generation)
            self._db.execute("COMMIT")
        except sqlite3.OperationalError as error:
            self._roll_back()
            raise ResourceError(f"cannot commit to {self.path}: {error}; index unchanged") from error
        except BaseException:
            self._roll_back()
            raise
        self._forget = False
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return generation

    def note_rejected(self, rejected: Mapping[str, tuple[str, str]]) -> None:
        """Remember the files that a run could not use: (document id, reason) by source. No answer depends on it."""
        if rejected != store.rejected(self._db):
            value = json.dumps(rejected, sort_keys=True)
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('rejected', ?)", (value,))

    def rejected(self) -> dict[str, tuple[str, str]]:
        """Return what `note_rejected` was last given."""
        return store.rejected(self._db)

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def _forget_all(self, generation: int) -> None:
        for table in ("document", "source", "chunk", "segment"):
            self._db.execute(f"UPDATE {table} SET dead = ? WHERE dead IS NULL", (generation,))
        identity = json.dumps(self._identity, sort_keys=True)
        self._db.execute("UPDATE meta SET value = ? WHERE key = 'identity'", (identity,))

    def _add(self, entries: Sequence[Entry], name: str | None, generation: int) -> None:
        first = self._db.execute("SELECT coalesce(max(row), 0) + 1 FROM chunk").fetchone()[0]
        row = first
        for entry in entries:
            self._bury_document(entry.document.id, generation)
            self._db.execute(
                "INSERT INTO document VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
                _document_row(entry.document, generation),
            )
            for chunk in entry.chunks:
                self._db.execute(
                    "INSERT INTO chunk VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
                    (row, chunk.id, chunk.document_id, chunk.start, chunk.end, chunk.page, chunk.context, chunk.text,
                     store.vector_key(chunk), generation),
                )  # fmt: skip
                self._db.execute(
                    "INSERT INTO fulltext (rowid, context, text) VALUES (?, ?, ?)", (row, chunk.context, chunk.text)
                )
                row += 1
        if name is not None:
            self._db.execute("INSERT INTO segment VALUES (?, ?, ?, ?, NULL)", (first, row - first, name, generation))

    def _rename(self, sources: Mapping[str, str | None], generation: int) -> None:
        for source, document_id in sources.items():
            self._db.execute("UPDATE source SET dead = ? WHERE source = ? AND dead IS NULL", (generation, source))
            if document_id is not None:
                self._db.execute("INSERT INTO source VALUES (?, ?, ?, NULL)", (source, document_id, generation))

    def _bury(self, generation: int) -> None:
        orphans = self._db.execute(
            "SELECT id FROM document WHERE dead IS NULL AND id NOT IN (SELECT document_id FROM source WHERE dead IS NULL)"
        ).fetchall()
        for (document_id,) in orphans:
            self._bury_document(document_id, generation)

    def _bury_document(self, document_id: str, generation: int) -> None:
        for table, column in (("document", "id"), ("chunk", "document_id")):
            statement = f"UPDATE {table} SET dead = ? WHERE {column} = ? AND dead IS NULL"
            self._db.execute(statement, (generation, document_id))

    def _log(self, generation: int) -> None:
        counts = [
            self._db.execute(f"SELECT count(*) FROM {t} WHERE dead IS NULL").fetchone()[0]
            for t in ("document", "chunk")
        ]
        created = datetime.now(UTC).isoformat(timespec="seconds")
        self._db.execute("INSERT INTO commit_log VALUES (?, ?, ?, ?)", (generation, created, *counts))


def refuse_other_identity(path: Path, stored: Mapping[str, str], mine: Mapping[str, str]) -> None:
    """Raise `ModelError` naming the first field of `mine` that differs from what the index was built with."""
    for field, value in mine.items():
        if stored.get(field) != value:
            raise ModelError(
                f"{path} was built with {field} {stored.get(field)}, this pipeline has {value}: "
                "put it back, or run `ragqa index FILE --rebuild`"
            )


def _document_row(document: Document, generation: int) -> tuple[object, ...]:
    return (
        document.id,
        document.sha256,
        document.media_type,
        document.encoding,
        document.title,
        document.extractor,
        json.dumps(document.page_starts),
        json.dumps(dict(document.metadata), default=str, sort_keys=True),
        document.text,
        generation,
    )


def _lock(path: Path) -> int:
    """Take the kernel's lock, which a dead process cannot keep, and note who holds it."""
    handle = os.open(path / "LOCK", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.read(handle, 200).decode("utf-8", "replace").strip() or "another process"
        os.close(handle)
        raise LockedError(f"{path} is locked by {holder}: wait for it to end") from error
    os.ftruncate(handle, 0)
    started = datetime.now(UTC).isoformat(timespec="seconds")
    os.write(handle, f"pid {os.getpid()} since {started}".encode())
    return handle
