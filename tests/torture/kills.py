"""kill -9 at a random instant, and at each named point of a commit; then a reader opens the index without repair."""

from __future__ import annotations

import multiprocessing
import os
import random
import re
import shutil
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import ragqa.index
from ragqa import Pipeline, points
from ragqa.index import publication, upkeep
from ragqa.pipeline.ingest import embedding, refresh
from ragqa.pipeline.ingest.maintenance import Maintenance
from tests.fakes import ECHO, PIPELINE, WORDS
from tests.torture import Trial
from tests.torture.world import Texts, make_text, texts_in, violations_of

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([__name__, "ragqa.load.folder", "ragqa.split", "ragqa.retrieve"])

OPERATIONS = ("index", "rebuild", "gc", "purge")
POINTS = sorted(
    {
        point
        for file in Path(ragqa.index.__path__[0]).glob("*.py")
        for point in re.findall(r'reached\("([^"]+)"\)', file.read_text(encoding="utf-8"))
    }
)
"""The named points of a commit."""


def prepare(folder: Path) -> None:
    """Make a folder with a pipeline file and some documents."""
    (folder / "documents").mkdir(parents=True)
    (folder / "pipeline.yaml").write_text(PIPELINE, encoding="utf-8")
    for number in range(8):
        (folder / "documents" / f"{number}.txt").write_text(make_text(number), encoding="utf-8")


def pipeline(folder: Path) -> Pipeline:
    """Return the pipeline of a folder; it keeps a structure, and compacts early and often."""
    embedding.COMMIT_CHUNKS, refresh.TEXT_CHUNKS = 12, 30
    upkeep.LEAST_VECTORS, upkeep.MOST_SEGMENTS = 20, 4
    return Pipeline.from_file(folder / "pipeline.yaml", ["index.search=hnsw"], kinds=[WORDS, ECHO])


def change(documents: Path, seed: int) -> None:
    """Add, edit, rename and remove some files."""
    chosen = random.Random(seed)
    for number in range(chosen.randint(1, 4)):
        files = sorted(documents.iterdir())
        file, new = chosen.choice(files), documents / f"{seed}-{number}.txt"
        action = chosen.choice(("add", "edit", "rename", "remove", "copy", "swap"))
        if action == "add" and len(files) < 14:
            new.write_text(make_text(1000 * seed + number), encoding="utf-8")
        elif action == "rename":
            file.rename(new)
        elif action == "copy" and len(files) < 14:
            new.write_bytes(file.read_bytes())
        elif action == "swap":
            one, other = file.read_bytes(), files[0].read_bytes()
            file.write_bytes(other)
            files[0].write_bytes(one)
        elif action == "remove" and len(files) > 5:
            file.unlink()
        else:
            file.write_text(f"{file.read_text(encoding='utf-8')}\n\nedit {seed} {number}", encoding="utf-8")


def operate(folder: Path, operation: str) -> None:
    """Do one of `OPERATIONS`."""
    if operation == "repair":
        index = Maintenance(folder / "index")
        index.repair(index.check())
    elif operation == "gc":
        Maintenance(folder / "index").collect()
    elif operation == "purge":
        with pipeline(folder).open_index() as reader:
            source = min(reader.sources())
        Maintenance(folder / "index").purge([source])
    else:
        pipeline(folder).index(rebuild=operation == "rebuild", allow_empty=True)


def work(folder: Path, operation: str, reports: Connection, kill_at: tuple[str, int] | None = None) -> None:
    """Do an operation, and report what each commit is going to say before it is made, and that it was made after.

    :param kill_at: end the process with SIGKILL when a named point is reached for the n-th time (from 1).
    """
    publishing: list[Any] = []
    counts: Counter[str] = Counter()

    def reached(point: str) -> None:
        counts[point] += 1
        if kill_at == (point, counts[point]):
            os.kill(os.getpid(), signal.SIGKILL)
        if point == "transaction written":
            reports.send(("intent", publishing[-1].generation, texts_in(publishing[-1].db)))

    publish = publication.Publisher.publication

    @contextmanager
    def announced(self: publication.Publisher) -> Iterator[None]:
        publishing.append(self)
        with publish(self):
            yield
        reports.send(("acknowledged", self.generation, None))

    points.reached = reached
    publication.Publisher.publication = announced  # type: ignore[method-assign]
    reports.send(("begun", 0, None))
    operate(folder, operation)
    reports.send(("ended", 0, dict(counts)))


