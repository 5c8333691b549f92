"""`ragqa init`: writes a commented pipeline file for a folder."""

from __future__ import annotations

import shlex

import click

from ragqa import project
from ragqa.cli.common import json_option
from ragqa.cli.marks import say
from ragqa.cli.terminal import print_json


@click.command("init")
@click.argument("folder", default=".", metavar="[DIR]")
@click.option("--output", default="ragqa.yaml", show_default=True, metavar="FILE", help="The file to write.")
@json_option
def write_pipeline_file(folder: str, output: str, as_json: bool) -> None:
    """Write a commented pipeline file for the documents of a folder (default: this one), and say what to do next.

    \b
    Example:
      ragqa init corpora/tarnwick/documents --output tarnwick.yaml
    """
    file = project.init(folder, output).file
    name = shlex.quote(str(file))
    commands = [f"ragqa check {name}", f"ragqa index {name}", f'ragqa ask {name} "your question"']
    if as_json:
        print_json({"file": str(file), "next": commands})
        return
    say(f"Wrote {file}. Next:")
    click.echo()
    for line in commands:
        say(f"  {line}")
