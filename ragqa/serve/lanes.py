"""The two lanes of work: searches, in batches; and answers, one after another. Each has threads of its own."""

from __future__ import annotations

import asyncio
import json
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from ragqa.config.serving import HttpServe
from ragqa.errors import ResourceError
from ragqa.records import Answer, Hit, Passages
from ragqa.serve import wire
from ragqa.serve.errors import HttpError
from ragqa.serve.fair_queue import FairQueue, FullError
from ragqa.stopping import Stopped

if TYPE_CHECKING:
    from ragqa.pipeline import Pipeline
    from ragqa.pipeline.answer.asking import Event
    from ragqa.prompt import Turn

BATCH = 16
"""The most questions of one search."""
AT_ONCE = 4
"""The answers that are written at a time where the generator is concurrent."""
SAY_SECONDS = 2.0
"""How often somebody who waits is told the place in the queue."""
GRACE_SECONDS = 10.0
"""How long after its deadline an answer that was begun may come: it has what was written until then, with its citations."""
_MINUTE = 60.0


@dataclass(eq=False, slots=True)
class _Search:
    question: str
    k: int | None
    where: Mapping[str, Any]
    found: Future[list[Hit]] = field(default_factory=Future)

    def kind(self) -> tuple[int | None, str]:
        """Return what searches have in common that are made together. As JSON, filters for 1 and for true differ."""
        return self.k, json.dumps(self.where, sort_keys=True)


class SearchLane:
    """Searches in one thread. What waits while it works is searched together, so that load makes batches by itself."""

    def __init__(self, pipeline: Pipeline, most: int) -> None:
        self._pipeline = pipeline
        self._queue: FairQueue[_Search] = FairQueue(most, most)
        _start("ragqa-search", self._work)

    async def search(self, question: str, k: int | None, who: str, where: Mapping[str, Any]) -> list[Hit]:
        """Return the hits of `Pipeline.search`.

        :param who: the name of the token that asks.
        :raises HttpError: too many searches wait.
        """
        asked = _Search(question, k, where)
        try:
            self._queue.put(who, asked)
        except FullError:
            raise HttpError(429, "too many searches wait", retry_after=1) from None
        try:
            return await asyncio.wrap_future(asked.found)
        finally:
            self._queue.drop(asked)

    def close(self) -> None:
        """End the thread after its work."""
        self._queue.close()

    def _work(self) -> None:
        while asked := self._queue.take(BATCH, _Search.kind):
            self._search([each for each in asked if each.found.set_running_or_notify_cancel()])

    def _search(self, asked: Sequence[_Search]) -> None:
        """Search for questions together; where that fails, each alone, so that one of them does not spoil the others."""
        try:
            hits = self._together(asked) if asked else []
            for each, found in zip(asked, hits, strict=True):
                each.found.set_result(found)
        except BaseException as error:
            if len(asked) == 1:
                asked[0].found.set_exception(error)
            else:
                for each in asked:
                    self._search([each])

    def _together(self, asked: Sequence[_Search]) -> list[list[Hit]]:
        return self._pipeline.search_many([each.question for each in asked], asked[0].k, where=asked[0].where)


@dataclass(frozen=True, slots=True)
class Waiting:
    """So many questions will be answered before this one."""

    ahead: int


@dataclass(eq=False, slots=True)
class _Question:
    """A question on its way to an answer; its events come to the loop of the request."""

    text: str
    history: Sequence[Turn]
    deadline: float
    loop: asyncio.AbstractEventLoop
    events: asyncio.Queue[Any] = field(default_factory=asyncio.Queue)
    gone: threading.Event = field(default_factory=threading.Event)
    asked: float = field(default_factory=time.monotonic)
    begun: bool = False

    @property
    def left(self) -> float:
        """The seconds for which an event may still come; an answer that was begun ends itself at the deadline."""
        return self.deadline + (GRACE_SECONDS if self.begun else 0) - time.monotonic()

    def unwanted(self) -> bool:
        """Tell whether the client has left, or the time is over."""
        return self.gone.is_set() or self.left < 0

    def tell(self, event: object) -> None:
        """Pass an event to the request, from another thread. A loop that is closed has no request any more."""
        with suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self.events.put_nowait, event)


