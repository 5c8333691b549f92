"""The database file: its schema, how it is opened, and the digest of what it says."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from ragqa.errors import IndexCorruptError, NothingUsableError
from ragqa.index import storage
from ragqa.records import Chunk

DATABASE = "ragqa.db"
_SCRATCH = ".ragqa.db.tmp"
_LOGS = ("-journal", "-wal", "-shm")
FORMAT_VERSION = 2
APPLICATION_ID = 0x72616771  # "ragq"

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
CREATE INDEX chunk_document ON chunk (document_id, start);
CREATE INDEX chunk_vector ON chunk (vector);
CREATE TABLE vector (row INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE segment (first_row INTEGER PRIMARY KEY, n INTEGER NOT NULL, sha256 TEXT NOT NULL) STRICT;
CREATE TABLE canary (number INTEGER PRIMARY KEY, vector TEXT NOT NULL) STRICT;
CREATE TABLE ann (kind TEXT NOT NULL, sha256 TEXT NOT NULL, n INTEGER NOT NULL, effort INTEGER NOT NULL,
    recall REAL NOT NULL) STRICT;
CREATE VIRTUAL TABLE fulltext USING fts5 (context, text, content='chunk', content_rowid='row',
    tokenize="porter unicode61 remove_diacritics 2");
"""

TRUTH = ("meta", "document", "source", "chunk", "vector", "segment", "canary")
"""The tables that everything else can be derived from; the digest of a commit covers every row of them."""


class Database(sqlite3.Connection):
    """A connection that can also hash the file it is open on.

    POSIX drops all locks that a process has on a file when the process closes *any* descriptor of that file. So the one
    that hashes is opened once for all connections of the process, and closed after the last of them.
    """

    path: Path
    _shared: tuple[int, int]

    def hold(self, path: Path, flags: int) -> None:
        """Share the descriptor of the database in the index folder `path`."""
        self.path = path
        self._shared = _Descriptors.hold(path / DATABASE, flags)

    def sha256(self) -> str:
        """Return the SHA-256 of the database file."""
        return storage.sha256(_Descriptors.of(self._shared))

    def state(self) -> tuple[int, ...]:
        """Return what changes whenever the database file or its log does."""
        status = os.fstat(_Descriptors.of(self._shared))
        times = (status.st_mtime_ns, status.st_ctime_ns)
        return (status.st_dev, status.st_ino, status.st_size, *times, self.log_size())

    def header(self) -> bytes:
        """Return the first 100 bytes of the database file; fewer where it is shorter."""
        return os.pread(_Descriptors.of(self._shared), 100, 0)

    def size(self) -> int:
        """Return the length of the database file."""
        return os.fstat(_Descriptors.of(self._shared)).st_size

    def log_size(self) -> int:
        """Return the length of the log that lies on top of the database file, 0 where there is none."""
        try:
            return (self.path / f"{DATABASE}-wal").stat().st_size
        except FileNotFoundError:
            return 0

    def close(self) -> None:
        """Close the connection, then let the descriptor go."""
        super().close()
        if hasattr(self, "_shared"):
            _Descriptors.release(self._shared)
            del self._shared


class _Descriptors:
    """One descriptor for each database file, with the number of connections that share it."""

    _open: dict[tuple[int, int], list[int]] = {}  # noqa: RUF012  # shared on purpose
    _guard = threading.Lock()

    @classmethod
    def hold(cls, file: Path, flags: int) -> tuple[int, int]:
        with cls._guard:
            if file.exists() and (shared := cls._open.get(_inode(file.stat()))):
                shared[1] += 1
                return _inode(file.stat())
            handle = os.open(file, flags | os.O_CLOEXEC, 0o644)
            key = _inode(os.fstat(handle))
            cls._open[key] = [handle, 1]
            return key

    @classmethod
    def of(cls, key: tuple[int, int]) -> int:
        return cls._open[key][0]

    @classmethod
    def release(cls, key: tuple[int, int]) -> None:
        with cls._guard:
            shared = cls._open[key]
            shared[1] -= 1
            if not shared[1]:
                os.close(cls._open.pop(key)[0])


