"""A lock whose waiters can be stopped, and checks whether work is still wanted.

A `StoppableLock` is a lock for parts that several threads share. Work within `stoppable` can be stopped: code that may
run long calls `check` repeatedly, for example between two tokens. Outside `stoppable`, `check` does nothing.
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
"""The seconds between two checks of a waiting thread."""

_unwanted: ContextVar[Callable[[], bool] | None] = ContextVar("unwanted", default=None)
_locks: WeakSet[StoppableLock] = WeakSet()


class Stopped(BaseException):
    """The work is no longer wanted. It is not an `Exception`, so that handlers of errors do not catch it."""


@contextmanager
def stoppable(unwanted: Callable[[], bool]) -> Iterator[None]:
    """Let `check` raise `Stopped` within this context once `unwanted` returns True."""
    token = _unwanted.set(unwanted)
    try:
        yield
    finally:
        _unwanted.reset(token)


def check() -> None:
    """Return if the work is still wanted.

    :raises Stopped: the work is no longer wanted.
    """
    unwanted = _unwanted.get()
    if unwanted is not None and unwanted():
        raise Stopped


def sleep(seconds: float) -> None:
    """Sleep, with repeated checks whether the work is still wanted.

    :raises Stopped: the work is no longer wanted.
    """
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        check()
        time.sleep(min(left, LOOK_SECONDS))


class StoppableLock:
    """A reentrant lock. Waiting for it can be stopped."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        _locks.add(self)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock within the block; first wait for the thread that has it.

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
        """Reset the lock in a forked process, since the thread that held it does not exist there."""
        self._lock = threading.RLock()


def _renew_all() -> None:
    for lock in list(_locks):
        lock.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
