"""What becomes of requests, and how the cores are shared meanwhile."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence

from benchmarks.peers.others import OtherWork
from benchmarks.serving.client import BrokenError, Client, Event, RefusedError, Reply
from benchmarks.serving.figures import Row, told
from benchmarks.serving.server import Server


class Tally:
    """Counts replies by status, with their seconds, and those that broke off."""

    def __init__(self) -> None:
        self.seconds: defaultdict[int, list[float]] = defaultdict(list)
        self.broken: list[str] = []

    async def note(self, reply: Awaitable[Reply]) -> Reply | None:
        """Wait for a reply and count it; None where it broke off."""
        try:
            whole = await reply
        except BrokenError as error:
            self.broken.append(str(error))
            return None
        self.seconds[whole.status].append(whole.seconds)
        return whole

    @property
    def good(self) -> list[float]:
        """The seconds of the replies with status 200."""
        return self.seconds[200]

    def failed(self, *allowed: int) -> int:
        """Return the number of replies that broke off, or whose status is neither 200 nor one that is allowed."""
        others = (len(each) for status, each in self.seconds.items() if status not in (200, *allowed))
        return len(self.broken) + sum(others)

    def __str__(self) -> str:
        counts = {status: len(each) for status, each in sorted(self.seconds.items()) if each}
        return f"{counts}, broken {len(self.broken)} {sorted(set(self.broken))[:3]}"


async def closed(clients: Sequence[Client], seconds: float, ask: Callable[[Client], Awaitable[object]]) -> None:
    """Let each client ask again as soon as it has its reply, for so long."""
    end = time.monotonic() + seconds

    async def loop(client: Client) -> None:
        async with client:
            while time.monotonic() < end:
                await ask(client)

    async with asyncio.TaskGroup() as group:
        for client in clients:
            group.create_task(loop(client))


async def streamed(client: Client, question: str) -> tuple[Reply, list[Event]]:
    """Ask for a stream; return its last event as a reply (of status 200 where that is an answer), and all its events."""
    events: list[Event] = []
    try:
        async for event in client.events("/api/ask", {"question": question}):
            events.append(event)
    except RefusedError as refused:
        return refused.reply, events
    last = events[-1] if events else Event("", None, 0.0)
    return Reply(200 if last.name == "answer" else 500, {}, repr(last.data).encode(), last.seconds), events


async def metric(server: Server, name: str) -> float:
    """Return the sum of a metric of the server."""
    async with server.client() as client:
        text = (await client.get("/metrics")).body.decode()
    return sum(float(line.split()[-1]) for line in text.splitlines() if re.match(rf"{name}\b", line))


async def wait_for(server: Server, name: str, enough: Callable[[float], bool], seconds: float = 60.0) -> None:
    """Wait until a metric of the server is enough.

    :raises TimeoutError: it is not.
    """
    async with asyncio.timeout(seconds):
        while not enough(await metric(server, name)):
            await asyncio.sleep(0.05)


class Cores:
    """Watches from its making on how the server, this client and others share the cores."""

    def __init__(self, server: Server) -> None:
        self._server, self._others = server, OtherWork()
        self._before, self._own = server.state(), time.process_time()

    def rows(self, what: str, requests: int) -> list[Row]:
        """Return the rows of the processor time of a request, and of the shares of all cores."""
        now, cores = self._server.state(), os.cpu_count() or 1
        wall = (now.at - self._before.at) * cores
        server, own = now.processor - self._before.processor, time.process_time() - self._own
        others = (self._others.share() or 0.0) - server / wall
        return [
            told(f"{what}: processor of the server a request", 1000 * server / max(1, requests), "ms"),
            told(f"{what}: share of the cores of the server", 100 * server / wall, "%"),
            told(f"{what}: share of the cores of this client", 100 * own / wall, "%"),
            told(f"{what}: share of the cores of other work", max(0.0, 100 * others), "%"),
        ]
