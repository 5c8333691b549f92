"""`ragqa import`: makes an index of a file that `ragqa export` has written."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from ragqa.cli.common import json_option, set_option, wait_option
from ragqa.cli.marks import say
from ragqa.cli.terminal import one_line, print_json


@click.command("import")
@click.argument("archive", metavar="ARCHIVE")
@click.argument("target", metavar="INDEX|FILE")
@wait_option
@set_option
@json_option
def import_index(archive: str, target: str, wait: float, overrides: tuple[str, ...], as_json: bool) -> None:
    """Make an index of a file that `ragqa export` has written.

    FILE is a pipeline file, whose index must not exist yet; INDEX is a new folder. Every part is compared with its hash,
    and the rows of the database are checked, before the index is there. Its documents are not needed: without them
    questions are answered all the same, and citations are marked as changed.

    \b
    Example:
      ragqa import tarnwick.tar pipelines/quickstart.yaml
    """
    from ragqa.index import LocalIndex
    from ragqa.pipeline.ingest.maintenance import Maintenance

    if Path(target).is_file():
        done = Maintenance(target, overrides, wait=wait).restore(archive)
    else:
        done = LocalIndex(Path(target)).restore(Path(archive), wait=wait)
    if as_json:
        print_json(asdict(done))
        return
    say(f"{done.documents:,} documents, {done.chunks:,} chunks, index version {done.generation} -> {one_line(target)}")
