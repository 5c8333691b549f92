"""`ragqa purge`: erase documents from an index."""

from __future__ import annotations

import click

from ragqa.cli.common import json_option, set_option, wait_option
from ragqa.cli.marks import say
from ragqa.cli.opening import open_maintenance
from ragqa.cli.terminal import print_json


@click.command("purge")
@click.argument("target", metavar="INDEX|FILE")
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True)
@wait_option
@set_option
@json_option
def erase_documents(
    target: str, sources: tuple[str, ...], wait: float, overrides: tuple[str, ...], as_json: bool
) -> None:
    """Erase documents so that no file of the index holds their text, as a request for erasure asks.

    SOURCE is a document as `ragqa search` prints it; a document with several sources is erased with all of them.
    Remove the file itself too: the next `ragqa index` reads it again while it lies in the folder.

    \b
    Example:
      ragqa purge pipelines/quickstart.yaml reports/members-benefit-guide.pdf
    """
    erased = open_maintenance(target, overrides, wait=wait).purge(sources)
    if as_json:
        print_json({"erased": erased})
        return
    for source in erased:
        say(f"erased: {source}")
