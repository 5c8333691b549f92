"""Bit flips and truncations over every file of an index: each is found, and no search answers wrongly."""

from __future__ import annotations

import logging
import multiprocessing
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from ragqa.errors import IndexCorruptError
from ragqa.index import doctor, seal
from ragqa.index.reader import LocalReader
from ragqa.index.writer import LocalWriter
from tests.torture import Trial
from tests.torture.world import answers, make_text, questions, received, snapshot, write

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([__name__])


@dataclass(frozen=True, slots=True)
class Damage:
    """One bit flipped at a byte, or the file cut there (`bit` is None)."""

    file: str
    at: int
    bit: int | None

    def __str__(self) -> str:
        return f"{self.file}: {'cut at' if self.bit is None else f'bit {self.bit} of'} byte {self.at}"

    def apply(self, content: bytes) -> bytes:
        """Return the damaged content."""
        if self.bit is None:
            return content[: self.at]
        changed = bytearray(content)
        changed[self.at] ^= 1 << self.bit
        return bytes(changed)


def run(folder: Path, damages: int = 2500, seed: int = 0) -> Trial:
    """Damage an index in many ways, one at a time; a process of its own looks, so that a crash of it is counted."""
    base = folder / "sealed"
    for step in range(4):
        write(base, {f"{step}.txt": make_text(step, 20), f"{step}b.txt": make_text(100 + step, 20)})
    with LocalWriter(base, None, search="hnsw") as writer:
        writer.maintain()
    logged = folder / "with-a-log"
    shutil.copytree(base, logged)
    with LocalReader(logged, {}) as reader:  # while it is read, the writer cannot empty the log
        reader.sources()
        write(logged, {"9.txt": make_text(9, 20)})
    assert (logged / "ragqa.db-wal").stat().st_size
    chosen = random.Random(seed)
    wrong: list[str] = []
    found: Counter[str] = Counter()
    for each, n in ((base, damages - damages // 3), (logged, damages // 3)):
        wrong += _damage_all(each, folder / "place", list(_damages(each, n, chosen)), found)
    notes = ", ".join(f"{n} {outcome}" for outcome, n in sorted(found.items()))
    return Trial("bit flips and truncations", damages, wrong, notes)


def _damage_all(base: Path, place: Path, todo: list[Damage], found: Counter[str]) -> list[str]:
    wrong: list[str] = []
    while todo:
        receiver, sender = _CONTEXT.Pipe(duplex=False)
        process = _CONTEXT.Process(target=_examine, args=(base, place, todo, sender))
        process.start()
        sender.close()
        done = 0
        for outcome, problem in received(receiver):
            found[outcome] += 1
            wrong += [f"{todo[done]}: {problem}"] if problem else []
            done += 1
        process.join()
        if done < len(todo):
            wrong.append(f"{todo[done]}: the process ended with {process.exitcode}")
        todo = todo[done + 1 :]
    return wrong


def _damages(base: Path, n: int, chosen: random.Random) -> Iterator[Damage]:
    """Yield damages, as many to each file; truncations are a fifth of them."""
    files = sorted(file for file in base.rglob("*") if file.is_file() and file.name != "LOCK" and file.stat().st_size)
    files = [file for file in files if not file.name.endswith("-shm")]
    for number in range(n):
        file = files[number % len(files)]
        at, size = chosen.randrange(file.stat().st_size), file.stat().st_size
        # the first bytes of a file say most about it
        at = at if chosen.random() < 0.7 else chosen.randrange(min(size, 256))
        yield Damage(str(file.relative_to(base)), at, None if number % 5 == 0 else chosen.randrange(8))


def _examine(base: Path, place: Path, damages: list[Damage], sender: Connection) -> None:
    """Send for each damage how it was found, and the fault (an empty text for none)."""
    seal.PATIENCE = 0.0  # nobody is about to seal
    logging.disable()  # a damaged search structure is warned of
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(base, place, ignore=shutil.ignore_patterns("*-shm"))
    ((_, texts),) = snapshot(base).items()
    asked = questions(texts, 4)
    truth = _answers(place, asked)()
    for damage in damages:
        file = place / damage.file
        whole = file.read_bytes()
        file.unlink()  # a file that is mapped must not be cut: real damage does not come through a mapping
        file.write_bytes(damage.apply(whole))
        (place / "ragqa.db-shm").unlink(missing_ok=True)  # SQLite would go on from what it knows of the log
        try:
            sender.send(_outcome(place, _answers(place, asked), truth))
        except Exception as error:
            sender.send(("crash", f"{type(error).__name__}: {error}"))
        file.unlink()
        file.write_bytes(whole)


def _answers(place: Path, asked: list[str]) -> Callable[[], str]:
    def ask() -> str:
        with LocalReader(place, {}) as reader:
            return answers(reader, asked)

    return ask


def _outcome(place: Path, ask: Callable[[], str], truth: str) -> tuple[str, str]:
    try:
        said = ask()
    except IndexCorruptError:
        return "refused by the reader", ""
    if said != truth:
        return "wrong answer", "a search answered otherwise, without a word"
    try:
        faults = doctor.check(place).faults
    except IndexCorruptError:
        return "found by the doctor, answers right", ""
    return ("found by the doctor, answers right", "") if faults else ("not found", "nobody noticed")
