"""The arguments and options that commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

file_help = "A pipeline file. A folder of documents, or one document, is read by a profile, its index in the cache."
file_argument = click.argument("file", metavar="FILE|FOLDER", help=file_help)
question_argument = click.argument("question", help="Between quotes; behind -- where it begins with -.")
set_option = click.option("--set", "overrides", multiple=True, metavar="SECTION.KEY=VALUE", help="Override a key.")
profile_option = click.option(
    "--profile",
    metavar="NAME",
    help="small, better, endpoint, a pipeline file, or auto: the best that runs here; default: your setting `profile`.",
)
wait_option = click.option(
    "--wait", type=click.FloatRange(0), default=0.0, metavar="SECONDS", help="Wait for another writer to end."
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="One JSON object on stdout and nothing else; an error is its key `error`."
)


def pipeline_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add FILE, --set and --json."""
    return file_argument(set_option(json_option(function)))
