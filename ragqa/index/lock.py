"""The one writer of an index: a lock of the kernel, which a dead process cannot keep."""

from __future__ import annotations

import fcntl
import os
import time
from datetime import UTC, datetime
from pathlib import Path

from ragqa.errors import LockedError

_POLL = 0.05


def acquire(path: Path, wait: float = 0.0) -> int:
    """Lock the index folder `path`, note who holds it, and return the descriptor that holds the lock.

    :param wait: seconds to wait for another writer to end.
    :raises LockedError: another process writes this index; the message names it.
    """
    # not inherited: a parser that outlives its parent must not keep the lock
    handle = os.open(path / "LOCK", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    deadline = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                holder = os.pread(handle, 200, 0).decode("utf-8", "replace").strip() or "another process"
                os.close(handle)
                waited = f", still after {wait:g} s" if wait else ""
                raise LockedError(
                    f"{path} is locked by {holder}{waited}: let it end, or wait for it with --wait SECONDS"
                ) from error
            time.sleep(_POLL)
        except BaseException:
            os.close(handle)
            raise
    os.ftruncate(handle, 0)
    started = datetime.now(UTC).isoformat(timespec="seconds")
    os.pwrite(handle, f"pid {os.getpid()} since {started}".encode(), 0)
    return handle
