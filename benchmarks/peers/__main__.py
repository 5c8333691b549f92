"""Runs every system in turn and prints the table. Run by `make bench-peers`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.peers import environments
from benchmarks.peers.data import CHUNK_SIZE, Work, prepare
from benchmarks.peers.others import OtherWork
from benchmarks.peers.worker import TOP_K, Job
from benchmarks.run import table
from ragqa import models
from ragqa.evaluate.metrics.statistics import interval

MODEL = "all-minilm-l6-v2"
Run = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entrant:
    """A row of the table: a worker, a setting of it, and whose environment runs it (None: ragqa's own)."""

    module: str
    variant: str = ""
    peer: str | None = None


SYSTEMS = {
    "ragqa": Entrant("ragqa"),
    "ragqa-dense": Entrant("ragqa", "dense"),
    "ragqa-float32": Entrant("ragqa", "float32"),
    "langchain": Entrant("langchain", peer="langchain"),
    "llamaindex": Entrant("llamaindex", peer="llamaindex"),
    "llamaindex-faiss": Entrant("llamaindex", "faiss", "llamaindex"),
    "haystack": Entrant("haystack", peer="haystack"),
    "txtai": Entrant("txtai", peer="txtai"),
}


def percentile(values: list[float], share: int) -> float:
    """Return the least of the values that `share` percent do not exceed."""
    return sorted(values)[-(-len(values) * share // 100) - 1]


COLUMNS: dict[str, tuple[str, Callable[[Run], float]]] = {
    "index s": (".1f", lambda run: run["index"]["index_seconds"]),
    "chunks/s": (".0f", lambda run: run["index"]["chunks_per_second"]),
    "query p50 ms": (".1f", lambda run: median(run["query"]["query_ms"])),
    "query p95 ms": (".1f", lambda run: percentile(run["query"]["query_ms"], 95)),
    "import s": (".2f", lambda run: run["query"]["import_seconds"]),
    "cold start s": (".2f", lambda run: run["query"]["cold_start_seconds"]),
    "peak MB": (".0f", lambda run: max(run[phase]["peak_rss"] for phase in ("index", "query"))),
}

NOTES = f"""
Medians over the rounds; in parentheses the ratio to ragqa's first row. Each system indexes in one process and answers in another.

- index s: from the start of the process to the index on disk; imports and loading of the encoder are in it.
- chunks/s: chunks over the seconds of embedding, indexing and writing, the encoder loaded before.
- The peers are handed the chunks. ragqa reads the folder of articles: it also finds, hashes, decodes and splits the files,
  stores them with a full-text index, and syncs each commit to the disk.
- query: one question at a time, top {TOP_K}, after five others. ragqa ranks by vectors and words (hybrid), all others by vectors.
  ragqa opens the latest commit for each question; the others keep in memory what they loaded once.
- import s: the import statements of the worker alone. Several libraries, ragqa among them, import torch only when they
  load the encoder: the next column has all of it.
- cold start s: from the start of the process to the first answer of an index on disk, imports and encoder included.
- peak MB: the larger of the two processes, 2**20 bytes.
- hit@{TOP_K}: share of questions for which one of the chunks that hold the gold answer, where it was annotated, is among
  the {TOP_K}; a 95% bootstrap interval over the questions.
- Every system has its own defaults: ragqa computes in bfloat16 where the processor has tile units for it, else in float32
  like the peers; ragqa-float32 is ragqa-dense in float32 in any case.
- Torch waits for its slowest thread: other work on the same cores, even a little, shows in the queries first.
"""


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers",
        description="Compare ragqa with LangChain, LlamaIndex, Haystack and txtai on the same chunks, encoder and "
        "questions. Each peer is installed once, into a virtual environment of its own under .ragqa/peers. "
        "Every measurement is a fresh process; runs alternate. RAGQA_DATA names the folder of data sets; without it "
        "the sample corpus is used.",
    )
    parser.add_argument("--rounds", type=int, default=3, help="how often each system runs (default: %(default)s)")
    parser.add_argument("--chunks", type=int, default=2000, help="take articles until so many (default: %(default)s)")
    parser.add_argument("--questions", type=int, default=100, help="how many are asked (default: %(default)s)")
    parser.add_argument(
        "--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS), metavar="NAME",
        help=f"which systems run, of {', '.join(SYSTEMS)} (default: all)",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the raw runs to this file")
    return parser.parse_args()


def process(interpreter: Path, job: dict[str, str]) -> Run:
    """Run one phase of a system in a fresh process and return what it measured."""
    environment = os.environ | environments.QUIET
    asked = json.dumps(asdict(Job(**job, started=time.monotonic())))
    command = [str(interpreter), "-m", "benchmarks.peers.worker", asked]
    done = subprocess.run(
        command, cwd=environments.ROOT, env=environment, capture_output=True, text=True, encoding="utf-8", check=False
    )
    if done.returncode:
        sys.exit(f"{job['module']} ({job['phase']}) ended with {done.returncode}:\n{done.stderr[-3000:]}")
    found: Run = json.loads(done.stdout.splitlines()[-1])
    return found


def run(name: str, interpreter: Path, work: Path, model: Path) -> Run:
    """Index, then ask, each in a process of its own; the index is removed."""
    entrant = SYSTEMS[name]
    with tempfile.TemporaryDirectory() as place:
        job = {"module": entrant.module, "variant": entrant.variant, "work": str(work), "place": place}
        job["model"] = str(model)
        others = OtherWork()
        found: Run = {phase: process(interpreter, job | {"phase": phase}) for phase in ("index", "query")}
        return found | {"others": others.share()}


def versions(name: str, interpreter: Path) -> dict[str, str]:
    """Return the versions of a system's packages, its own first."""
    peer = SYSTEMS[name].peer
    shown = environments.PEERS[peer].shown if peer else ("ragqa",)
    return environments.versions(interpreter, (*shown, "torch", "transformers"))


def hits(found: Run, work: Work) -> list[float]:
    """Return 1 for each question one of whose gold chunks was found, else 0."""
    pairs = zip(found["query"]["hits"], work.questions, strict=True)
    return [float(any(text in question.gold for text in texts)) for texts, question in pairs]


def row(name: str, shown: str, runs: list[Run], base: list[Run] | None, work: Work) -> list[str]:
    """Return a row of the table; `base` is what its figures are divided by."""
    cells = [name, shown]
    for form, read in COLUMNS.values():
        value = median(map(read, runs))
        ratio = f" ({value / median(map(read, base)):.2f})" if base and base is not runs else ""
        cells.append(f"{value:{form}}{ratio}")
    scores = hits(runs[-1], work)
    low, high = interval(scores)
    return [*cells, f"{sum(scores) / len(scores):.2f} [{low:.2f}, {high:.2f}]"]


def main() -> None:
    """Run the rounds and print the table."""
    options = arguments()
    interpreters = {name: environments.python(SYSTEMS[name].peer) for name in options.systems}
    installed = {name: versions(name, interpreters[name]) for name in options.systems}
    work, model = prepare(options.chunks, options.questions), models.resolve(MODEL)
    if not work.questions:
        sys.exit(f"too few questions on {len(work.chunks)} chunks: take more with --chunks")
    runs: dict[str, list[Run]] = {name: [] for name in options.systems}
    with tempfile.TemporaryDirectory() as scratch:
        work.write(Path(scratch) / "work")
        for number in range(options.rounds):
            first = number % len(options.systems)
            for name in options.systems[first:] + options.systems[:first]:
                print(f"round {number + 1} of {options.rounds}: {name}", file=sys.stderr)
                runs[name].append(run(name, interpreters[name], Path(scratch) / "work", model))
    if options.json:
        raw = {"versions": installed, "chunks": len(work.chunks), "runs": runs}
        options.json.write_text(json.dumps(raw), encoding="utf-8")
    print(
        f"{work.name}: {len(work.articles)} files, {len(work.chunks):,} chunks of at most {CHUNK_SIZE} characters, "
        f"{len(work.questions)} questions, {options.rounds} rounds; {MODEL}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}.\n"
    )
    header = ["system", "version", *COLUMNS, f"hit@{TOP_K}, n = {len(work.questions)}"]
    own = {name: next(iter(found.values())) for name, found in installed.items()}
    print(table(header, [row(name, own[name], runs[name], runs.get("ragqa"), work) for name in options.systems]))
    print(NOTES)
    for name, found in installed.items():
        last = runs[name][-1]["index"]
        packages = ", ".join(f"{package} {version}" for package, version in found.items())
        taken = [run["others"] for run in runs[name] if run["others"] is not None]
        others = f"other work took at most {max(taken):.0%} of the cores; " if taken else ""
        print(f"- {name}: {last['indexed']:,} chunks indexed, {last['same']:,} of them as given; {others}{packages}")


if __name__ == "__main__":
    main()
