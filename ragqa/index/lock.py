"""The lock of the one writer of an index. The kernel holds it, and releases it when the process ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from datetime import UTC, datetime
from pathlib import Path

from ragqa.errors import LockedError, RefusedError, ResourceError
from ragqa.index import durable, place

_POLL = 0.05
_NOTE_SECONDS = 0.5


def acquire(path: Path, wait: float = 0.0) -> int:
    """Lock the index folder `path`, write a note of the holder, and return the descriptor that holds the lock.

    :param wait: seconds to wait for another writer to end.
    :raises LockedError: another process writes this index; the message names the process.
    :raises RefusedError: the lock's file was not made by ragqa.
    :raises ResourceError: the lock's file cannot be written.
    """
    try:
        handle = place.open_file(path / place.LOCK, os.O_RDWR | os.O_CREAT)
        try:
            _lock(handle, path, wait)
            if not place.is_begun(os.pread(handle, 2 * place.NOTE_BYTES, 0)):
                raise RefusedError(f"{path / place.LOCK} is not the lock of an index: choose another index.path")
            _note(handle, f"pid {os.getpid()} since {datetime.now(UTC).isoformat(timespec='seconds')}")
            if not (
                path / place.DATABASE
            ).exists():  # after a crash in the first run, this note tells the next run that the files are of ragqa
                os.fsync(handle)
                durable.disk.sync_folder(path)
        except BaseException:
            os.close(handle)
            raise
    except OSError as error:
        raise ResourceError(f"cannot lock {path}: {error.strerror}; index unchanged") from error
    return handle


def release(handle: int) -> None:
    """Release the lock, and empty its file, which holds the note.

    A process that was forked from the holder shares the lock. The holder releases it for both; the other process only
    closes its descriptor.
    """
    try:
        if _holder(handle).startswith(f"pid {os.getpid()} "):
            with contextlib.suppress(OSError):
                os.ftruncate(handle, 0)
            fcntl.flock(handle, fcntl.LOCK_UN)
    finally:
        os.close(handle)


def _note(handle: int, holder: str) -> None:
    """Write the holder of the lock into its file."""
    with contextlib.suppress(OSError):  # the lock is valid without the note
        os.pwrite(handle, holder.ljust(place.NOTE_BYTES).encode(), 0)


def _lock(handle: int, path: Path, wait: float) -> None:
    """Take the lock; try again until `wait` seconds have passed."""
    started = time.monotonic()
    while True:
        try:
            return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            passed, holder = time.monotonic() - started, _holder(handle)
            # there is no note: the holder has not written it yet, or is about to release the lock
            if passed >= (wait if holder else wait + _NOTE_SECONDS):
                waited = f", still after {wait:g} s" if wait else ""
                raise LockedError(
                    f"{path} is locked by {holder or 'another process'}{waited}: "
                    "let it end, or wait for it with --wait SECONDS"
                ) from error
            time.sleep(_POLL if holder else _POLL / 50)


def _holder(handle: int) -> str:
    return os.pread(handle, place.NOTE_BYTES, 0).decode("utf-8", "replace").strip()