def _inode(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def create(path: Path) -> Database:
    """Open the database of the index folder `path` for writing, making it where there is none.

    It appears whole under its name: a crash leaves all of the schema or no database.

    :raises IndexCorruptError: it is not one of ours, is damaged, or is of another format; it is not touched.
    """
    if not (path / DATABASE).exists():
        with _new(path):
            pass
    connection = _connect(path, "rw", os.O_RDWR)
    with guarded(connection):
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("PRAGMA secure_delete = ON")
    return connection


def salvage(path: Path) -> None:
    """Make the database anew from the rows of the old one that cannot be derived; the caller holds the lock.

    :raises IndexCorruptError: those rows are not all there; nothing was changed.
    """
    file = path / DATABASE
    with _new(path) as fresh:
        try:
            fresh.execute("ATTACH ? AS old", (f"{file.absolute().as_uri()}?mode=ro",))
            for table in (*TRUTH, "commit_log", "ann"):
                fresh.execute(f"INSERT INTO main.{table} SELECT * FROM old.{table}")
            committed = fresh.execute("SELECT digest FROM commit_log ORDER BY generation DESC LIMIT 1").fetchone()
            whole = committed is not None and committed[0] == digest(fresh)
            fresh.execute("INSERT INTO fulltext (fulltext) VALUES ('rebuild')")
            fresh.execute("DETACH old")
        except sqlite3.DatabaseError as error:
            raise IndexCorruptError(f"{file} cannot be repaired ({error}): run `ragqa index FILE --rebuild`") from error
        if not whole:
            raise IndexCorruptError(f"{file} cannot be repaired (rows are lost): run `ragqa index FILE --rebuild`")


@contextmanager
def _new(path: Path) -> Iterator[sqlite3.Connection]:
    """Give a database with the schema and no rows; on success it takes the place of the one in `path`."""
    scratch = path / _SCRATCH
    remove(scratch)
    try:
        with closing(sqlite3.connect(scratch, isolation_level=None, uri=True)) as connection:
            connection.execute("PRAGMA synchronous = OFF")  # it is synced as a whole before it is named
            connection.executescript(SCHEMA)
            yield connection
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
            connection.execute("PRAGMA journal_mode = WAL")
        storage.reached("database made")
        with scratch.open("rb") as stream:
            storage.disk.sync(stream)
        for suffix in _LOGS:
            storage.disk.remove(path / f"{DATABASE}{suffix}")
        storage.publish(scratch, path / DATABASE)
    except BaseException:
        remove(scratch)
        raise


def remove(database: Path) -> None:
    """Remove a database file and what SQLite keeps beside it."""
    for suffix in (*_LOGS, ""):  # a log that outlived its database would be taken for another one's
        storage.disk.remove(database.with_name(database.name + suffix))


def open_readonly(path: Path) -> Database:
    """Open the database of the index folder `path` for reading only, in a transaction: a snapshot of one generation.

    :raises NothingUsableError: there is no index.
    :raises IndexCorruptError: it is not one of ours, is damaged, or is of another format.
    """
    if not (path / DATABASE).exists():
        raise NothingUsableError(f"no index at {path}: run `ragqa index` first")
    connection = _connect(path, "ro", os.O_RDONLY)
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


@contextmanager
def guarded(connection: Database) -> Iterator[None]:
    """Close the connection on any error; say which file is damaged where SQLite finds it to be."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        connection.close()
        file = connection.path / DATABASE
        raise IndexCorruptError(f"{file} is damaged ({error}): run `ragqa index FILE --rebuild`") from error
    except BaseException:
        connection.close()
        raise


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


def segments(connection: sqlite3.Connection) -> list[tuple[int, int, str]]:
    """Return (first row, number of rows, SHA-256) of each segment. Together their rows have no gap."""
    return connection.execute("SELECT first_row, n, sha256 FROM segment ORDER BY first_row").fetchall()


def next_row(connection: sqlite3.Connection) -> int:
    """Return the row of the next vector. Rows are not used again while their segment is named."""
    return int(connection.execute("SELECT coalesce(max(first_row + n), 1) FROM segment").fetchone()[0])


def vector_key(text: str) -> str:
    """Return the SHA-256 of what is embedded; with the index's identity it names the vector."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def find_vector(connection: sqlite3.Connection, chunk: Chunk) -> int | None:
    """Return the row of the vector of a chunk's text, None where it was never embedded."""
    key = vector_key(chunk.indexed_text)
    row = connection.execute("SELECT row FROM vector WHERE key = ?", (key,)).fetchone()
    return row[0] if row else None


def row_hash(table: str, values: tuple[Any, ...]) -> int:
    """Return the SHA-256 of a row as a number. The digest of a commit is their sum over `TRUTH`, modulo 2 ** 256."""
    return int.from_bytes(hashlib.sha256(json.dumps([table, *values]).encode()).digest(), "big")


def digest(connection: sqlite3.Connection) -> str:
    """Return the digest of all rows of `TRUTH`, recomputed."""
    rows = ((table, row) for table in TRUTH for row in connection.execute(f"SELECT * FROM {table}"))
    return as_digest(sum(row_hash(table, row) for table, row in rows))


def as_digest(total: int) -> str:
    """Return a sum of row hashes as text."""
    return f"{total % (1 << 256):064x}"


def _connect(path: Path, mode: str, flags: int) -> Database:
    uri = f"{(path / DATABASE).absolute().as_uri()}?mode={mode}"
    if mode == "ro" and not os.access(path, os.W_OK):
        uri += "&immutable=1"  # on a read-only medium there is no writer, and no room for the log's index
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, factory=Database)
    try:
        connection.hold(path, flags)
        _check_format(connection)
    except BaseException:
        connection.close()
        raise
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    return connection


def _check_format(connection: Database) -> None:
    """Refuse a file of another kind or format by its first 100 bytes; no byte of it is changed.

    Where a log lies on top of the file, a crash may have torn those bytes: then what the log says counts.
    """
    file = connection.path / DATABASE
    header = connection.header()
    if connection.log_size() and not _is_ours(header):
        with guarded(connection):
            application, found = (
                connection.execute(f"PRAGMA {key}").fetchone()[0] for key in ("application_id", "user_version")
            )
    elif len(header) < 100 or not header.startswith(b"SQLite format 3\0"):
        raise IndexCorruptError(f"{file} is damaged (not a database): run `ragqa index FILE --rebuild`")
    else:
        application, found = int.from_bytes(header[68:72], "big"), int.from_bytes(header[60:64], "big")
    if application != APPLICATION_ID:
        raise IndexCorruptError(f"{file} is not an index of ragqa: choose another index.path")
    if found > FORMAT_VERSION:
        raise IndexCorruptError(f"{file.parent} has format {found}; this ragqa reads {FORMAT_VERSION}: upgrade ragqa")
    if found < FORMAT_VERSION:
        raise IndexCorruptError(
            f"{file.parent} has format {found}, from before the first release; this ragqa reads {FORMAT_VERSION}: "
            "remove it and run `ragqa index` again"
        )


def _is_ours(header: bytes) -> bool:
    return header.startswith(b"SQLite format 3\0") and header[68:72] == APPLICATION_ID.to_bytes(4, "big")
