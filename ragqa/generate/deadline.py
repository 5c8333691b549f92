"""Reads a source that blocks, a server or a native library, no longer than until a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any

from ragqa import stopping

Emit = Callable[[Any], bool]
"""Takes one item; returns True once nobody listens any more."""
_DONE = object()


class DeadlinePassed(Exception):
    """The source did not end in time; what it had emitted was yielded."""


def iterate_until(source: Callable[[Emit], None], deadline: float, *, daemon: bool = True) -> Iterator[Any]:
    """Yield what `source` emits from a thread of its own; what it raises is raised here.

    :param deadline: as `time.monotonic` counts.
    :param daemon: False for native code, which must not be torn down with the interpreter: Python then ends after it.
    :raises DeadlinePassed: the deadline passed; the source is told at its next item.
    """
    # 1. Run the source in a thread of its own; its items, its end and its error come by a queue.
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
    # 2. Wait for the next of them in short turns, to see whether it is still wanted; tell the source at the end.
    try:
        while True:
            try:
                left_seconds = max(0.0, deadline - time.monotonic())
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
