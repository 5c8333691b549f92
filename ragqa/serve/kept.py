"""The file of conversations: one SQLite database, in which every row belongs to a token.

Only the user of the server can read the file. What is deleted is overwritten, and leaves the log of the database too. A
conversation of another token is as unknown as one that never was: the owner stands in every WHERE.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ragqa import outputs
from ragqa.errors import RefusedError, UsageError
from ragqa.serve.errors import HttpError
from ragqa.serve.log import LOG

MOST_CONVERSATIONS = 1_000
"""The most conversations of one token."""
MOST_TURNS = 500
"""The most turns of one conversation."""
MOST_BYTES = 100 << 20
"""The most bytes of all turns of one token."""
TURN_BYTES = 1 << 20
"""The most bytes of a turn."""
WAIT_SECONDS = 10.0
"""How long another program that uses the file is waited for."""
APPLICATION_ID = 0x72616763
_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
_SCHEMA = f"""
PRAGMA application_id = {APPLICATION_ID};
CREATE TABLE conversation (id TEXT PRIMARY KEY, owner TEXT NOT NULL, title TEXT NOT NULL, created TEXT NOT NULL,
    updated TEXT NOT NULL) STRICT;
CREATE INDEX conversation_owner ON conversation (owner, updated);
CREATE TABLE turn (conversation TEXT NOT NULL REFERENCES conversation (id), owner TEXT NOT NULL, n INTEGER NOT NULL,
    answer TEXT NOT NULL, generation INTEGER NOT NULL, PRIMARY KEY (conversation, n)) STRICT;
CREATE INDEX turn_owner ON turn (owner, length(answer));
"""


@dataclass(frozen=True, slots=True)
class KeptTurn:
    """A question with its answer as it was sent, and the number of the index's commit then."""

    answer: dict[str, Any]
    generation: int

    @property
    def question(self) -> str:
        """Return the question."""
        return str(self.answer["question"])


@dataclass(frozen=True, slots=True)
class KeptConversation:
    """A conversation with all of its turns."""

    id: str
    title: str
    created: str
    turns: tuple[KeptTurn, ...]


