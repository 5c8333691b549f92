"""The seal: generation and SHA-256 of the database after a commit; and what decides where it does not match.

seal matches the file          intact (a log on top of it has checksums of its own)
seal is of this generation,
    and does not match         damaged
seal is of another generation  a crash between commit and seal, or a copy put back: the logical check decides
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
import time
from pathlib import Path

from ragqa.errors import IndexCorruptError
from ragqa.index import database, storage, store
from ragqa.index.database import Database

FILE = store.SEAL
_FORM = re.compile(rb"(ragqa seal 1\ngeneration (\d+)\nsha256 ([0-9a-f]{64})\n)check ([0-9a-f]{64})\n")
PATIENCE = 0.5
_PATIENCE_PER_BYTE = 2e-9
"""How many seconds a writer is given to seal what it committed: it has to hash the database."""

_sound: set[tuple[int, ...]] = set()


def write(db: Database, generation: int) -> None:
    """Seal a database whose log is empty. :raises OSError: the disk is full."""
    text = f"ragqa seal 1\ngeneration {generation}\nsha256 {db.sha256()}\n".encode()
    storage.replace(db.path / FILE, text + f"check {hashlib.sha256(text).hexdigest()}\n".encode())


def read(path: Path) -> tuple[int, str] | None:
    """Return (generation, SHA-256), None where there is no seal or it is damaged."""
    try:
        match = _FORM.fullmatch((path / FILE).read_bytes())
    except FileNotFoundError:
        return None
    if match is None or hashlib.sha256(match[1]).hexdigest() != match[4].decode():
        return None
    return int(match[2]), match[3].decode()


def verify(db: Database, generation: int, *, alone: bool = False) -> None:
    """Let only a database pass that says what was committed.

    :param alone: the caller holds the lock; else a writer that is between commit and seal is given time to end, and
        `db` must be in a transaction.
    :raises IndexCorruptError: it is damaged.
    """
    patience = 0.0 if alone else PATIENCE + _PATIENCE_PER_BYTE * db.size()
    deadline = time.monotonic() + patience
    while True:
        sealed = read(db.path)
        if sealed and sealed[1] == db.sha256():
            return
        if sealed and sealed[0] == generation:
            raise IndexCorruptError(
                f"{db.path / database.DATABASE} does not match its seal: run `ragqa doctor {db.path}` to see what is left"
            )
        state = db.state()
        if state in _sound:
            return
        if time.monotonic() >= deadline:
            break
        time.sleep(0.01)
    lost = rows_problem(db)
    problems = [lost] if lost else structure_problems(db) or fulltext_problems(db)
    if problems:
        raise IndexCorruptError(
            f"{db.path / database.DATABASE} is damaged: {problems[0]}: run `ragqa doctor {db.path}`"
        )
    _sound.add(state)


def rows_problem(db: sqlite3.Connection) -> str | None:
    """Return what is wrong with the rows that cannot be derived: their digest and counts; None where they are whole."""
    try:
        last = "SELECT documents, chunks, vectors, digest FROM commit_log ORDER BY generation DESC LIMIT 1"
        *counts, digest = db.execute(last).fetchone()
        if store.digest(db) != digest:
            return "its rows are not those that were committed (digest)"
        actual = [
            db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("document", "chunk", "vector")
        ]
        return None if actual == counts else f"it has {actual} documents, chunks and vectors instead of {counts}"
    except (sqlite3.DatabaseError, ValueError, TypeError) as error:
        return f"its rows cannot be read ({error})"


def structure_problems(db: Database) -> list[str]:
    """Return what is wrong with pages and indexes of the database, by SQLite's own check."""
    try:
        found = [" ".join(row[0].split()) for row in db.execute("PRAGMA integrity_check(3)") if row[0] != "ok"]
    except sqlite3.DatabaseError as error:
        return [f"structure: {error}"]
    return [f"structure: {line}" for line in found]


def fulltext_problems(db: sqlite3.Connection) -> list[str]:
    """Return what is wrong with the full text, checked in a temporary copy: the check needs write access."""
    copy = sqlite3.connect("")
    try:
        db.backup(copy)
        copy.execute("INSERT INTO fulltext (fulltext, rank) VALUES ('integrity-check', 1)")
    except sqlite3.DatabaseError as error:
        return [f"full text: {error}"]
    finally:
        copy.close()
    return []
