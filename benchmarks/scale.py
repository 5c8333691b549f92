"""What an index costs as it grows: to build, to keep, to open, to search. Run by `make bench-scale`.

Every index is built by the public `LocalWriter` from the corpus of `benchmarks.synthetic`: text and vectors drawn from
real ones, documents of 10 chunks of about 800 characters. Each figure is taken in a fresh process:

- building counts the writer's work alone: neither the encoder nor the drawing of the corpus;
- `structure` is what `maintain` takes to make a search structure, and to seal the index;
- opening is that of a process that has not read the index before, its files in the cache of the system: every byte is
  hashed; `again` is a snapshot with the snapshot of the one before passed on, as `Pipeline` does for every question;
- lexical and dense are the best 100, hybrid the best 5 by `FusionRetriever` with its default depth of 100; the vectors
  of the questions were made before, so that the encoder's time is in none of them;
- recall@10 is against a scan of the segment files by numpy that shares no code with the index;
- peaks are of the whole process; when searching, that counts the mapped segments.

`RAGQA_DATA` names the folder of data sets; without it the sample corpus is drawn from.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import ParamSpec, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from benchmarks import figure, synthetic
from benchmarks.run import ROOT, table
from ragqa.config.retrieval import HybridRetrieve
from ragqa.index.reader import LocalReader
from ragqa.index.search import resolve
from ragqa.index.writer import LocalWriter
from ragqa.retrieve.retriever import FusionRetriever
from ragqa.stages import Embedder

P = ParamSpec("P")
R = TypeVar("R")

SIZES = (10_000, 100_000, 1_000_000)
SEARCHES = ("flat", "hnsw", "ivf_sq8")
BLOCK_CHUNKS = 10_000
WARM_UPS, QUESTIONS = 5, 100
DEPTH = 100
_SCAN_ROWS = 65_536
_IDENTITY = {"weights": "synthetic", "splitter": "synthetic"}


@dataclass(frozen=True)
class Built:
    """What an index of `chunks` chunks took to build; sizes in bytes."""

    chunks: int
    seconds: float
    peak: int
    database: int
    segments: int


@dataclass(frozen=True)
class Made:
    """What a search structure took to make; `effort` is `efSearch` or `nprobe`, 0 for `flat`."""

    chunks: int
    search: str
    seconds: float
    peak: int
    size: int
    effort: int


@dataclass(frozen=True)
class Searched:
    """What opening and searching took: seconds to open, else milliseconds of each question."""

    chunks: int
    search: str
    first_open: float
    next_open: float
    lexical: list[float]
    dense: list[float]
    hybrid: list[float]
    recall_at_10: float
    peak: int


def fresh(function: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
    """Call a function in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments, **named).result()


