"""What commands share: options and warnings."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from ragqa.cli.marks import say
from ragqa.cli.terminal import escaped, one_line, print_json
from ragqa.errors import UsageError

if TYPE_CHECKING:
    from ragqa.pipeline import Pipeline

__all__ = ["escaped", "one_line", "print_json", "say"]

file_help = (
    "A pipeline file. A folder of documents, or one document, is read by the default pipeline, its index in the cache."
)
file_argument = click.argument("file", metavar="FILE|FOLDER", help=file_help)
question_argument = click.argument("question", help="Between quotes; behind -- where it begins with -.")
set_option = click.option("--set", "overrides", multiple=True, metavar="SECTION.KEY=VALUE", help="Override a key.")
wait_option = click.option(
    "--wait", type=click.FloatRange(0), default=0.0, metavar="SECONDS", help="Wait for another writer to end."
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="One JSON object on stdout and nothing else; an error is its key `error`."
)


def pipeline_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add FILE, --set and --json."""
    return file_argument(set_option(json_option(function)))


def warn_of_changes(pipeline: Pipeline) -> None:
    """Say on stderr when the folder is no longer what was indexed, or is not there: the index answers all the same."""
    try:
        plan = pipeline.changes()
    except UsageError as error:
        say(f"warning: {error}: the index answers as it is", err=True)
        return
    if not plan.is_empty:
        what = f"{len(plan.changed)} files are new or changed, {len(plan.removed)} are gone"
        command = f"ragqa index {shlex.quote(os.path.relpath(pipeline.config.file))}"
        say(f"warning: the folder changed since it was indexed ({what}): run `{command}`", err=True)
