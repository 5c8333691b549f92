"""`ragqa gc`: frees disk space of an index."""

from __future__ import annotations

from dataclasses import asdict

import click

from ragqa.cli.common import json_option, set_option, wait_option
from ragqa.cli.opening import open_maintenance
from ragqa.cli.terminal import print_json


@click.command("gc")
@click.argument("target", metavar="INDEX|FILE")
@wait_option
@set_option
@json_option
def collect_garbage(target: str, wait: float, overrides: tuple[str, ...], as_json: bool) -> None:
    """Drop vectors of no chunk and files that nothing names, and rewrite the database without free pages.

    INDEX is the folder of an index, FILE a pipeline file. Nothing is embedded; readers are not disturbed.

    \b
    Example:
      ragqa gc pipelines/quickstart.yaml
    """
    done = open_maintenance(target, overrides, wait=wait).collect()
    if as_json:
        print_json(asdict(done))
        return
    click.echo(
        f"{done.vectors:,} vectors and {len(done.files):,} files dropped, {done.bytes_freed / 1e6:,.2f} MB freed; "
        f"index version {done.generation}."
    )
