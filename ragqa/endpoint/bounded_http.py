"""HTTP for httpx2 with a deadline, a bounded number of bytes, and requests to one origin only.

Every wait on the network happens in `_Connection`, with the remaining seconds as its timeout. So no thread is needed
for it. A connection is used for one request and then closed, so that processes share none after a fork.
"""

from __future__ import annotations

import errno
import logging
import os
import select
import socket
import ssl
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, partial
from typing import Any, TypeVar

import httpcore2
import httpx2

from ragqa import stopping
from ragqa.deadline import DeadlinePassed, Emit, iterate_until
from ragqa.errors import RefusedError, UsageError
from ragqa.origins import is_loopback, is_loopback_ip, origin

_T = TypeVar("_T")
_SENT = ("host", "content-type", "content-length", "accept")
"""Headers of a request that are sent as the library sets them. All its other headers are left out."""
_KEPT = (b"content-type", b"content-encoding", b"retry-after")
"""Headers of a reply that are read. The others are left out: they may repeat a key, and a library may log them."""
_LONGEST_WAIT = 86_400.0
# Its debug messages contain every header of a reply, in which an endpoint may repeat the key.
if logging.getLogger("httpcore2").level == logging.NOTSET:
    logging.getLogger("httpcore2").setLevel(logging.INFO)


class TooManyBytes(Exception):
    """A reply exceeds a bound; the message says which bound."""


class Allowance:
    """The limits of one request: the time until `deadline`, `total` bytes, and `pause` bytes without any useful
    content.

    Received bytes and decompressed bytes are counted separately.

    :param deadline: a time of `time.monotonic`, in seconds.
    """

    def __init__(self, deadline: float, total: int, pause: int) -> None:
        self._deadline, self._total, self._pause = deadline, total, pause
        self._spent = dict.fromkeys(("raw", "decoded"), 0)
        self._useless = dict.fromkeys(("raw", "decoded"), 0)

    def seconds(self) -> float:
        """Return the remaining seconds, more than 0.

        :raises DeadlinePassed: there is no time left.
        """
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise DeadlinePassed
        return min(left, _LONGEST_WAIT)

    def spend(self, kind: str, n_bytes: int) -> None:
        """Count bytes, `raw` or `decoded`.

        :raises TooManyBytes: the count exceeds a limit.
        """
        self._spent[kind] += n_bytes
        self._useless[kind] += n_bytes
        if self._spent[kind] > self._total:
            raise TooManyBytes(f"the reply has more than {self._total:,} bytes")
        if self._useless[kind] > self._pause:
            raise TooManyBytes(f"the reply has {self._pause:,} bytes without a piece of an answer")

    def restart(self) -> None:
        """Record that useful content has arrived: `pause` is counted from here."""
        self._useless = dict.fromkeys(self._useless, 0)


class BoundedTransport(httpx2.BaseTransport):
    """Sends the requests of a client to one origin, within an allowance. Proxies are those of the environment.

    :param allowed: the origin to which requests go; nothing is sent elsewhere.
    :param authorization: the value of the header `Authorization`; empty for none.
    :raises UsageError: the environment gives a proxy of an unsupported kind.
    """

    def __init__(self, allowed: str, allowance: Allowance, authorization: str = "") -> None:
        self._allowed, self._allowance, self._authorization = allowed, allowance, authorization
        self._pool = httpcore2.ConnectionPool(
            ssl_context=_ssl_context(),
            proxy=_proxy(allowed),
            max_keepalive_connections=0,
            network_backend=_Network(allowance, is_loopback(allowed)),
        )

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request and return the reply as soon as its headers have arrived.

        :raises RefusedError: the request is for another origin.
        :raises DeadlinePassed: there is no time left.
        :raises TooManyBytes: the headers are too long.
        """
        if origin(str(request.url)) != self._allowed:
            raise RefusedError(
                f"a request for {origin(str(request.url))} is not sent: it was meant for {self._allowed}"
            )
        assert isinstance(request.stream, Iterable)
        url = request.url
        reply = self._pool.handle_request(
            httpcore2.Request(
                request.method,
                httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=self._headers(request.headers),
                content=request.stream,
            )
        )
        return _Reply(reply, list(_kept(reply.headers)), self._allowance)

    def _headers(self, given: Mapping[str, str]) -> list[tuple[str, str]]:
        headers = [(name, given[name]) for name in _SENT if name in given]
        headers += [("accept-encoding", "identity"), ("user-agent", "ragqa"), ("connection", "close")]
        return [*headers, *([("authorization", self._authorization)] if self._authorization else [])]

    def close(self) -> None:
        """Close the connection."""
        self._pool.close()


def _kept(headers: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the headers of a reply that are read, without parameters: the text of a reply is UTF-8."""
    for name, value in headers:
        if name.lower() in _KEPT:
            yield name, value.partition(b";")[0]


