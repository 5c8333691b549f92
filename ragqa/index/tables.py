"""The tables of the database: their schema, functions that make and open them, and the digest of their rows."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ragqa import points
from ragqa.errors import IndexCorruptError, LockedError, NothingUsableError, ResourceError
from ragqa.index import durable, lexical, place
from ragqa.index.connection import (
    FORMAT_VERSION,
    UPGRADABLE,
    Connection,
    as_ours,
    connect,
    guarded,
    is_old,
)
from ragqa.index.place import APPLICATION_ID, DATABASE

SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE commit_log (generation INTEGER PRIMARY KEY, created TEXT NOT NULL, documents INTEGER NOT NULL,
    chunks INTEGER NOT NULL, vectors INTEGER NOT NULL, digest TEXT NOT NULL) STRICT;
CREATE TABLE document (id TEXT PRIMARY KEY, sha256 TEXT NOT NULL, media_type TEXT NOT NULL, encoding TEXT,
    title TEXT NOT NULL, extractor TEXT NOT NULL, page_starts TEXT NOT NULL, metadata TEXT NOT NULL, text TEXT NOT NULL) STRICT;
CREATE TABLE source (source TEXT PRIMARY KEY, document_id TEXT NOT NULL) STRICT;
CREATE INDEX source_document ON source (document_id);
CREATE TABLE chunk (row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, document_id TEXT NOT NULL, start INTEGER NOT NULL,
    end INTEGER NOT NULL, page INTEGER, context TEXT NOT NULL, text TEXT NOT NULL, vector INTEGER NOT NULL) STRICT;
CREATE INDEX chunk_document ON chunk (document_id, start, vector);
CREATE INDEX chunk_vector ON chunk (vector);
CREATE TABLE vector (row INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE segment (first_row INTEGER PRIMARY KEY, n INTEGER NOT NULL, sha256 TEXT NOT NULL) STRICT;
CREATE TABLE canary (number INTEGER PRIMARY KEY, vector TEXT NOT NULL) STRICT;
CREATE TABLE ann (kind TEXT NOT NULL, sha256 TEXT NOT NULL, n INTEGER NOT NULL, effort INTEGER NOT NULL,
    recall REAL NOT NULL) STRICT;
"""

PRIMARY_TABLES = ("meta", "document", "source", "chunk", "vector", "segment", "canary")
"""The tables from which everything else can be derived. The digest of a commit covers every row of them."""


def create(path: Path) -> Connection:
    """Open the database of the index folder `path` for writing; make it if there is none.

    A new database gets its name when it is complete: a crash leaves a database with the whole schema, or none. A
    database of an older format is made anew from its rows.

    :raises IndexCorruptError: the file is not an index's database, is damaged, or has another format; it is not
        changed.
    """
    if not _is_there(path):
        with _new(path) as fresh:
            lexical.rebuild(fresh)
    elif is_old(path):
        salvage(path)
    connection = connect(path, "rw")
    with guarded(connection):
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")  # for macOS; it has no effect elsewhere
        connection.execute("PRAGMA checkpoint_fullfsync = ON")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("PRAGMA secure_delete = ON")
    return connection


def salvage(path: Path) -> None:
    """Make the database anew from the primary rows of the old one. The caller holds the lock.

    :raises IndexCorruptError: some of those rows are missing; nothing was changed.
    """
    file = path / DATABASE
    with closing(connect(path, "rw", UPGRADABLE)) as old, guarded(old):
        busy, *_ = old.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:  # the log may have commits that are not in the file, and it will be removed
            raise LockedError(f"{path} cannot be repaired while it is read: try again when its readers have ended")
    with _new(path) as fresh:
        try:
            fresh.execute("ATTACH ? AS old", (f"{file.absolute().as_uri()}?mode=ro",))
            for table in (*PRIMARY_TABLES, "commit_log", "ann"):
                # row by row: without the WHERE, SQLite would also copy a damaged index of the old table
                fresh.execute(f"INSERT INTO main.{table} SELECT * FROM old.{table} NOT INDEXED WHERE true")
            committed = fresh.execute("SELECT digest FROM commit_log ORDER BY generation DESC LIMIT 1").fetchone()
            whole = committed is not None and committed[0] == digest(fresh)
            fresh.execute("DETACH old")
            if whole:
                fresh.execute("BEGIN")
                renew_terms(fresh)
                fresh.execute("COMMIT")
                # a new generation, so that no reader uses these postings together with old blocks in its memory
                log_commit(fresh, digest(fresh))
        except sqlite3.DatabaseError as error:
            ours = as_ours(error, path)
            if not isinstance(ours, IndexCorruptError):
                raise ours from error
            raise IndexCorruptError(f"{file} cannot be repaired ({error}): run `ragqa index FILE --rebuild`") from error
        if not whole:
            raise IndexCorruptError(f"{file} cannot be repaired (rows are lost): run `ragqa index FILE --rebuild`")


def renew_terms(connection: sqlite3.Connection) -> None:
    """Make all postings anew from the texts of the chunks.

    Vectors without a chunk are dropped. Their texts no longer exist, so that they could get no postings.
    """
    connection.execute("DELETE FROM vector WHERE row NOT IN (SELECT vector FROM chunk)")
    lexical.rebuild(connection)


