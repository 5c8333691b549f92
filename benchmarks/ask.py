"""Seconds from the start of a process to the passages, to the first written word and to the whole answer: medians of
fresh processes, for pipeline files. Run by `make bench-ask`.

The first question to a pipeline also reads the fixed part of its prompt, which later processes find in the cache. It is
asked with an empty cache of such states, and its time stands in a column of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.run import ROOT, table
from benchmarks.start import QUESTIONS
from ragqa import models, threads

FILES = ("pipelines/quickstart.yaml", "pipelines/better.yaml")
ASK = """
import json, sys, time
from ragqa import Pipeline
from ragqa.records import Passages
started, file, question = float(sys.argv[1]), sys.argv[2], sys.argv[3]
passages = first = processor = None
for event in Pipeline.from_file(file).stream(question):
    if isinstance(event, Passages):
        passages = passages or time.time() - started
    elif first is None:
        first, processor = time.time() - started, time.process_time()
tokens = event.prompt and event.prompt.n_tokens
seconds = {"passages": passages, "word": first, "processor": processor, "answer": time.time() - started}
print(json.dumps({**seconds, "prompt": tokens}))
"""
"""It prints seconds since its process was started. `processor` is the seconds of all cores up to the first word: they
vary less on a machine that others use too."""


def run(file: str, question: str, cache: Path) -> dict[str, float | None]:
    """Ask a question in a fresh process."""
    environment = os.environ | {"RAGQA_CACHE": str(cache)}
    command = [sys.executable, "-c", ASK, str(time.time()), file, question]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{file}: {done.stderr.strip().splitlines()[-1]}; run `ragqa index {file}` first?")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def without_states(cache: Path, scratch: Path) -> None:
    """Make a cache in which only the states of prompts are missing."""
    for entry in cache.iterdir():
        if entry.name != "prefixes":
            (scratch / entry.name).symlink_to(entry)


def measure(file: str, runs: int) -> list[str]:
    """Return the row of a pipeline file."""
    with tempfile.TemporaryDirectory() as scratch:
        cache = Path(scratch)
        without_states(models.cache_dir(), cache)
        run(file, QUESTIONS[0], models.cache_dir())  # files are in the memory of the system then
        before = run(file, QUESTIONS[0], cache)["answer"]
        asked = [QUESTIONS[number % len(QUESTIONS)] for number in range(runs)]
        results = [run(file, question, cache) for question in asked]
    cells = []
    for name in ("passages", "word", "processor", "answer", "prompt"):
        values = [value for result in results if (value := result[name]) is not None]
        digits = 0 if name == "prompt" else 1
        spread = f" ({min(values):.{digits}f} to {max(values):.{digits}f})" if values else ""
        cells.append(f"{statistics.median(values):.{digits}f}{spread}" if values else "none")
    words = sum(result["word"] is not None for result in results)
    return [file, *cells, f"{before:.1f}", str(words), str(runs)]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", default=FILES, help="pipeline files with an index")
    parser.add_argument("--runs", type=int, default=7, help="fresh processes for each file")
    arguments = parser.parse_args()
    load = threads.Load.now()
    print(
        f"{platform.processor() or platform.machine()}, {len(threads.cores())} cores, {load.free_cores()} of them free\n"
    )
    header = ["pipeline", "passages, s", "first word, s", "processor until then, s", "whole answer, s", "prompt tokens", "first question ever, s",
              "answered", "n"]  # fmt: skip
    print(table(header, [measure(file, arguments.runs) for file in arguments.files]))


if __name__ == "__main__":
    main()
