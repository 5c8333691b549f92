"""The one writer of an index: a lock of the kernel, which a dead process cannot keep."""

from __future__ import annotations

import fcntl
import os
import time
from datetime import UTC, datetime
from pathlib import Path

from ragqa.errors import LockedError, ResourceError

_POLL = 0.05
_NOTE_SECONDS = 0.5


def acquire(path: Path, wait: float = 0.0) -> int:
    """Lock the index folder `path`, note who holds it, and return the descriptor that holds the lock.

    :param wait: seconds to wait for another writer to end.
    :raises LockedError: another process writes this index; the message names it.
    :raises ResourceError: the lock's file cannot be written.
    """
    try:
        # not inherited: a parser that outlives its parent must not keep the lock
        handle = os.open(path / "LOCK", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise ResourceError(f"cannot lock {path}: {error.strerror}") from error
    try:
        _lock(handle, path, wait)
        os.ftruncate(handle, 0)
        started = datetime.now(UTC).isoformat(timespec="seconds")
        os.pwrite(handle, f"pid {os.getpid()} since {started}".encode(), 0)
    except BaseException:
        os.close(handle)
        raise
    return handle


def release(handle: int) -> None:
    """Let the lock go, and with it the note of who holds it."""
    os.ftruncate(handle, 0)
    os.close(handle)


def _lock(handle: int, path: Path, wait: float) -> None:
    started = time.monotonic()
    while True:
        try:
            return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            passed, holder = time.monotonic() - started, os.pread(handle, 200, 0).decode("utf-8", "replace")
            # without a note the holder has only just come, or is about to go
            if passed >= (wait if holder else wait + _NOTE_SECONDS):
                waited = f", still after {wait:g} s" if wait else ""
                raise LockedError(
                    f"{path} is locked by {holder or 'another process'}{waited}: "
                    "let it end, or wait for it with --wait SECONDS"
                ) from error
            time.sleep(_POLL if holder else _POLL / 50)
