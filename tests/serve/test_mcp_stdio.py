from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from threading import Event
from typing import IO, Any, cast

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp.server.stdio import stdio_server

from ragqa.serve.mcp_server import Tools, server
from ragqa.serve.mcp_stdio import constant_result
from tests.serve.uses import MODES, cancel_an_answer, use_all

ROOT = Path(__file__).parents[2]
ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
HELLO = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}


def request(method: str, params: dict[str, Any] | None = None, identifier: int | str = 1) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": identifier, "method": method, **({} if params is None else {"params": params})}


@pytest.mark.parametrize("version", MODES)
def test_a_client_over_stdio_lists_searches_asks_reads_and_cancels(version: str, project: Path) -> None:
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "tests.serve.told_pipeline", str(project)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )

    async def use() -> None:
        async with Client(parameters, mode=MODES[version]) as client:
            await use_all(client, version, project)
            await cancel_an_answer(client, project)

    anyio.run(use)


class Wire:
    """Two ends of a wire for the SDK's own stdio transport: lines to read, and those it writes."""

    def __init__(self, lines: Iterable[dict[str, Any]]) -> None:
        messages = list(lines)
        self._lines = [json.dumps(line) + "\n" for line in messages]
        self._requests = sum("id" in message for message in messages)
        self._all_answered = Event()
        self.written = list[dict[str, Any]]()

    def readline(self) -> str:
        if self._lines:
            return self._lines.pop(0)
        self._all_answered.wait(10)  # at the end of the input, the SDK cancels what is under way
        return ""

    def write(self, text: str) -> int:
        self.written.append(json.loads(text))
        if len(self.written) == self._requests:
            self._all_answered.set()
        return len(text)

    def flush(self) -> None:
        """Have nothing to flush."""


def answered_by_sdk(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    async def unused(*_: object) -> Any:
        raise AssertionError("no tool is called")

    async def serve() -> None:
        served, ends = server(Tools(unused, unused, unused)), anyio.wrap_file(cast(IO[str], wire))
        async with stdio_server(ends, ends) as (lines, answers):
            await served.run(lines, answers, served.create_initialization_options())

    wire = Wire(messages)
    anyio.run(serve)
    return wire.written


@pytest.mark.parametrize(
    "messages",
    [
        [request("server/discover", {"_meta": ENVELOPE}), request("tools/list", {"_meta": ENVELOPE}, "two")],
        [
            request("initialize", HELLO),
            {"jsonrpc": "2.0", "method": "notifications/initialized"},
            request("tools/list", None, 2),
        ],
    ],
    ids=MODES,
)
def test_the_early_answers_are_those_of_the_sdk(messages: list[dict[str, Any]]) -> None:
    by_sdk = {answer["id"]: answer["result"] for answer in answered_by_sdk(messages)}
    assert len(by_sdk) == 2
    early = {message["id"]: constant_result(message) for message in messages if "id" in message}
    assert early == by_sdk


@pytest.mark.parametrize(
    "message",
    [
        request("tools/call", {"name": "search", "arguments": {}, "_meta": ENVELOPE}),
        request("initialize", HELLO | {"protocolVersion": "1999-01-01"}),
        request("initialize", {"protocolVersion": "2025-06-18"}),
        request("server/discover", {"_meta": ENVELOPE | {"io.modelcontextprotocol/protocolVersion": "2030-01-01"}}),
        request("server/discover"),
        request("tools/list", {"cursor": "x", "_meta": ENVELOPE}),
        request("tools/list", {"_meta": {"io.modelcontextprotocol/protocolVersion": "2030-01-01"}}),
        request("tools/list", {"_meta": "x"}),
        {"jsonrpc": "2.0", "method": "tools/list"},
        {**request("tools/list"), "id": True},
        [request("tools/list")],
        "tools/list",
    ],
    ids=str,
)
def test_what_is_not_known_to_the_last_field_is_left_to_the_sdk(message: Any) -> None:
    assert constant_result(message) is None


def test_tools_are_listed_before_anything_is_imported_and_a_bad_pipeline_file_ends_the_server(tmp_path: Path) -> None:
    script = (
        "import sys, ragqa.serve.mcp as mcp\n"
        "def build():\n"
        "    from ragqa.errors import UsageError\n"
        "    raise UsageError('the file has mistakes')\n"
        "import ragqa.serve.mcp_stdio as stdio\n"
        "print(*(m for m in ('mcp', 'pydantic', 'numpy', 'torch', 'click') if m in sys.modules), file=sys.stderr)\n"
        "mcp.run_stdio(build)\n"
    )
    messages = [request("server/discover", {"_meta": ENVELOPE}), request("tools/list", {"_meta": ENVELOPE}, 2)]
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        input="".join(json.dumps(each) + "\n" for each in messages),
        capture_output=True,
        text=True,
        check=False,
    )
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == [1, 2]
    imported, *traced = done.stderr.splitlines()
    assert imported == ""
    assert traced[-1] == "ragqa.errors.UsageError: the file has mistakes"
    assert done.returncode == 1
