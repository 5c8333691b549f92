"""The outermost layer: it reads a request whole, and lets it in only where host, origin, token and body are in order.

It is plain ASGI, and looks at the path that was sent (`scope["path"]`), never at an address made from the header Host.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.routing import Match, Route, Router

from ragqa.config.serving import HttpServe
from ragqa.serve import tokens
from ragqa.serve.errors import HttpError, from_exception
from ragqa.serve.replies import ClientGone, as_error
from ragqa.serve.tokens import Token

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

OPEN = ("/healthz",)
"""The paths that need no token, besides those of the page."""
ADMIN = ("/api/index",)
"""The paths that need a token of the scope `admin`."""
SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
"""The headers of every reply."""
PAGE_POLICY = (
    b"default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' blob:; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    b"require-trusted-types-for 'script'; trusted-types ragqa"
)
"""The Content-Security-Policy of the page, in the place of that of the other replies."""
_HOST = re.compile(r"([a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.ASCII)
_JSON = re.compile(r"application/json\s*(;\s*charset\s*=\s*\"?utf-8\"?\s*)?", re.IGNORECASE)
_CLOSE = {"connection": "close"}


@dataclass(eq=False, slots=True)
class Exchange:
    """A request and what became of its reply, for the log and the metrics."""

    scope: Scope
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    began: float = field(default_factory=time.monotonic)
    token: Token | None = None
    status: int = 0
    sent_bytes: int = 0
    error: BaseException | None = None
    origin: str = ""

    @property
    def seconds(self) -> float:
        """Return the seconds since the head of the request came in."""
        return time.monotonic() - self.began

    def header(self, name: bytes) -> list[str]:
        """Return the values of a header; bytes outside ASCII are kept as Latin-1."""
        return [value.decode("latin-1") for key, value in self.scope["headers"] if key == name]


class Guard:
    """Lets requests in; answers the others itself.

    :param router: what answers; it may raise `HttpError` and exceptions of the package.
    :param ended: called with each `Exchange` after its end.
    :param page: the paths of the page: whoever asks for them needs no token, and they may be opened from anywhere.
    """

    def __init__(
        self,
        router: Router,
        spec: HttpServe,
        known: Sequence[Token],
        ended: Callable[[Exchange], None] = lambda _: None,
        page: Collection[str] = (),
    ) -> None:
        self._router, self._spec, self._known, self._ended = router, spec, tuple(known), ended
        self._page = page
        own = f"[{spec.host}]" if ":" in spec.host else spec.host.lower()
        self._hosts = {*spec.hosts, *([own] if own not in ("0.0.0.0", "[::]") else [])}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._router(scope, receive, send)
            return
        exchange = Exchange(scope)
        reply = _Reply(exchange, send, PAGE_POLICY if scope["path"] in self._page else None)
        try:
            await self._answer(exchange, receive, reply)
        except ClientGone:
            exchange.status = exchange.status or 499  # as servers commonly note it
        except Exception as error:
            exchange.error = error
            if not reply.started:
                await as_error(_as_http(error, exchange.id))(scope, receive, reply)
            elif not reply.done:
                raise _CutOff from None
        finally:
            self._ended(exchange)

    async def _answer(self, exchange: Exchange, receive: Receive, reply: _Reply) -> None:
        scope = exchange.scope
        if scope["http_version"] not in ("1.0", "1.1"):
            raise HttpError(400, "the request is not HTTP/1.1", "invalid_http", headers=_CLOSE)
        if exchange.header(b"content-length") and exchange.header(b"transfer-encoding"):
            raise HttpError(400, "send Content-Length or Transfer-Encoding, not both", headers=_CLOSE)
        host = self._host(exchange)
        self._check_origin(exchange, host)
        if exchange.origin and scope["method"] == "OPTIONS":
            await _preflight(reply)
            return
        if scope["path"] not in OPEN and scope["path"] not in self._page:
            exchange.token = self._token(exchange)
        self._check_method(scope)
        body = await self._body(exchange, receive)
        scope["app"] = self  # a router then raises what it cannot answer
        scope["state"] = {"token": exchange.token, "request_id": exchange.id, "host": host}
        await self._router(scope, _replayed(body, receive), reply)

    def _host(self, exchange: Exchange) -> str:
        """Return the header Host, which must be one of the names of this server."""
        values = exchange.header(b"host")
        if len(values) != 1:
            raise HttpError(400, "send the header Host once", headers=_CLOSE)
        parts = _HOST.fullmatch(values[0].lower())
        if parts is None or parts[1] not in self._hosts:
            raise HttpError(421, "this server has another name: see serve.hosts", headers=_CLOSE)
        return values[0].lower()

    def _check_origin(self, exchange: Exchange, host: str) -> None:
        """Refuse a request that a page of another origin sends, unless it is one of `serve.origins`."""
        values = exchange.header(b"origin")
        own = (f"http://{host}", f"https://{host}")
        if len(values) > 1 or (values and values[0].lower() not in (*own, *self._spec.origins)):
            raise HttpError(403, "a page of another origin may not call this server: see serve.origins", headers=_CLOSE)
        if values and values[0].lower() in self._spec.origins:
            exchange.origin = values[0].lower()
        elif exchange.scope["path"] not in self._page and _is_from_elsewhere(exchange):
            raise HttpError(403, "a page of another site may not call this server: see serve.origins", headers=_CLOSE)

    def _token(self, exchange: Exchange) -> Token:
        """Return the token of a request, from the header Authorization alone."""
        values = exchange.header(b"authorization")
        scheme, _, secret = values[0].partition(" ") if len(values) == 1 else ("", "", "")
        found = tokens.find(self._known, secret.strip()) if scheme.lower() == "bearer" else None
        if found is None:
            message = "send the header `Authorization: Bearer TOKEN` with a token of this server"
            raise HttpError(401, message, "invalid_api_key", headers={"www-authenticate": "Bearer", **_CLOSE})
        if not found.may("admin" if exchange.scope["path"] in ADMIN else "read"):
            raise HttpError(403, "this needs a token of the scope admin", headers=_CLOSE)
        return found

    def _check_method(self, scope: Scope) -> None:
        """Refuse a method by which a path is not asked, whatever its body. An unknown path is left to the router."""
        methods: set[str] = set()
        for route in self._router.routes:
            match, _ = route.matches(scope)
            if match is Match.FULL:
                return
            if match is Match.PARTIAL and isinstance(route, Route):
                methods |= route.methods or set()
        if methods:
            allow = ", ".join(sorted(methods))
            raise HttpError(405, f"this path is asked by {allow} alone", headers={"allow": allow, **_CLOSE})

    async def _body(self, exchange: Exchange, receive: Receive) -> bytes:
        """Return the whole body of a request; it must be short, be JSON, and come in soon."""
        lengths = exchange.header(b"content-length")
        if any(int(each) > self._spec.body_bytes for each in lengths if each.isdecimal()):
            raise self._too_large()
        kinds = exchange.header(b"content-type")
        if exchange.scope["method"] == "POST" and not (len(kinds) == 1 and _JSON.fullmatch(kinds[0].strip())):
            raise HttpError(415, "send the header `Content-Type: application/json`", headers=_CLOSE)
        body = bytearray()
        try:
            async with asyncio.timeout(self._spec.body_seconds):
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ClientGone
                    body += message.get("body", b"")
                    more = message.get("more_body", False)
                    if len(body) > self._spec.body_bytes:
                        raise self._too_large()
        except TimeoutError:
            raise HttpError(408, "the body of the request did not come in", headers=_CLOSE) from None
        return bytes(body)

    def _too_large(self) -> HttpError:
        return HttpError(413, f"a body has at most {self._spec.body_bytes:,} bytes", headers=_CLOSE)


class _CutOff(Exception):
    """The reply had begun when an error came, so the connection is closed."""


class _Reply:
    """Passes a reply on, with the headers of every reply, and notes what was sent."""

    def __init__(self, exchange: Exchange, send: Send, policy: bytes | None = None) -> None:
        self._exchange, self._send = exchange, send
        own = {} if policy is None else {b"content-security-policy": policy}
        self._security = dict(SECURITY_HEADERS) | own
        self.started = self.done = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self._exchange.status = message["status"]
            message = {**message, "headers": [*self._kept(message["headers"]), *self._added()]}
        elif message["type"] == "http.response.body":
            self._exchange.sent_bytes += len(message.get("body", b""))
            self.done = not message.get("more_body", False)
        await self._send(message)

    def _added(self) -> list[tuple[bytes, bytes]]:
        allowed = [(b"access-control-allow-origin", self._exchange.origin.encode()), (b"vary", b"origin")]
        own = [*self._security.items(), (b"x-request-id", self._exchange.id.encode())]
        return own + (allowed if self._exchange.origin else [])

    def _kept(self, headers: Any) -> list[tuple[bytes, bytes]]:
        return [(name, value) for name, value in headers if name.lower() not in self._security]


def _is_from_elsewhere(exchange: Exchange) -> bool:
    """Tell whether a browser says that a page of another site made it send the request."""
    return any(value in ("cross-site", "same-site") for value in exchange.header(b"sec-fetch-site"))


async def _preflight(reply: _Reply) -> None:
    """Answer the question of a browser whether a page of an allowed origin may call this server."""
    headers = [
        (b"access-control-allow-methods", b"GET, POST, DELETE"),
        (b"access-control-allow-headers", b"authorization, content-type"),
    ]
    await reply({"type": "http.response.start", "status": 204, "headers": headers})
    await reply({"type": "http.response.body"})


def _replayed(body: bytes, receive: Receive) -> Callable[[], Awaitable[Message]]:
    """Return a `receive` that gives the body once, and after it what the server tells."""
    left = [body]

    async def replay() -> Message:
        return {"type": "http.request", "body": left.pop(), "more_body": False} if left else await receive()

    return replay


def _as_http(error: Exception, request_id: str) -> HttpError:
    """Return the reply to an exception; those of the router are told in our form."""
    if not isinstance(error, HTTPException):
        return from_exception(error, request_id)
    message = "there is nothing at this path" if error.status_code == 404 else "bad request"
    return HttpError(error.status_code, message, headers=dict(error.headers or {}))
