"""One measurement in a process of its own, run by a peer's interpreter; prints one line of JSON.

`python -m benchmarks.peers.worker JOB`, where JOB is a `Job` as JSON. Only the standard library is imported here, so
that what a library costs to import can be told.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

TOP_K = 5


@dataclass(frozen=True, slots=True)
class Job:
    """`module` names the worker and `variant` a setting of it; `phase` is `index` or `query`.

    `work` is the folder of `data.Work.write`, `place` an existing folder for the index, `model` the encoder's folder;
    `started` is when this process was started, by the monotonic clock.
    """

    module: str
    variant: str
    phase: str
    work: str
    place: str
    model: str
    started: float


class System(Protocol):
    """A library at work. The constructor loads the encoder."""

    def build(self, chunks: Sequence[str]) -> None:
        """Embed and index the chunks, and leave the index in `place`."""
        ...

    def texts(self) -> list[str]:
        """Return the text of every chunk in the index that was built."""
        ...

    def open(self) -> None:
        """Open the index that `build` left in another process."""
        ...

    def search(self, question: str) -> list[str]:
        """Return the texts of the best `TOP_K` chunks, best first."""
        ...


def measure(job: Job) -> dict[str, Any]:
    """Do one phase of a job and return what was measured."""
    before = time.perf_counter()
    module = importlib.import_module(f"benchmarks.peers.worker_{job.module}")
    imported = time.perf_counter()
    system: System = module.SYSTEM(job)
    loaded = time.perf_counter()
    found = {"import_seconds": imported - before, "load_seconds": loaded - imported}
    return found | (_index if job.phase == "index" else _query)(system, job)


def _index(system: System, job: Job) -> dict[str, Any]:
    chunks = _texts(Path(job.work) / "chunks.jsonl")
    before = time.perf_counter()
    system.build(chunks)
    built = time.perf_counter() - before
    whole = time.monotonic() - job.started
    peak = _peak_rss()
    texts = system.texts()
    same = (Counter(texts) & Counter(chunks)).total()
    return {
        "index_seconds": whole,
        "build_seconds": built,
        "chunks_per_second": len(texts) / built,
        "peak_rss": peak,
        "indexed": len(texts),
        "same": same,
    }


def _query(system: System, job: Job) -> dict[str, Any]:
    first, *warm_up = _texts(Path(job.work) / "warm_up.jsonl")
    questions = _texts(Path(job.work) / "questions.jsonl")
    system.open()
    system.search(first)
    cold = time.monotonic() - job.started
    for question in warm_up:
        system.search(question)
    milliseconds, hits = [], []
    for question in questions:
        before = time.perf_counter()
        texts = system.search(question)
        milliseconds.append(1000 * (time.perf_counter() - before))
        hits.append(texts)
    return {"cold_start_seconds": cold, "query_ms": milliseconds, "hits": hits, "peak_rss": _peak_rss()}


def _peak_rss() -> float:
    """Return the most memory that this process has held, in MB (2**20 bytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 10 if sys.platform != "darwin" else 1 << 20)


def _texts(file: Path) -> list[str]:
    return [json.loads(line)["text"] for line in file.read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    print(json.dumps(measure(Job(**json.loads(sys.argv[1])))))
