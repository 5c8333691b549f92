"""MCP behind the guard, at `/mcp`: its tools need a token, and wait in the same lanes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.serve.serving import QUESTION, Running, running

pytest.importorskip("mcp", reason="needs the extra ragqa[mcp]")
pytest.importorskip("ragqa.serve.mcp", reason="the tools of MCP are not here")


async def use(server: Running, calls: list[tuple[str, dict[str, Any]]]) -> list[Any]:
    """Return the results of tools, called with the token of alice."""
    import httpx2
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    headers = {"Authorization": f"Bearer {server.secrets['alice']}"}
    async with (
        httpx2.AsyncClient(headers=headers) as http,
        Client(streamable_http_client(f"{server.url}/mcp", http_client=http)) as client,
    ):
        return [await client.call_tool(name, arguments) for name, arguments in calls]


def test_the_tools_search_and_ask_with_a_token(server: Running) -> None:
    found, asked = asyncio.run(
        use(server, [("search", {"question": QUESTION, "k": 1}), ("ask", {"question": QUESTION})])
    )
    assert found.structured_content["passages"][0]["source"] == "quay.txt"
    assert asked.structured_content["answer"] == server.pipeline.ask(QUESTION).text
    assert any('"token": "alice", "route": "mcp", "status": 200' in line for line in server.log)


def test_without_a_token_there_is_no_tool(server: Running) -> None:
    headers = {"Host": "localhost", "Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    told = server.send("POST", "/mcp", headers, b'{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}')
    assert told.status == 401


def test_a_tool_is_told_when_too_many_questions_were_asked(tmp_path: Path) -> None:
    with running(tmp_path, per_minute=1) as server:
        first, second = asyncio.run(use(server, [("ask", {"question": QUESTION})] * 2))
    assert not first.is_error and second.is_error
    assert "questions a minute; try again in" in second.content[0].text
