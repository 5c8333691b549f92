"""Processes forked from one that answers, with real models: each answers as its parent does, or says why not, and ends.

Some forks happen while another thread is in an answer; then the child may refuse, in one line.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import select
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ragqa import Pipeline
from ragqa.errors import RagqaError
from ragqa.records import Answer
from tests.raw_server import DONE, EVENT_STREAM, piece, replies, serving
from tests.torture import Trial

SECONDS = 60.0
"""How long a child may take; a loaded machine is slow, one that hangs does so for ever."""
FILE = """
version: 1
load:     {kind: folder, path: documents}
split:    {kind: recursive, chunk_size: 60, overlap: 8}
embed:    {kind: mean_pool, model: all-minilm-l6-v2}
index:    {kind: faiss, path: index}
retrieve: {kind: hybrid, top_k: 2}
prompt:   {kind: in_context, template: span}
generate: {kind: causal_lm, model: smollm2-135m-instruct, decode: span}
"""
DOCUMENTS = {
    "ferry.md": "# Ferry\n\nThe ferry Morwen is commanded by Captain Ilse Brandt. She leaves Brae at six.\n",
    "turbine.txt": "The turbine at Skarn Head makes 4.2 megawatts. It was built in 1998 by Odd Nilsen.\n",
    "loan.md": "# Loans\n\nThe cooperative lends a member up to 4,500 crowns for a heat pump, over 60 months.\n",
}
QUESTIONS = (
    "Who commands the ferry Morwen?",
    "How much does the turbine at Skarn Head make?",
    "How much does the cooperative lend for a heat pump?",
)
VARIANTS = {
    "spans": (),
    "free": ("generate.decode=free", "prompt.template=qa", "generate.max_new_tokens=12"),
    "transformers": ("embed.engine=transformers", "generate.engine=transformers"),
    "int8": ("generate.dtype=int8",),
    "llama.cpp": ("generate.kind=llama_cpp", "generate.model=smollm2-135m-instruct", "prompt.template=qa",
                  "generate.max_new_tokens=12", "generate.window=1024"),
}  # fmt: skip


class Forks:
    """A pipeline that has answered, and what its children said.

    :param name: which of `VARIANTS`.
    """

    def __init__(self, folder: Path, name: str = "spans") -> None:
        (folder / "documents").mkdir(parents=True, exist_ok=True)
        for source, text in DOCUMENTS.items():
            (folder / "documents" / source).write_text(text, encoding="utf-8")
        (folder / "pipeline.yaml").write_text(FILE, encoding="utf-8")
        self.name, self.pipeline = name, Pipeline.from_file(folder / "pipeline.yaml", VARIANTS[name])
        self.pipeline.index()
        self.expected = [self.ask(number) for number in range(len(QUESTIONS))]
        self.counts: Counter[str] = Counter()
        self.violations: list[str] = []

    def ask(self, number: int) -> str:
        """Return the answer to a question."""
        return self.pipeline.ask(QUESTIONS[number % len(QUESTIONS)]).text

    def judge(self, what: str, number: int, said: Any, may_refuse: bool = False) -> None:
        """Count what a child said, and note it where it is neither the parent's answer nor an allowed refusal."""
        if said == self.expected[number % len(QUESTIONS)]:
            self.counts["answered"] += 1
        elif may_refuse and isinstance(said, dict) and "fork" in said["error"] and "\n" not in said["error"]:
            self.counts["refused"] += 1
        else:
            self.counts["violated"] += 1
            self.violations.append(f"{self.name}, {what}: {said!r} for {self.expected[number % len(QUESTIONS)]!r}")

    def child_asks(self, number: int) -> None:
        """The child asks, then the parent again."""
        llama = self.name == "llama.cpp"
        self.judge("a child asks", number, in_child(lambda: self.ask(number)), may_refuse=llama)
        self.judge("the parent asks again", number, self.ask(number))

    def grandchild_asks(self, number: int) -> None:
        """A child of a child asks."""
        self.judge("a grandchild asks", number, in_child(lambda: in_child(lambda: self.ask(number))))

    def child_asks_from_threads(self, number: int) -> None:
        """A child asks from three threads of its own at once."""

        def threads() -> list[str]:
            said: dict[int, str] = {}
            several = [threading.Thread(target=lambda n=n: said.update({n: self.ask(n)})) for n in range(3)]
            for thread in several:
                thread.start()
            for thread in several:
                thread.join()
            return [said[n] for n in range(3)]

        said = in_child(threads)
        for n in range(3):
            self.judge("threads of a child ask", n, said[n] if isinstance(said, list) else said)

    def child_brings_the_index_up_to_date(self, number: int) -> None:
        """A child indexes and asks."""

        def index() -> str:
            assert self.pipeline.index().count("unchanged") == len(DOCUMENTS)
            return self.ask(number)

        self.judge("a child indexes", number, in_child(index))

    def child_builds_its_own(self, number: int) -> None:
        """A child builds a pipeline from the file."""
        file, overrides = self.pipeline.config.file, VARIANTS[self.name]
        question = QUESTIONS[number % len(QUESTIONS)]
        self.judge("a child builds", number, in_child(lambda: Pipeline.from_file(file, overrides).ask(question).text))

    def pool_asks(self, number: int) -> None:
        """Workers of `multiprocessing` that are forked ask."""
        global _pool_forks
        _pool_forks = self
        with multiprocessing.get_context("fork").Pool(2, _be_quiet) as pool:
            pending = pool.map_async(_in_pool, range(4))
            try:
                said: list[Any] = pending.get(SECONDS)
            except multiprocessing.TimeoutError:
                said = ["hangs"] * 4
        for n in range(4):
            self.judge("a pool asks", n, said[n])

    def fork_within_a_stream(self, number: int) -> None:
        """The thread that forks has an answer of its own half read."""
        said = None
        for part in self.pipeline.stream(QUESTIONS[number % len(QUESTIONS)]):
            said = said or in_child(lambda: self.ask(number))
            if isinstance(part, Answer):
                self.judge("the parent's stream goes on", number, part.text)
        self.judge("a child asks within a stream", number, said, may_refuse=True)

    def fork_while_a_thread_answers(self, number: int) -> None:
        """Another thread is in an answer at a moment that differs from time to time."""
        started, said = threading.Event(), []

        def answer() -> None:
            started.set()
            said.append(self.ask(number))

        thread = threading.Thread(target=answer)
        thread.start()
        started.wait()
        time.sleep(0.01 * (number % 40))
        child = in_child(lambda: self.ask(number + 1))
        thread.join()
        self.judge("a child of a busy parent asks", number + 1, child, may_refuse=True)
        self.judge("the busy thread answers", number, said[0])


