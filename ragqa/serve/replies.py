"""Replies: JSON, text, and streams of server-sent events that stop the work when the client leaves."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Coroutine, Mapping
from contextlib import aclosing, suppress
from typing import IO, TYPE_CHECKING, Any, TypeVar

from starlette.responses import Response

from ragqa.pipeline.answer.sources import Stamp, stamp
from ragqa.serve.errors import HttpError, from_exception

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

Result = TypeVar("Result")
PIECE_BYTES = 1 << 18
"""How much of a file is in memory at a time."""


def json_bytes(data: Any) -> bytes:
    """Return JSON in UTF-8; half a surrogate pair, which UTF-8 cannot hold, is written as an escape."""
    try:
        return json.dumps(data, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        return json.dumps(data, allow_nan=False).encode()


def as_json(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a reply of JSON."""
    return Response(json_bytes(data), status, dict(headers or {}), "application/json")


def as_error(error: HttpError) -> Response:
    """Return the reply of an error."""
    return as_json(error.body(), error.status, error.all_headers())


def event(data: Any, name: str | None = None) -> bytes:
    """Return a server-sent event; JSON has no line breaks, so that its data is one line."""
    head = b"" if name is None else b"event: " + name.encode() + b"\n"
    return head + b"data: " + (data if isinstance(data, bytes) else json_bytes(data)) + b"\n\n"


def failed(request: Request, error: Exception, name: str | None = None) -> bytes:
    """Return the event that ends a stream after an error, and note the error for the log."""
    state = request.scope["state"]
    state["error"] = error
    return event(from_exception(error, state["request_id"]).body(), name)


def comment(text: str) -> bytes:
    """Return a comment, which clients drop; it keeps a connection open."""
    return b": " + text.encode() + b"\n\n"


class EventStream(Response):
    """A stream of events.

    :param close: called in the end, also where the client left before the first event.
    """

    def __init__(self, chunks: AsyncGenerator[bytes, None], close: Callable[[], None]) -> None:
        super().__init__(status_code=200, media_type="text/event-stream", headers={"x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._chunks, self._close = chunks, close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events."""
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await until_gone(self._send(send), receive)
        finally:
            self._close()

    async def _send(self, send: Send) -> None:
        async with aclosing(self._chunks) as chunks:
            async for chunk in chunks:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class FileReply(Response):
    """An open file, which is sent piece by piece and closed in the end.

    The connection is cut where the file changes meanwhile, so that its reader sees that it is not whole.

    :param before: the stamp of the file when it had the bytes that are wanted.
    """

    def __init__(self, stream: IO[bytes], before: Stamp, media_type: str) -> None:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(0)
        super().__init__(media_type=media_type, headers={"content-length": str(size)})
        self._stream, self._left, self._before = stream, size, before

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file."""
        with self._stream:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await until_gone(self._send(send), receive)

    async def _send(self, send: Send) -> None:
        while self._left:
            piece = await asyncio.to_thread(self._stream.read, min(PIECE_BYTES, self._left))
            if not piece or stamp(self._stream) != self._before:
                raise HttpError(410, "the file changed while it was read")
            self._left -= len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def until_gone(wanted: Coroutine[Any, Any, Result], receive: Receive) -> Result:
    """Return the result of work; cancel it where the client leaves before.

    :raises ClientGone: the client left.
    """
    work = asyncio.ensure_future(wanted)
    leaving = asyncio.ensure_future(_gone(receive))
    try:
        await asyncio.wait({work, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise ClientGone
        return work.result()
    finally:
        for task in (work, leaving):
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task


class ClientGone(Exception):
    """The client closed its connection before it had the reply."""


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
