"""A client of HTTP/1.1 on one connection that is kept alive. It reads replies with a length, and streams of events."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Self

SECONDS = 300.0
"""How long a client waits for anything."""
_GONE = (OSError, asyncio.IncompleteReadError, TimeoutError)


class BrokenError(Exception):
    """The connection ended before the reply did."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply, and the seconds from the first byte that was sent to the last one that came."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a stream, and the seconds since the request was sent."""

    name: str
    data: Any
    seconds: float


class Client:
    """One connection; a context manager. It is opened again where the server has closed it between two requests.

    :param secret: the token that is sent.
    """

    def __init__(self, port: int, secret: str) -> None:
        self._port = port
        self._always = f"Host: localhost\r\nAuthorization: Bearer {secret}\r\n"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        """Close the connection, also in the middle of a reply."""
        if self._streams is not None:
            self._streams[1].transport.abort()
        self._streams = None

    async def get(self, path: str) -> Reply:
        """Return the reply to a request without a body."""
        return await self._whole(self._head("GET", path))

    async def post(self, path: str, body: Any) -> Reply:
        """Return the reply to a body of JSON.

        :raises BrokenError: the connection ended before the reply did.
        """
        return await self._whole(self._posted(path, body))

    async def send(self, path: str, body: Any, accept: str = "application/json") -> None:
        """Send a body of JSON, and do not wait for the reply."""
        await self._write(self._posted(path, body, accept))

    async def events(self, path: str, body: Any) -> AsyncIterator[Event]:
        """Yield the events of a stream.

        :raises BrokenError: the connection ended before the stream did.
        :raises RefusedError: the reply is no stream.
        """
        started = time.perf_counter()
        await self.send(path, body, "text/event-stream")
        status, headers = await self._read_head()
        if headers.get("transfer-encoding") != "chunked":
            whole = await self._exactly(int(headers["content-length"]))
            raise RefusedError(Reply(status, headers, whole, time.perf_counter() - started))
        rest = b""
        while chunk := await self._chunk():
            *blocks, rest = (rest + chunk).split(b"\n\n")
            for block in blocks:
                fields = dict(line.split(b": ", 1) for line in block.split(b"\n") if not line.startswith(b":"))
                if b"data" in fields and fields[b"data"] != b"[DONE]":
                    seconds = time.perf_counter() - started
                    yield Event(fields.get(b"event", b"").decode(), json.loads(fields[b"data"]), seconds)

    def _head(self, method: str, path: str, more: str = "") -> bytes:
        return f"{method} {path} HTTP/1.1\r\n{self._always}{more}\r\n".encode()

    def _posted(self, path: str, body: Any, accept: str = "application/json") -> bytes:
        data = json.dumps(body).encode()
        about = f"Content-Type: application/json\r\nAccept: {accept}\r\nContent-Length: {len(data)}\r\n"
        return self._head("POST", path, about) + data

    async def _whole(self, request: bytes) -> Reply:
        started = time.perf_counter()
        await self._write(request)
        status, headers = await self._read_head()
        body = await self._exactly(int(headers["content-length"]))
        if headers.get("connection") == "close":
            self.leave()
        return Reply(status, headers, body, time.perf_counter() - started)

    async def _write(self, data: bytes) -> None:
        if self._streams is None or self._streams[0].at_eof() or self._streams[1].is_closing():
            self.leave()
            try:
                self._streams = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 24)
            except OSError as error:
                raise BrokenError(f"no connection: {error}") from None
        self._streams[1].write(data)
        with self._told():
            await self._streams[1].drain()

    async def _read_head(self) -> tuple[int, dict[str, str]]:
        head = (await self._until(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head[:-4].split("\r\n")
        pairs = (line.split(": ", 1) for line in lines)
        return int(first.split()[1]), {name.lower(): value for name, value in pairs}

    async def _chunk(self) -> bytes:
        size = int(await self._until(b"\r\n"), 16)
        return (await self._exactly(size + 2))[:-2]

    async def _until(self, end: bytes) -> bytes:
        with self._told():
            return await asyncio.wait_for(self._reader.readuntil(end), SECONDS)

    async def _exactly(self, size: int) -> bytes:
        with self._told():
            return await asyncio.wait_for(self._reader.readexactly(size), SECONDS)

    @property
    def _reader(self) -> asyncio.StreamReader:
        if self._streams is None:
            raise BrokenError("the connection is closed")
        return self._streams[0]

    @contextlib.contextmanager
    def _told(self) -> Any:
        """Close the connection and raise our own error where it ends."""
        try:
            yield
        except _GONE as error:
            self.leave()
            raise BrokenError(f"the reply is not whole: {type(error).__name__}") from None


class RefusedError(Exception):
    """A stream was asked for, and the reply is none."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        super().__init__(f"{reply.status}: {reply.body[:200]!r}")
