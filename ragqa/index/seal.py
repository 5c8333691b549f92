"""The seal: generation and SHA-256 of the database after a commit; and what decides where it does not match.

seal matches the file          intact (a log on top of it has checksums of its own)
seal is of this generation,
    and does not match         damaged
seal is of another generation  a crash between commit and seal, or a copy put back: the logical check decides
"""

from __future__ import annotations

import re
import sqlite3
import time
from pathlib import Path

from ragqa.errors import IndexCorruptError
from ragqa.index import storage, store
from ragqa.index.store import Database

FILE = "SEAL"
_FORM = re.compile(rb"ragqa seal 1\ngeneration (\d+)\nsha256 ([0-9a-f]{64})\n")
_PATIENCE = 0.5
_sound: set[tuple[int, ...]] = set()


def write(db: Database, generation: int) -> None:
    """Seal a database whose log is empty. :raises OSError: the disk is full."""
    text = f"ragqa seal 1\ngeneration {generation}\nsha256 {db.sha256()}\n"
    storage.replace(db.path / FILE, text.encode())


def remove(path: Path) -> None:
    """Remove the seal, so that it is gone after a power cut too."""
    (path / FILE).unlink()
    storage.sync_folder(path)


def read(path: Path) -> tuple[int, str] | None:
    """Return (generation, SHA-256), None where there is no seal or it is damaged."""
    file = path / FILE
    match = _FORM.fullmatch(file.read_bytes()) if file.exists() else None
    return (int(match[1]), match[2].decode()) if match else None


def verify(db: Database, generation: int) -> None:
    """Let only a database pass that says what was committed; `db` is in a transaction.

    A writer that is between commit and seal is given half a second.

    :raises IndexCorruptError: it is damaged.
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        sealed = read(db.path)
        if sealed and sealed[1] == db.sha256():
            return
        if sealed and sealed[0] == generation:
            raise IndexCorruptError(
                f"{db.path / store.DATABASE} does not match its seal: run `ragqa doctor {db.path}` to see what is left"
            )
        state = db.state()
        if state in _sound:
            return
        if time.monotonic() >= deadline:
            break
        time.sleep(0.01)
    problems = logical_problems(db)
    if problems:
        raise IndexCorruptError(f"{db.path / store.DATABASE} is damaged: {problems[0]}: run `ragqa doctor {db.path}`")
    _sound.add(state)


def logical_problems(db: Database) -> list[str]:
    """Return what is wrong with the truth and the full text; [] where the database says exactly what was committed."""
    return truth_problems(db) or fulltext_problems(db)


def truth_problems(db: Database) -> list[str]:
    """Return what is wrong with the tables that cannot be derived: structure, digest, counts."""
    try:
        found = [row[0] for row in db.execute("PRAGMA integrity_check(3)") if row[0] != "ok"]
        if found:
            return [f"structure: {' '.join(found[0].split())}"]
        last = "SELECT documents, chunks, vectors, digest FROM commit_log ORDER BY generation DESC LIMIT 1"
        *counts, digest = db.execute(last).fetchone()
        if store.digest(db) != digest:
            return ["its rows are not those that were committed (digest)"]
        tables = ("document", "chunk", "vector")
        actual = [db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]
        return [] if actual == counts else [f"it has {actual} documents, chunks and vectors instead of {counts}"]
    except (sqlite3.DatabaseError, ValueError, TypeError) as error:
        return [f"structure: {error}"]


def fulltext_problems(db: Database) -> list[str]:
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
