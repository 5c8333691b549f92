"""`ragqa init`: writes a commented pipeline file for a folder."""

from __future__ import annotations

import shlex

import click

from ragqa import project
from ragqa.cli.common import json_option, profile_option
from ragqa.cli.marks import say
from ragqa.cli.terminal import print_json


@click.command("init")
@click.argument("folder", default=".", metavar="[DIR]")
@click.option("--output", default="ragqa.yaml", show_default=True, metavar="FILE", help="The file to write.")
@profile_option
@json_option
def write_pipeline_file(folder: str, output: str, profile: str | None, as_json: bool) -> None:
    """Write a commented pipeline file for the documents of a folder (default: this one), and say what to do next.

    The file has the settings of a profile, the same with which the folder itself is asked: by default those of the
    best models that are here and that this machine can run.

    \b
    Examples:
      ragqa init corpora/tarnwick/documents --output tarnwick.yaml
      ragqa init corpora/tarnwick/documents --profile small --output small.yaml
    """
    written = project.init(folder, output, profile)
    file = written.file
    say(str(written.profile), err=True)
    name = shlex.quote(str(file))
    commands = [f"ragqa check {name}", f"ragqa index {name}", f'ragqa ask {name} "your question"']
    if as_json:
        print_json({"file": str(file), "profile": written.profile.name, "next": commands})
        return
    say(f"Wrote {file}. Next:")
    click.echo()
    for line in commands:
        say(f"  {line}")
