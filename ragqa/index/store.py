"""The database file: its schema, and how it is opened."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from pathlib import Path

from ragqa.errors import IndexCorruptError, NothingUsableError
from ragqa.records import Chunk

DATABASE = "ragqa.db"
FORMAT_VERSION = 1
APPLICATION_ID = 0x72616771  # "ragq"

SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE commit_log (generation INTEGER PRIMARY KEY, created TEXT NOT NULL, documents INTEGER NOT NULL,
    chunks INTEGER NOT NULL) STRICT;
CREATE TABLE document (id TEXT NOT NULL, sha256 TEXT NOT NULL, media_type TEXT NOT NULL, encoding TEXT,
    title TEXT NOT NULL, extractor TEXT NOT NULL, page_starts TEXT NOT NULL, metadata TEXT NOT NULL, text TEXT NOT NULL,
    born INTEGER NOT NULL, dead INTEGER) STRICT;
CREATE UNIQUE INDEX document_alive ON document (id) WHERE dead IS NULL;
CREATE TABLE source (source TEXT NOT NULL, document_id TEXT NOT NULL, born INTEGER NOT NULL, dead INTEGER) STRICT;
CREATE UNIQUE INDEX source_alive ON source (source) WHERE dead IS NULL;
CREATE INDEX source_document ON source (document_id);
CREATE TABLE chunk (row INTEGER PRIMARY KEY, id TEXT NOT NULL, document_id TEXT NOT NULL, start INTEGER NOT NULL,
    end INTEGER NOT NULL, page INTEGER, context TEXT NOT NULL, text TEXT NOT NULL, vector_key TEXT NOT NULL,
    born INTEGER NOT NULL, dead INTEGER) STRICT;
CREATE INDEX chunk_document ON chunk (document_id, start);
CREATE INDEX chunk_vector ON chunk (vector_key);
CREATE TABLE segment (first_row INTEGER PRIMARY KEY, n INTEGER NOT NULL, sha256 TEXT NOT NULL, born INTEGER NOT NULL,
    dead INTEGER) STRICT;
CREATE VIRTUAL TABLE fulltext USING fts5 (context, text, content='chunk', content_rowid='row',
    tokenize="porter unicode61 remove_diacritics 2");
"""


def create(path: Path, identity: dict[str, str]) -> sqlite3.Connection:
    """Open the database of the index folder `path` for writing, making it where there is none.

    The schema, the identity and generation 0 appear in one transaction: a crash leaves all of it or nothing.
    """
    connection = sqlite3.connect(path / DATABASE, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    _harden(connection)
    if _table_count(connection, path) == 0:
        # executescript would commit first, so the statements run one by one inside the transaction
        connection.execute("BEGIN IMMEDIATE")
        for statement in SCHEMA.split(";\n"):
            if statement.strip():
                connection.execute(statement)
        connection.execute("INSERT INTO meta VALUES ('identity', ?)", (json.dumps(identity, sort_keys=True),))
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
        connection.execute("COMMIT")
    _check_format(connection, path)
    return connection


def open_readonly(path: Path) -> sqlite3.Connection:
    """Open the database of the index folder `path` for reading only.

    :raises NothingUsableError: there is no index.
    :raises IndexCorruptError: it is not one of ours, is damaged, or is of a newer format.
    """
    file = path / DATABASE
    if not file.exists():
        raise NothingUsableError(f"no index at {path}: run `ragqa index` first")
    connection = sqlite3.connect(
        f"{file.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
    )
    _harden(connection)
    if _table_count(connection, path) == 0:
        connection.close()
        raise NothingUsableError(f"the index at {path} is empty: run `ragqa index` first")
    _check_format(connection, path)
    if generation(connection) == 0:
        connection.close()
        raise NothingUsableError(f"no index at {path} yet: the run that began it was interrupted; run it again")
    return connection


def generation(connection: sqlite3.Connection) -> int:
    """Return the number of the latest commit; 0 before the first."""
    value = connection.execute("SELECT coalesce(max(generation), 0) FROM commit_log").fetchone()[0]
    return int(value)


def identity(connection: sqlite3.Connection) -> dict[str, str]:
    """Return the identity that the index was built with."""
    row = connection.execute("SELECT value FROM meta WHERE key = 'identity'").fetchone()
    stored: dict[str, str] = json.loads(row[0])
    return stored


def rejected(connection: sqlite3.Connection) -> dict[str, tuple[str, str]]:
    """Return (document id, reason) by source of the files that the last run could not use."""
    row = connection.execute("SELECT value FROM meta WHERE key = 'rejected'").fetchone()
    return {source: (id, reason) for source, (id, reason) in json.loads(row[0]).items()} if row else {}


def vector_key(chunk: Chunk) -> str:
    """Return the SHA-256 of what is embedded; with the index's identity it names the vector."""
    return hashlib.sha256(chunk.indexed_text.encode("utf-8", "surrogatepass")).hexdigest()


def find_vector(connection: sqlite3.Connection, key: str) -> tuple[str, int, int] | None:
    """Return where the vector of a key is stored: its segment, how many rows that has, and its row; None if nowhere."""
    found: tuple[str, int, int] | None = connection.execute(
        "SELECT s.sha256, s.n, c.row - s.first_row FROM chunk c JOIN segment s "
        "ON c.row >= s.first_row AND c.row < s.first_row + s.n AND s.dead IS NULL WHERE c.vector_key = ? LIMIT 1",
        (key,),
    ).fetchone()
    return found


def exists(path: Path) -> bool:
    """Tell whether the index folder `path` holds a commit."""
    try:
        open_readonly(path).close()
    except NothingUsableError:
        return False
    return True


def _harden(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")


def _table_count(connection: sqlite3.Connection, path: Path) -> int:
    try:
        return int(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    except sqlite3.DatabaseError as error:
        connection.close()
        raise IndexCorruptError(
            f"{path / DATABASE} is damaged ({error}): remove {path} and run `ragqa index`"
        ) from error


def _check_format(connection: sqlite3.Connection, path: Path) -> None:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if application == APPLICATION_ID and found <= FORMAT_VERSION:
        return
    connection.close()
    if application != APPLICATION_ID:
        raise IndexCorruptError(f"{path / DATABASE} is not an index of ragqa")
    raise IndexCorruptError(f"{path} has format {found}; this ragqa reads up to {FORMAT_VERSION}: upgrade ragqa")
