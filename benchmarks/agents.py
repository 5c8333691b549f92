"""What an agent waits for over MCP by stdio: the list of tools, the first passages, and those after them.

make bench-mcp
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any

from benchmarks.run import ROOT, table
from benchmarks.start import FILE, QUESTIONS

_META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


class Agent:
    """A client that speaks in lines of JSON, so that no library of its own takes time. `seconds` counts from the start."""

    def __init__(self, file: str) -> None:
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "ragqa", "serve", file, "--stdio"]
        self._started, self._asked = time.perf_counter(), 0
        self._server = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._started

    def request(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a request and return its result."""
        assert self._server.stdin and self._server.stdout
        self._asked += 1
        message = {"jsonrpc": "2.0", "id": self._asked, "method": method, "params": {**params, "_meta": _META}}
        self._server.stdin.write(json.dumps(message).encode() + b"\n")
        self._server.stdin.flush()
        result: dict[str, Any] = json.loads(self._server.stdout.readline())["result"]
        return result

    def call(self, tool: str, question: str) -> float:
        """Return the milliseconds of one call."""
        started = time.perf_counter()
        result = self.request("tools/call", name=tool, arguments={"question": question})
        if result.get("isError"):
            raise RuntimeError(result["content"][0]["text"])
        return 1000 * (time.perf_counter() - started)

    def close(self) -> None:
        """End the server by the end of its input."""
        self._server.communicate()


def measure(file: str) -> list[float]:
    """Return the milliseconds of each row of the table, in one process."""
    agent = Agent(file)
    agent.request("server/discover")
    discovered = agent.seconds
    agent.request("tools/list")
    listed = agent.seconds
    agent.call("search", QUESTIONS[0])
    found = agent.seconds
    agent.call("ask", QUESTIONS[0])
    warm = statistics.median(agent.call("search", question) for question in QUESTIONS * 5)
    asked = statistics.median(agent.call("ask", question) for question in QUESTIONS)
    agent.close()
    return [1000 * discovered, 1000 * listed, 1000 * found, warm, asked]


ROWS = (
    "process started to `server/discover` answered",
    "process started to `tools/list` answered",
    "process started to the passages of a first search",
    "one more search",
    "one more answer",
)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pipeline", default=FILE)
    parser.add_argument("--processes", type=int, default=5)
    given = parser.parse_args()
    runs = [measure(given.pipeline) for _ in range(given.processes)]
    rows = [
        [name, f"{statistics.median(values):,.0f}", f"{max(values):,.0f}"]
        for name, values in zip(ROWS, zip(*runs, strict=True), strict=True)
    ]
    print(table(["over MCP by stdio", "ms, median", "ms, worst"], rows))


if __name__ == "__main__":
    main()
