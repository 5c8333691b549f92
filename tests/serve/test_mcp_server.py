from __future__ import annotations

import importlib.util
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, MCPError

from ragqa import errors
from ragqa.errors import ModelError, NothingUsableError, UsageError
from ragqa.records import Answer, Citation, Document, Hit
from ragqa.serve import mcp
from ragqa.serve.mcp_find import find
from ragqa.serve.mcp_server import Tools, server, told
from ragqa.serve.mcp_tools import MOST_PASSAGES, TOOLS, ToolError
from tests.fakes import document, hit
from tests.serve.told_pipeline import opener

LONG = "The rope costs cr 5. " * 900


class Told:
    """A search and an ask that note what they were asked; an error instead of the hits is raised."""

    def __init__(self, hits: Sequence[Hit] | Exception = ()) -> None:
        self.hits, self.asked = hits, list[Any]()
        self.version = 1

    async def search(self, question: str, k: int) -> Sequence[Hit]:
        self.asked.append((question, k))
        if isinstance(self.hits, Exception):
            raise self.hits
        return self.hits[:k]

    async def ask(self, question: str) -> Answer:
        self.asked.append(question)
        cited = Citation("a.txt", "/x/a.txt", None, 0, 20, LONG[:20])
        return Answer(question, LONG, (cited,), (), None, {}, self.version)

    async def find(self, named: str) -> Document:
        return document("text", named)

    @property
    def tools(self) -> Tools:
        return Tools(self.search, self.ask, self.find)


def call(tools: Tools, name: str, **arguments: Any) -> dict[str, Any]:
    return anyio.run(tools.call, name, arguments)


def test_the_pages_of_an_answer_ask_once() -> None:
    system = Told()
    tools, text, cursor, citations = system.tools, "", None, 0
    while True:
        page = call(tools, "ask", question="What does it cost?", cursor=cursor)
        text, cursor, citations = text + page["answer"], page["next_cursor"], citations + len(page["citations"])
        if cursor is None:
            break
    assert (text, citations) == (LONG, 1)
    assert system.asked == ["What does it cost?"]


def test_a_page_of_an_answer_that_is_kept_no_more_asks_again_and_tells_a_changed_index() -> None:
    system = Told()
    cursor = call(system.tools, "ask", question="What does it cost?")["next_cursor"]
    again = call(system.tools, "ask", question="What does it cost?", cursor=cursor)
    assert LONG[: len(again["answer"])] != again["answer"] and again["answer"] in LONG
    system.version = 2
    with pytest.raises(UsageError, match="the index has changed"):
        call(system.tools, "ask", question="What does it cost?", cursor=cursor)


def test_all_pages_of_a_search_are_of_the_same_search() -> None:
    system = Told([hit(f"{number} {LONG[:3000]}", start=number) for number in range(9)])
    first = call(system.tools, "search", question="What does it cost?", k=7)
    second = call(system.tools, "search", question="What does it cost?", k=2, cursor=first["next_cursor"])
    assert system.asked == 2 * [("What does it cost?", 7)]
    assert first["passages"][-1]["start"] + 1 == second["passages"][0]["start"]
    with pytest.raises(UsageError, match="pass `next_cursor`"):
        forged = first["next_cursor"].replace(".7.", f".{MOST_PASSAGES + 1}.")
        call(system.tools, "search", question="What does it cost?", cursor=forged)


def test_an_unknown_tool_is_an_error_of_the_protocol_that_names_the_tools() -> None:
    async def use() -> None:
        async with Client(server(Told().tools)) as client:
            await client.call_tool("index", {})

    with pytest.raises(BaseExceptionGroup) as caught:
        anyio.run(use)
    assert caught.group_contains(MCPError, match="there is no tool 'index'; the tools are: search, ask, read")


FAULTS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.RagqaError) and not issubclass(kind, UsageError)
]


@pytest.mark.parametrize("kind", [*FAULTS, OSError, KeyError], ids=lambda kind: kind.__name__)
def test_the_message_of_a_fault_goes_to_the_log_alone(kind: type[Exception], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        said = told(kind("/home/me/secret.yaml"))
    assert "secret" not in said and said
    assert "secret" in caplog.text


def test_a_fault_that_is_meant_for_clients_is_told_in_its_own_words() -> None:
    assert told(ToolError("32 questions wait; try again in 4 seconds")) == "32 questions wait; try again in 4 seconds"


def test_a_pipeline_without_an_index_says_what_to_run() -> None:
    async def use() -> Any:
        async with Client(server(Told(NothingUsableError("no index in /home/me/x")).tools)) as client:
            return await client.call_tool("search", {"question": "kite"})

    result = anyio.run(use)
    assert result.is_error and "run `ragqa index`" in result.content[0].text and "/home" not in result.content[0].text


def test_definitions_are_closed_read_only_and_describe_what_they_take() -> None:
    for tool in TOOLS:
        assert tool["annotations"] == {"readOnlyHint": True, "idempotentHint": True, "openWorldHint": False}
        assert tool["inputSchema"]["additionalProperties"] is False
        assert all(each["description"] for each in tool["inputSchema"]["properties"].values())


def test_a_document_is_found_by_its_source_or_its_id_alone(project: Path) -> None:
    pipeline = opener(project)()
    by_source = find(pipeline, "kite.txt")
    assert find(pipeline, by_source.id) == by_source
    for named in (by_source.path, "../documents/kite.txt", "./kite.txt", "0" * 64, by_source.id[:20], "kite.txt\0"):
        with pytest.raises(UsageError, match="the index has no"):
            find(pipeline, named)


def test_without_the_library_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"pip install 'ragqa\[mcp\]'"):
        mcp.run_stdio(lambda: pytest.fail("nothing is built"))
