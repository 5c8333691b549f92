"""`python -m tests.torture [NAME...]`: every trial in full; prints the rows of benchmarks/RESULTS.md, exits 1 on a violation."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.torture import (
    Trial,
    bounds,
    confined,
    crowd,
    documents,
    endpoint,
    fork,
    formats,
    full,
    hijack,
    imitation,
    kills,
    limits,
    machine,
    model_rot,
    outputs,
    parsers,
    pictures,
    power,
    pulls,
    rot,
    strangers,
    terminal,
)

TRIALS: dict[str, Callable[[Path], Trial | None]] = {
    "kills": lambda folder: kills.at_random(folder, 500),
    "points": kills.at_points,
    "repair": kills.at_repair,
    "power": power.run,
    "writes": full.at_every_write,
    "syncs": full.at_every_sync,
    "sizes": lambda folder: full.at_every_size(folder, 200),
    "disk": full.on_a_small_disk,
    "rot": lambda folder: rot.run(folder, 3000),
    "writers": crowd.writers,
    "readers": crowd.readers,
    "parsers": parsers.run,
    "formats": formats.run,
    "pictures": pictures.run,
    "machine": machine.run,
    "strangers": strangers.run,
    "hijack": hijack.run,
    "documents": documents.run,
    "bounds": bounds.run,
    "confined": confined.run,
    "pulls": pulls.run,
    "model_rot": model_rot.run,
    "outputs": outputs.run,
    "terminal": terminal.run,
    "imitation": imitation.run,
    "limits": limits.run,
    "endpoint": lambda folder: endpoint.run(folder, 500),
    "fork": lambda folder: fork.run(folder, 5),
}


def main(names: list[str]) -> int:
    """Run the trials of these names, or all; return the exit code."""
    print("| trial | number | violations | seconds | |\n| --- | --- | --- | --- | --- |")
    failed = 0
    for name in names or TRIALS:
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            trial = TRIALS[name](Path(folder) / name)
        if trial is None:
            print(f"| {name} | not tried: this user may not do it | | | |", flush=True)
            continue
        seconds = time.perf_counter() - started
        print(f"| {trial.name} | {trial.n:,} | {len(trial.violations)} | {seconds:.0f} | {trial.notes} |", flush=True)
        for what in trial.violations[:20]:
            print(f"    {what}", file=sys.stderr, flush=True)
        failed += bool(trial.violations)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
