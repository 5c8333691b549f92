"""MCP over stdin and stdout, with the first answers before the SDK and the models are imported.

Importing the SDK takes about a second, and a client waits for the list of tools before it shows anything. So `Front`
answers the three requests whose answers are constants: `initialize`, `server/discover` and `tools/list`. When the SDK
is there, it gets all lines from the beginning, and what it answers to those requests is dropped. A request that `Front`
does not know to the last field is left to the SDK.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from queue import SimpleQueue
from threading import Condition, Lock, Thread
from typing import IO, TYPE_CHECKING, Any, TypeVar, cast

from ragqa.errors import RagqaError
from ragqa.serve.mcp_tools import HANDSHAKE, INSTRUCTIONS, MODERN, NAME, TOOLS, VERSION

if TYPE_CHECKING:
    from ragqa.pipeline import Pipeline
    from ragqa.records import Answer, Document, Hit

T = TypeVar("T")

_INFO = {"name": NAME, "version": VERSION}
_META = "io.modelcontextprotocol"
_ENVELOPE = {f"{_META}/protocolVersion", f"{_META}/clientInfo", f"{_META}/clientCapabilities"}
_CONSTANT = {"ttlMs": 0, "cacheScope": "private", "resultType": "complete", "_meta": {f"{_META}/serverInfo": _INFO}}
"""The fields of every cacheable result since 2026-07-28."""


def constant_result(request: Any) -> dict[str, Any] | None:
    """Return the result of a request that has always the same one; None for all other messages."""
    if not isinstance(request, dict) or request.get("jsonrpc") != "2.0" or not isinstance(request.get("id"), int | str):
        return None
    method, params = request.get("method"), request.get("params") or {}
    meta = params.get("_meta", {}) if isinstance(params, dict) else None
    if not isinstance(meta, dict) or isinstance(request["id"], bool):
        return None
    if method == "initialize":
        return _initialized(params)
    modern = meta.keys() >= _ENVELOPE and meta[f"{_META}/protocolVersion"] in MODERN
    if method == "server/discover" and modern:
        found = {"capabilities": {"tools": {"listChanged": False}}, "instructions": INSTRUCTIONS}
        return {"supportedVersions": list(MODERN), **found, **_CONSTANT}
    if method == "tools/list" and not params.get("cursor") and (modern or meta.keys() <= {"progressToken"}):
        return {"tools": list(TOOLS), **(_CONSTANT if modern else {})}
    return None


def _initialized(params: dict[str, Any]) -> dict[str, Any] | None:
    info = params.get("clientInfo")
    known = params.get("protocolVersion") in HANDSHAKE and isinstance(params.get("capabilities"), dict)
    if not known or not isinstance(info, dict) or not {"name", "version"} <= info.keys():
        return None
    return {
        "protocolVersion": params["protocolVersion"],
        "capabilities": {"tools": {"listChanged": False}},
        "serverInfo": _INFO,
        "instructions": INSTRUCTIONS,
    }


class Front:
    """The two ends of the wire: answers constants until `open` is called, and is then a pair of files for the SDK.

    While it lives, file descriptor 1 is stderr, so that nothing that a library prints gets between the messages.
    """

    def __init__(self) -> None:
        self._in: IO[bytes] = os.fdopen(os.dup(0), "rb", closefd=False)
        self._out: IO[bytes] = os.fdopen(os.dup(1), "wb", closefd=False)
        sys.stdout.flush()
        os.dup2(2, 1)
        self._lines: SimpleQueue[str | None] = SimpleQueue()
        self._kept = list[str]()
        self._answered = list[int | str]()
        self._writing = Lock()
        Thread(target=self._read, name="ragqa-stdin", daemon=True).start()

    def _read(self) -> None:
        for line in self._in:
            self._lines.put(line.decode(errors="replace"))
        self._lines.put("")

    def open(self) -> None:
        """Let `answer_constants` end. Any thread may call this."""
        self._lines.put(None)

    def close(self) -> None:
        """Let the SDK see the end of the input."""
        self._lines.put("")

    def answer_constants(self) -> None:
        """Answer what is constant, until `open` is called or the input ends."""
        while line := self._lines.get():
            self._kept.append(line)
            try:
                request = json.loads(line)
            except (ValueError, RecursionError):
                continue  # the SDK answers it
            result = constant_result(request)
            if result is not None and request["id"] not in self._answered:
                self._answered.append(request["id"])
                self.write(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}) + "\n", own=True)
        if line == "":
            self._kept.append("")

    def readline(self) -> str:
        """Return the next line, from the first one on; empty at the end."""
        if self._kept:
            return self._kept.pop(0)
        while (line := self._lines.get()) is None:
            pass
        return line

    def write(self, text: str, *, own: bool = False) -> int:
        """Write a message of one line; the SDK's answers to what was answered before are dropped."""
        if not own and self._answered and self._is_answered(text):
            return len(text)
        with self._writing:
            self._out.write(text.encode(errors="replace"))
            self._out.flush()
        return len(text)

    def _is_answered(self, text: str) -> bool:
        identifier = json.loads(text).get("id")
        if identifier not in self._answered:
            return False
        self._answered.remove(identifier)
        return True

    def flush(self) -> None:
        """Have nothing to flush: `write` has done that."""


