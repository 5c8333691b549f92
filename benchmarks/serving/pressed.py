"""Trials of more questions than can be answered: who is refused, how soon, and who waits for whom."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import defaultdict

from benchmarks.serving import corpus
from benchmarks.serving.client import BrokenError, Client
from benchmarks.serving.figures import Row, at_most, percentile, told, trend
from benchmarks.serving.load import Cores, Tally, closed, wait_for
from benchmarks.serving.plain import Bench
from benchmarks.serving.server import Server, serving

USERS = 20
TIMES = 10
"""Questions come so many times faster than they can be answered."""
WAITING = 30
"""Questions of one token that wait when another token asks."""


async def overload(bench: Bench) -> list[Row]:
    """Ask ten times as often as the server can answer, at a fixed rate, and look at its health meanwhile."""
    seconds = bench.long(600)
    questions = itertools.cycle(corpus.sample_questions())
    asked, health, honest = Tally(), Tally(), list[bool]()
    async with serving(corpus.sample(bench.place), users=USERS) as server:
        rate = await _capacity(server, min(15.0, seconds))
        idle: defaultdict[str, list[Client]] = defaultdict(list)

        async def ask(who: str) -> None:
            client = idle[who].pop() if idle[who] else server.client(who)
            reply = await asked.note(client.post("/api/ask", {"question": next(questions)}))
            if reply is not None and reply.status == 429:
                honest.append(int(reply.headers.get("retry-after", "0")) >= 1)
            idle[who].append(client)

        cores, watch = Cores(server), asyncio.create_task(server.watch())
        async with asyncio.TaskGroup() as group:
            looked = group.create_task(_look_at_health(server, health))
            began = time.monotonic()
            for number in range(round(seconds * TIMES * rate)):
                await asyncio.sleep(max(0.0, began + number / (TIMES * rate) - time.monotonic()))
                group.create_task(ask(f"user-{number % USERS}"))
            looked.cancel()
        watch.cancel()
        shares = cores.rows("overload", len(asked.good))
        for client in itertools.chain.from_iterable(idle.values()):
            client.leave()
        faults = server.faults()
    settled = [state for state in server.states if state.at - server.states[0].at > seconds / 5]
    what = f"overload, {TIMES} times {rate:.1f} questions/s for {seconds:.0f} s"
    refused = asked.seconds[429]
    return [
        at_most(f"{what}: 429, p99, n = {len(refused)}", 1000 * percentile(refused, 99), 20, "ms"),
        at_most(f"{what}: `/healthz`, p99, n = {len(health.good)}", 1000 * percentile(health.good, 99), 50, "ms"),
        at_most(f"{what}: neither answered nor 429 nor 504", asked.failed(429, 504) + len(faults), 0),
        at_most(f"{what}: 429 without Retry-After", honest.count(False), 0),
        told(f"overload: answered, in {percentile(asked.good, 99):.1f} s at most (p99)", len(asked.good)),
        told("overload: ended by the deadline, 504", len(asked.seconds[504])),
        trend("overload: memory a minute", [(state.at, state.megabytes) for state in settled], 1.0, "MB"),
        *shares,
    ]


async def _capacity(server: Server, seconds: float) -> float:
    """Return how many questions are answered a second where the next one always waits."""
    questions, tally = itertools.cycle(corpus.sample_questions()), Tally()
    began = time.monotonic()
    clients = [server.client(f"user-{number}") for number in range(2)]
    await closed(clients, seconds, lambda client: tally.note(client.post("/api/ask", {"question": next(questions)})))
    return len(tally.good) / (time.monotonic() - began)


async def _look_at_health(server: Server, tally: Tally) -> None:
    async with server.client() as client:
        while True:
            await tally.note(client.get("/healthz"))
            await asyncio.sleep(0.1)


async def fairness(bench: Bench) -> list[Row]:
    """Let one token have 30 questions waiting; count the answers before that of another token which asks once."""
    question = corpus.sample_questions()[0]
    settings = [f"serve.waiting={2 * WAITING}", f"serve.waiting_per_token={WAITING + 1}"]
    before, waited, tally = list[int](), list[float](), Tally()
    async with serving(corpus.sample(bench.place), settings, users=2) as server:
        for _ in range(3):
            many = [server.client("user-0") for _ in range(WAITING + 1)]
            ended = list[float]()

            async def ask(client: Client, ended: list[float] = ended) -> None:
                try:
                    if (await client.post("/api/ask", {"question": question})).status == 200:
                        ended.append(time.monotonic())
                except BrokenError:
                    pass  # it left in the end

            tasks = [asyncio.create_task(ask(client)) for client in many]
            await wait_for(server, "ragqa_questions_waiting", lambda found: found >= WAITING - 1)
            async with server.client("user-1") as client:
                so_far = len(ended)
                reply = await tally.note(client.post("/api/ask", {"question": question}))
                before.append(len(ended) - so_far)
                waited.append(reply.seconds if reply else float("nan"))
            for client in many:
                client.leave()
            await asyncio.gather(*tasks)
            await wait_for(server, "ragqa_questions_(waiting|running)", lambda found: found == 0)
    return [
        at_most(
            f"fairness: answers to another with {WAITING} waiting, before that to one who asks once", max(before), 2
        ),
        at_most("fairness: failed requests", tally.failed(), 0),
        told("fairness: the wait of the one, worst of 3", max(waited), "s"),
    ]
