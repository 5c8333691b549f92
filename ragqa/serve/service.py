"""What the handlers of requests share: the pipeline, its lanes, the settings and the counters."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from ragqa.config.serving import HttpServe
from ragqa.errors import UsageError
from ragqa.retrieve import check_question
from ragqa.serve.errors import HttpError
from ragqa.serve.kept import Kept
from ragqa.serve.lanes import Answering, AnswerLane, SearchLane
from ragqa.serve.metrics import Metrics
from ragqa.serve.progress import Progress

if TYPE_CHECKING:
    from starlette.requests import Request

    from ragqa.pipeline import Pipeline
    from ragqa.prompt import Turn
    from ragqa.records import Answer, Hit

Result = TypeVar("Result")


@dataclass(eq=False)
class Service:
    """One pipeline that many users ask.

    `draining` is set once the server ends: what is being answered is answered, and new questions are refused. `progress`
    tells how far indexing is, and how the files differ from the index. `kept` has the conversations that are kept; None where
    none are.
    """

    pipeline: Pipeline
    spec: HttpServe
    metrics: Metrics = field(default_factory=Metrics)
    draining: threading.Event = field(default_factory=threading.Event)
    progress: Progress = field(default_factory=Progress)
    kept: Kept | None = None
    searches: SearchLane = field(init=False)
    answers: AnswerLane = field(init=False)

    def __post_init__(self) -> None:
        self.searches = SearchLane(self.pipeline, self.spec.connections)
        self.answers = AnswerLane(self.pipeline, self.spec)
        self._embedding = asyncio.Lock()

    async def search(self, question: str, k: int | None, who: str, where: Mapping[str, Any] | None = None) -> list[Hit]:
        """Return the best hits; see `SearchLane.search`.

        :raises HttpError: the question is no question, no document has the values of `where`, or there is no place.
        """
        self._admit(question)
        try:
            return await self.searches.search(question, k, who, where or {})
        except UsageError as error:
            if not where:
                raise
            raise HttpError(422, str(error), "invalid_value", "where") from None

    def ask(self, question: str, history: Sequence[Turn], who: str, param: str = "question") -> Answering:
        """Return the events of an answer to come; see `AnswerLane.ask`.

        :param param: the key of the request that has the question, for errors.
        """
        self._admit(question, param)
        return self.answers.ask(question, history, who)

    async def embed(self, work: Callable[[], Result]) -> Result:
        """Return the result of work with the embedder, which is done in a thread, one after another."""
        self._refuse_where_draining()
        async with self._embedding:
            return await asyncio.to_thread(self._locked, work)

    def answered(self, request: Request, answer: Answer) -> None:
        """Note an answer for the log and the metrics."""
        request.scope["state"]["answer"] = answer
        self.metrics.count(
            "ragqa_answers_total", outcome=answer.reason or "abstained" if answer.abstained else answer.kind
        )

    def close(self) -> None:
        """End the threads after their work."""
        self.searches.close()
        self.answers.close()

    def _locked(self, work: Callable[[], Result]) -> Result:
        with self.pipeline.components.lock.held():
            return work()

    def _admit(self, question: str, param: str = "question") -> None:
        self._refuse_where_draining()
        try:
            check_question(question)
        except UsageError as error:
            raise HttpError(422, str(error), param=param) from None

    def _refuse_where_draining(self) -> None:
        if self.draining.is_set():
            raise HttpError(503, "the server is ending; ask again later", "ending", retry_after=5)


def who(request: Request) -> str:
    """Return the name of the token of a request."""
    token: Any = request.scope["state"]["token"]
    return str(token.name)
