"""The trial of commits: another process indexes again and again while questions are searched and answered."""

from __future__ import annotations

import asyncio
import itertools
import os
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.run import ROOT, ragqa
from benchmarks.serving import corpus
from benchmarks.serving.client import Client, Reply
from benchmarks.serving.figures import Row, at_most, percentile, told
from benchmarks.serving.load import Tally, closed
from benchmarks.serving.plain import Bench
from benchmarks.serving.server import serving
from ragqa.index.reader import LocalReader

SEARCHERS, ASKERS = 16, 2
QUESTION = "How many crates does the harbour barge carry?"
"""Asked often, since its answer changes with each commit."""


@dataclass
class Truth:
    """The texts of the documents of each generation, read from the index after each run."""

    place: Path
    texts: dict[str, str] = field(default_factory=dict)
    documents: dict[int, frozenset[str]] = field(default_factory=dict)

    def note(self) -> None:
        """Add the latest generation."""
        with LocalReader(self.place, {}) as reader:
            ids = frozenset(reader.sources().values())
            self.documents[reader.generation] = ids
            self.texts |= {each: reader.document(each).text for each in ids if each not in self.texts}

    def is_right(self, span: dict[str, Any], generation: int | None = None) -> bool:
        """Tell whether a span is the exact text of a document, of a generation where that is given.

        A run may make two commits, of texts and of what is joined; the documents of the first are those of the second.
        """
        text = self.texts.get(span["document_id"])
        if text is None or text[span["start"] : span["end"]] != span["text"]:
            return False
        return generation is None or span["document_id"] in self._of(generation)

    def _of(self, generation: int) -> frozenset[str]:
        later = [number for number in self.documents if number >= generation]
        return self.documents[min(later)] if later else frozenset()


@dataclass
class Seen:
    """What the clients got: when each search began and how long it took, and all spans with their generation."""

    searches: Tally = field(default_factory=Tally)
    answers: Tally = field(default_factory=Tally)
    spans: list[tuple[dict[str, Any], int | None]] = field(default_factory=list)
    generations: set[int] = field(default_factory=set)

    def note(self, reply: Reply | None) -> None:
        """Add the spans of a reply."""
        if reply is None or reply.status != 200:
            return
        found = reply.json
        generation = found.get("index_version")
        self.generations |= {generation} - {None}
        self.spans += [(span, generation) for span in (*found.get("citations", ()), *found["hits"])]


async def commits(bench: Bench) -> list[Row]:
    """Commit small changes, compact and rebuild while 16 clients search and 2 ask; check every span that they got."""
    file = corpus.sample(bench.place)
    truth, quiet, busy = Truth(file.parent / "index"), Seen(), Seen()
    alone = [await _run(file, "index") for _ in range(3)]
    truth.note()
    log = file.parent / "index" / "ragqa.db-wal"
    async with serving(file, users=SEARCHERS + ASKERS) as server:
        names = list(server.secrets)

        async def load(seen: Seen, seconds: Callable[[], float]) -> None:
            searchers = [server.client(name) for name in names[:SEARCHERS]]
            askers = [server.client(name) for name in names[SEARCHERS:]]
            async with asyncio.TaskGroup() as group:
                group.create_task(_asking(searchers, seen, "/api/search", seen.searches, seconds))
                group.create_task(_asking(askers, seen, "/api/ask", seen.answers, seconds))

        first = time.monotonic() + bench.long(20)
        await load(quiet, lambda: first - time.monotonic())
        state = {"end": float("inf")}
        loaded = asyncio.create_task(load(busy, lambda: state["end"] - time.monotonic()))
        runs, longest = list[float](), 0
        for number, command in enumerate(_commands(bench.commits)):
            _change(file.parent / "documents", number)
            runs.append(await _run(file, *command))
            truth.note()
            longest = max(longest, log.stat().st_size if log.is_file() else 0)
            await asyncio.sleep(1.5)  # until the commit is seen
        state["end"] = 0.0
        await loaded
        faults = server.faults()
        index_alone = statistics.median(alone)
    wrong = [span for span, generation in (*quiet.spans, *busy.spans) if not truth.is_right(span, generation)]
    failed = sum(tally.failed() for seen in (quiet, busy) for tally in (seen.searches, seen.answers))
    before, during = (percentile(seen.searches.good, 99) for seen in (quiet, busy))
    what = (
        f"commits, {len(runs)} runs by another process (one `gc`, one `--rebuild`), {SEARCHERS} search and {ASKERS} ask"
    )
    return [
        at_most(
            f"{what}: failed of {len(busy.searches.good)} searches, {len(busy.answers.good)} answers",
            failed + len(faults),
            0,
        ),
        at_most(
            f"commits: of {len(busy.spans)} spans of hits and citations, not the text of their generation",
            len(wrong),
            0,
        ),
        told(
            "commits: generations named by answers, of those committed",
            len(busy.generations),
            f"of {len(truth.documents)}",
        ),
        at_most("commits: p99 of a search, times that without commits", during / before, 3),
        told("commits: p99 and worst search", during, f"s, {max(busy.searches.good):.2g} s"),
        told(
            "commits: `ragqa index`, median, while the server reads",
            statistics.median(runs),
            f"s, {index_alone:.2g} s without it",
        ),
        told("commits: largest log of the database", longest / 1e6, "MB"),
    ]


async def _asking(clients: list[Client], seen: Seen, path: str, tally: Tally, seconds: Callable[[], float]) -> None:
    """Ask one question after another from each client as long as there are seconds left."""
    questions = itertools.cycle([*corpus.sample_questions()[::3], QUESTION])

    async def ask(client: Client) -> None:
        question = QUESTION if path == "/api/ask" and len(tally.good) % 2 else next(questions)
        seen.note(await tally.note(client.post(path, {"question": question})))

    while seconds() > 0:
        await closed(clients, min(1.0, seconds()), ask)


def _commands(commits: int) -> Iterable[tuple[str, ...]]:
    """Yield the commands of the runs: small changes, with a compaction after a third and a rebuild after two thirds."""
    for number in range(commits):
        yield ("index", "--json")
        if number == commits // 3:
            yield ("gc",)
        if number == 2 * commits // 3:
            yield ("index", "--rebuild", "--json")


def _change(documents: Path, number: int) -> None:
    """Change one document, and add or remove another."""
    barge = f"The harbour barge carries {100 + number} crates.\n\nIt leaves at {number % 12 + 1} o'clock.\n"
    (documents / "barge.md").write_text(f"# The harbour barge\n\n{barge}", encoding="utf-8")
    (documents / f"note-{number}.txt").write_text(
        f"Note {number}: the lamp of pier {number} was lit.\n", encoding="utf-8"
    )
    (documents / f"note-{number - 3}.txt").unlink(missing_ok=True)


async def _run(file: Path, command: str, *options: str) -> float:
    """Run a command of ragqa on a pipeline file; return its seconds.

    `gc` is run again where an answer that takes longer than it waits still reads the old bytes, as its message says.

    :raises RuntimeError: it failed.
    """
    for _ in range(10):
        started = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            *ragqa(command, str(file), *options), env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=-1, stderr=-1
        )
        said, error = await process.communicate()
        if process.returncode == 0:
            return time.perf_counter() - started
        if b"run it again" not in error:
            break
    raise RuntimeError(f"ragqa {command} {' '.join(options)}: {error.decode()}{said.decode()}")
