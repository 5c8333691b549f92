"""The only way to change an index: a transaction under the lock, then the seal."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ragqa import points, text_analysis
from ragqa.errors import IndexCorruptError, IndexFormatError, NothingUsableError, ResourceError
from ragqa.index import connection, durable, lexical, lock, place, seal, tables
from ragqa.index.identity import refuse_other

_MARGIN_BYTES = 1 << 20
_NOTE_INTERRUPTED = "user-defined function raised exception"
"""SQLite's message when Ctrl-C arrives while it calls `note`. `note` itself raises no error."""

_LOG_BYTES = 64 << 20
"""A run seals between its commits when the log is longer than this plus an eighth of the database. It does not seal
more often, because a seal reads the whole database, and the log has its own checksums."""


class Publisher:
    """Holds the lock of an index and publishes generations; a context manager.

    :param identity: the parameters that vectors and chunks depend on; it must equal the identity that the index was
        built with. None opens the existing index with its own identity.
    :param rebuild: everything will be replaced, so that the index may be damaged or have another identity.
    :param wait: seconds to wait for another writer.
    :raises NothingUsableError: there is no index, and `identity` is None.
    :raises LockedError: another process writes this index.
    :raises ModelError: the identity differs; the message names the field and both values.
    :raises IndexCorruptError: the index is damaged.
    :raises RefusedError: the folder holds other files and no index, or links.
    """

    def __init__(
        self, path: Path, identity: Mapping[str, str] | None, *, rebuild: bool = False, wait: float = 0.0
    ) -> None:
        self.path = path
        self.folder = path / place.SEGMENTS
        if identity is None and not tables.exists(path):
            raise NothingUsableError(f"no index at {path}")
        place.claim(path)
        self._uncertain = False
        self._lock = lock.acquire(path, wait)
        try:
            self.db = self._open(rebuild)
            with connection.guarded(self.db), self._sealed_after_an_error():
                stored = tables.meta(self.db, "identity")
                self.identity = dict(identity) if identity is not None else stored
                if self.generation and not rebuild:
                    refuse_other(path, stored, self.identity)
                self.dim = int(self.identity["dim"])
                self._delta = 0
                self._follow_changes()
                if lexical.version(self.db) != text_analysis.VERSION:
                    with self.publication():
                        tables.renew_terms(self.db)
        except BaseException:
            lock.release(self._lock)
            raise

    @contextmanager
    def _sealed_after_an_error(self) -> Iterator[None]:
        """Seal on an error, before the database is closed. Closing moves the log into the file."""
        try:
            yield
        except BaseException:
            with contextlib.suppress(ResourceError, sqlite3.Error):  # the original error is more informative
                if self.generation:
                    self.seal(patience_ms=2000)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # an error from closing would hide the original error
        with contextlib.suppress(ResourceError, sqlite3.Error) if error else contextlib.nullcontext():
            self.close()

    def close(self) -> None:
        """Seal the commits that are not sealed yet, remove files that are not referred to, and release the lock.

        :raises ResourceError: the disk is full; all commits are kept.
        """
        try:
            if self.generation:
                self.seal(patience_ms=2000)
        finally:
            with contextlib.suppress(OSError):  # `doctor` lists remaining files, and the next writer removes them
                self.remove_orphans()
            self.db.close()
            lock.release(self._lock)

    def _open(self, rebuild: bool) -> connection.Connection:
        """Return the database after its check. For a rebuild, an empty database replaces a damaged one."""
        try:
            db = tables.create(self.path)
            with connection.guarded(db):
                if generation := tables.generation(db):
                    seal.verify(db, generation, alone=True)
            return db
        except IndexFormatError:
            raise
        except IndexCorruptError:
            if not rebuild:
                raise
            durable.remove(
                self.path / seal.FILE
            )  # a damaged index cannot be read, so it is not kept until the first commit
            tables.remove(self.path / place.DATABASE)
            return tables.create(self.path)

    @property
    def generation(self) -> int:
        """Return the number of the latest commit."""
        return tables.generation(self.db)

    def count(self, table: str) -> int:
        return tables.count(self.db, table)

    def need_space(self, size: int) -> None:
        free = shutil.disk_usage(self.path).free
        if free < size + _MARGIN_BYTES:
            raise ResourceError(
                f"{self.path} needs {(size + _MARGIN_BYTES) / 1e6:,.1f} MB, {free / 1e6:,.1f} MB are free; "
                f"index unchanged (generation {self.generation})"
            )

    @contextmanager
    def publication(self) -> Iterator[None]:
        """Make one commit: the changes inside the `with` block become visible as a whole, or not at all."""
        self._delta = 0
        points.reached("commit begun")
        try:
            self.db.execute("BEGIN IMMEDIATE")
            before = self._digest()
            yield
            tables.log_commit(self.db, tables.as_digest(before + self._delta))
            points.reached("transaction written")
            self.db.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if str(error) == _NOTE_INTERRUPTED:
                self._roll_back()
                raise KeyboardInterrupt from error
            # after a failed sync, a crash may leave this generation or the one before: the files of both must be kept
            self._uncertain = getattr(error, "sqlite_errorname", "") == "SQLITE_IOERR_FSYNC"
            self._roll_back()
            kept = f"it holds generation {self.generation}{' or the next' if self._uncertain else ''}"
            raise ResourceError(f"cannot commit to {self.path}: {error}; {kept}") from error
        except BaseException:
            self._roll_back()
            raise
        points.reached("transaction committed")
        if self.db.log_size() > _LOG_BYTES + self.db.size() // 8:
            # a commit is durable without a seal; `close` tries again, and reports a failure
            with contextlib.suppress(ResourceError):
                self.seal(patience_ms=100)

    def _digest(self) -> int:
        """Return the digest of the latest commit as a number, 0 before the first."""
        row = self.db.execute("SELECT digest FROM commit_log ORDER BY generation DESC LIMIT 1").fetchone()
        try:
            return int(row[0], 16) if row else 0
        except (TypeError, ValueError) as error:
            raise IndexCorruptError(f"{self.path / place.DATABASE} is damaged (commit_log)") from error

    def _roll_back(self) -> None:
        """Undo the open transaction, and remove the files that it wrote."""
        with contextlib.suppress(sqlite3.OperationalError):
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
        with contextlib.suppress(OSError, sqlite3.OperationalError):
            self.remove_orphans()

    def seal(self, patience_ms: int) -> bool:
        """Move the log into the database file and seal that file; return False where the log is not empty then.

        :param patience_ms: how long to wait for readers of earlier generations. Readers of the present one are not waited
            for: they may stay open for long, and read from the log, which is then emptied by the next run.
        :raises ResourceError: the disk is full; all commits are kept.
        """
        try:
            return self._seal(patience_ms)
        except (OSError, sqlite3.OperationalError) as error:
            raise ResourceError(
                f"{self.path}: generation {self.generation} is committed and kept, but cannot be sealed: {error}"
            ) from error

    def _seal(self, patience_ms: int) -> bool:
        """Move the log into the file and write the seal; return False where the log could not be emptied."""
        sealed = seal.read(self.path)
        if sealed and sealed.generation == self.generation:
            if not self.db.log_size() and not sealed.log:
                return True
            # a crash in `rewrite` has left a log that changes the file without a new generation
            durable.remove(self.path / seal.FILE)
        kept = self._checkpoint("FULL", patience_ms) or self._checkpoint("TRUNCATE", 0)
        self.db.execute(f"PRAGMA busy_timeout = {patience_ms}")
        points.reached("log emptied")
        seal.write(self.db, self.generation, log=kept)
        points.reached("sealed")
        return not kept

    def _checkpoint(self, mode: str, patience_ms: int) -> bool:
        """Move the log into the file; return True where readers did not leave in time."""
        self.db.execute(f"PRAGMA busy_timeout = {patience_ms}")
        return bool(self.db.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()[0])

    def remove_orphans(self) -> list[Path]:
        """Remove and return the index's files that no generation refers to, after a crash or a compaction."""
        orphans = [] if self._uncertain else orphan_files(self.db, self.path)
        for path in orphans:
            durable.disk.remove(path)
        return orphans

    def _follow_changes(self) -> None:
        """Update the digest by triggers of this connection, so that every statement that changes a row is counted."""

        def note(sign: int, table: str, *values: Any) -> None:
            self._delta += sign * tables.row_hash(table, values)

        self.db.create_function("note", -1, note)
        for table in tables.PRIMARY_TABLES:
            columns = [row[1] for row in self.db.execute(f"PRAGMA table_info({table})")]
            new, old = (", ".join(f"{which}.{column}" for column in columns) for which in ("NEW", "OLD"))
            gain, loss = f"SELECT note(1, '{table}', {new});", f"SELECT note(-1, '{table}', {old});"
            for event, action in (("INSERT", gain), ("DELETE", loss), ("UPDATE", loss + gain)):
                self.db.execute(f"CREATE TEMP TRIGGER {table}_{event} AFTER {event} ON main.{table} BEGIN {action} END")


def orphan_files(db: connection.Connection, path: Path) -> list[Path]:
    """Return the index's files in its folder that no generation refers to."""
    return place.orphans(path, named_files(db))


def named_files(db: connection.Connection) -> set[str]:
    """Return the names of the files of vectors that the database refers to."""
    named = {f"{name}.f32" for _, _, name in tables.segments(db) if name}
    return named | {f"{name}.ann" for (name,) in db.execute("SELECT sha256 FROM ann")}
