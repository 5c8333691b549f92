"""Reads files by ragqa or markitdown, and writes what it read as JSON Lines. The environment of markitdown runs this too.

    python worker.py SYSTEM RESULT FILE...

A line has the text, or why there is none, and the seconds. The import of the system is in none of them; what it loads
for a format when it meets the first file of it is in those of that file.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable


def ragqa() -> Callable[[str], str]:
    """Read as `ragqa index` does, in its sandbox. The text of a mail with attachments is that of the mail alone."""
    from ragqa.load import FolderLoader

    def read(path: str) -> str:
        loader = FolderLoader([path])
        scan = loader.scan()
        if not scan.files:
            raise ValueError("; ".join(other.reason for other in scan.others) or "nothing to read")
        return loader.read(scan.files[0]).text

    return read


def markitdown() -> Callable[[str], str]:
    """Read as the command of that name does: built-in converters, no plugins, no model."""
    from markitdown import MarkItDown  # type: ignore[import-not-found, unused-ignore]

    converter = MarkItDown(enable_plugins=False)
    return lambda path: str(converter.convert(path).markdown)


SYSTEMS = {"ragqa": ragqa, "markitdown": markitdown}


def main(system: str, result: str, *paths: str) -> None:
    """Write a line for each file."""
    logging.disable(logging.WARNING)
    read = SYSTEMS[system]()
    with open(result, "w", encoding="utf-8") as lines:
        for path in paths:
            started = time.perf_counter()
            try:
                outcome: dict[str, object] = {"text": read(path)}
            except Exception as error:  # whatever a reader raises, the file was not read
                outcome = {"reason": " ".join(str(error).split()) or type(error).__name__}
            lines.write(json.dumps(outcome | {"seconds": time.perf_counter() - started}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
