"""`ragqa export`: writes an index to one file."""

from __future__ import annotations

from dataclasses import asdict

import click

from ragqa.cli.common import json_option, set_option, wait_option
from ragqa.cli.marks import say
from ragqa.cli.opening import open_maintenance
from ragqa.cli.terminal import one_line, print_json


@click.command("export")
@click.argument("target", metavar="INDEX|FILE")
@click.argument("archive", metavar="ARCHIVE")
@wait_option
@set_option
@json_option
def export_index(target: str, archive: str, wait: float, overrides: tuple[str, ...], as_json: bool) -> None:
    """Write an index to one new file, to move it to another machine or to back it up.

    INDEX is the folder of an index, FILE a pipeline file. ARCHIVE is a tar file with the hash of each part; `ragqa import`
    makes an index of it again. Questions are answered meanwhile. Nothing that was erased is in it.

    \b
    Example:
      ragqa export pipelines/quickstart.yaml tarnwick.tar
    """
    done = open_maintenance(target, overrides, wait=wait).export(archive)
    if as_json:
        print_json(asdict(done))
        return
    say(f"{done.documents:,} documents, {done.chunks:,} chunks ({done.bytes / 1e6:,.1f} MB) -> {one_line(archive)}")
