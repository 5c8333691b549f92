"""`ragqa replay`: a run is done again, and either says the same or what differs."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ragqa.cli.common import json_option, set_option
from ragqa.cli.evaluation import ask_all, prepare
from ragqa.cli.marks import say
from ragqa.cli.terminal import print_json
from ragqa.errors import UsageError
from ragqa.pipeline import Pipeline

if TYPE_CHECKING:
    from ragqa.evaluate import Protocol, Result
    from ragqa.evaluate.runs import Run

TOLERANCE = 1e-4
"""By how much a score or a confidence may differ: the order in which threads add is not fixed."""


@click.command("replay")
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--limit", type=click.IntRange(min=1), help="Ask the first N questions only.")
@set_option
@json_option
def command(folder: Path, limit: int | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Do a run again with what is installed now, and compare every question with what was kept.

    Compared are the retrieved passages, the prompt, the answer and, up to 0.0001, every score. What differs is counted,
    also under another setting, such as another dtype. The exit code is 0 where all are equal and 1 where any differs.

    \b
    Examples:
      ragqa eval pipelines/quickstart.yaml --limit 5 --retrieval-only --out .ragqa/run
      ragqa replay .ragqa/run
      ragqa replay .ragqa/run --set embed.dtype=float32
    """
    from ragqa.evaluate.runs import differences, read_run

    run = read_run(folder)
    protocol, bench = _again(run, limit, overrides)
    changed = list(differences(run.identity, bench.identity(protocol)))
    kept = {result.id: result for result in run.results}
    differing = {new.id: dict(_differing(kept[new.id], new)) for new in ask_all(bench, protocol, {})}
    differing = {id_: found for id_, found in differing.items() if found}
    report = {
        "questions": len(bench.questions),
        "equal": len(bench.questions) - len(differing),
        "identity": changed,
        "counts": dict(Counter(name for found in differing.values() for name in found)),
    }
    if as_json:
        print_json({**report, "differing": differing})
    else:
        for line in _lines(report, differing):
            say(line)
    if differing:
        sys.exit(1)


def _again(run: Run, limit: int | None, overrides: Sequence[str]) -> tuple[Protocol, Any]:
    """Return the protocol of a run, and its pipeline and questions; those that it did not get to are left out."""
    from ragqa.evaluate import Protocol
    from ragqa.evaluate.runs import PIPELINE

    try:
        protocol, name = Protocol(**run.identity["protocol"]), str(run.recorded["dataset"])
    except (LookupError, TypeError):
        raise UsageError(
            f"{run.folder}: run.json does not say what was asked and how: not a run of `ragqa eval`"
        ) from None
    bench = prepare(Pipeline.from_file(run.folder / PIPELINE, overrides), name)
    asked = {result.id for result in run.results}
    questions = [question for question in bench.questions if question.id in asked][:limit]
    if not questions:
        raise UsageError(f"{run.folder}: none of its questions is in {name}")
    return protocol, replace(bench, questions=questions)


def _differing(old: Result, new: Result) -> Iterator[tuple[str, str]]:
    """Yield what differs between two results of a question, and how."""
    for name in ("error", "prediction", "abstained", "prompt_sha256"):
        if getattr(old, name) != getattr(new, name):
            yield name, f"{getattr(old, name)!r}, now {getattr(new, name)!r}"
    places = [[(hit.source, hit.start, hit.end) for hit in result.hits] for result in (old, new)]
    if places[0] != places[1]:
        yield "hits", f"{places[0]}, now {places[1]}"
    numbers = [{**result.scores, "confidence": result.confidence or 0.0} for result in (old, new)]
    for name in sorted({*numbers[0], *numbers[1]}):
        before, now = (number.get(name) for number in numbers)
        if before is None or now is None or abs(before - now) > TOLERANCE:
            yield name, f"{before}, now {now}"


def _lines(report: dict[str, Any], differing: dict[str, dict[str, str]]) -> list[str]:
    lines = [f"changed since: {change}" for change in report["identity"]]
    lines += [f"{id_}: {name}: {how}" for id_, found in differing.items() for name, how in found.items()]
    lines += [f"{name}: differs in {count} of {report['questions']}" for name, count in report["counts"].items()]
    verdict = "equal" if not differing else f"{len(differing)} of {report['questions']} questions differ"
    return [*lines, f"{verdict}: {report['equal']} of {report['questions']} questions are as they were"]
