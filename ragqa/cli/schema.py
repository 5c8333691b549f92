"""`ragqa schema`: the JSON Schema of a pipeline file."""

from __future__ import annotations

import json

import click

from ragqa.config.schema import json_schema


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of a pipeline file, for editors.

    \b
    Example:
      ragqa schema > schema.json
    """
    click.echo(json.dumps(json_schema(), indent=2))
