"""Measures indexing, answering and embedding, and prints the rows of RESULTS.md. Run by `make bench`.

The corpora are those of the data folder that `RAGQA_DATA` names, and the sample corpus.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent
QUICKSTART = ROOT / "pipelines" / "quickstart.yaml"
QUESTIONS = {
    "sample corpus": "How much does the cooperative lend for a heat pump?",
    "benefits_pdf": "What is the deductible for emergency care?",
    "squad articles": "Which NFL team won Super Bowl 50?",
}


def ragqa(*arguments: str) -> list[str]:
    """Return the command line of `ragqa`."""
    return [sys.executable, "-m", "ragqa", *arguments]


@contextmanager
def corpora() -> Iterator[dict[str, Path]]:
    """Yield the folders that are there, by name; archives are unpacked for the while."""
    data = Path(os.environ.get("RAGQA_DATA", ROOT.parent / "shared" / "data"))
    with tempfile.TemporaryDirectory() as scratch:
        found = {"sample corpus": ROOT / "corpora" / "tarnwick" / "documents"}
        if (data / "benefits_pdf").is_dir():
            found["benefits_pdf"] = Path(scratch) / "benefits_pdf"  # without its questions, which hold the answers
            shutil.copytree(data / "benefits_pdf", found["benefits_pdf"], ignore=shutil.ignore_patterns("*.jsonl"))
        if (data / "squad" / "articles.zip").is_file():
            with zipfile.ZipFile(data / "squad" / "articles.zip") as archive:
                archive.extractall(Path(scratch) / "articles")
            found["squad articles"] = Path(scratch) / "articles"
        yield found


def index(folder: Path, place: Path) -> list[str]:
    """Index a folder in a fresh process; return size, time, rate and peak memory, then the time of a second run."""
    overrides = ["--set", f"load.path={json.dumps(str(folder))}", "--set", f"index.path={json.dumps(str(place))}"]
    command = ragqa("index", str(QUICKSTART), *overrides, "--json")
    first = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
    peak = peak_gib()  # corpora are indexed from small to large
    again = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
    counts = f"{first['files']} ({first['rejected']} rejected)"
    return [counts, f"{first['chunks']:,}", f"{first['seconds']:.1f}", f"{first['chunks_per_second']:.0f}", peak,
            f"{again['seconds']:.1f}"]  # fmt: skip


def peak_gib() -> str:
    """Return the peak memory of the largest process that was started so far and has ended."""
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss  # KiB; on macOS bytes
    return f"{peak / (1 << 20 if sys.platform != 'darwin' else 1 << 30):.2f}"


def first_token(question: str, folder: Path, place: Path, runs: int) -> tuple[float, float]:
    """Return the median seconds from the start of the process to the first piece of the answer, and to its end."""
    overrides = ["--set", f"load.path={json.dumps(str(folder))}", "--set", f"index.path={json.dumps(str(place))}"]
    first, whole = [], []
    for _ in range(runs):
        started = time.perf_counter()
        command = ragqa("ask", str(QUICKSTART), question, *overrides)
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            assert process.stdout is not None
            process.stdout.read(1)
            first.append(time.perf_counter() - started)
            process.stdout.read()
        whole.append(time.perf_counter() - started)
    return statistics.median(first), statistics.median(whole)


def embedding_ratio(runs: int) -> list[str]:
    """Return our chunks per second and sentence-transformers', float32 on the same texts, alternated, and the ratio."""
    from sentence_transformers import SentenceTransformer

    from ragqa import Pipeline

    pipeline = Pipeline.from_file(QUICKSTART, ["embed.dtype=float32"])
    files = pipeline.components.loader.scan().files
    chunks = [
        chunk for file in files for chunk in pipeline.components.splitter.split(pipeline.components.loader.read(file))
    ]
    texts = [chunk.indexed_text for chunk in chunks]
    ours = pipeline.components.embedder
    ours.load()
    theirs = SentenceTransformer(str(getattr(ours, "folder")), device="cpu", local_files_only=True)  # noqa: B009
    seconds: dict[str, list[float]] = {"ours": [], "theirs": []}
    for _ in range(runs):
        for name, embed in (
            ("ours", ours.embed_passages),
            ("theirs", lambda batch: theirs.encode(batch, normalize_embeddings=True)),
        ):
            started = time.perf_counter()
            embed(texts)
            seconds[name].append(time.perf_counter() - started)
    mine, peer = (len(texts) / statistics.median(seconds[name]) for name in ("ours", "theirs"))
    return [f"{len(texts):,}", f"{mine:.0f}", f"{peer:.0f}", f"{mine / peer:.2f}", str(runs)]


def table(header: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main(runs: int = 3) -> None:
    """Print every table."""
    indexed, answered = [], []
    with corpora() as folders, tempfile.TemporaryDirectory() as scratch:
        for name, folder in folders.items():
            place = Path(scratch) / name.replace(" ", "-")
            indexed.append([name, *index(folder, place)])
            first, whole = first_token(QUESTIONS[name], folder, place, runs)
            answered.append([name, f"{first:.1f}", f"{whole:.1f}", str(runs)])
    print(table(["corpus", "files", "chunks", "seconds", "chunks/s", "peak GiB", "second run, s"], indexed), "\n")
    print(table(["corpus", "first token, s", "whole answer, s", "n"], answered), "\n")
    print(table(["texts", "ragqa/s", "sentence-transformers/s", "ratio", "n"], [embedding_ratio(runs)]))


if __name__ == "__main__":
    main()
