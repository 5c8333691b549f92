"""Our own interface: `/api/ask`, `/api/search`, `/api/documents/{id}` and `/api/index`."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

from ragqa.errors import UsageError
from ragqa.records import Answer, AnswerSentence, Document, Passages
from ragqa.serve import wire
from ragqa.serve.errors import HttpError
from ragqa.serve.lanes import Answering, Waiting
from ragqa.serve.replies import EventStream, as_json, comment, event, failed, until_gone
from ragqa.serve.service import Service, who
from ragqa.serve.wire import AskBody, SearchBody, parsed

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

MOST_AROUND = 20_000
AROUND = 2_000
"""How many characters before and after a span are shown, where the request does not say."""
_ID = re.compile(r"[0-9a-f]{64}")
_NUMBER = re.compile(r"[0-9]{1,12}", re.ASCII)


class Api:
    """The handlers of `/api`."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def ask(self, request: Request) -> Response:
        """Answer a question: JSON as `ragqa ask --json` prints it, or server-sent events where `Accept` asks for them."""
        body = parsed(AskBody, await request.body())
        history = [(turn.question, turn.answer) for turn in body.history]
        asked = self._service.ask(body.question, history, who(request))
        if "text/event-stream" in request.headers.get("accept", ""):
            return EventStream(self._events(request, asked), asked.close)
        try:
            answer = await until_gone(asked.answer(), request.receive)
        finally:
            asked.close()
        self._service.answered(request, answer)
        return as_json(wire.answer(answer))

    async def search(self, request: Request) -> Response:
        """Return the best hits for a question, as `ragqa search --json` prints them."""
        body = parsed(SearchBody, await request.body())
        hits = await self._service.search(body.question, body.k, who(request))
        return as_json({"question": body.question, "hits": [wire.hit(each) for each in hits]})

    async def document(self, request: Request) -> Response:
        """Return the text of an indexed document around a span: `before`, `marked` and `after`, which are cut here.

        Offsets are in code points, which programs in some languages cannot count.
        """
        id_ = request.path_params["id"]
        start, around = _number(request, "start", 0), _number(request, "around", AROUND)
        end = _number(request, "end", start)
        if around > MOST_AROUND:
            raise HttpError(422, f"around: must be at most {MOST_AROUND}", param="around")
        if not _ID.fullmatch(id_):
            raise _no_document()
        return as_json(await asyncio.to_thread(self._read, id_, start, end, around))

    async def index(self, request: Request) -> Response:
        """Return what is indexed: the number of the commit, of documents and of chunks, and how many have vectors."""
        return as_json(await asyncio.to_thread(self._state))

    async def _events(self, request: Request, asked: Answering) -> AsyncGenerator[bytes, None]:
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
                        self._service.answered(request, answer)
                        yield event(wire.answer(answer), "answer")
                        return
        except Exception as error:
            yield failed(request, error, "error")

    def _read(self, id_: str, start: int, end: int, around: int) -> dict[str, Any]:
        with self._service.pipeline.open_index() as reader:
            try:
                document = reader.document(id_)
            except UsageError:
                raise _no_document() from None
            return _segments(document, start, end, around) | {"generation": reader.generation}

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


def _segments(document: Document, start: int, end: int, around: int) -> dict[str, Any]:
    """Return a document's text around a span, and what is known of it."""
    size = len(document.text)
    if not 0 <= start <= end <= size:
        raise HttpError(422, f"start, end: must be a span within the text of {size} characters", param="start")
    if end - start > MOST_AROUND:
        raise HttpError(422, f"end: a span has at most {MOST_AROUND} characters", param="end")
    low, high = max(0, start - around), min(size, end + around)
    text = document.text
    return {
        "id": document.id,
        "source": document.source,
        "title": document.title,
        "media_type": document.media_type,
        "sha256": document.sha256,
        "size": size,
        "page": document.page_of(start),
        "place": document.place_of(start),
        "start": low,
        "end": high,
        "segments": {"before": text[low:start], "marked": text[start:end], "after": text[end:high]},
    }


def _number(request: Request, name: str, default: int) -> int:
    values = request.query_params.getlist(name)
    if not values:
        return default
    if len(values) > 1 or not _NUMBER.fullmatch(values[0]):
        raise HttpError(422, f"{name}: must be one whole number, 0 or more", param=name)
    return int(values[0])


def _no_document() -> HttpError:
    return HttpError(404, "no document of this index has this id: search again", "document_not_found", param="id")
