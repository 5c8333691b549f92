"""A lock whose waiters can be stopped, checks whether work is still wanted, and the time that it has.

A `StoppableLock` is a lock for parts that several threads share. Work within `stoppable` or `limited` can be stopped: code
that may run long calls `check` repeatedly, for example between two tokens. Outside of them, `check` does nothing, and there
is no end of the time.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from typing import TypeVar
from weakref import WeakSet

T = TypeVar("T")

LOOK_SECONDS = 0.1
"""The seconds between two checks of a waiting thread."""

_unwanted: ContextVar[Callable[[], bool] | None] = ContextVar("unwanted", default=None)
_until: ContextVar[float] = ContextVar("until", default=math.inf)
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


def limited(
    items: Generator[T, None, None], unwanted: Callable[[], bool] | None = None, seconds: float | None = None
) -> Generator[T, None, None]:
    """Return a generator of the same items that ends, without an error, once `unwanted` returns True.

    :param seconds: the time for all items from now on, which `until` tells to the code that makes them.
    """
    context = copy_context()
    if seconds is not None:
        context.run(_until.set, min(until(), time.monotonic() + seconds))
    if unwanted is not None:
        outer = _unwanted.get()
        context.run(_unwanted.set, unwanted if outer is None else lambda: unwanted() or outer())
    return _in_context(context, items, unwanted or (lambda: False))


def _in_context(
    context: Context, items: Generator[T, None, None], unwanted: Callable[[], bool]
) -> Generator[T, None, None]:
    try:
        while not unwanted():
            try:
                item = context.run(next, items)
            except StopIteration:
                return
            except Stopped:
                if unwanted():
                    return
                raise
            yield item
    finally:
        context.run(items.close)


def until() -> float:
    """Return the time of `time.monotonic` at which the time for this work ends; infinity where it has no end."""
    return _until.get()


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