def log_commit(connection: sqlite3.Connection, digest: str) -> None:
    """Record the present content of the tables as the next generation."""
    counts = [count(connection, table) for table in ("document", "chunk", "vector")]
    created = datetime.now(UTC).isoformat(timespec="seconds")
    values = (generation(connection) + 1, created, *counts, digest)
    connection.execute("INSERT INTO commit_log VALUES (?, ?, ?, ?, ?, ?)", values)


def count(connection: sqlite3.Connection, table: str) -> int:
    """Return the number of rows of a table."""
    return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def _is_there(path: Path) -> bool:
    """Tell whether there is a database.

    :raises IndexCorruptError: there is a seal but no database.
    """
    if (path / DATABASE).exists():
        return True
    if (path / place.SEAL).exists():
        raise IndexCorruptError(f"{path / DATABASE} is missing: restore a copy, or run `ragqa index FILE --rebuild`")
    return False


@contextmanager
def _new(path: Path) -> Iterator[sqlite3.Connection]:
    """Yield a database with the schema and no rows. If the block succeeds, it replaces the database in `path`."""
    scratch = path / place.NEW_DATABASE
    remove(scratch)
    try:
        with closing(sqlite3.connect(scratch, isolation_level=None, uri=True)) as connection:
            connection.execute("PRAGMA journal_mode = MEMORY")
            connection.execute("PRAGMA synchronous = OFF")  # it is synced as a whole before it is named
            connection.executescript(SCHEMA + lexical.SCHEMA)
            yield connection
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
            # neither a change of mode nor closing reports a failure
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if mode != "wal" or busy:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        points.reached("database made")
        with scratch.open("rb") as stream:
            durable.disk.sync(stream)
        durable.remove(path / place.SEAL)  # it belongs to the replaced file
        for suffix in place.LOGS:
            durable.disk.remove(path / f"{DATABASE}{suffix}")
        durable.publish(scratch, path / DATABASE)
    except (OSError, sqlite3.OperationalError) as error:
        remove(scratch)
        raise ResourceError(f"cannot make a database in {path}: {error}; index unchanged") from error
    except BaseException:
        remove(scratch)
        raise


def remove(database: Path) -> None:
    """Remove a database file and SQLite's files for it."""
    for suffix in (*place.LOGS, ""):  # the database last: SQLite would apply a remaining log to the next database
        durable.disk.remove(database.with_name(database.name + suffix))


def open_readonly(path: Path) -> Connection:
    """Open the database of the index folder `path` for reading only, in a transaction: a snapshot of one generation.

    :raises NothingUsableError: there is no index.
    :raises IndexCorruptError: the file is not an index's database, is damaged, or has another format.
    :raises RefusedError: the folder contains links.
    """
    place.refuse_links(path)
    if not _is_there(path):
        raise NothingUsableError(f"no index at {path}: run `ragqa index` first")
    connection = connect(path, "ro")
    with guarded(connection):
        connection.execute("BEGIN")
        if generation(connection) == 0:
            raise NothingUsableError(f"no index at {path} yet: the run that began it was interrupted; run it again")
    return connection


def exists(path: Path) -> bool:
    """Tell whether the index folder `path` holds a commit."""
    try:
        open_readonly(path).close()
    except NothingUsableError:
        return False
    return True


def generation(connection: sqlite3.Connection) -> int:
    """Return the number of the latest commit; 0 before the first."""
    return int(connection.execute("SELECT coalesce(max(generation), 0) FROM commit_log").fetchone()[0])


def meta(connection: sqlite3.Connection, key: str) -> Any:
    """Return a value of the table `meta`: `identity`, `recorded` or `rejected`; {} where there is none."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return json.loads(row[0]) if row else {}


def rejected(connection: sqlite3.Connection) -> dict[str, tuple[str, str]]:
    """Return (document id, reason) by source of the files that the last run could not use."""
    return {source: (id, reason) for source, (id, reason) in meta(connection, "rejected").items()}


def contents(connection: sqlite3.Connection) -> dict[str, str]:
    """Return the SHA-256 of the file of every source."""
    statement = "SELECT source, sha256 FROM source JOIN document ON document.id = source.document_id"
    return dict(connection.execute(statement))


def segments(connection: sqlite3.Connection) -> list[tuple[int, int, str]]:
    """Return (first row, number of rows, SHA-256) of each segment. The rows of all segments have no gap."""
    return connection.execute("SELECT first_row, n, sha256 FROM segment ORDER BY first_row").fetchall()


def next_row(connection: sqlite3.Connection) -> int:
    """Return the row of the next vector. A row is not used again while its segment is in the database."""
    return int(connection.execute("SELECT coalesce(max(first_row + n), 1) FROM segment").fetchone()[0])


def vector_key(text: str) -> str:
    """Return the SHA-256 of an embedded text, the key of its vector."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def row_hash(table: str, values: tuple[Any, ...]) -> int:
    """Return the SHA-256 of a row as a number.

    The digest of a commit is their sum over `PRIMARY_TABLES`, modulo 2 ** 256.
    """
    return int.from_bytes(hashlib.sha256(json.dumps([table, *values]).encode()).digest(), "big")


def digest(connection: sqlite3.Connection) -> str:
    """Compute and return the digest of all rows of `PRIMARY_TABLES`."""
    rows = (
        (table, row) for table in PRIMARY_TABLES for row in connection.execute(f"SELECT * FROM {table} NOT INDEXED")
    )
    return as_digest(sum(row_hash(table, row) for table, row in rows))


def as_digest(total: int) -> str:
    """Return a sum of row hashes as text."""
    return f"{total % (1 << 256):064x}"
