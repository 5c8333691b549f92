"""A server of sockets, without any library of HTTP in between: it says what it is told, however wrong."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any

Behaviour = Callable[["Peer"], None]
EVENT_STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


class Peer:
    """One connection of a client, on the side of the server."""

    def __init__(self, connection: socket.socket, ended: threading.Event) -> None:
        self.connection, self._ended = connection, ended

    def read_request(self) -> bytes:
        """Return the headers and the body of a request."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._more()
        headers, _, body = data.partition(b"\r\n\r\n")
        lengths = [int(line.split(b":")[1]) for line in headers.lower().split(b"\r\n") if b"content-length" in line]
        while len(body) < sum(lengths):
            body += self._more()
        return headers + b"\r\n\r\n" + body

    def _more(self) -> bytes:
        data = self.connection.recv(1 << 16)
        if not data:
            raise ConnectionError("the client left")
        return data

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.connection.sendall(data)

    def drip(self, data: bytes, size: int, pause: float) -> None:
        """Send bytes a few at a time."""
        for start in range(0, len(data), size):
            self.send(data[start : start + size])
            self.wait(pause)

    def wait(self, seconds: float) -> None:
        """Do nothing for a while, or until the server ends."""
        if self._ended.wait(seconds):
            raise ConnectionError("the server ends")

    def hang(self) -> None:
        """Do nothing until the client leaves."""
        while self.connection.recv(1 << 16):
            pass

    def reset(self) -> None:
        """End the connection with a reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


class RawServer:
    """Listens on a port of its own, and behaves the same to every client; `connections` counts them."""

    def __init__(self, behaviour: Behaviour, tls: ssl.SSLContext | None = None) -> None:
        self.behaviour, self._tls = behaviour, tls
        self.connections = 0
        self._ended = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}/v1"

    def _accept(self) -> None:
        while not self._ended.is_set():
            with contextlib.suppress(OSError):
                connection, _ = self._listener.accept()
                self.connections += 1
                thread = threading.Thread(target=self._serve, args=(connection,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(30)
        with connection, contextlib.suppress(OSError, ValueError):
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection:
                self.behaviour(Peer(connection, self._ended))

    def close(self) -> None:
        """End the server; what it does at the moment is broken off."""
        self._ended.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()


@contextlib.contextmanager
def serving(behaviour: Behaviour, tls: ssl.SSLContext | None = None) -> Iterator[RawServer]:
    """Serve until the end of the block."""
    server = RawServer(behaviour, tls)
    try:
        yield server
    finally:
        server.close()


def replies(data: bytes) -> Behaviour:
    """Return the behaviour that reads a request, sends these bytes and closes."""

    def behave(peer: Peer) -> None:
        peer.read_request()
        peer.send(data)

    return behave


def event(data: Any) -> bytes:
    """Return an event of a stream with some data, as JSON unless it is bytes already."""
    return b"data: " + (data if isinstance(data, bytes) else json.dumps(data).encode()) + b"\n\n"


def piece(text: str, finish: str | None = None, **fields: Any) -> bytes:
    """Return the event of a piece of an answer."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish, **fields}
    return event({"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]})


DONE = b"data: [DONE]\n\n"