class Kept:
    """The conversations of all tokens. Its methods may be called from several threads at once; one works at a time.

    Each takes the name of the token that asks, and raises `HttpError` 404 where that token has no such conversation.

    :param path: the file, which is made where there is none.
    :raises RefusedError: it is a link, or other users of this machine may open it.
    :raises UsageError: it is another file, or cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._guard = threading.Lock()
        _make(path)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=WAIT_SECONDS)
        self._log_is_full = False
        try:
            self._open()
        except sqlite3.Error as error:
            self._db.close()
            raise UsageError(f"serve.conversations: {path}: {error}; name another file") from None

    def close(self) -> None:
        """Close the file."""
        with self._guard:
            self._db.close()

    def begin(self, owner: str, title: str) -> str:
        """Begin a conversation; return its id.

        :raises HttpError: 409 where the token has too many.
        """
        id_, now = secrets.token_hex(16), _now()
        with self._changing():
            if self._one("SELECT count(*) FROM conversation WHERE owner = ?", owner) >= MOST_CONVERSATIONS:
                raise _full(f"a token has at most {MOST_CONVERSATIONS:,} conversations: delete some")
            self._db.execute("INSERT INTO conversation VALUES (?, ?, ?, ?, ?)", (id_, owner, title, now, now))
        return id_

    def listing(self, owner: str) -> list[dict[str, Any]]:
        """Return the conversations of a token as plain data, the one that was changed last first."""
        statement = (
            "SELECT id, title, created, updated, (SELECT count(*) FROM turn WHERE conversation = c.id AND owner = c.owner) "
            "FROM conversation c WHERE owner = ? ORDER BY updated DESC, id"
        )
        with self._using():
            rows = self._db.execute(statement, (owner,)).fetchall()
        return [dict(zip(("id", "title", "created", "updated", "turns"), row, strict=True)) for row in rows]

    def read(self, owner: str, id_: str) -> KeptConversation:
        """Return a conversation."""
        with self._using():
            title, created = self._find(owner, id_)
            statement = "SELECT answer, generation FROM turn WHERE conversation = ? AND owner = ? ORDER BY n"
            rows = self._db.execute(statement, (id_, owner)).fetchall()
        turns = tuple(KeptTurn(json.loads(answer), generation) for answer, generation in rows)
        return KeptConversation(id_, title, created, turns)

    def recent(self, owner: str, id_: str, before: int, most: int) -> tuple[int, list[KeptTurn]]:
        """Return how many turns a conversation has, and the last ones of a number below `before`, the oldest first."""
        statement = (
            "SELECT answer, generation FROM turn WHERE conversation = ? AND owner = ? AND n < ? ORDER BY n DESC LIMIT ?"
        )
        with self._using():
            self._find(owner, id_)
            count = self._one("SELECT count(*) FROM turn WHERE conversation = ? AND owner = ?", id_, owner)
            rows = self._db.execute(statement, (id_, owner, before, most)).fetchall()
        return count, [KeptTurn(json.loads(answer), generation) for answer, generation in reversed(rows)]

    def keep(self, owner: str, id_: str, turn: KeptTurn, replace_from: int | None = None) -> int:
        """Add a turn to a conversation; return its number, from 0.

        :param replace_from: the number of the first turn that is removed before; None for none.
        :raises HttpError: 409 where there is no place for it; nothing is changed then.
        """
        text = json.dumps(turn.answer)  # in ASCII, which has no half of a surrogate pair
        with self._changing():
            self._find(owner, id_)
            first = MOST_TURNS if replace_from is None else replace_from
            removed = self._db.execute(
                "DELETE FROM turn WHERE conversation = ? AND owner = ? AND n >= ?", (id_, owner, first)
            ).rowcount
            count = self._one("SELECT count(*) FROM turn WHERE conversation = ? AND owner = ?", id_, owner)
            size = self._one("SELECT coalesce(sum(length(answer)), 0) FROM turn WHERE owner = ?", owner)
            if count >= MOST_TURNS or len(text) > TURN_BYTES or size + len(text) > MOST_BYTES:
                raise _full(
                    f"a conversation has at most {MOST_TURNS} turns of {TURN_BYTES >> 20} MB, and a token {MOST_BYTES >> 20} MB"
                )
            self._db.execute("INSERT INTO turn VALUES (?, ?, ?, ?, ?)", (id_, owner, count, text, turn.generation))
            self._db.execute("UPDATE conversation SET updated = ? WHERE id = ? AND owner = ?", (_now(), id_, owner))
        if removed or self._log_is_full:
            self._empty_log()
        return count

    def delete(self, owner: str, id_: str) -> None:
        """Remove a conversation from the file, and from its log."""
        with self._changing():
            self._find(owner, id_)
            self._db.execute("DELETE FROM turn WHERE conversation = ? AND owner = ?", (id_, owner))
            self._db.execute("DELETE FROM conversation WHERE id = ? AND owner = ?", (id_, owner))
        self._empty_log()

    def _open(self) -> None:
        """Make the tables of a new file; refuse one that is something else."""
        with closing(self._db.cursor()) as db:
            db.execute("PRAGMA trusted_schema = OFF")
            if db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
                if db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                    raise sqlite3.DatabaseError("it is another database")
                db.executescript(_SCHEMA)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA secure_delete = ON")
            db.execute("PRAGMA foreign_keys = ON")
            db.execute("PRAGMA temp_store = MEMORY")

    def _find(self, owner: str, id_: str) -> tuple[str, str]:
        """Return the title and the time of a conversation."""
        statement = "SELECT title, created FROM conversation WHERE id = ? AND owner = ?"
        row = self._db.execute(statement, (id_, owner)).fetchone() if _ID.fullmatch(id_) else None
        if row is None:
            raise unknown()
        return row[0], row[1]

    def _one(self, statement: str, *values: str) -> int:
        return int(self._db.execute(statement, values).fetchone()[0])

    def _empty_log(self) -> None:
        """Remove from the log of the database what was deleted; at the next change, where another program reads the file."""
        with self._using():
            self._log_is_full = bool(self._one("PRAGMA wal_checkpoint(TRUNCATE)"))
        if self._log_is_full:
            LOG.warning("another program reads the conversations: what was deleted leaves their log at the next change")

    @contextmanager
    def _using(self) -> Iterator[None]:
        """Use the connection alone; an error of the database is one of the server."""
        with self._guard:
            try:
                yield
            except sqlite3.Error as error:
                raise HttpError(503, "the conversations cannot be used now", retry_after=10) from error

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Make all changes of the block, or none after an error."""
        with self._using():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise


def unknown() -> HttpError:
    """Return the error of an id that is of no conversation, or of one of another token."""
    return HttpError(404, "no conversation of yours has this id", "conversation_not_found", param="conversation")


def _full(message: str) -> HttpError:
    return HttpError(409, message, "conversations_full", param="conversation")


def _make(path: Path) -> None:
    """Make the file, which only this user can open, or check that it is such a file."""
    outputs.check_own(path)
    with outputs.writing(path, "file"):
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            if path.stat().st_mode & 0o077:
                raise RefusedError(f"serve.conversations: others can open {path}: run `chmod 600` on it") from None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
