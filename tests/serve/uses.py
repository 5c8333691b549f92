"""What a client of the SDK does with the server, the same over every transport."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
from mcp import Client

from ragqa.serve import mcp_pages
from ragqa.serve.mcp_tools import ROOM, TOOLS

MODES = {"2026-07-28": "auto", "2025-11-25": "legacy"}
"""How the SDK's client is told which version of the protocol to speak."""


async def called(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """Call a tool that should succeed; its answer has the size that is promised, in both of its forms."""
    result = await client.call_tool(tool, arguments)
    text = getattr(result.content[0], "text", "")
    assert not result.is_error, text
    assert result.structured_content is not None
    assert mcp_pages.size(result.structured_content) <= ROOM
    assert mcp_pages.tokens(text) <= ROOM
    return dict(result.structured_content)


async def refused(client: Client, tool: str, **arguments: Any) -> str:
    """Call a tool that should fail; return what it says."""
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    return str(getattr(result.content[0], "text", ""))


async def use_all(client: Client, version: str, folder: Path) -> None:
    """List the tools, search, page, ask, read, and be refused."""
    assert client.protocol_version == version
    assert [tool.name for tool in (await client.list_tools()).tools] == [tool["name"] for tool in TOOLS]

    found = await called(client, "search", question="Who is the master of the kite?", k=2)
    best = found["passages"][0]
    assert (best["source"], best["text"]) == ("kite.txt", "The kite has a master called Kiteson.")
    assert str(folder) not in str(found)

    asked = await called(client, "ask", question="Who is the master of the kite?")
    assert asked["answer"] == "The kite has a master called Kiteson."
    assert [each["source"] for each in asked["citations"]] == ["kite.txt"]
    assert str(folder) not in str(asked)

    cited = asked["citations"][0]
    place = await called(client, "read", document="kite.txt", start=cited["start"] + 4, end=cited["end"], around=4)
    assert (place["before"], place["text"]) == ("The ", cited["text"][4:])
    by_id = await called(client, "read", document=best["document_id"])
    assert by_id["text"] == (folder / "documents" / "kite.txt").read_text(encoding="utf-8")

    await _page_through(client, folder)

    assert "k: 0 is less than the minimum of 1" in await refused(client, "search", question="kite", k=0)
    assert "'paht' was unexpected" in await refused(client, "search", question="kite", paht="/etc")
    assert "the question is empty" in await refused(client, "ask", question="  ")
    assert "near are: kite.txt" in await refused(client, "read", document="kites.txt")
    assert "no '/etc/passwd'" in await refused(client, "read", document="/etc/passwd")


async def _page_through(client: Client, folder: Path) -> None:
    """Take all pages of many passages, and of a long document."""
    question, passages, cursor = "What sum does the ledger name for ropes?", list[Any](), None
    while True:
        page = await called(client, "search", question=question, k=50, cursor=cursor)
        passages += page["passages"]
        cursor = page["next_cursor"]
        assert bool(cursor) == bool(page["left_out"])
        if cursor is None:
            break
    assert len({(each["source"], each["start"]) for each in passages}) == len(passages) == 50

    text, start = "", 0
    while start is not None:
        page = await called(client, "read", document="ledger.txt", start=start)
        text, start = text + page["text"], page["next_start"]
    assert text == (folder / "documents" / "ledger.txt").read_text(encoding="utf-8")


async def cancel_an_answer(client: Client, folder: Path) -> None:
    """Leave an answer that is being written: the generator stops, and the server goes on."""
    for name in ("begun", "stopped"):
        (folder / name).unlink(missing_ok=True)
    async with anyio.create_task_group() as group:
        group.start_soon(client.call_tool, "ask", {"question": "What does the kite have, said slowly?"})
        await _until((folder / "begun").exists)
        group.cancel_scope.cancel()
    await _until((folder / "stopped").exists)
    assert (await called(client, "search", question="kite"))["passages"]


async def _until(true: Any) -> None:
    with anyio.fail_after(8):
        while not true():
            await anyio.sleep(0.02)
