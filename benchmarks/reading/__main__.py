"""Prints the table, a format at a time. Run by `make bench-reading`."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import mean

from benchmarks.peers import environments
from benchmarks.peers.environments import QUIET, ROOT
from benchmarks.reading.scores import Score, score
from benchmarks.run import table

SYSTEMS = ("ragqa", "markitdown")
COLUMNS = tuple(field.name for field in fields(Score))
LOW = {"recall": 0.97, "precision": 0.95}
"""Files that score less are listed."""
NOTES = """
A word counts as often as it is there, in lower case; the marks of Markdown, comments, and targets of links count in no text. Shares are
means over the files that have something to count. A file that was not read, or in which nothing was found, has 0 of its
reference's words, pairs, rows and names, and no precision.

- order: share of the reference's pairs of neighbouring words that are neighbours in what was read.
- rows: share of the rows of the reference's tables whose cells are in one line, each cell with its words together.
- names: share of the names of its tables' columns that are in one line, their words together.
- seconds: for all files of the format, in a process that has imported the system. ragqa reads in a confined child process, whose start is
  included.
- The references are what docling writes, as its tests keep it. It is not a row of the table for that reason, and because it reads PDF by models
  whose weights have to be downloaded.
"""


@dataclass(frozen=True, slots=True)
class Sample:
    """A file and the reference text of it."""

    format: str
    path: Path
    reference: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a system made of a file; `reason` says why it was not read."""

    sample: Sample
    score: Score
    seconds: float
    reason: str


def samples(data: Path) -> list[Sample]:
    """Return the files that have a reference text with words: `groundtruth/NAME.md` belongs to `sources/NAME` or `NAME.pdf`."""
    found = []
    for folder in sorted(path for path in data.iterdir() if (path / "groundtruth").is_dir()):
        for reference in sorted((folder / "groundtruth").rglob("*.md")):
            name = reference.relative_to(folder / "groundtruth")
            path = _source(folder / "sources", name)
            text = reference.read_text(encoding="utf-8")
            if path and score("", text).recall is not None:
                kind = "scans" if folder.name == "ocr" else path.suffix.lstrip(".")
                found.append(Sample(kind, path, text))
    return sorted(found, key=lambda sample: (sample.format, sample.path.name))


def _source(folder: Path, reference: Path) -> Path | None:
    """Return the source of a reference text; of those by OCR, only the text of whole pages by one program is taken."""
    if reference.parent == Path("tesseract/full_page"):
        return folder / f"{reference.name.split('.')[0]}.pdf"
    named = (folder / reference.stem, folder / f"{reference.stem}.pdf")
    return next((path for path in named if path.is_file()), None) if reference.parent == Path() else None


def read(system: str, chosen: Sequence[Sample], scratch: Path) -> list[Outcome]:
    """Let a system read files in a process of its own."""
    peer = None if system == "ragqa" else system
    worker = ["-m", "benchmarks.reading.worker"] if peer is None else [str(Path(__file__).with_name("worker.py"))]
    result = scratch / f"{system}.jsonl"
    files = [str(sample.path) for sample in chosen]
    command = [str(environments.python(peer)), *worker, system, str(result), *files]
    subprocess.run(command, check=True, cwd=ROOT, env=os.environ | QUIET, stdout=sys.stderr)
    lines = map(json.loads, result.read_text(encoding="utf-8").splitlines())
    return [_outcome(sample, **line) for sample, line in zip(chosen, lines, strict=True)]


def _outcome(sample: Sample, seconds: float, text: str = "", reason: str = "") -> Outcome:
    return Outcome(sample, score(text, sample.reference), seconds, reason or ("" if text.strip() else "no text"))


def row(name: str, system: str, outcomes: Sequence[Outcome]) -> list[str]:
    """Return the row of a system and a format."""
    shares = [_mean(getattr(outcome.score, column) for outcome in outcomes) for column in COLUMNS]
    rejected = sum(1 for outcome in outcomes if outcome.reason)
    seconds = sum(outcome.seconds for outcome in outcomes)
    return [name, system, *shares, str(len(outcomes)), str(rejected), f"{seconds:.1f}"]


def _mean(values: Iterable[float | None]) -> str:
    counted = [value for value in values if value is not None]
    return f"{mean(counted):.3f}" if counted else ""


def details(outcomes: Sequence[Outcome], shown: Callable[[Outcome], bool]) -> str:
    """Return a line for each outcome that is to be shown."""
    lines = []
    for outcome in filter(shown, outcomes):
        values = ((column, getattr(outcome.score, column)) for column in COLUMNS)
        told = outcome.reason or ", ".join(f"{name} {value:.3f}" for name, value in values if value is not None)
        lines.append(f"- {outcome.sample.path.name}: {told}")
    return "\n".join(lines)


def _low(outcome: Outcome) -> bool:
    values = ((getattr(outcome.score, name), least) for name, least in LOW.items())
    return bool(outcome.reason) or any(value is not None and value < least for value, least in values)


def main() -> None:
    """Print the table, what it counts, and the files of ragqa that are below the aims."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reading", description=__doc__.splitlines()[0])
    parser.add_argument("--formats", nargs="+", metavar="SUFFIX", help="docx, html ... or scans; all by default")
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--all", action="store_true", help="list every file of every system")
    options = parser.parse_args()
    data = Path(os.environ.get("RAGQA_DATA", ROOT.parent / "shared" / "data")) / "documents"
    if not data.is_dir():
        sys.exit(f"no folder {data}: RAGQA_DATA names the folder of data sets, of which documents is one")
    found = samples(data)
    formats = options.formats or sorted({sample.format for sample in found})
    outcomes: dict[str, list[Outcome]] = {system: [] for system in options.systems}
    print(table(["format", "system", *COLUMNS, "n", "not read", "seconds"], []), flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        for name in formats:
            chosen = [sample for sample in found if sample.format == name]
            for system in options.systems:
                own = read(system, chosen, Path(scratch))
                outcomes[system] += own
                print("| " + " | ".join(row(name, system, own)) + " |", flush=True)
    for system, own in outcomes.items():
        print("| " + " | ".join(row("all files", system, own)) + " |")
    print(NOTES)
    installed = [
        f"{name} {environments.versions(environments.python(name), (name,))[name]}"
        for name in options.systems
        if name != "ragqa"
    ]
    print("; ".join(installed))
    for system, own in outcomes.items():
        print(f"\n{system}:\n" + details(own, (lambda _: True) if options.all else _low))


if __name__ == "__main__":
    main()
