"""What starting and asking cost, beside another checkout of this repository: fresh processes in turn, medians.

git worktree add ../before REVISION
make bench-start ARGS=../before
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from benchmarks.run import ROOT, table

QUESTIONS = (
    "How much does the cooperative lend for a heat pump?",
    "When does the ferry sail?",
    "Who chairs the board?",
    "What does the turbine make?",
    "Where is the harbour office?",
    "How many members are there?",
)
FILE = "pipelines/quickstart.yaml"
WARM = f"""
import statistics, time
from ragqa import Pipeline
pipeline = Pipeline.from_file({FILE!r})
pipeline.load_models()
def median_ms(call, rounds):
    times = []
    for question in {QUESTIONS!r} * (rounds + 1):
        started = time.perf_counter()
        call(question)
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times[{len(QUESTIONS)}:])
print(median_ms(pipeline.ask, 3), median_ms(pipeline.search, 5))
"""
"""Prints the milliseconds of a warm answer and of a warm search; the first round is not counted."""


def run(checkout: Path, site: str, *arguments: str) -> tuple[float, str]:
    """Run Python on a checkout; return the seconds of the process, and its output.

    :param site: a folder for a `sitecustomize` that keeps the checkout that is installed from being imported.
    """
    others = [str(ROOT)] if checkout != ROOT else []
    keep_out = f"import sys\nsys.path[:] = [path for path in sys.path if path not in {others!r}]\n"
    (Path(site) / "sitecustomize.py").write_text(keep_out, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": f"{site}{os.pathsep}{checkout}", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *arguments]
    started = time.perf_counter()
    done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=True)
    return time.perf_counter() - started, done.stdout


def measure(checkout: Path, site: str, times: dict[str, list[float]], *, warm: bool) -> None:
    """Add one measurement of each kind to the times."""
    commands = {
        "`import ragqa`, s": ("-c", "import ragqa"),
        "`ragqa check`, s": ("-m", "ragqa", "check", FILE),
        "`ragqa search` from a cold start, s": ("-m", "ragqa", "search", FILE, QUESTIONS[1]),
    }
    for name, arguments in commands.items():
        times[name].append(run(checkout, site, *arguments)[0])
    if warm:
        answer, search = map(float, run(checkout, site, "-c", WARM)[1].split())
        times["a question to a warm pipeline, ms"].append(answer)
        times["a search of a warm pipeline, ms"].append(search)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path, help="the other checkout")
    parser.add_argument("--rounds", type=int, default=9, help="fresh processes of each kind")
    arguments = parser.parse_args()
    checkouts = {"before": arguments.before.resolve(), "after": ROOT}
    times: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in checkouts}
    with tempfile.TemporaryDirectory() as site:
        for checkout in checkouts.values():
            run(checkout, site, "-m", "ragqa", "index", FILE)
        for number in range(arguments.rounds):
            for name in list(checkouts)[:: 1 if number % 2 else -1]:
                measure(checkouts[name], site, times[name], warm=number < arguments.rounds // 2)
    rows = []
    for what, after in times["after"].items():
        before = times["before"][what]
        cells = [f"{statistics.median(t):.4g} ({min(t):.4g} to {max(t):.4g})" for t in (before, after)]
        rows.append([what, *cells, f"{statistics.median(after) / statistics.median(before):.2f}", str(len(after))])
    print(table(["", "before", "after", "ratio", "n"], rows))


if __name__ == "__main__":
    main()
