"""The MCP server: the tools over a search, an ask and the documents of a pipeline, in the SDK's terms.

This module imports the SDK, of the extra `ragqa[mcp]`.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import mcp_types as types
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from mcp import MCPError
from mcp.server.lowlevel import Server

from ragqa.errors import (
    ConfigError,
    IndexCorruptError,
    LockedError,
    ModelError,
    NothingUsableError,
    RagqaError,
    RefusedError,
    ResourceError,
    UsageError,
)
from ragqa.records import Answer, Document, Hit
from ragqa.serve import mcp_pages
from ragqa.serve.mcp_tools import INSTRUCTIONS, MOST_PASSAGES, NAME, TOOLS, VERSION, ToolError

_log = logging.getLogger(__name__)

Search = Callable[[str, int], Awaitable[Sequence[Hit]]]
Ask = Callable[[str], Awaitable[Answer]]
Find = Callable[[str], Awaitable[Document]]

_KEPT_ANSWERS = 16
_CAUSES: tuple[tuple[type[RagqaError], str], ...] = (
    (ConfigError, "the pipeline file has mistakes"),
    (NothingUsableError, "there is no index yet: run `ragqa index` with the pipeline file, then ask again"),
    (LockedError, "the index is being written: ask again in a moment"),
    (ResourceError, "there is not enough memory, disk or time: ask again later"),
    (IndexCorruptError, "the index is damaged: run `ragqa doctor`"),
    (ModelError, "a model is missing or is not the one of the index"),
    (RefusedError, "refused for safety"),
)
"""What a client is told: messages of these errors may have paths of this machine, so they go to the log alone."""


class Tools:
    """Calls the tools. `search`, `ask` and `find` may be cancelled; they are awaited as they are."""

    def __init__(self, search: Search, ask: Ask, find: Find) -> None:
        self._search, self._ask, self._find = search, ask, find
        self._answers: dict[str, Answer] = {}
        self._validators = {tool["name"]: Draft202012Validator(tool["inputSchema"]) for tool in TOOLS}

    async def call(self, name: str, arguments: Mapping[str, Any]) -> mcp_pages.Page:
        """Return what a tool gives.

        :raises UsageError: an argument is missing, unknown or wrong.
        """
        self._check(name, arguments)
        given = {key: value for key, value in arguments.items() if value is not None}
        if name == "search":
            return await self._passages(given["question"], int(given.get("k", 5)), given.get("cursor"))
        if name == "ask":
            return await self._answer(given["question"], given.get("cursor"))
        document = await self._find(given["document"])
        end = int(given["end"]) if "end" in given else None
        return mcp_pages.span(document, int(given.get("start", 0)), end, int(given.get("around", 300)))

    def _check(self, name: str, arguments: Mapping[str, Any]) -> None:
        wrong = best_match(self._validators[name].iter_errors(arguments))
        if wrong is not None:
            where = ".".join(map(str, wrong.absolute_path)) or "arguments"
            raise UsageError(f"{name}: {where}: {wrong.message[:300]}")

    async def _passages(self, question: str, k: int, written: str | None) -> mcp_pages.Page:
        at = mcp_pages.Cursor.read(written, question, "p") if written else mcp_pages.Cursor("p", 0, k)
        if not 1 <= at.bound <= MOST_PASSAGES:
            raise UsageError(f"cursor: got {written!r}; pass `next_cursor` of this tool's answer, or leave it out")
        hits = await self._search(question, at.bound)
        return mcp_pages.passages(question, hits, at.first, at.bound)

    async def _answer(self, question: str, written: str | None) -> mcp_pages.Page:
        at = mcp_pages.Cursor.read(written, question, "tc") if written else None
        answer = self._answers.get(question) if at else None
        if answer is None or (at and answer.index_version != at.bound):
            answer = await self._ask(question)
        page = mcp_pages.answered(question, answer, at)
        self._keep(question, answer, wanted=page["next_cursor"] is not None)
        return page

    def _keep(self, question: str, answer: Answer, *, wanted: bool) -> None:
        """Keep an answer that has further pages, and the latest few only."""
        self._answers.pop(question, None)
        if wanted:
            self._answers[question] = answer
        while len(self._answers) > _KEPT_ANSWERS:
            self._answers.pop(next(iter(self._answers)))


def server(tools: Tools) -> Server[Any]:
    """Return the server of some tools, for any transport of the SDK."""

    async def listed(_: Any, __: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[types.Tool.model_validate(tool) for tool in TOOLS])

    async def called(_: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        if params.name not in {tool["name"] for tool in TOOLS}:
            names = ", ".join(tool["name"] for tool in TOOLS)
            raise MCPError(types.INVALID_PARAMS, f"there is no tool {params.name[:80]!r}; the tools are: {names}")
        try:
            page = await tools.call(params.name, params.arguments or {})
        except Exception as error:
            return types.CallToolResult(content=[_text(told(error))], is_error=True)
        return types.CallToolResult(content=[_text(mcp_pages.shown(page))], structured_content=page)

    return Server(NAME, version=VERSION, instructions=INSTRUCTIONS, on_list_tools=listed, on_call_tool=called)


def _text(text: str) -> types.TextContent:
    """Return a text; half a surrogate pair, which no JSON in UTF-8 can hold, becomes a question mark."""
    return types.TextContent(text=text.encode(errors="replace").decode())


def told(error: Exception) -> str:
    """Return what a client may know of an error; whatever it may not know is logged."""
    if isinstance(error, ToolError):
        return str(error)
    for kind, cause in _CAUSES:
        if isinstance(error, kind):
            _log.warning("%s", error)
            return f"{cause}; the server's log has more"
    if isinstance(error, UsageError):
        return str(error)
    _log.error("a tool failed", exc_info=error)
    return "the tool failed; the server's log has the cause"
