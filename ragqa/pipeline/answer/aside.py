"""An iterator that works in a thread of its own, beside an event loop."""

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
    """Yield what a generator yields that works in a thread of its own, while the loop goes on.

    Whoever cancels this, or closes it before its end, stops the generator at its next item or `stopping.check`; when the
    cancellation is raised, the thread has ended. What the generator raises is raised here.

    :param start: makes the generator; called in the thread.
    """
    loop = asyncio.get_running_loop()
    items: asyncio.Queue[tuple[Any, BaseException | None]] = asyncio.Queue()
    unwanted, ended = Event(), asyncio.Event()

    def tell(what: Callable[..., object], *arguments: object) -> None:
        try:
            loop.call_soon_threadsafe(what, *arguments)
        except RuntimeError:  # the loop is closed: nobody listens any more
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
        thread.join()  # it has done its work, so this takes no time
