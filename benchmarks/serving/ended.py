"""Trials of the end and of a long time: SIGTERM with questions in flight, and hours in which clients come and go."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

from benchmarks.serving import corpus
from benchmarks.serving.client import BrokenError, Client, RefusedError, Reply
from benchmarks.serving.figures import Row, at_most, told, trend
from benchmarks.serving.load import Cores, Tally, closed, metric, streamed, wait_for
from benchmarks.serving.plain import Bench
from benchmarks.serving.server import Server, State, serving

IN_FLIGHT = 8
CLIENTS = 8
LEAVING = 0.2
"""The share of requests whose client leaves before it has the reply."""
SETTLING_SECONDS = 5.0
"""How long nobody asks before descriptors and threads are counted."""


async def sigterm(bench: Bench) -> list[Row]:
    """Send SIGTERM with 8 questions in flight, four of them streams; count what broke, and who is still let in."""
    broken, let_in, codes, seconds = 0, 0, set[int | None](), list[float]()
    questions = corpus.sample_questions()
    file = corpus.sample(bench.place)
    for _ in range(3):
        tally = Tally()
        async with serving(file, users=IN_FLIGHT) as server, server.client() as kept:
            await kept.get("/healthz")
            clients = [server.client(f"user-{number}") for number in range(IN_FLIGHT)]
            tasks = [asyncio.create_task(tally.note(_answer(c, questions[i], i))) for i, c in enumerate(clients)]
            await wait_for(server, "ragqa_questions_(waiting|running)", lambda found: found >= IN_FLIGHT - 2)
            server.end()
            began = time.monotonic()
            await asyncio.sleep(0.2)
            for client in (kept, server.client()):
                let_in += await _is_let_in(client, questions[0])
            await asyncio.gather(*tasks)
            codes.add(await asyncio.to_thread(server.process.wait, 130))
            seconds.append(time.monotonic() - began)
            broken += tally.failed() + (len(tally.good) != IN_FLIGHT) + len(server.faults())
    return [
        at_most(f"sigterm with {IN_FLIGHT} in flight, 3 times: broken answers", broken, 0),
        at_most("sigterm: questions that were let in after it", let_in, 0),
        at_most("sigterm: exit code", max(-1 if code is None else abs(code) for code in codes), 0),
        told("sigterm: seconds until the process ended, most", max(seconds), "s"),
    ]


async def _answer(client: Client, question: str, number: int) -> Reply:
    if number % 2:
        return (await streamed(client, question))[0]
    return await client.post("/api/ask", {"question": question})


async def _is_let_in(client: Client, question: str) -> bool:
    """Tell whether a question is answered; a reply of 503 and a closed connection are right."""
    try:
        return (await client.post("/api/ask", {"question": question})).status != 503
    except BrokenError:
        return False


async def soak(bench: Bench) -> list[Row]:
    """Ask in all ways from 8 clients, of whom a fifth leave in the middle; count what stays behind."""
    seconds, rng = bench.long(1800), random.Random(7)
    tally, left, questions = Tally(), list[int](), corpus.sample_questions()
    async with serving(corpus.sample(bench.place), users=CLIENTS) as server:

        async def ask(client: Client) -> None:
            question, way = rng.choice(questions), rng.choice(_WAYS)
            if rng.random() < LEAVING:
                left.append(1)
                await _leave(client, way, question, rng.random() * 0.5)
            else:
                await tally.note(way(client, question))

        clients = [server.client(f"user-{number}") for number in range(CLIENTS)]
        await closed(clients, max(10.0, seconds / 10), ask)  # caches and pools fill up
        before = await _settled(server)
        cores, watch = Cores(server), asyncio.create_task(server.watch())
        await closed(clients, seconds, ask)
        watch.cancel()
        shares = cores.rows("soak", sum(map(len, tally.seconds.values())))
        after = await _settled(server)
        rest = await metric(server, "ragqa_questions_(waiting|running)")
        faults = server.faults()
    what = f"soak, {CLIENTS} clients, {seconds / 60:.1f} min, {len(tally.good)} replies, {len(left)} left in the middle"
    return [
        at_most(f"{what}: failed requests", tally.failed() + len(faults), 0),
        at_most(
            f"soak: descriptors more than the {before.descriptors} before", after.descriptors - before.descriptors, 2
        ),
        at_most(f"soak: threads more than the {before.threads} before", after.threads - before.threads, 0),
        at_most("soak: questions left in the queue", rest, 0),
        trend("soak: memory a minute", [(state.at, state.megabytes) for state in server.states], 1.0, "MB"),
        told("soak: memory before and after", before.megabytes, f"MB, {after.megabytes:,.0f} MB"),
        *shares,
    ]


async def _settled(server: Server) -> State:
    """Return the state of the server when nobody has asked for a while."""
    await asyncio.sleep(SETTLING_SECONDS)
    return server.state()


async def _leave(client: Client, way: Callable[[Client, str], Awaitable[Reply]], question: str, seconds: float) -> None:
    """Close the connection after so many seconds, wherever the reply is then."""
    try:
        async with asyncio.timeout(seconds):
            await way(client, question)
    except (TimeoutError, BrokenError, RefusedError):
        pass
    client.leave()


async def _search(client: Client, question: str) -> Reply:
    return await client.post("/api/search", {"question": question})


async def _ask(client: Client, question: str) -> Reply:
    return await client.post("/api/ask", {"question": question})


async def _stream(client: Client, question: str) -> Reply:
    return (await streamed(client, question))[0]


async def _chat(client: Client, question: str) -> Reply:
    body = {"model": "ragqa", "messages": [{"role": "user", "content": question}]}
    return await client.post("/v1/chat/completions", body)


async def _document(client: Client, question: str) -> Reply:
    hit = (await client.post("/api/search", {"question": question, "k": 1})).json["hits"][0]
    return await client.get(f"/api/documents/{hit['document_id']}?start={hit['start']}&end={hit['end']}")


async def _ready(client: Client, question: str) -> Reply:
    return await client.get("/readyz")


_WAYS: tuple[Callable[[Client, str], Awaitable[Reply]], ...] = (_search, _ask, _stream, _chat, _document, _ready)