def peak() -> int:
    """Return the most memory that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def size_of(place: Path, pattern: str) -> int:
    """Return the bytes of the files that match."""
    return sum(file.stat().st_size for file in place.glob(pattern))


def identity(corpus: Path) -> dict[str, str]:
    """Return the identity of every index over the corpus."""
    return _IDENTITY | {"dim": str(np.load(corpus / "questions.npy", mmap_mode="r").shape[1])}


def build(corpus: Path, place: Path, n_chunks: int) -> Built:
    """Build an index without a search structure."""
    seconds, started = 0.0, time.perf_counter()
    with LocalWriter(place, identity(corpus), search="flat") as writer:
        seconds += time.perf_counter() - started
        for block in synthetic.blocks(corpus, n_chunks, BLOCK_CHUNKS):
            started = time.perf_counter()
            commit(writer, block)
            seconds += time.perf_counter() - started
        started = time.perf_counter()
        writer.maintain()
    seconds += time.perf_counter() - started
    return Built(n_chunks, seconds, peak(), size_of(place, "ragqa.db*"), size_of(place, "seg/*.f32"))


def commit(writer: LocalWriter, block: synthetic.Block) -> None:
    """Publish a block as `Pipeline.index` would."""
    missing = set(writer.missing(block.chunks))
    texts = [chunk.indexed_text for chunk in block.chunks]
    vectors = {text: vector for text, vector in zip(texts, block.vectors, strict=True) if text in missing}
    writer.commit(block.entries, vectors, {entry.document.source: entry.document.id for entry in block.entries})


def make(corpus: Path, place: Path, search: str) -> Made:
    """Give the index the search structure that is named, in place of the one that it has."""
    with LocalWriter(place, identity(corpus), search=search) as writer:
        started = time.perf_counter()
        writer.maintain()
        chunks = writer.chunk_count
        (effort,) = writer.db.execute("SELECT coalesce(max(effort), 0) FROM ann").fetchone()
    seconds = time.perf_counter() - started
    return Made(chunks, search, seconds, peak(), size_of(place, "seg/*.ann"), effort)


def measure(corpus: Path, place: Path, search: str) -> Searched:
    """Open the index twice, and ask every question each way."""
    questions = synthetic.questions(corpus)
    started = time.perf_counter()
    with LocalReader(place, identity(corpus)) as reader:
        first_open, snapshot = time.perf_counter() - started, reader.snapshot
    started = time.perf_counter()
    with LocalReader(place, identity(corpus), snapshot=snapshot) as reader:
        next_open = time.perf_counter() - started
        # of an embedder it needs the one method
        retriever = FusionRetriever(HybridRetrieve(kind="hybrid", top_k=5), cast(Embedder, questions))
        numbers = range(len(questions.texts))
        lexical = times(lambda i: reader.lexical(questions.texts[i], DEPTH), numbers)
        dense = times(lambda i: reader.dense(questions.vectors[i], DEPTH), numbers)
        hybrid = times(lambda i: retriever.retrieve(questions.texts[i], reader), numbers)
        reached = peak()
        found = [[score for _, score in reader.dense(vector, 10)] for vector in questions.vectors]
        recall = recall_at_10(found, exact(place, questions.vectors))
        return Searched(len(reader), search, first_open, next_open, lexical, dense, hybrid, recall, reached)


def times(ask: Callable[[int], object], numbers: Sequence[int]) -> list[float]:
    """Return the milliseconds of each call after the warm-ups."""
    taken = []
    for number in numbers:
        started = time.perf_counter()
        ask(number)
        taken.append(1e3 * (time.perf_counter() - started))
    return taken[WARM_UPS:]


def exact(place: Path, questions: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the tenth best inner product of each question with all vectors, float32[n]."""
    best = np.full((len(questions), 10), -np.inf, dtype=np.float32)
    for file in place.glob("seg/*.f32"):
        rows = np.memmap(file, dtype="<f4", mode="r").reshape(-1, questions.shape[1])
        for first in range(0, len(rows), _SCAN_ROWS):
            scores = np.hstack([best, questions @ rows[first : first + _SCAN_ROWS].T])
            best = np.partition(scores, -10, axis=1)[:, -10:]
    tenth: NDArray[np.float32] = best.min(axis=1)
    return tenth


def recall_at_10(found: Sequence[Sequence[float]], tenth: NDArray[np.float32]) -> float:
    """Return the share of finds that are as good as the tenth best of all; 1e-6 is allowed for rounding."""
    good = sum(score >= least - 1e-6 for scores, least in zip(found, tenth, strict=True) for score in scores[:10])
    return float(good) / (10 * len(found))


def run(place: Path, sizes: Sequence[int], searches: Sequence[str]) -> Iterator[Built | Made | Searched]:
    """Build an index of each size, and yield what was measured; an index is removed before the next is begun."""
    corpus = place / "corpus"
    corpus.mkdir()
    fresh(synthetic.prepare, corpus, WARM_UPS + QUESTIONS)
    for size in sizes:
        with tempfile.TemporaryDirectory(dir=place) as folder:
            yield fresh(build, corpus, Path(folder), size)
            for search in searches:
                yield fresh(make, corpus, Path(folder), search)
                yield fresh(measure, corpus, Path(folder), search)


