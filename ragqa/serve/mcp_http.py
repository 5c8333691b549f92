"""The MCP server as an ASGI application: streamable HTTP without sessions, one JSON response for each request."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.types import Message, Receive, Scope, Send

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_BODY_BYTES = 1 << 20


class Endpoint:
    """An ASGI application for one path. Keep `running()` open while it serves: a mounted application gets no lifespan.

    A client that leaves cancels its request.
    """

    def __init__(self, server: Server[Any], hosts: Sequence[str] = LOOPBACK) -> None:
        """Serve to requests whose Host, and Origin if there is one, is one of `hosts`, with any port or none."""
        security = TransportSecuritySettings(
            allowed_hosts=[name for host in hosts for name in (host, f"{host}:*")],
            allowed_origins=[
                f"{scheme}://{name}" for scheme in ("http", "https") for host in hosts for name in (host, f"{host}:*")
            ],
        )
        self._manager = StreamableHTTPSessionManager(
            server, json_response=True, stateless=True, security_settings=security, max_request_body_size=_BODY_BYTES
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve requests while this context is open; it can be opened once."""
        async with self._manager.run():
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan of a server that runs this application alone."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        async with anyio.create_task_group() as group:
            whole = anyio.Event()

            async def leave_with_client() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass
                group.cancel_scope.cancel()

            async def received() -> Message:
                if whole.is_set():
                    await anyio.sleep_forever()
                message = await receive()
                if not message.get("more_body"):
                    whole.set()
                    group.start_soon(leave_with_client)
                return message

            await self._manager.asgi_app(scope, received, send)
            group.cancel_scope.cancel()

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        async with self.running():
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})
