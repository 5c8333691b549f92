"""Opens an address in the browser of this machine, so that other users of the machine do not see it."""

from __future__ import annotations

import html
import tempfile
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from ragqa.cli.marks import say


@contextmanager
def open_in_browser(address: str) -> Iterator[Thread]:
    """Open an address; say so where there is no browser. Use it around the time in which the address is valid.

    Every user of a machine sees the arguments of its programs, and the address may have a token. So the browser gets the
    name of a file that only this user can read, which leads to the address; it is removed at the end of the block.

    :return: the thread that opens it, since some browsers are waited for until they end.
    """
    with tempfile.TemporaryDirectory(prefix="ragqa-") as folder:  # which only its owner can open
        file = Path(folder) / "open.html"
        target = html.escape(address)
        leads = f'<meta http-equiv="refresh" content="0; url={target}"><a href="{target}">ragqa</a>'
        file.write_text(f'<!doctype html><meta charset="utf-8"><title>ragqa</title>{leads}', encoding="utf-8")
        thread = Thread(target=_open, args=(file.as_uri(),), name="ragqa-browser", daemon=True)
        thread.start()
        yield thread


def _open(address: str) -> None:
    if not webbrowser.open(address):
        say("no browser was found: open the address in one yourself", err=True)