def tables(found: Sequence[Built | Made | Searched]) -> Iterator[str]:
    """Yield the tables of building, of search structures and of searching."""
    yield table(
        ["chunks", "build, s", "chunks/s", "peak GiB", "database MB", "vectors MB"],
        [
            [f"{b.chunks:,}", f"{b.seconds:.1f}", f"{b.chunks / b.seconds:,.0f}", gibibytes(b.peak),
             megabytes(b.database), megabytes(b.segments)]
            for b in found if isinstance(b, Built)
        ],
    )  # fmt: skip
    yield table(
        ["chunks", "search", "structure, s", "peak GiB", "MB", "effort"],
        [
            [f"{m.chunks:,}", m.search, f"{m.seconds:.1f}", gibibytes(m.peak), megabytes(m.size), str(m.effort)]
            for m in found if isinstance(m, Made) and m.search != "flat"
        ],
    )  # fmt: skip
    yield table(
        ["chunks", "search", "open, s", "again, ms", "lexical, ms: p50", "p95", "dense, ms: p50", "p95",
         "hybrid, ms: p50", "p95", "recall@10", "n", "peak GiB"],
        [
            [f"{s.chunks:,}", s.search, f"{s.first_open:.2f}", f"{1e3 * s.next_open:.1f}", *middle_and_tail(s.lexical),
             *middle_and_tail(s.dense), *middle_and_tail(s.hybrid), f"{s.recall_at_10:.3f}", str(len(s.dense)),
             gibibytes(s.peak)]
            for s in found if isinstance(s, Searched)
        ],
    )  # fmt: skip


def middle_and_tail(milliseconds: Sequence[float]) -> list[str]:
    """Return the median and the 95th percentile."""
    return [f"{np.percentile(milliseconds, share):.1f}" for share in (50, 95)]


def gibibytes(size: int) -> str:
    """Return a size in GiB."""
    return f"{size / (1 << 30):.2f}"


def megabytes(size: int) -> str:
    """Return a size in MB."""
    return f"{size / 1e6:,.0f}"


def picture(found: Sequence[Built | Made | Searched]) -> str:
    """Return the cost of a question over the number of chunks as an SVG; hybrid with what `auto` would take."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for one in (one for one in found if isinstance(one, Searched)):
        points = {f"dense, {one.search}": one.dense}
        if one.search == resolve("auto", one.chunks):
            points |= {"lexical": one.lexical, "hybrid, auto": one.hybrid}
        for name, milliseconds in points.items():
            lines.setdefault(name, []).append((one.chunks, statistics.median(milliseconds)))
    return figure.draw("One question, by the size of the index", "chunks", "milliseconds, median", lines)


def save(found: Sequence[Built | Made | Searched], file: Path) -> None:
    """Write all that was measured as JSON."""
    rows = [{"measured": type(one).__name__} | asdict(one) for one in found]
    file.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def read(file: Path) -> list[Built | Made | Searched]:
    """Return what `save` wrote."""
    kinds: dict[str, Callable[..., Built | Made | Searched]] = {kind.__name__: kind for kind in (Built, Made, Searched)}
    return [kinds[row.pop("measured")](**row) for row in json.loads(file.read_text(encoding="utf-8"))]


def main() -> None:
    """Measure, print the tables, and draw the figure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description="What an index costs as it grows.")
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES, metavar="CHUNKS", help="multiples of 10")
    parser.add_argument("--search", nargs="+", default=SEARCHES, choices=SEARCHES)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "figures" / "scale.svg", metavar="FILE.svg")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there as it is taken")
    parser.add_argument(
        "--place", type=Path, metavar="FOLDER", help="where the indexes are built; 1,000,000 chunks take 10 GB"
    )
    parser.add_argument("--draw", type=Path, metavar="FILE", help="measure nothing; draw what --json wrote")
    arguments = parser.parse_args()
    if any(size < 1000 or size % synthetic.CHUNKS for size in arguments.sizes):
        parser.error(f"--sizes are {arguments.sizes}; must be multiples of {synthetic.CHUNKS}, 1000 or more")
    found = read(arguments.draw) if arguments.draw else []
    if not arguments.draw:
        print(f"{os.cpu_count()} cores, OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', 'unset')}", file=sys.stderr)
        with tempfile.TemporaryDirectory(dir=arguments.place) as place:
            for one in run(Path(place), sorted(arguments.sizes), arguments.search):
                found.append(one)
                print(f"{type(one).__name__}: {one.chunks:,} chunks", file=sys.stderr, flush=True)
                if arguments.json:
                    save(found, arguments.json)
    print("\n\n".join(tables(found)))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(picture(found), encoding="utf-8")


if __name__ == "__main__":
    main()
