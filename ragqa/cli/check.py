"""`ragqa check`: every mistake of pipeline files at once, and the proof that the prompt fits, without any model."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ragqa.cli.common import file_help, json_option, set_option
from ragqa.cli.marks import say
from ragqa.cli.opening import check_target
from ragqa.cli.terminal import print_json
from ragqa.errors import Problem, UsageError
from ragqa.pipeline.assemble.check import CheckReport

if TYPE_CHECKING:
    from ragqa.pipeline.assemble.budget import Budget


@click.command("check")
@click.argument("files", nargs=-1, required=True, metavar="FILE|FOLDER...", help=file_help)
@set_option
@json_option
def command(files: tuple[str, ...], overrides: tuple[str, ...], as_json: bool) -> None:
    """Report every mistake in pipeline files, and prove that the prompt fits the model's window.

    The exit code is 2 where a file has a mistake or its prompt may exceed the window.

    \b
    Examples:
      ragqa check pipelines/quickstart.yaml
      ragqa check pipelines/quickstart.yaml --set retrieve.top_k=50
    """
    results = [_check(file, overrides) for file in files]
    if as_json:
        print_json({"files": results})
    else:
        for result in results:
            _print(result)
    if not all(result["ok"] for result in results):
        sys.exit(2)


def _check(file: str, overrides: tuple[str, ...]) -> dict[str, Any]:
    try:
        report = check_target(file, overrides)
    except UsageError as error:  # the other files are still checked
        report = CheckReport(Path(file), (Problem(file, 1, 1, "", str(error)),), (), None)
    budget = report.budget
    ok = budget is not None and budget.verdict != "FAIL"
    return {
        "file": file,
        "ok": ok,
        "problems": [asdict(problem) | {"text": str(problem)} for problem in report.problems],
        "notes": list(report.notes),
        "budget": _budget(budget) if budget else None,
    }


def _budget(budget: Budget) -> dict[str, Any]:
    return asdict(budget) | {"total": budget.total}


def _print(result: dict[str, Any]) -> None:
    for problem in result["problems"]:
        say(problem["text"], err=True)
    for note in result["notes"]:
        say(f"note: {note}", err=True)
    budget = result["budget"]
    if budget is None:
        return
    say(f"{result['file']}: {'ok' if result['ok'] else 'the prompt may not fit'}")
    for term in budget["terms"]:
        say(f"  {term['part']:<12}{term['tokens']:>8,}  {term['how']}")
    window = f"{budget['window']:,}" if budget["window"] else "unknown"
    click.echo(f"  {'at most':<12}{budget['total']:>8,}  tokens; the window is {window}")
    say(f"  {budget['verdict']}: {budget['reason']}" if result["ok"] else f"  FAIL: {budget['reason']}")
