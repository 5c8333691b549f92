"""`ragqa serve` under load: searches, overload, fairness, commits, its end, a long time. Prints the rows of RESULTS.md.

make bench-serve ARGS="search overhead passages"

Each trial runs the command in a process of its own over a real socket, and asks from this one, which shares the cores. A
row has its target beside it. The exit code is 1 where a target is missed. `RAGQA_DATA` names the folder of data sets.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from benchmarks.serving.changing import commits
from benchmarks.serving.ended import sigterm, soak
from benchmarks.serving.figures import Row, tabulated
from benchmarks.serving.plain import Bench, overhead, passages, search
from benchmarks.serving.pressed import fairness, overload

TRIALS: dict[str, Callable[[Bench], Awaitable[list[Row]]]] = {
    "search": search,
    "overhead": overhead,
    "passages": passages,
    "overload": overload,
    "fairness": fairness,
    "commits": commits,
    "sigterm": sigterm,
    "soak": soak,
}


def main() -> None:
    """Run the trials that are named, or all, and print their rows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description="`ragqa serve` under load.")
    parser.add_argument("trials", nargs="*", metavar="TRIAL", help=f"of {', '.join(TRIALS)}; none for all")
    parser.add_argument("--seconds", type=float, help="the length of search, overload and soak; 60, 600 and 1800")
    parser.add_argument("--minutes", type=float, help="the same in minutes")
    parser.add_argument("--chunks", type=int, default=100_000, help="the size of the index of search, a multiple of 10")
    parser.add_argument("--commits", type=int, default=100)
    parser.add_argument("--place", type=Path, metavar="FOLDER", help="keeps the index of search for the next time")
    given = parser.parse_args()
    if unknown := [name for name in given.trials if name not in TRIALS]:
        parser.error(f"no trial {unknown[0]!r}; choose of {', '.join(TRIALS)}")
    seconds = given.seconds if given.minutes is None else 60 * given.minutes
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(given.place or Path(scratch), seconds, given.chunks, given.commits)
        for name in given.trials or TRIALS:
            folder = Path(scratch) / name
            folder.mkdir()
            kept = bench if name == "search" else replace(bench, place=folder)
            found = asyncio.run(TRIALS[name](kept))
            print(tabulated(found), file=sys.stderr, flush=True)
            rows += found
    print(tabulated(rows))
    sys.exit(any(row.met is False for row in rows))


if __name__ == "__main__":
    main()
