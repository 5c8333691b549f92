"""Reads a blocking source, such as a server or a native library, until a deadline at the latest."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any

from ragqa import stopping

Emit = Callable[[Any], bool]
"""A function that takes one item, and returns True once the items are no longer read."""
_DONE = object()


class DeadlinePassed(Exception):
    """The source did not end in time. The items before the deadline were yielded."""


class Deadline:
    """The end of the time for something, which may be set anew while others wait for it.

    :param seconds: the time from now.
    """

    def __init__(self, seconds: float) -> None:
        self.restart(seconds)

    def restart(self, seconds: float) -> None:
        """Let the time end in so many seconds from now, and not after `stopping.until`."""
        self._end = min(time.monotonic() + seconds, stopping.until())

    def left(self) -> float:
        """Return the seconds that are left; 0 once the time is over."""
        return max(0.0, self._end - time.monotonic())


def iterate_until(source: Callable[[Emit], None], deadline: float | Deadline, *, daemon: bool = True) -> Iterator[Any]:
    """Run `source` in its own thread, and yield the items that it emits. An error of the source is raised here.

    :param deadline: a time of `time.monotonic`, in seconds, or one that may be set anew.
    :param daemon: False for native code, which must not run while the interpreter is shut down: Python then waits for
        it.
    :raises DeadlinePassed: the deadline has passed. At its next item the source gets True from `emit`.
    """
    until = deadline if isinstance(deadline, Deadline) else Deadline(deadline - time.monotonic())
    # 1. Run the source in its own thread. A queue transfers its items, its end and its error.
    items: SimpleQueue[Any] = SimpleQueue()
    left = Event()

    def emit(item: Any) -> bool:
        items.put(item)
        return left.is_set()

    def run() -> None:
        try:
            source(emit)
        except BaseException as error:
            items.put(error)
        else:
            items.put(_DONE)

    Thread(target=run, daemon=daemon).start()
    # 2. Wait for the next item in short intervals, with a check for a stop; at the end, let `emit` return True.
    try:
        while True:
            try:
                left_seconds = until.left()
                item = items.get(timeout=min(left_seconds, stopping.LOOK_SECONDS))
            except Empty:
                stopping.check()
                if left_seconds > stopping.LOOK_SECONDS:
                    continue
                raise DeadlinePassed from None
            if item is _DONE:
                return
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        left.set()