class Answering:
    """The events of a question: those of `Pipeline.stream`, and the place in the queue every two seconds without one."""

    def __init__(self, asked: _Question, queue: FairQueue[_Question]) -> None:
        self._asked, self._queue = asked, queue
        self._nearest: Passages | None = None

    async def next(self, within: float | None = None) -> Event | Waiting:
        """Return the next event; a `Waiting` where none comes within so many seconds (None: `SAY_SECONDS`).

        :raises HttpError: the deadline is over.
        """
        asked = self._asked
        seconds = max(0.0, min(SAY_SECONDS if within is None else within, asked.left))
        try:
            async with asyncio.timeout(seconds):  # in Python 3.11, `wait_for` may lose a cancellation
                event = await asked.events.get()
        except TimeoutError:
            if asked.left > 0:
                return Waiting(self._queue.ahead(asked) or 0)
            event = Stopped()
        failed_late = isinstance(event, ResourceError) and time.monotonic() >= asked.deadline
        if failed_late or isinstance(event, Stopped):
            raise self._too_late()
        if isinstance(event, BaseException):
            raise event
        self._nearest = event if isinstance(event, Passages) else self._nearest
        return cast("Event", event)

    async def answer(self) -> Answer:
        """Return the answer, which is the last event."""
        while not isinstance(event := await self.next(), Answer):
            pass
        return event

    def close(self) -> None:
        """Stop the work, where it still goes on."""
        self._asked.gone.set()
        self._queue.drop(self._asked)

    def _too_late(self) -> HttpError:
        """Return the error of an answer that was not there in time, with the passages that were found."""
        found = [wire.citation(each) for each in self._nearest.citations] if self._nearest else []
        return HttpError(504, "there was no answer before serve.deadline", details={"passages": found})


class AnswerLane:
    """Answers questions one after another, in turns between tokens. Nothing waits for a client that reads slowly."""

    def __init__(self, pipeline: Pipeline, spec: HttpServe) -> None:
        self._pipeline, self._spec = pipeline, spec
        self._queue: FairQueue[_Question] = FairQueue(spec.waiting, spec.waiting_per_token)
        self._threads = AT_ONCE if getattr(pipeline.components.generator, "concurrent", False) else 1
        self._asked: dict[str, deque[float]] = {}
        self._mean = 2.0  # seconds of an answer, of the last ones above all
        self._running: set[_Question] = set()
        for _ in range(self._threads):
            _start("ragqa-answer", self._work)

    @property
    def waiting(self) -> int:
        """The number of questions that wait."""
        return len(self._queue)

    @property
    def running(self) -> int:
        """The number of questions that are being answered."""
        return len(self._running)

    def ask(self, question: str, history: Sequence[Turn], who: str) -> Answering:
        """Put a question into the queue; return its events to come. Close them in the end.

        :param who: the name of the token that asks.
        :raises HttpError: too many questions wait, or this token asked too many.
        """
        asked = _Question(question, history, time.monotonic() + self._spec.deadline, asyncio.get_running_loop())
        self._admit(who, asked)
        return Answering(asked, self._queue)

    def close(self) -> None:
        """End the threads after their work."""
        self._queue.close()

    def _admit(self, who: str, asked: _Question) -> None:
        """Put a question into the queue, and count it for its token."""
        now = time.monotonic()
        times = self._asked.setdefault(who, deque())
        while times and now - times[0] >= _MINUTE:
            times.popleft()
        if len(times) >= self._spec.per_minute:
            wait = math.ceil(_MINUTE - (now - times[0]))
            message = f"a token may ask {self._spec.per_minute} questions a minute"
            raise HttpError(429, message, "rate_limit_exceeded", retry_after=max(1, wait))
        try:
            self._queue.put(who, asked)
        except FullError as full:
            wait = math.ceil(self._mean * full.rounds / self._threads)
            raise HttpError(429, "too many questions wait", "queue_full", retry_after=max(1, wait)) from None
        times.append(now)

    def _work(self) -> None:
        while taken := self._queue.take():
            asked, began = taken[0], time.monotonic()
            self._running.add(asked)
            try:
                self._answer(asked, began)
            except Exception as error:
                asked.tell(error)
            except BaseException:  # one that ends the process elsewhere
                asked.tell(Stopped())
            finally:
                self._running.discard(asked)
                self._mean += 0.2 * (time.monotonic() - began - self._mean)

    def _answer(self, asked: _Question, began: float) -> None:
        """Tell the events of a question; `Stopped` where it ends without an answer.

        At the deadline, the pipeline ends the answer with what is written.
        """
        if asked.unwanted():
            asked.tell(Stopped())
            return
        left, asked.begun = asked.left, True
        stream: Any = self._pipeline.stream(
            asked.text, history=asked.history, cancelled=asked.unwanted, deadline=max(0.0, left)
        )
        with closing(stream) as events:
            for event in events:
                if isinstance(event, Answer):
                    queued = round(1000 * (began - asked.asked), 3)
                    asked.tell(replace(event, usage={**event.usage, "queue_ms": queued}))
                    return
                asked.tell(event)
        asked.tell(Stopped())


def _start(name: str, work: Callable[[], None]) -> None:
    """Start a thread that does not keep the process alive."""
    threading.Thread(target=work, name=name, daemon=True).start()
