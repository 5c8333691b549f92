"""`ragqa schema`: the JSON Schema of a pipeline file."""

from __future__ import annotations

import click

from ragqa.cli.common import json_option
from ragqa.cli.terminal import json_text, print_json
from ragqa.config.schema import json_schema
from ragqa.kinds import BUILTIN


@click.command("schema")
@json_option
def command(as_json: bool) -> None:
    """Print the JSON Schema of a pipeline file, for editors; with --json on one line.

    \b
    Example:
      ragqa schema > schema.json
    """
    if as_json:
        print_json(json_schema(BUILTIN))
    else:
        click.echo(json_text(json_schema(BUILTIN), indent=2))
