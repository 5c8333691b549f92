"""Many at once: writers that want the same lock, and readers that search while an index is written and compacted."""

from __future__ import annotations

import itertools
import multiprocessing
import random
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event, Lock
from pathlib import Path

from ragqa.errors import LockedError
from tests.torture import Trial
from tests.torture.kills import change, pipeline, prepare
from tests.torture.world import Texts, make_text, received, snapshot, texts_in, told_of_commits, violations_of, write

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([__name__, "ragqa.load.folder", "ragqa.split", "ragqa.retrieve"])


def writers(folder: Path, processes: int = 8, updates: int = 25) -> Trial:
    """Let processes add documents to one index at the same time; half of them wait for the lock, half try again."""
    receiver, sender = _CONTEXT.Pipe(duplex=False)
    crowd = [
        _CONTEXT.Process(target=_add, args=(folder, number, updates, 60.0 if number % 2 else 0.0, sender))
        for number in range(processes)
    ]
    for process in crowd:
        process.start()
    sender.close()
    locked = 0
    generations: list[int] = []
    for generation, times in received(receiver):
        locked += times
        generations.append(generation)
    wrong = _exits(crowd)
    total = processes * updates
    if sorted(generations) != list(range(1, total + 1)):
        wrong.append(f"the generations are not 1 to {total}, each once")
    expected = {f"{p}-{u}.txt": make_text(1000 * p + u, 2) for p in range(processes) for u in range(updates)}
    _, found = violations_of(folder, {total: expected})
    found += [] if locked or total < 100 else ["no process found the index locked"]
    return Trial("writers at once", total, wrong + found, f"{locked} times exit code 6, then tried again")


def _add(folder: Path, number: int, updates: int, wait: float, sender: Connection) -> None:
    for update in range(updates):
        locked = 0
        while True:
            try:
                text = make_text(1000 * number + update, 2)
                generation = write(folder, {f"{number}-{update}.txt": text}, wait=wait)
                break
            except LockedError as error:
                assert error.exit_code == 6 and "locked by pid" in str(error)
                locked += 1
                time.sleep(0.005)
        sender.send((generation, locked))


Asked = tuple[int, list[tuple[str, int, int, str]]]
"""The generation that an answer names, and the source, span and text of each of its citations."""


def readers(folder: Path, queries: int = 10_000, commits: int = 100, processes: int = 2) -> Trial:
    """Ask running pipelines while another process commits and compacts; each citation must be in its generation."""
    prepare(folder)
    pipeline(folder).index()
    held = snapshot(folder / "index")
    done = _CONTEXT.Event()
    receiver, sender = _CONTEXT.Pipe(duplex=False)
    turn = _CONTEXT.Lock()  # a long message is written in parts: two at once would mix
    crowd = [
        _CONTEXT.Process(target=_ask, args=(folder, queries // processes, number, done, sender, turn))
        for number in range(processes)
    ]
    crowd.append(_CONTEXT.Process(target=_churn, args=(folder, commits, done, sender, turn)))
    for process in crowd:
        process.start()
    sender.close()
    asked: list[Asked] = []
    for kind, value in received(receiver):
        if kind == "asked":
            asked += value
        else:
            held |= value
    wrong = _exits(crowd)
    wrong += [what for generation, citations in asked for what in _strangers(held.get(generation), citations)]
    generations = len({generation for generation, _ in asked})
    cited = sum(bool(citations) for _, citations in asked)
    wrong += [] if generations > 1 and cited > len(asked) // 2 else ["nothing moved, or nothing was cited"]
    notes = f"{len(held) - 1} commits, {generations} generations seen, {cited} answers with citations"
    return Trial("readers during commits and compactions", len(asked), wrong, notes)


def _exits(crowd: Sequence[BaseProcess]) -> list[str]:
    for process in crowd:
        process.join()
    return [f"a process ended with {process.exitcode}" for process in crowd if process.exitcode]


def _strangers(texts: Texts | None, citations: list[tuple[str, int, int, str]]) -> list[str]:
    if texts is None:
        return ["an answer names a generation that was never committed"]
    return [
        f"{source} {start}-{end}" for source, start, end, text in citations if texts.get(source, "")[start:end] != text
    ]


def _ask(folder: Path, queries: int, number: int, done: Event, sender: Connection, turn: Lock) -> None:
    """Ask with one pipeline, so often and until the writer is done, and send what the answers cite."""
    chosen, running = random.Random(number), pipeline(folder)
    asked: list[Asked] = []
    while len(asked) < queries or not done.is_set():
        answer = running.ask(make_text(chosen.randrange(8)).splitlines()[chosen.randrange(6)])
        asked.append((answer.index_version, [(c.source, c.start, c.end, c.text) for c in answer.citations]))
    with turn:
        sender.send(("asked", asked))


def _churn(folder: Path, commits: int, done: Event, sender: Connection, turn: Lock) -> None:
    """Change the folder and index it until there are so many commits, and send what each of them held."""
    held: dict[int, Texts] = {}
    with told_of_commits(lambda publisher: held.update({publisher.generation: texts_in(publisher.db)})):
        for round_ in itertools.count(1):
            change(folder / "documents", round_)
            pipeline(folder).index(allow_empty=True)
            if len(held) >= commits:
                break
            time.sleep(0.1)
    with turn:
        sender.send(("held", held))
    done.set()