class _Reply(httpx2.Response):
    """A reply whose decompressed bytes are also counted."""

    def __init__(self, reply: httpcore2.Response, headers: Any, allowance: Allowance) -> None:
        super().__init__(reply.status, headers=headers, stream=_Body(reply))
        self._allowance = allowance

    def iter_bytes(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """Yield the pieces of the decompressed body as they arrive.

        :raises DeadlinePassed: there is no time left.
        :raises TooManyBytes: the body is too long.
        """
        for piece in super().iter_bytes(chunk_size):
            self._allowance.spend("decoded", len(piece))
            yield piece


class _Body(httpx2.SyncByteStream):
    def __init__(self, reply: httpcore2.Response) -> None:
        self._reply = reply

    def __iter__(self) -> Iterator[bytes]:
        return self._reply.iter_stream()

    def close(self) -> None:
        self._reply.close()


class _Network(httpcore2.NetworkBackend):
    """Opens connections within an allowance.

    :param loopback: connect only to loopback addresses, whatever the host's name is resolved to.
    """

    def __init__(self, allowance: Allowance, loopback: bool) -> None:
        self._allowance, self._loopback = allowance, loopback

    def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> httpcore2.NetworkStream:
        """Connect to the first address of a host that accepts a connection."""
        # 1. Look the host up; a loopback host must be resolved to a loopback address.
        found = [address for address in self._addresses(host, port) if self._is_allowed(address)]
        if not found:
            raise RefusedError(f"{host} is not an address of this machine: nothing is sent")
        # 2. Try its addresses in turn, each with an equal share of the remaining time.
        failure: OSError | None = None
        for left, (family, kind, protocol, _, address) in zip(range(len(found), 0, -1), found, strict=True):
            connection = socket.socket(family, kind, protocol)
            try:
                _connect(connection, address, time.monotonic() + self._allowance.seconds() / left)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return _Connection(connection, self._allowance)
            except OSError as error:
                connection.close()
                failure = error
            except BaseException:
                connection.close()
                raise
        self._allowance.seconds()
        assert failure is not None
        raise failure

    def _addresses(self, host: str, port: int) -> list[Any]:
        """Return the addresses of a host.

        A thread looks up the name; it may continue after the deadline until it has a reply.
        """
        try:
            return socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        except OSError:
            pass  # the host is a name, not an address

        def look_up(emit: Emit) -> None:
            emit(socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM))

        (found,) = iterate_until(look_up, time.monotonic() + self._allowance.seconds())
        return list(found)

    def _is_allowed(self, address: Any) -> bool:
        return not self._loopback or is_loopback_ip(address[4][0])


class _Connection(httpcore2.NetworkStream):
    """A connection whose waits all end by the deadline."""

    def __init__(self, connection: socket.socket, allowance: Allowance) -> None:
        self._socket, self._allowance = connection, allowance

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._waited(lambda: self._socket.recv(max_bytes))
        self._allowance.spend("raw", len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        view = memoryview(buffer)
        while view:
            try:
                view = view[self._waited(partial(self._socket.send, view)) :]
            except OSError as error:  # the library then reads a reply sent before the close
                raise httpcore2.WriteError(str(error)) from None

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        try:
            self._socket = ssl_context.wrap_socket(
                self._socket, server_hostname=server_hostname, do_handshake_on_connect=False
            )
            self._waited(self._socket.do_handshake)
        except BaseException:
            self.close()
            raise
        return self

    def _waited(self, work: Callable[[], _T]) -> _T:
        """Return the result of a socket call.

        The call is repeated with short timeouts, with a check for a stop in between.

        :raises DeadlinePassed: there is no time left.
        :raises Stopped: the answer is no longer wanted.
        """
        while True:
            stopping.check()
            self._socket.settimeout(min(self._allowance.seconds(), stopping.LOOK_SECONDS))
            try:
                return work()
            except TimeoutError as error:
                if error.errno is not None:  # the timeout is one of the operating system
                    raise

    def close(self) -> None:
        self._socket.close()


def _connect(connection: socket.socket, address: Any, until: float) -> None:
    """Connect a socket, with repeated checks for a stop.

    :raises OSError: it cannot be connected, or not in time.
    :raises Stopped: the answer is no longer wanted.
    """
    connection.setblocking(False)
    status = connection.connect_ex(address)
    while status in (errno.EINPROGRESS, errno.EALREADY, errno.EWOULDBLOCK):
        stopping.check()
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        if select.select([], [connection], [], min(left, stopping.LOOK_SECONDS))[1]:
            status = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            break
    if status:
        raise OSError(status, os.strerror(status))


@cache
def _ssl_context() -> ssl.SSLContext:
    return httpx2.create_ssl_context()


def _proxy(target: str) -> httpcore2.Proxy | None:
    """Return the proxy of the environment for an origin; None for a loopback host."""
    scheme, _, host = target.partition("://")
    if is_loopback(target) or urllib.request.proxy_bypass(host):
        return None
    named = urllib.request.getproxies()
    address = named.get(scheme) or named.get("all")
    if not address:
        return None
    try:
        proxy = httpx2.Proxy(address)
    except (ValueError, httpx2.InvalidURL):
        raise UsageError(
            f"the proxy for {scheme} in the environment must be an address such as http://host:port"
        ) from None
    if proxy.url.scheme != "http":
        raise UsageError(f"the proxy for {scheme} in the environment is of kind {proxy.url.scheme}; must be http")
    url = httpcore2.URL(scheme="http", host=proxy.url.raw_host, port=proxy.url.port or 80, target="/")
    return httpcore2.Proxy(url, auth=proxy.raw_auth)
