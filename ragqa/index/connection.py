"""A connection to the database file of an index: its format, its locks, and the hash of its bytes."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ragqa import forks
from ragqa.errors import IndexCorruptError, IndexFormatError, LockedError, RagqaError, ResourceError, UsageError
from ragqa.index import durable, place
from ragqa.index.place import APPLICATION_ID, DATABASE

FORMAT_VERSION = 4
_CACHE_KIB = 8_000
"""The memory for pages of the file. With the default, 2,000, a search reads most pages of common words and of chunks anew."""
UPGRADABLE = 2
"""The oldest format that a writer brings up to date. An index of an earlier format has to be built anew."""
_OF_RESOURCES = ("SQLITE_FULL", "SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM")


class Connection(sqlite3.Connection):
    """A connection that can also hash the file it is open on.

    POSIX drops all locks that a process has on a file when the process closes *any* descriptor of that file. So the
    descriptor for hashing is opened once for all connections of the process, and closed after the last of them.
    """

    path: Path
    immutable = False
    """Whether it was opened as a file that nobody changes (immutable), because this process cannot write in its
    folder."""
    opened: tuple[int, ...]
    """The `state` when it was opened."""
    _shared: tuple[int, int]

    def hold(self, path: Path) -> None:
        """Share the descriptor of the database in the index folder `path`."""
        self.path = path
        self._shared = _Descriptors.hold(path / DATABASE)
        self.opened = self.state()

    def sha256(self) -> str:
        """Return the SHA-256 of the database file."""
        return durable.sha256(_Descriptors.of(self._shared))

    def state(self) -> tuple[int, ...]:
        """Return a state that changes whenever the database file or its log changes."""
        status = os.fstat(_Descriptors.of(self._shared))
        times = (status.st_mtime_ns, status.st_ctime_ns)
        return (status.st_dev, status.st_ino, status.st_size, *times, self.log_size())

    def refuse_change(self) -> None:
        """Raise an error where the file was opened without locks and another process has changed it since.

        :raises LockedError: the file was changed.
        """
        if self.immutable and self.state() != self.opened:
            raise LockedError(f"{self.path} was changed by another process while it was read: ask again")

    def header(self) -> bytes:
        """Return the first 100 bytes of the database file; fewer where it is shorter."""
        return os.pread(_Descriptors.of(self._shared), 100, 0)

    def size(self) -> int:
        """Return the length of the database file."""
        return os.fstat(_Descriptors.of(self._shared)).st_size

    def log_size(self) -> int:
        """Return the length of the log of the database file, 0 where there is none."""
        try:
            return (self.path / f"{DATABASE}-wal").stat().st_size
        except FileNotFoundError:
            return 0

    def close(self) -> None:
        """Close the connection, then the descriptor if no other connection shares it."""
        super().close()
        if hasattr(self, "_shared"):
            _Descriptors.release(self._shared)
            del self._shared


class _Descriptors:
    """One descriptor for each database file, with the number of connections that share it and the process that opened
    it.
    """

    _open: dict[tuple[int, int], list[int]] = {}  # noqa: RUF012  # shared on purpose
    _guard = threading.Lock()

    @classmethod
    def hold(cls, file: Path) -> tuple[int, int]:
        with cls._guard:
            key = _inode(file.lstat())
            if key in cls._open and cls._open[key][2] != os.getpid():
                # the fork copied SQLite's records of its locks, but the locks themselves belong to the parent alone
                raise UsageError(f"{file} was open when this process was forked: close it before, or start by spawn")
            if key not in cls._open:
                handle = place.open_file(file)
                key = _inode(os.fstat(handle))  # another file may have this name by now
                cls._open[key] = [handle, 0, os.getpid()]
            cls._open[key][1] += 1
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


@contextmanager
def guarded(connection: Connection) -> Iterator[None]:
    """Close the connection on any error, and raise the error of ragqa for it, such as a damaged file or a full disk."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        connection.close()
        raise as_ours(error, connection.path) from error
    except BaseException:
        connection.close()
        raise


