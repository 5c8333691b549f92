"""The server of HTTP: uvicorn with h11, which reads a request strictly, and in bounded time."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import FrameType
from typing import TYPE_CHECKING, Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from ragqa.config.serving import HttpServe
from ragqa.errors import UsageError
from ragqa.serve.errors import HttpError
from ragqa.serve.guard import SECURITY_HEADERS
from ragqa.serve.replies import json_bytes

if TYPE_CHECKING:
    from starlette.types import ASGIApp

HEAD_BYTES = 16_384
"""The most bytes of the head of a request."""


def run(
    app: ASGIApp,
    spec: HttpServe,
    listener: socket.socket,
    began: Callable[[Callable[[], None]], None],
    ending: Callable[[], None],
    around: AbstractAsyncContextManager[None],
) -> None:
    """Serve until SIGTERM or Ctrl-C, then answer what is being answered. A second signal ends it at once.

    :param began: called when the server listens, with a function that ends it.
    :param ending: called when it ends, before what is left is answered.
    :param around: entered in the event loop before the server listens.
    """
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi"):  # their lines hold content
        logging.getLogger(name).disabled = True
    config = uvicorn.Config(
        app,
        http=_protocol(spec),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        h11_max_incomplete_event_size=HEAD_BYTES,
        timeout_graceful_shutdown=int(spec.deadline) + 1,
    )
    _Server(config, began, ending, around).run([listener])


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to an address.

    :raises UsageError: the address cannot be taken.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=512)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"cannot listen at {host} port {port}: {why}; choose another by --host and --port") from None
    # Connections inherit this. asyncio sets it for sockets of protocol TCP alone, and this one has protocol 0: a reply in
    # two pieces would wait 40 ms for the client's acknowledgement of the first.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


class _Server(uvicorn.Server):
    """A server that ends with success after a signal."""

    def __init__(
        self,
        config: uvicorn.Config,
        began: Callable[[Callable[[], None]], None],
        ending: Callable[[], None],
        around: AbstractAsyncContextManager[None],
    ) -> None:
        super().__init__(config)
        self._began, self._ending, self._around = began, ending, around

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        async with self._around:
            await super().serve(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._began(self.end)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End. The signal is not sent again, so that the exit code is 0."""
        self.end()

    def end(self) -> None:
        """Begin to end; the second time at once."""
        self.force_exit = self.should_exit
        self.should_exit = True
        self._ending()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        if self.force_exit:
            for connection in list(self.server_state.connections):
                connection.transport.abort()


def _protocol(spec: HttpServe) -> type[H11Protocol]:
    """Return the class of a connection with the bounds of the settings."""

    class BoundedProtocol(_Bounded):
        bounds = spec

    return BoundedProtocol


class _Bounded(H11Protocol):
    """A connection: its heads come in within a time, its client reads, and one request is answered at a time."""

    bounds: HttpServe

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._head: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.bounds.connections:
            self._refuse(HttpError(503, "too many connections", "too_many_connections", retry_after=1))
        else:
            self._await_head()

    def data_received(self, data: bytes) -> None:
        """Read what came. The end of a line must be CR LF, since proxies read a bare LF in different ways."""
        if self.transport.is_closing():
            return
        if self.conn.their_state is h11.IDLE and (fault := _fault_of_head(self.conn.trailing_data[0] + data)):
            self._refuse(fault)
            return
        super().data_received(data)
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self._await_head()
        else:
            self._end_head()
        if self.cycle is not None and self.conn.their_state is h11.DONE and self.conn.trailing_data[0]:
            self.cycle.keep_alive = False  # a request behind a request is dropped with the connection

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_head()
        self._end_stall()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Cut the client off unless it reads again soon."""
        super().pause_writing()
        self._stalled = self._stalled or self.loop.call_later(self.bounds.send_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        self._end_stall()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        self._refuse(HttpError(400, "the request is not HTTP/1.1", "invalid_http"))

    def _await_head(self) -> None:
        """Begin the time for a head, unless it has begun."""
        if self._head is None:
            late = HttpError(408, "the head of the request did not come in")
            self._head = self.loop.call_later(self.bounds.head_seconds, self._refuse, late)

    def _end_head(self) -> None:
        if self._head is not None:
            self._head.cancel()
        self._head = None

    def _end_stall(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
        self._stalled = None

    def _refuse(self, error: HttpError) -> None:
        """Send an error where no reply has begun, and close."""
        self._end_head()
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(_raw(error))
        self.transport.close()
        self.loop.call_later(self.bounds.send_seconds, self.transport.abort)


def _raw(error: HttpError) -> bytes:
    """Return a whole reply, for a connection whose request cannot be read."""
    body = json_bytes(error.body())
    reason = {
        400: "Bad Request",
        408: "Request Timeout",
        431: "Request Header Fields Too Large",
        503: "Service Unavailable",
    }[error.status]
    headers = {"content-type": "application/json", "content-length": str(len(body)), "connection": "close"}
    lines = [f"HTTP/1.1 {error.status} {reason}", *(f"{k}: {v}" for k, v in (headers | error.all_headers()).items())]
    lines += [f"{name.decode()}: {value.decode()}" for name, value in SECURITY_HEADERS]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _fault_of_head(head: bytes) -> HttpError | None:
    """Return what is wrong with a head, which need not be whole: it is too long, or a line ends with LF alone.

    h11 bounds only heads that come in parts.
    """
    lines = head.partition(b"\r\n\r\n")[0]
    if len(lines) > HEAD_BYTES:
        return HttpError(431, f"the head of a request has at most {HEAD_BYTES:,} bytes")
    if lines.count(b"\n") != lines.count(b"\r\n"):
        return HttpError(400, "the head of the request is not HTTP/1.1", "invalid_http")
    return None
