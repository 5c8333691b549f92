"""The seal: generation and SHA-256 of the database after a commit. This table gives the result of a comparison:

seal matches the file          intact (the log, if any, has its own checksums)
seal is of this generation,
    and does not match         damaged database
seal says "log kept", and its
    generation is missing      damaged log
seal is of another generation  a crash between commit and seal, or a restored copy: the rows are checked

The log is kept if a reader still has it open when the writer ends.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from ragqa import text_analysis
from ragqa.errors import IndexCorruptError
from ragqa.index import durable, lexical, place, tables
from ragqa.index.connection import Connection, as_ours
from ragqa.index.place import DATABASE

FILE = place.SEAL
PATIENCE = 0.5
_PATIENCE_PER_BYTE = 2e-9
"""Seconds for each byte of the database that a reader waits for a writer's seal. A seal needs a hash of the
database."""

_sound: deque[tuple[int, ...]] = deque(maxlen=64)
"""The latest states of databases whose rows this process has checked."""


@dataclass(frozen=True, slots=True)
class Seal:
    """The latest generation, the SHA-256 of the database file, and whether there are commits in its log."""

    generation: int
    sha256: str
    log: bool


def write(db: Connection, generation: int, *, log: bool) -> None:
    """Seal a database.

    :raises OSError: the disk is full.
    """
    lines = ("ragqa seal 1", f"generation {generation}", f"sha256 {db.sha256()}", f"log {'kept' if log else 'empty'}")
    text = "".join(f"{line}\n" for line in lines).encode()
    durable.replace(db.path / FILE, text + f"check {hashlib.sha256(text).hexdigest()}\n".encode())


def read(path: Path) -> Seal | None:
    """Return the seal, None where there is none or it is damaged."""
    try:
        handle = place.open_file(path / FILE)
    except FileNotFoundError:
        return None
    with os.fdopen(handle, "rb") as stream:
        match = place.SEAL_FORM.fullmatch(stream.read(1000))
    if match is None or hashlib.sha256(match[1]).hexdigest() != match[5].decode():
        return None
    return Seal(int(match[2]), match[3].decode(), match[4] == b"kept")


def verify(db: Connection, generation: int, *, alone: bool = False) -> None:
    """Refuse a database whose content differs from the last commit.

    :param alone: the caller holds the lock. Otherwise `db` must be in a transaction, and a writer that is between
        commit and seal is given time to seal.
    :raises IndexCorruptError: the database is damaged.
    """
    patience = 0.0 if alone else PATIENCE + _PATIENCE_PER_BYTE * db.size()
    deadline = time.monotonic() + patience
    while True:
        sealed = read(db.path)
        if sealed and is_log_lost(sealed, generation):
            raise IndexCorruptError(
                f"{db.path / DATABASE}-wal is damaged: generation {sealed.generation} was committed, {generation} is left: "
                "restore a copy, or run `ragqa index FILE --rebuild`"
            )
        # 1. the bytes are the sealed ones
        if sealed and sealed.sha256 == db.sha256():
            return
        if sealed and sealed.generation == generation:
            raise IndexCorruptError(
                f"{db.path / DATABASE} does not match its seal: run `ragqa doctor {db.path}` to see what is left"
            )
        # 2. the seal is of another generation: this process has checked the rows before, or a writer will seal soon
        state = db.state()
        if state in _sound:
            return
        if time.monotonic() >= deadline:
            break
        time.sleep(0.01)
    # 3. no writer has sealed it: check the rows themselves
    lost = rows_problem(db)
    problems = [lost] if lost else database_problems(db) or fulltext_problems(db)
    if problems:
        raise IndexCorruptError(f"{db.path / DATABASE} is damaged: {problems[0]}: run `ragqa doctor {db.path}`")
    _sound.append(state)


def is_log_lost(sealed: Seal, generation: int) -> bool:
    """Tell whether the commits in the log are lost."""
    return sealed.log and generation < sealed.generation


def rows_problem(db: Connection) -> str | None:
    """Compare digest and counts of the primary rows with those recorded; return a sentence where they differ, else
    None.
    """
    try:
        last = "SELECT documents, chunks, vectors, digest FROM commit_log ORDER BY generation DESC LIMIT 1"
        *counts, digest = db.execute(last).fetchone()
        if tables.digest(db) != digest:
            return "its rows are not those that were committed (digest)"
        actual = [tables.count(db, table) for table in ("document", "chunk", "vector")]
        return None if actual == counts else f"it has {actual} documents, chunks and vectors instead of {counts}"
    except (sqlite3.DatabaseError, ValueError, TypeError) as error:
        return f"its rows cannot be read ({_damage(error, db)})"


def database_problems(db: Connection) -> list[str]:
    """Return the faults that SQLite's own check finds in the pages and indexes of the database."""
    try:
        lines = [" ".join(row[0].split()) for row in db.execute("PRAGMA integrity_check(3)") if row[0] != "ok"]
    except sqlite3.DatabaseError as error:
        return [f"structure: {_damage(error, db)}"]
    return [f"structure: {line}" for line in lines]


def fulltext_problems(db: Connection) -> list[str]:
    """Compare the postings with the texts of the chunks; return the faults."""
    try:
        if lexical.version(db) != text_analysis.VERSION:
            return []  # they are of an earlier version and not damaged: the next writer makes them anew
        return lexical.problems(db)
    except (sqlite3.DatabaseError, ValueError) as error:
        return [f"full text: {_damage(error, db)}"]


def _damage(error: Exception, db: Connection) -> Exception:
    """Return an error that means damage; raise any other error, such as that of a full disk."""
    if isinstance(error, sqlite3.Error) and not isinstance(ours := as_ours(error, db.path), IndexCorruptError):
        raise ours from error
    return error
