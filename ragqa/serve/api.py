"""Our own interface: `/api/ask`, `/api/search`, and what is told of the index; `documents` has the rest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

from ragqa import __version__
from ragqa.records import Answer, AnswerSentence, Passages
from ragqa.serve import wire
from ragqa.serve.conversations import Conversations
from ragqa.serve.lanes import Answering, Waiting
from ragqa.serve.replies import EventStream, as_json, comment, event, failed, until_gone
from ragqa.serve.service import Service, who
from ragqa.serve.wire import AskBody, SearchBody, parsed

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


class Api:
    """The handlers of `/api`."""

    def __init__(self, service: Service, conversations: Conversations) -> None:
        self._service, self._conversations = service, conversations

    async def ask(self, request: Request) -> Response:
        """Answer a question: JSON as `ragqa ask --json` prints it, or server-sent events where `Accept` asks for them."""
        body = parsed(AskBody, await request.body())
        history = await self._conversations.history(request, body)
        asked = self._service.ask(body.question, history, who(request))
        if "text/event-stream" in request.headers.get("accept", ""):
            return EventStream(self._events(request, body, asked), asked.close)
        try:
            answer = await until_gone(asked.answer(), request.receive)
        finally:
            asked.close()
        return as_json(await self._told(request, body, answer))

    async def search(self, request: Request) -> Response:
        """Return the best hits for a question, as `ragqa search --json` prints them."""
        body = parsed(SearchBody, await request.body())
        hits = await self._service.search(body.question, body.k, who(request), body.where)
        return as_json({"question": body.question, "hits": [wire.hit(each) for each in hits]})

    async def about(self, request: Request) -> Response:
        """Return what the page shows of this server, and which of its parts are there."""
        return as_json(await asyncio.to_thread(self._about, who(request)))

    async def index(self, request: Request) -> Response:
        """Return what is indexed: the number of the commit, of documents and of chunks, and how many have vectors."""
        return as_json(await asyncio.to_thread(self._state))

    async def progress(self, request: Request) -> Response:
        """Return how far indexing is, where the server indexes now and then, and how the last run ended."""
        return as_json(self._service.progress.state())

    async def _events(self, request: Request, body: AskBody, asked: Answering) -> AsyncGenerator[bytes, None]:
        try:
            while True:
                match await asked.next():
                    case Waiting(ahead):
                        yield comment(f"waiting {ahead}")
                    case Passages(citations):
                        yield event({"passages": [wire.citation(each) for each in citations]}, "passages")
                    case AnswerSentence() as sentence:
                        yield event(wire.sentence(sentence), "token")
                    case Answer() as answer:
                        yield event(await self._told(request, body, answer), "answer")
                        return
        except Exception as error:
            yield failed(request, error, "error")

    async def _told(self, request: Request, body: AskBody, answer: Answer) -> dict[str, Any]:
        """Return an answer as it is sent, after it was counted and kept."""
        self._service.answered(request, answer)
        told = wire.answer(answer)
        return told | await self._conversations.keep(request, body, told)

    def _about(self, token: str) -> dict[str, Any]:
        spec = self._service.spec
        with self._service.pipeline.open_index() as reader:
            return {
                "model_name": spec.model_name,
                "version": __version__,
                "token": token,
                "generation": reader.generation,
                "documents": len(set(reader.sources().values())),
                "conversations": spec.conversations is not None,
                "feedback": spec.feedback is not None,
            }

    def _state(self) -> dict[str, Any]:
        with self._service.pipeline.open_index() as reader:
            coverage, sources = reader.coverage(), reader.sources()
            return {
                "generation": reader.generation,
                "documents": len(set(sources.values())),
                "files": len(sources),
                "rejected": len(reader.rejected()),
                "texts": coverage.texts,
                "vectors": coverage.vectors,
            }
