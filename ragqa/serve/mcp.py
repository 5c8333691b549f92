"""The Model Context Protocol: agents search, ask and read the documents of a pipeline. Needs the extra `ragqa[mcp]`.

    mcp.py          the entry points; importing it imports no library
    mcp_tools.py    the definitions of the tools, as constants
    mcp_pages.py    what the tools return, in pages of at most 1,500 tokens
    mcp_find.py     a document by its name
    mcp_server.py   the tools in the SDK's terms
    mcp_stdio.py    stdin and stdout, with early answers
    mcp_http.py     streamable HTTP

Both protocol versions are served: 2026-07-28, whose requests stand alone, and those that begin with `initialize`.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ragqa.pipeline import Pipeline
    from ragqa.serve.mcp_http import Endpoint
    from ragqa.serve.mcp_server import Ask, Search


def asgi(pipeline: Pipeline, search: Search, ask: Ask, hosts: Sequence[str] = ()) -> Endpoint:
    """Return an ASGI application that serves the tools at one path, such as `/mcp`, whatever the path is.

    It checks the Host and Origin of requests itself. Open its context `running()` for as long as it should serve.

    :param search: awaits the hits of a question and a number; called in the event loop, and cancelled with the request.
    :param ask: awaits the answer to a question, in the same way.
        What it raises is told without details, but a `UsageError` and a `mcp_tools.ToolError` in their own words.
    :param hosts: the hosts that requests may name, besides those of this machine (`localhost`, `127.0.0.1`, `[::1]`).
    :raises ModelError: the SDK is not installed.
    """
    _require()
    from anyio import to_thread

    from ragqa.records import Document
    from ragqa.serve.mcp_find import find
    from ragqa.serve.mcp_http import LOOPBACK, Endpoint
    from ragqa.serve.mcp_server import Tools, server

    async def document(named: str) -> Document:
        return await to_thread.run_sync(find, pipeline, named, abandon_on_cancel=True)

    return Endpoint(server(Tools(search, ask, document)), [*LOOPBACK, *hosts])


def run_stdio(pipeline: Pipeline | Callable[[], Pipeline]) -> None:
    """Serve the tools over stdin and stdout until the input ends.

    The list of tools is answered before any model is loaded, and before `pipeline` is built where it is a function.

    :param pipeline: a pipeline, or a function that builds it; called once, in another thread.
    :raises ModelError: the SDK is not installed.
    :raises Exception: the function raised it.
    """
    _require()
    from ragqa.serve.mcp_stdio import serve

    serve(pipeline if callable(pipeline) else lambda: pipeline)


def _require() -> None:
    if importlib.util.find_spec("mcp") is None:
        from ragqa.errors import ModelError

        raise ModelError("MCP needs a library that is not installed: pip install 'ragqa[mcp]'")
