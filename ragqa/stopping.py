"""A lock whose waiters can be stopped, and whether work is still wanted.

A `StoppableLock` lets one thread at a time work with what several share. Whoever cancels work says so, and the work looks between
two tokens: code that may run for long calls `check` now and then, which does nothing unless the work is `stoppable`.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from weakref import WeakSet

LOOK_SECONDS = 0.1
"""How often whoever waits looks whether it is still wanted."""

_unwanted: ContextVar[Callable[[], bool] | None] = ContextVar("unwanted", default=None)
_locks: WeakSet[StoppableLock] = WeakSet()


class Stopped(BaseException):
    """The work is no longer wanted. No handler of errors takes it for one."""


@contextmanager
def stoppable(unwanted: Callable[[], bool]) -> Iterator[None]:
    """Have `check` raise `Stopped` within this context once `unwanted` says so."""
    token = _unwanted.set(unwanted)
    try:
        yield
    finally:
        _unwanted.reset(token)


def check() -> None:
    """Go on where the work is still wanted.

    :raises Stopped: it is not.
    """
    unwanted = _unwanted.get()
    if unwanted is not None and unwanted():
        raise Stopped


def sleep(seconds: float) -> None:
    """Wait, as long as the work is still wanted.

    :raises Stopped: it is not.
    """
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        check()
        time.sleep(min(left, LOOK_SECONDS))


class StoppableLock:
    """A lock that a thread may take more than once; a thread that waits for it can be stopped."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        _locks.add(self)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock; wait for the thread that has it.

        :raises Stopped: the work is no longer wanted.
        """
        lock = self._lock
        while not lock.acquire(timeout=LOOK_SECONDS):
            check()
        try:
            check()
            yield
        finally:
            lock.release()

    def renew(self) -> None:
        """Forget who holds the lock: in a process that was forked, the thread that held it does not run."""
        self._lock = threading.RLock()


def _renew_all() -> None:
    for lock in list(_locks):
        lock.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
