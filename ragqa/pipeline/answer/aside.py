"""Runs a generator in a thread of its own, for an event loop."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import closing
from threading import Event, Thread
from typing import Any, TypeVar

from ragqa.stopping import Stopped, stoppable

T = TypeVar("T")
_END = object()


async def aside(start: Callable[[], Generator[T, None, None]]) -> AsyncGenerator[T, None]:
    """Yield the items of a generator that runs in a thread of its own, without blocking the event loop.

    Cancelling or closing this iterator stops the generator at its next item or `stopping.check`. The cancellation is
    raised after the thread has ended. Errors of the generator are raised here.

    :param start: returns the generator; called in the thread.
    """
    loop = asyncio.get_running_loop()
    items: asyncio.Queue[tuple[Any, BaseException | None]] = asyncio.Queue()
    unwanted, ended = Event(), asyncio.Event()

    def tell(what: Callable[..., object], *arguments: object) -> None:
        try:
            loop.call_soon_threadsafe(what, *arguments)
        except RuntimeError:  # the loop is closed, so no consumer is left
            unwanted.set()

    def work() -> None:
        try:
            with stoppable(unwanted.is_set), closing(start()) as generator:
                for item in generator:
                    tell(items.put_nowait, (item, None))
                    if unwanted.is_set():
                        return
            tell(items.put_nowait, (_END, None))
        except Stopped:
            pass
        except BaseException as error:
            tell(items.put_nowait, (_END, error))
        finally:
            tell(ended.set)

    thread = Thread(target=contextvars.copy_context().run, args=(work,), name="ragqa-answer")
    thread.start()
    try:
        while True:
            item, error = await items.get()
            if error is not None:
                raise error
            if item is _END:
                return
            yield item
    finally:
        unwanted.set()
        await ended.wait()
        thread.join()  # its work has ended, so this does not block