class Survivor:
    """An index that is operated on by processes that are killed; it knows what may be in it."""

    def __init__(self, folder: Path) -> None:
        prepare(folder)
        self.folder = folder
        self.texts: dict[int, Texts] = {0: {}}
        self.acknowledged = 0

    def run(
        self, operation: str, *, delay: float | None = None, kill_at: tuple[str, int] | None = None
    ) -> tuple[float, dict[str, int] | None]:
        """Run an operation in a process of its own; return its seconds, and how often it reached each point.

        The second is None where the process was killed: after `delay` seconds, or at a point.
        """
        reports, reporter = _CONTEXT.Pipe(duplex=False)
        process = _CONTEXT.Process(target=work, args=(self.folder, operation, reporter, kill_at))
        process.start()
        reporter.close()
        if not self._read(reports):
            raise AssertionError("the process did not begin")
        started = time.perf_counter()
        if delay is not None:
            process.join(delay)
            process.kill()
        ended = None
        while (report := self._read(reports)) and ended is None:
            ended = report[2] if report[0] == "ended" else None
        process.join()
        if process.exitcode not in (0, -signal.SIGKILL):
            raise AssertionError(f"{operation} ended with {process.exitcode}")
        return time.perf_counter() - started, ended

    def _read(self, reports: Connection) -> tuple[str, int, Any] | None:
        try:
            kind, generation, value = reports.recv()
        except (EOFError, OSError):
            return None
        if kind == "intent":
            self.texts[generation] = value
        elif kind == "acknowledged":
            self.acknowledged = generation
        return kind, generation, value

    def check(self) -> list[str]:
        """Return the fault; the index must have the last acknowledged generation, or the one after it, completely."""
        at = self.acknowledged
        allowed = {generation: self.texts[generation] for generation in (at, at + 1) if generation in self.texts}
        found, wrong = violations_of(self.folder / "index", allowed)
        self.acknowledged = max(at, found)
        self.texts = {self.acknowledged: self.texts[self.acknowledged]} if not wrong else self.texts
        return wrong

    def finish(self) -> list[str]:
        """Index once more, in peace; the index must then hold what the folder holds."""
        self.run("index")
        documents = self.folder / "documents"
        expected = {file.name: file.read_text(encoding="utf-8") for file in documents.iterdir()}
        wrong = self.check()
        return wrong if self.texts[self.acknowledged] == expected else [*wrong, "the index is not the folder"]


def at_random(folder: Path, kills: int, seed: int = 0) -> Trial:
    """Kill at a random instant of an operation, again and again on one index."""
    chosen, survivor, wrong = random.Random(seed), Survivor(folder), []
    usual: dict[str, float] = {}
    for operation in OPERATIONS:
        usual[operation], _ = survivor.run(operation)
    wrong += survivor.check()
    rounds = killed = 0
    while killed < kills and rounds < 4 * kills:
        rounds += 1
        change(folder / "documents", rounds)
        operation = chosen.choices(OPERATIONS, (7, 1, 1, 1))[0]
        _, ended = survivor.run(operation, delay=chosen.uniform(0, 1.1 * usual[operation]))
        killed += ended is None
        wrong += [f"round {rounds}, {operation}: {what}" for what in survivor.check()]
    wrong += survivor.finish()
    wrong += ["too many kills came after the end of an operation"] if killed < kills else []
    return Trial("kill -9 at a random instant", killed, wrong, f"kills within an operation, in {rounds} rounds")


def at_points(folder: Path, operations: tuple[str, ...] = ("first", *OPERATIONS), most: int = 1_000_000) -> Trial:
    """Kill at every occurrence of every named point of every operation, each on a copy of one index."""
    base = Survivor(folder / "base")
    wrong: list[str] = []
    kills, seen = 0, set()
    for operation in operations:
        if operation != "first" and not base.acknowledged:
            base.run("index")
            wrong += base.check()
            change(base.folder / "documents", 1)
        rehearsal = _copy(base, folder / "rehearsal")
        _, counts = rehearsal.run(operation.replace("first", "index"))
        assert counts is not None
        seen |= set(counts)
        for point, n in [(each, n) for each, times in counts.items() for n in range(1, min(times, most) + 1)]:
            victim = _copy(base, folder / "victim")
            _, ended = victim.run(operation.replace("first", "index"), kill_at=(point, n))
            kills += 1
            here = f"{operation} at {point!r} {n}"
            wrong += [] if ended is None else [f"{here}: was not killed"]
            wrong += [f"{here}: {what}" for what in (*victim.check(), *victim.finish())]
    missed = set(POINTS) - seen
    wrong += [f"no operation reaches {point!r}" for point in missed] if len(operations) > 1 else []
    return Trial("kill at each named point", kills, wrong, f"{len(seen)} points")


def at_repair(folder: Path) -> Trial:
    """Kill a repair of the database at every occurrence of every named point; another repair must end it."""
    base = Survivor(folder / "base")
    base.run("index")
    wrong = base.check()
    with closing(sqlite3.connect(base.folder / "index" / "ragqa.db")) as db, db:
        db.execute("DELETE FROM posting WHERE term = (SELECT max(term) FROM posting)")
    _, counts = _copy(base, folder / "rehearsal").run("repair")
    assert counts is not None
    points = [(point, n) for point, times in counts.items() for n in range(1, times + 1)]
    for point, n in points:
        victim = _copy(base, folder / "victim")
        _, ended = victim.run("repair", kill_at=(point, n))
        wrong += [] if ended is None else [f"repair at {point!r} {n}: was not killed"]
        victim.run("repair")
        at = victim.acknowledged
        victim.texts[at + 1] = victim.texts[at]  # a database made anew is a generation of its own
        wrong += [f"repair at {point!r} {n}: {what}" for what in victim.check()]
    return Trial("kill of a repair at each named point", len(points), wrong, f"{len(counts)} points")


def _copy(survivor: Survivor, folder: Path) -> Survivor:
    shutil.rmtree(folder, ignore_errors=True)
    copy = Survivor(folder)
    shutil.rmtree(folder)
    shutil.copytree(survivor.folder, folder)
    copy.texts, copy.acknowledged = dict(survivor.texts), survivor.acknowledged
    return copy