_pool_forks: Forks | None = None


def _in_pool(number: int) -> str:
    assert _pool_forks is not None
    return _pool_forks.ask(number)


def _be_quiet() -> None:
    """Drop the warning that a child computes on one thread."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def in_child(work: Callable[[], Any]) -> Any:
    """Return what a forked child gives back; its error, or that it hangs or does not end, as `{"error": ...}`.

    The child ends as a script does, with all that Python and C libraries do then.
    """
    read, write = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        _be_quiet()
        try:
            try:
                said = work()
            except RagqaError as error:
                said = {"error": str(error)}
            except BaseException as error:
                said = {"error": f"a bug: {error!r}\n"}
            os.write(write, json.dumps(said).encode())
            os.close(write)
        finally:
            _end()
    os.close(write)
    try:
        return _said(pid, read, time.monotonic() + SECONDS)
    finally:
        os.close(read)


def _end() -> None:
    """End this process by the C library's `exit`, without the frames of the parent."""
    import ctypes

    ctypes.CDLL(None).exit(0)


def _said(pid: int, read: int, deadline: float) -> Any:
    data = b""
    while select.select([read], [], [], max(0.0, deadline - time.monotonic()))[0]:
        more = os.read(read, 1 << 16)
        if not more:
            break
        data += more
    while time.monotonic() < deadline:
        if os.waitpid(pid, os.WNOHANG)[0]:
            return json.loads(data) if data else {"error": "ended without a word\n"}
        time.sleep(0.005)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return {"error": "answers and does not end\n" if data else "hangs\n"}


def scenarios(forks: Forks) -> Iterator[Callable[[int], None]]:
    """Yield the trials with a pipeline."""
    yield forks.child_asks
    if forks.name == "llama.cpp":
        return
    yield forks.fork_while_a_thread_answers
    yield forks.fork_within_a_stream
    yield forks.pool_asks
    yield forks.grandchild_asks
    yield forks.child_asks_from_threads
    yield forks.child_brings_the_index_up_to_date
    yield forks.child_builds_its_own


def endpoint(folder: Path, rounds: int) -> Forks:
    """Try children of a pipeline that asks an endpoint; each request has a connection of its own."""
    with serving(replies(EVENT_STREAM + piece("Ilse Brandt", "stop") + DONE)) as server:
        VARIANTS["endpoint"] = ("generate.kind=openai", f"generate.base_url={server.url}", "generate.model=m")
        forks = Forks(folder, "endpoint")
        for number in range(rounds):
            forks.child_asks(number)
    return forks


def run(folder: Path, rounds: int = 8, variants: tuple[str, ...] = tuple(VARIANTS)) -> Trial:
    """Run every scenario so many times with every variant."""
    counts: Counter[str] = Counter()
    violations: list[str] = []
    tried = []
    for name in variants:
        tried.append(Forks(folder / name.replace(".", ""), name))
        for number in range(rounds):
            for scenario in scenarios(tried[-1]):
                scenario(number)
    tried.append(endpoint(folder / "endpoint", rounds))
    for forks in tried:
        counts += forks.counts
        violations += forks.violations
    return Trial("forks", counts.total(), violations, ", ".join(f"{n:,} {what}" for what, n in sorted(counts.items())))
