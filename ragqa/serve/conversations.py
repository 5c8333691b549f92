"""The conversations of the page, which are kept where `serve.conversations` names a file: `/api/conversations`.

All work with the file is done in threads, so that the event loop never waits for it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from ragqa.conversation import NOT_UNDERSTOOD, TURNS, remembered
from ragqa.serve import exports
from ragqa.serve.errors import HttpError
from ragqa.serve.kept import MOST_TURNS, Kept, KeptConversation, KeptTurn, unknown
from ragqa.serve.replies import as_json
from ragqa.serve.service import Service, who
from ragqa.serve.wire import AskBody, ConversationBody, parsed

if TYPE_CHECKING:
    from starlette.requests import Request

    from ragqa.prompt import Turn


class Conversations:
    """The handlers of `/api/conversations`, and what `/api/ask` does with the conversation that it names.

    :param kept: the file; None where none is named, so that no conversation is known.
    """

    def __init__(self, service: Service, kept: Kept | None) -> None:
        self._pipeline, self._file = service.pipeline, kept

    @property
    def _kept(self) -> Kept:
        if self._file is None:
            raise unknown()
        return self._file

    async def conversations(self, request: Request) -> Response:
        """Return the conversations of this token, the one that was changed last first."""
        return as_json({"conversations": await asyncio.to_thread(self._kept.listing, who(request))})

    async def begin_conversation(self, request: Request) -> Response:
        """Begin a conversation; return its id."""
        title = parsed(ConversationBody, await request.body()).title
        return as_json({"id": await asyncio.to_thread(self._kept.begin, who(request), title)})

    async def conversation(self, request: Request) -> Response:
        """Return a conversation with its answers; a turn is `stale` where the documents have changed since."""
        return await asyncio.to_thread(self._shown, request)

    async def delete_conversation(self, request: Request) -> Response:
        """Delete a conversation; nothing of it stays in the file."""
        await asyncio.to_thread(self._kept.delete, who(request), request.path_params["id"])
        return as_json({"deleted": True})

    async def conversation_markdown(self, request: Request) -> Response:
        """Return a conversation with its citations as a Markdown file."""
        return await asyncio.to_thread(self._markdown, request)

    async def conversation_json(self, request: Request) -> Response:
        """Return a conversation with its citations as a JSON file."""
        return await asyncio.to_thread(self._json, request)

    async def history(self, request: Request, body: AskBody) -> list[Turn]:
        """Return the turns before a question: those of the request, else the last ones of the conversation that it names.

        :raises HttpError: there is no such conversation, or no such turn in it.
        """
        if body.conversation is None:
            if body.replace_from is not None:
                raise _wrong("goes with conversation")
            return [(turn.question, turn.answer) for turn in body.history]
        before = MOST_TURNS if body.replace_from is None else body.replace_from
        count, turns = await asyncio.to_thread(self._kept.recent, who(request), body.conversation, before, 2 * TURNS)
        if body.replace_from is not None and body.replace_from > count:
            raise _wrong(f"the conversation has {count} turns")
        if body.history:
            return [(turn.question, turn.answer) for turn in body.history]
        understood = [turn.answer for turn in turns if turn.answer["reason"] not in NOT_UNDERSTOOD]
        return [
            (answer["question"], remembered(each["text"] for each in answer["citations"]))
            for answer in understood[-TURNS:]
        ]

    async def keep(self, request: Request, body: AskBody, answer: dict[str, Any]) -> dict[str, Any]:
        """Keep an answer in the conversation that its question names; return what to add to it.

        That is `turn`, the number of the turn; None where it could not be kept, and `not_kept` says why.
        """
        if body.conversation is None:
            return {}
        turn = KeptTurn(answer, answer["index_version"])
        try:
            number = await asyncio.to_thread(self._kept.keep, who(request), body.conversation, turn, body.replace_from)
        except HttpError as error:
            return {"turn": None, "not_kept": error.message}
        return {"turn": number}

    def _shown(self, request: Request) -> Response:
        found, generation = self._read(request)
        turns = [
            {
                "question": turn.question,
                "answer": turn.answer,
                "generation": turn.generation,
                "stale": turn.generation != generation,
            }
            for turn in found.turns
        ]
        return as_json({"id": found.id, "title": found.title, "created": found.created, "turns": turns})

    def _markdown(self, request: Request) -> Response:
        text = exports.markdown(*self._read(request)).encode(errors="replace")
        return Response(text, headers=_saved_as("md"), media_type="text/markdown; charset=utf-8")

    def _json(self, request: Request) -> Response:
        return as_json(exports.plain(*self._read(request)), headers=_saved_as("json"))

    def _read(self, request: Request) -> tuple[KeptConversation, int]:
        """Return the conversation of a request, and the number of the present commit of the index."""
        found = self._kept.read(who(request), request.path_params["id"])
        with self._pipeline.open_index() as reader:
            return found, reader.generation


def _saved_as(suffix: str) -> dict[str, str]:
    return {"content-disposition": f'attachment; filename="conversation.{suffix}"'}


def _wrong(why: str) -> HttpError:
    return HttpError(422, f"replace_from: {why}", "invalid_value", "replace_from")
