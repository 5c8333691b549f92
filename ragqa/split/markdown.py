"""The sections of a Markdown document."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ragqa.records import Document, body_start
from ragqa.split.spans import Span

_HEADING = re.compile(r"^(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$")
_FENCE = re.compile(r"^ {0,3}(```|~~~)")


def markdown_sections(document: Document) -> Iterator[tuple[Span, tuple[str, ...]]]:
    """Yield the spans between headings, each with the titles above it, from the end of the front matter on.

    A `#` inside a code fence is not a heading.
    """
    path: list[tuple[int, str]] = []
    start = offset = body_start(document.metadata, document.text)
    fence = ""
    for line in document.text[start:].splitlines(keepends=True):
        mark = _FENCE.match(line)
        if mark and fence in ("", mark.group(1)):
            fence = "" if fence else mark.group(1)
        heading = None if fence else _HEADING.match(line.rstrip("\r\n"))
        if heading:
            if offset > start:
                yield (start, offset), tuple(title for _, title in path)
            level = len(heading.group(1))
            path = [(depth, title) for depth, title in path if depth < level] + [(level, heading.group(2))]
            start = offset
        offset += len(line)
    if offset > start:
        yield (start, offset), tuple(title for _, title in path)
