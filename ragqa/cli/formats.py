"""`ragqa formats`: the file formats that are read."""

from __future__ import annotations

import click

from ragqa.cli.common import json_option
from ragqa.cli.marks import say
from ragqa.cli.terminal import print_json
from ragqa.load.formats import CONTAINERS, FORMATS


@click.command("formats")
@json_option
def command(as_json: bool) -> None:
    """List the file formats that are read: the name of each, its suffixes, what reads it, and what of a file is lost.

    A file without a suffix is read where its whole content is text in UTF-8, and is no private key. Other text is read where you name the file, or by load.as_text. A format of your own is one class in Python.

    \b
    Example:
      ragqa formats --json
    """
    if as_json:
        print_json({
            "formats": [
                {
                    "name": each.name,
                    "media_type": each.media_type,
                    "suffixes": list(each.suffixes),
                    "extractor": each.extractor_with({}),
                    "lost": each.lost,
                }
                for each in FORMATS
            ],
            "containers": [{"media_type": each.media_type, "suffixes": list(each.suffixes)} for each in CONTAINERS],
        })  # fmt: skip
        return
    for each in FORMATS:
        lost = f"; lost: {each.lost}" if each.lost else ""
        say(f"{each.name} ({' '.join(each.suffixes)}): {each.extractor_with({})}{lost}")
    say(
        "and files without a suffix whose content is text in UTF-8, such as LICENSE, README and Makefile, as text or code"
    )
    suffixes = " ".join(suffix for each in CONTAINERS for suffix in each.suffixes)
    say(f"and each of these inside {suffixes}: archives, mailboxes, and mails with attachments")
