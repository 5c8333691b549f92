"""`ragqa replay`: repeats a run, and reports the differences."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ragqa import wire
from ragqa.cli.common import json_option, set_option
from ragqa.cli.listening import listener
from ragqa.cli.marks import say
from ragqa.cli.terminal import print_json

if TYPE_CHECKING:
    from ragqa.experiments import Replay


@click.command("replay")
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--limit", type=click.IntRange(min=1), help="Ask the first N questions only.")
@set_option
@json_option
def replay_command(folder: Path, limit: int | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Do a run again with what is installed now, and compare every question with what was kept.

    Compared are the retrieved passages, the prompt, the answer and, up to 0.0001, every score. What differs is counted,
    also under another setting, such as another dtype. The exit code is 0 where all are equal and 1 where any differs.

    \b
    Examples:
      ragqa eval pipelines/quickstart.yaml --limit 5 --retrieval-only --out .ragqa/run
      ragqa replay .ragqa/run
      ragqa replay .ragqa/run --set embed.dtype=float32
    """
    from ragqa.experiments import replay

    with listener() as told:
        outcome = replay(folder, overrides, limit=limit, listener=told)
    if as_json:
        print_json(wire.replay(outcome))
    else:
        for line in _lines(outcome):
            say(line)
    if outcome.differing:
        sys.exit(1)


def _lines(outcome: Replay) -> list[str]:
    lines = [f"changed since: {change}" for change in outcome.identity]
    lines += [
        f"{id_}: {name}: {how}" for id_, differing in outcome.differing.items() for name, how in differing.items()
    ]
    lines += [f"{name}: differs in {count} of {outcome.questions}" for name, count in outcome.counts.items()]
    n = len(outcome.differing)
    end = f"{n} of {outcome.questions} questions differ" if n else "equal"
    return [*lines, f"{end}: {outcome.equal} of {outcome.questions} questions are as they were"]