def as_ours(error: Exception, path: Path) -> RagqaError:
    """Return the error of ragqa for an error code of SQLite or of the operating system."""
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL")):
        return LockedError(f"{path} is in use by another process ({error}): try again")
    # a write error can mean a full disk, which is no damage; a read error is damage
    cannot_write = name.startswith("SQLITE_IOERR") and "READ" not in name
    if isinstance(error, OSError) or cannot_write or name.startswith(_OF_RESOURCES):
        return ResourceError(f"cannot use {path}: {error}; index unchanged")
    return IndexCorruptError(f"{path / DATABASE} is damaged ({error}): run `ragqa doctor {path}`")


def connect(path: Path, mode: str, oldest: int = FORMAT_VERSION) -> Connection:
    """Open the database in the index folder `path`; `mode` is `ro` or `rw`, `oldest` the oldest format to accept.

    :raises IndexCorruptError: the file is not an index's database, is damaged, or has another format; it is not
        changed.
    """
    forks.check()
    uri = f"{(path / DATABASE).absolute().as_uri()}?mode={mode}"
    immutable = mode == "ro" and _is_read_only(path)
    try:
        connection = sqlite3.connect(
            f"{uri}{'&immutable=1' if immutable else ''}",
            uri=True, isolation_level=None, check_same_thread=False, factory=Connection,
        )  # fmt: skip
    except sqlite3.Error as error:
        raise as_ours(error, path) from error
    connection.path, connection.immutable = path, immutable
    with guarded(connection):
        connection.hold(path)
        _check_format(connection, oldest)
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    return connection


def _is_read_only(path: Path) -> bool:
    """Tell whether the folder cannot be written, and holds no log.

    To read a log, SQLite needs its shared-memory file. Where there is a log, its writer has made that file. Without a
    log the file is not needed, and the database can be opened as immutable.
    """
    writable = os.access(path, os.W_OK) and not os.statvfs(path).f_flag & os.ST_RDONLY
    log = path / f"{DATABASE}-wal"
    return not writable and not (log.exists() and log.stat().st_size)


def is_old(path: Path) -> bool:
    """Tell whether the database in the index folder `path` has an older format, which can be brought up to date."""
    try:
        shared = _Descriptors.hold(path / DATABASE)
        try:
            header = os.pread(_Descriptors.of(shared), 100, 0)
        finally:
            _Descriptors.release(shared)
    except OSError as error:
        raise as_ours(error, path) from error
    return place.is_ours(header) and UPGRADABLE <= int.from_bytes(header[60:64], "big") < FORMAT_VERSION


def _check_format(connection: Connection, oldest: int) -> None:
    """Refuse a file of another kind or format by its first 100 bytes. The file is not changed.

    A crash may have damaged those bytes while the log was being moved into the file. The log has them too. So where
    there is a log, SQLite reads them from both.
    """
    file = connection.path / DATABASE
    header = connection.header()
    if connection.log_size() and not place.is_ours(header):
        keys = ("application_id", "user_version")
        application, version = (connection.execute(f"PRAGMA {key}").fetchone()[0] for key in keys)
    elif len(header) < 100 or not header.startswith(b"SQLite format 3\0"):
        raise IndexCorruptError(f"{file} is damaged (not a database): run `ragqa index FILE --rebuild`")
    else:
        application, version = int.from_bytes(header[68:72], "big"), int.from_bytes(header[60:64], "big")
    if application != APPLICATION_ID:
        raise IndexFormatError(f"{file} is not an index of ragqa: choose another index.path")
    if version > FORMAT_VERSION:
        raise IndexFormatError(f"{file.parent} has format {version}; this ragqa reads {FORMAT_VERSION}: upgrade ragqa")
    if version < oldest:
        remedy = (
            "run `ragqa index FILE` to bring it up to date, which embeds nothing"
            if version >= UPGRADABLE
            else "remove it and run `ragqa index FILE`"
        )
        raise IndexFormatError(f"{file.parent} has format {version}; this ragqa reads {FORMAT_VERSION}: {remedy}")
