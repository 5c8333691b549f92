"""A document -> its sections, and the sentences in them that can stand in a summary."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ragqa import text_analysis
from ragqa.evidence.excerpts import Excerpt, excerpts
from ragqa.records import Document, body_start
from ragqa.split.markdown import headings_of

MOST_SECTIONS = 40
"""A document with more headings than this is cut at those of higher levels only, if there are at least three."""
PART = 1_500
"""The least characters of a part of a document without headings; a long document has at most about 20 parts."""
AT_ONCE = 20_000
"""The most characters that are cut into excerpts at once."""
WORDS = (5, 60)
"""The least and the most words of a sentence of a summary."""
MOST_CHARACTERS = 420

_END = re.compile(r"[.!…。！][\"'”’)\]*_`]*$")
_BOILERPLATE = re.compile(
    r"\.{4,}|©|copyright\b|all rights reserved|table of contents|click here|cookie|subscribe|page \d+ of \d+|https?://\S+$",
    re.IGNORECASE,
)
_FIELD = re.compile(r"[^\W\d_][\w ]{0,30}: ")
_PARAGRAPH = re.compile(r"\n[ \t]*\n|\f")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence or list item of a document.

    `section` is the number of its section, and `place` its own number in that section, both from 0.
    """

    start: int
    end: int
    text: str
    section: int
    place: int


@dataclass(frozen=True, slots=True)
class Sections:
    """The sections of a document that have text, as spans, in order; `word` says what they are called.

    `sentences` are those that can stand in a summary; `read` is the number of all excerpts that were read.
    """

    spans: tuple[tuple[int, int], ...]
    word: str
    sentences: tuple[Sentence, ...]
    read: int


def read(document: Document) -> Sections:
    """Return the sections of a document, cut at its headings, or at paragraphs where it has none."""
    spans, word = _spans(document)
    found: list[tuple[tuple[int, int], list[Excerpt]]] = []
    for span in spans:
        inside = [each for each in _excerpts(document.text, *span) if each.kind != "heading"]
        if inside:
            found.append((span, inside))
    return Sections(
        tuple(span for span, _ in found),
        word,
        tuple(_sentences(document.text, [inside for _, inside in found])),
        sum(len(inside) for _, inside in found),
    )


def _spans(document: Document) -> tuple[list[tuple[int, int]], str]:
    begin, end = body_start(document.metadata, document.text), len(document.text)
    marks = sorted({begin, *_cuts(_headings(document))})
    if len(marks) > 2:
        return list(zip(marks, [*marks[1:], end], strict=True)), "sections"
    return _parts(document.text, begin, end, max(PART, (end - begin) // 20)), "parts"


def _headings(document: Document) -> list[tuple[int, int]]:
    """Return the offset and level of each heading; none where the format marks none."""
    if document.media_type == "text/markdown" or "headings" in document.metadata:
        return [(heading.start, heading.level) for heading in headings_of(document)]
    return []


def _cuts(headings: Sequence[tuple[int, int]]) -> list[int]:
    """Return the offsets of the headings at which a document is cut."""
    cuts: list[int] = []
    for level in sorted({level for _, level in headings}):
        more = [offset for offset, depth in headings if depth <= level]
        if len(more) > MOST_SECTIONS and len(cuts) >= 3:
            break
        cuts = more
    return cuts


def _parts(text: str, begin: int, end: int, size: int) -> list[tuple[int, int]]:
    """Return spans of about a size, between paragraphs; between lines where a paragraph is much longer than that."""
    spans: list[tuple[int, int]] = []
    start = begin
    while end - start > 1.5 * size:
        gap = _PARAGRAPH.search(text, start + size, min(end, start + 3 * size))
        cut = gap.end() if gap else text.find("\n", start + size, start + 3 * size) + 1
        cut = cut or min(end, start + 3 * size)
        spans.append((start, cut))
        start = cut
    return [*spans, (start, end)]


def _excerpts(text: str, start: int, end: int) -> Iterator[Excerpt]:
    """Yield the excerpts of a span, with offsets into the whole text."""
    for low, high in _parts(text, start, end, AT_ONCE):
        for each in excerpts(text[low:high]):
            yield Excerpt(low + each.start, low + each.end, each.kind, each.block)


def _sentences(text: str, sections: Sequence[Sequence[Excerpt]]) -> Iterator[Sentence]:
    """Yield the sentences that can be understood alone; where there is none, all excerpts of some words."""
    flat = [each for section in sections for each in section]
    repeated = Counter(_plain(text[each.start : each.end]) for each in flat)
    strict = [each for each in flat if _can_stand(each, text) and repeated[_plain(text[each.start : each.end])] < 3]
    chosen = set(strict or [each for each in flat if len(text_analysis.words(text[each.start : each.end])) > 2])
    for number, section in enumerate(sections):
        inside = [each for each in section if each in chosen]
        for place, each in enumerate(inside):
            yield Sentence(each.start, each.end, text[each.start : each.end], number, place)


def _plain(text: str) -> str:
    """Return a text without digits and spaces, so that running heads of all pages are alike."""
    return re.sub(r"[\d\s]+", "", text).lower()


def _can_stand(excerpt: Excerpt, text: str) -> bool:
    """Tell whether an excerpt is a whole sentence or item, and no boilerplate."""
    part = text[excerpt.start : excerpt.end]
    few, most = WORDS
    words = len(text_analysis.words(part))
    if excerpt.kind not in ("sentence", "item") or len(part) > MOST_CHARACTERS or _BOILERPLATE.search(part):
        return False
    if not few <= words <= most or part[0].islower() or part.rstrip().endswith(("?", ":")):
        return False
    if words < 2 * few and (_FIELD.match(part) or not _END.search(part)):  # such as "Owner: Marit Ostrander"
        return False
    letters = sum(c.isalpha() or c.isspace() for c in part)
    return letters > 0.75 * len(part) and (excerpt.kind == "item" or _END.search(part) is not None)