class Background:
    """Imports the SDK, builds the pipeline, and loads first what searches need, then the rest, in one thread.

    Nothing else is loaded while a search is under way, since that would take its time.
    """

    def __init__(self, build: Callable[[], Pipeline], front: Front) -> None:
        self._build, self._front = build, front
        self._changed = Condition()
        self._pipeline: Pipeline | None = None
        self._closing = False
        self._uses = 0
        self.fault: Exception | None = None
        self._thread = Thread(target=self._work, name="ragqa-load")
        self._thread.start()

    def _work(self) -> None:
        try:
            importlib.import_module("ragqa.serve.mcp_server")
            self._front.open()
            pipeline = self._build()
        except Exception as error:
            self._change(fault=error)
            self._front.open()
            self._front.close()
            return
        try:
            with suppress(RagqaError):  # the tool that needs the model raises it again
                pipeline.load_models(answers=False)
        finally:
            self._change(_pipeline=pipeline)
        with suppress(RagqaError):
            self._wait(lambda: self._closing or not self._uses)
            with nullcontext() if self._closing else pipeline.keep_warm():
                self._wait(lambda: self._closing)

    def _change(self, **fields: object) -> None:
        with self._changed:
            vars(self).update(fields)
            self._changed.notify_all()

    def _wait(self, until: Callable[[], object]) -> None:
        with self._changed:
            self._changed.wait_for(until)

    @contextmanager
    def pipeline(self) -> Iterator[Pipeline]:
        """Wait for the pipeline; lend it while the context is open.

        :raises Exception: it could not be built.
        """
        with self._changed:
            self._uses += 1
            self._changed.wait_for(lambda: self._pipeline or self.fault)
        try:
            if self._pipeline is None:
                assert self.fault is not None
                raise self.fault
            yield self._pipeline
        finally:
            self._change(_uses=self._uses - 1)

    def close(self) -> None:
        """Release the models; wait for a load that is under way.

        :raises Exception: the pipeline could not be built.
        """
        self._change(_closing=True)
        self._thread.join()
        if self.fault is not None:
            raise self.fault


def serve(build: Callable[[], Pipeline]) -> None:
    """Serve until the input ends.

    :raises Exception: `build` raised it.
    """
    front = Front()
    background = Background(build, front)
    try:
        front.answer_constants()
        if background.fault is None:
            _serve_with_sdk(background, front)
    finally:
        background.close()


def _serve_with_sdk(background: Background, front: Front) -> None:
    import anyio
    from anyio import to_thread
    from mcp.server.stdio import stdio_server

    from ragqa.serve.mcp_find import find
    from ragqa.serve.mcp_server import Tools, server

    async def lent(use: Callable[[Pipeline], T]) -> T:
        def work() -> T:
            with background.pipeline() as pipeline:
                return use(pipeline)

        return await to_thread.run_sync(work, abandon_on_cancel=True)

    async def search(question: str, k: int) -> list[Hit]:
        return await lent(lambda pipeline: pipeline.search(question, k))

    async def ask(question: str) -> Answer:
        pipeline = await lent(lambda each: each)
        return await pipeline.aask(question)

    async def document(named: str) -> Document:
        return await lent(lambda pipeline: find(pipeline, named))

    async def serve_lines() -> None:
        wire = anyio.wrap_file(cast(IO[str], front))
        served = server(Tools(search, ask, document))
        async with stdio_server(wire, wire) as (lines, answers):
            await served.run(lines, answers, served.create_initialization_options())

    anyio.run(serve_lines)
