"""Trials without changes: searches at full load, the overhead of HTTP, and the time to passages."""

from __future__ import annotations

import asyncio
import itertools
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.serving import corpus
from benchmarks.serving.client import Client
from benchmarks.serving.figures import Row, at_least, at_most, percentile, told
from benchmarks.serving.load import Cores, Tally, closed, streamed
from benchmarks.serving.server import serving
from ragqa import Pipeline
from ragqa.serve import wire

CLIENTS = 64
ROUNDS, EACH = 10, 20
"""Blocks of requests over HTTP and of calls in this process take turns; so many of each, of so many requests."""


@dataclass(frozen=True, slots=True)
class Bench:
    """The settings of a run: a folder for indexes, the seconds of a trial (None for its own), the size of an index."""

    place: Path
    seconds: float | None
    chunks: int
    commits: int

    def long(self, seconds: float) -> float:
        """Return the seconds of a trial."""
        return seconds if self.seconds is None else self.seconds


async def search(bench: Bench) -> list[Row]:
    """Search a drawn index from 64 connections, after one connection alone; compare the hits with those of a pipeline."""
    seconds = bench.long(60)
    file = corpus.drawn(bench.place, bench.chunks)
    questions = corpus.drawn_questions(file)
    numbers, bodies, alone, together = itertools.count(), dict[str, bytes](), Tally(), Tally()

    async def ask(client: Client, tally: Tally) -> None:
        question = questions[next(numbers) % len(questions)]
        reply = await tally.note(client.post("/api/search", {"question": question}))
        if reply is not None and reply.status == 200:
            bodies[question] = reply.body

    async with serving(file, users=CLIENTS) as server:
        await closed([server.client()], min(2.0, seconds / 10), lambda client: ask(client, Tally()))
        await closed([server.client()], min(10.0, seconds / 3), lambda client: ask(client, alone))
        cores, began = Cores(server), time.monotonic()
        clients = [server.client(f"user-{number}") for number in range(CLIENTS)]
        await closed(clients, seconds, lambda client: ask(client, together))
        rate = len(together.good) / (time.monotonic() - began)
        shares = cores.rows("search", len(together.good))
        megabytes, faults = server.state().megabytes, server.faults()
    wrong = await asyncio.to_thread(_differing, file, bodies)
    what = f"search, {bench.chunks:,} chunks, {CLIENTS} clients, {seconds:.0f} s"
    return [
        at_least(f"{what}: requests", rate, 100, "/s"),
        at_most(f"{what}: p99", percentile(together.good, 99), 1.0, "s"),
        at_most(f"{what}: failed requests", together.failed() + len(faults), 0),
        at_most(f"search: questions of {len(bodies)} whose hits differ from `Pipeline.search`", wrong, 0),
        at_most("search, 1 client: p50", 1000 * percentile(alone.good, 50), 25, "ms"),
        at_most("search: memory", megabytes, 700, "MB"),
        *shares,
    ]


def _differing(file: Path, bodies: dict[str, bytes]) -> int:
    """Return the number of questions whose hits are not those of the pipeline."""
    pipeline = Pipeline.from_file(file)
    return sum(
        json.loads(body)["hits"] != json.loads(json.dumps([wire.hit(hit) for hit in pipeline.search(question)]))
        for question, body in bodies.items()
    )


async def overhead(bench: Bench) -> list[Row]:
    """Compare one search over HTTP with `Pipeline.search` of this process, over the sample corpus."""
    file = corpus.sample(bench.place)
    questions = itertools.cycle(corpus.sample_questions())
    over_http, direct = list[float](), list[float]()
    pipeline = Pipeline.from_file(file)
    with pipeline.keep_warm():
        async with serving(file) as server, server.client() as client:
            for number in range(ROUNDS + 1):
                there = [(await client.post("/api/search", {"question": next(questions)})).seconds for _ in range(EACH)]
                here = [_seconds(pipeline.search, next(questions)) for _ in range(EACH)]
                if number:  # the first block warms up
                    over_http += there
                    direct += here
    http, own = 1000 * statistics.median(over_http), 1000 * statistics.median(direct)
    n = f"n = {len(direct)}"
    return [
        at_most(f"overhead of HTTP over `Pipeline.search`, sample corpus, p50, {n}", http - own, 2, "ms"),
        told("overhead: a search over HTTP, p50", http, "ms"),
        told("overhead: `Pipeline.search`, p50", own, "ms"),
    ]


async def passages(bench: Bench) -> list[Row]:
    """Measure the time to the passages and to the answer, beside `Pipeline.ask` of this process."""
    file = corpus.sample(bench.place)
    questions = itertools.cycle(corpus.sample_questions())
    first, whole, direct = list[float](), list[float](), list[float]()
    pipeline = Pipeline.from_file(file)
    with pipeline.keep_warm():
        async with serving(file) as server, server.client() as client:
            for number in range(ROUNDS * EACH // 5 + 5):
                question = next(questions)
                _, events = await streamed(client, question)
                spent = _seconds(pipeline.ask, question)
                if number >= 5:  # the first ones warm up
                    first.append(events[0].seconds)
                    whole.append(events[-1].seconds)
                    direct.append(spent)
    answered, own = statistics.median(whole), statistics.median(direct)
    n = f"n = {len(first)}"
    return [
        at_most(f"passages: question to passages, sample corpus, p50, {n}", 1000 * statistics.median(first), 60, "ms"),
        at_most("passages: the answer, p50, times that of `Pipeline.ask`", answered / own, 1.2),
        told("passages: the answer, p50", 1000 * answered, "ms"),
        at_most("passages: start of the process to ready", server.seconds_to_ready, 3, "s"),
    ]


def _seconds(call: Callable[[str], Any], question: str) -> float:
    started = time.perf_counter()
    call(question)
    return time.perf_counter() - started
