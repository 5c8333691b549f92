"""`ragqa check`: every mistake of pipeline files at once, without loading a model."""

from __future__ import annotations

import sys

import click

from ragqa.config import load_config
from ragqa.errors import ConfigError


@click.command("check")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def command(files: tuple[str, ...]) -> None:
    """Report every mistake in pipeline files.

    \b
    Example:
      ragqa check pipelines/*.yaml
    """
    failed = False
    for file in files:
        try:
            load_config(file)
            click.echo(f"{file}: ok")
        except ConfigError as error:
            failed = True
            click.echo(str(error), err=True)
    if failed:
        sys.exit(2)
