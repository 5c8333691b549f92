"""How long the first answer about a new folder takes: `ragqa ask FOLDER QUESTION` over the 490 articles of SQuAD.

make bench-first-answer
make bench-first-answer ARGS=--splitting     the processor seconds of splitting alone, with and without counting by words

Each round is a new process with a new index; the models are on disk. The processor seconds are those of all threads and
of the parser; beside other work they are the steadier figure.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from benchmarks.run import ROOT, table
from ragqa import Pipeline

DATA = Path(os.environ.get("RAGQA_DATA", ROOT.parent / "shared" / "data"))
QUESTIONS = (
    "When did the 1973 oil crisis begin?",
    "Who designed the Statue of Liberty?",
    "What is the capital of Armenia?",
)


def processor_seconds() -> float:
    """Return the processor time of all child processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def ask(folder: Path, index: Path, question: str) -> dict[str, object]:
    """Ask a question about a folder in a process of its own; return what it took and what it said."""
    command = [sys.executable, "-m", "ragqa", "ask", str(folder), question, "--set", f"index.path={index}"]
    before, started = processor_seconds(), time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        first = process.stdout.readline()
        seconds = time.perf_counter() - started
        rest, said = process.communicate()
    if process.returncode:
        raise SystemExit(said)
    return {
        "question": question,
        "first line, s": round(seconds, 1),
        "end, s": round(time.perf_counter() - started, 1),
        "processor, s": round(processor_seconds() - before, 1),
        "answer": first.removeprefix("| ").strip(),
        "source": rest.partition("[1] ")[2].split(":")[0],
        "said": said.strip().splitlines()[-1] if said.strip() else "",
    }


def split(folder: Path, *, by_words: bool) -> str:
    """Split the documents of a folder; return what it took, and the hash of all ids of chunks."""
    components = Pipeline.from_folder(folder).components
    if not by_words:
        vars(components.embedder)["_words"] = None
    documents = [components.loader.read(file) for file in components.loader.scan().files]
    splitter, started = components.splitter, time.process_time()
    ids = [chunk.id for document in documents for chunk in splitter.split(document)]
    seconds = time.process_time() - started
    how = "word by word" if by_words else "text by text"
    digest = hashlib.sha256("".join(ids).encode()).hexdigest()[:12]
    return f"tokens counted {how}: {seconds:.1f} processor seconds, {len(ids):,} chunks, ids {digest}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="new folders, each with another question")
    parser.add_argument("--splitting", action="store_true", help="measure splitting alone")
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "articles"
        with zipfile.ZipFile(DATA / "squad" / "articles.zip") as articles:
            articles.extractall(folder)
        if arguments.splitting:
            print(split(folder, by_words=False), split(folder, by_words=True), sep="\n")
            return
        for number in range(arguments.rounds):
            new = ask(folder, Path(place) / f"index{number}", QUESTIONS[number % len(QUESTIONS)])
            again = ask(folder, Path(place) / f"index{number}", QUESTIONS[(number + 1) % len(QUESTIONS)])
            rows += [{"folder": "new", **new}, {"folder": "the same again", **again}]
            print(json.dumps(rows[-2:]), file=sys.stderr, flush=True)
    print(table(list(rows[0]), [[str(value) for value in row.values()] for row in rows]))
    for kind in ("new", "the same again"):
        seconds = [float(str(row["first line, s"])) for row in rows if row["folder"] == kind]
        print(f"{kind}: median {statistics.median(seconds):.1f} s to the first line, n = {len(seconds)}")


if __name__ == "__main__":
    main()
