"""The sections of a Markdown document."""

from __future__ import annotations

from collections.abc import Iterator

from ragqa.markdown import headings
from ragqa.records import Document, body_start
from ragqa.split.spans import Span


def markdown_sections(document: Document) -> Iterator[tuple[Span, tuple[str, ...]]]:
    """Yield the spans between headings, each with the titles above it, from the end of the front matter on."""
    path: list[tuple[int, str]] = []
    start, end = body_start(document.metadata, document.text), len(document.text)
    for heading in headings(document.text, start):
        if heading.start > start:
            yield (start, heading.start), tuple(title for _, title in path)
        path = [(level, title) for level, title in path if level < heading.level] + [(heading.level, heading.title)]
        start = heading.start
    if end > start:
        yield (start, end), tuple(title for _, title in path)
