"""The headings of a document, and the sections between them."""

from __future__ import annotations

from collections.abc import Iterator

from ragqa.markdown import Heading, headings
from ragqa.records import Document, body_start
from ragqa.split.spans import Span

_MARKDOWN = "text/markdown"


def headings_of(document: Document) -> list[Heading]:
    """Return the headings of a document: those that its format marks, else those of Markdown."""
    marked = document.metadata.get("headings")
    if document.media_type != _MARKDOWN and isinstance(marked, list):
        return [
            Heading(start, level, title[0] if title else _line(document.text, start)) for start, level, *title in marked
        ]
    return list(headings(document.text, body_start(document.metadata, document.text)))


def _line(text: str, start: int) -> str:
    end = text.find("\n", start)
    return " ".join(text[start : len(text) if end < 0 else end].split())


def document_sections(document: Document) -> Iterator[tuple[Span, tuple[str, ...]]]:
    """Yield the spans between headings, each with the titles above it, from the end of the front matter on."""
    path: list[tuple[int, str]] = []
    start, end = body_start(document.metadata, document.text), len(document.text)
    for heading in headings_of(document):
        if heading.start > start:
            yield (start, heading.start), tuple(title for _, title in path)
        path = [(level, title) for level, title in path if level < heading.level] + [(heading.level, heading.title)]
        start = heading.start
    if end > start:
        yield (start, end), tuple(title for _, title in path)
