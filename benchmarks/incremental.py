"""What a small change costs: one document of many, one word of 200 pages. Prints the rows of RESULTS.md.

Run by `make bench-incremental`. The text is that of the articles in the data folder that `RAGQA_DATA` names, cut into as
many documents as are asked for: the more, the shorter. Peaks are of the process that indexes, mapped segments included.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.run import QUICKSTART, ROOT, peak_gib, ragqa, table
from ragqa import Pipeline
from ragqa.stages import Splitter
from tests.fakes import document

PAGES, PAGE_CHARACTERS = 200, 3_000


def text_of_articles() -> str:
    """Return the text of all articles."""
    data = Path(os.environ.get("RAGQA_DATA", ROOT.parent / "shared" / "data"))
    with zipfile.ZipFile(data / "squad" / "articles.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".txt"))
        return "\n\n".join(archive.read(name).decode("utf-8") for name in names)


def one_of_many(text: str, n: int, place: Path, runs: int) -> Iterator[list[str]]:
    """Index n documents, then edit one of them again and again; yield a row for each kind of run."""
    documents, size = place / "documents", len(text) // n
    documents.mkdir()
    for number in range(n):
        (documents / f"{number:06}.txt").write_text(text[number * size : (number + 1) * size], encoding="utf-8")
    overrides = [f"load.path={json.dumps(str(documents))}", f"index.path={json.dumps(str(place / 'index'))}"]
    command = ragqa("index", str(QUICKSTART), "--json", "--set", overrides[0], "--set", overrides[1])
    first, report = timed(command)
    yield ["first build", f"{report['chunks']:,}", f"{report['embedded']:,}", f"{first:.1f}", "100%", peak_gib(), "1"]
    pipeline = Pipeline.from_file(QUICKSTART, overrides)
    pipeline.index()
    for name, change, run in (
        ("nothing changed", lambda: None, lambda: timed(command)),
        ("one document edited", lambda: edit(documents), lambda: timed(command)),
        ("one document edited, in a running process", lambda: edit(documents), lambda: in_process(pipeline)),
    ):
        seconds, embedded = [], []
        for _ in range(runs):
            change()
            spent, report = run()
            seconds.append(spent)
            embedded.append(report["embedded"])
        cost = statistics.median(seconds)
        yield [name, "", f"{min(embedded)} to {max(embedded)}", f"{cost:.1f}", f"{cost / first:.2%}", "", str(runs)]


def in_process(pipeline: Pipeline) -> tuple[float, dict[str, int]]:
    """Return the wall time of a run of this process, and how many chunks it embedded."""
    started = time.perf_counter()
    report = pipeline.index()
    return time.perf_counter() - started, {"embedded": report.embedded}


def timed(command: list[str]) -> tuple[float, dict[str, int]]:
    """Return the wall time of a command, from the start of its process, and its JSON."""
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return time.perf_counter() - started, json.loads(done.stdout)


def edit(documents: Path) -> None:
    """Replace a word in the middle of a document."""
    file = random.choice(sorted(documents.iterdir()))
    words = file.read_text(encoding="utf-8").split(" ")
    words[len(words) // 2] = f"word{random.randrange(10_000)}"
    file.write_text(" ".join(words), encoding="utf-8")


def one_word_of_many(text: str, splitter: Splitter, edits: int) -> list[list[str]]:
    """Change one word of 200 pages; count the chunks that were not there before."""
    whole = text[: PAGES * PAGE_CHARACTERS]
    before = {chunk.indexed_text for chunk in splitter.split(document(whole))}
    changes: dict[str, Callable[[str], str]] = {
        "replaced by another": lambda word: "harbour",
        "removed": lambda word: "",
        "followed by another": lambda word: f"{word} harbour",
    }
    rows = []
    for name, change in changes.items():
        new = []
        for _ in range(edits):
            at = random.randrange(len(whole) // 100, len(whole))
            start, end = whole.rfind(" ", 0, at) + 1, whole.find(" ", at)
            changed = document(whole[:start] + change(whole[start:end]) + whole[end:])
            new.append(len({chunk.indexed_text for chunk in splitter.split(changed)} - before))
        rows.append([f"a word {name}", f"{len(before):,}", f"{statistics.median(new):g}", str(max(new)), str(edits)])
    return rows


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.incremental", description="What a small change costs.")
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=5, help="of each kind, over the documents")
    parser.add_argument("--edits", type=int, default=30, help="of each kind, of the document of 200 pages")
    arguments = parser.parse_args()
    random.seed(0)
    text = text_of_articles()
    splitter = Pipeline.from_file(QUICKSTART).components.splitter
    header = ["edit of a document of 200 pages", "chunks", "embedded, median", "most", "n"]
    print(table(header, one_word_of_many(text, splitter, arguments.edits)), "\n", flush=True)
    with tempfile.TemporaryDirectory() as place:
        many = f"run over {arguments.documents:,} documents"
        header = [many, "chunks", "embedded", "seconds, median", "of the first build", "peak GiB", "n"]
        print(table(header, []), flush=True)
        for row in one_of_many(text, arguments.documents, Path(place), arguments.runs):
            print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
