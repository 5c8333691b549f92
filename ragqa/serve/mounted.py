"""The MCP endpoint at `/mcp`, where the extra `ragqa[mcp]` is installed: its tools go through the same lanes."""

from __future__ import annotations

import importlib.util
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from ragqa.serve.errors import HttpError
from ragqa.serve.mcp import asgi
from ragqa.serve.mcp_tools import ToolError
from ragqa.serve.service import Service

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from ragqa.records import Answer, Hit

_who: ContextVar[str] = ContextVar("who", default="mcp")


def mcp_endpoint(service: Service) -> McpEndpoint | None:
    """Return the endpoint; None where the extra is not installed."""
    return None if importlib.util.find_spec("mcp") is None else McpEndpoint(service)


class McpEndpoint:
    """An ASGI application. Its tools search and ask as the token of the request does."""

    __name__ = "mcp"

    def __init__(self, service: Service) -> None:
        self._service = service
        self._app = asgi(service.pipeline, self._search, self._ask, [*service.spec.hosts, service.spec.host])

    def running(self) -> AbstractAsyncContextManager[None]:
        """Return the context in which requests can be answered."""
        return self._app.running()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        _who.set(scope["state"]["token"].name)
        await self._app(scope, receive, send)

    async def _search(self, question: str, k: int | None = None) -> list[Hit]:
        try:
            return await self._service.search(question, k, _who.get())
        except HttpError as error:
            raise _for_tools(error) from None

    async def _ask(self, question: str) -> Answer:
        try:
            asked = self._service.ask(question, (), _who.get())
            try:
                return await asked.answer()
            finally:
                asked.close()
        except HttpError as error:
            raise _for_tools(error) from None


def _for_tools(error: HttpError) -> Exception:
    """Return the error of a tool, whose message an agent reads."""
    later = f"; try again in {error.retry_after} seconds" if error.retry_after else ""
    return ToolError(error.message + later)
