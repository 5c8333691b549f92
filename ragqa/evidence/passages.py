"""Hits -> the excerpts that they contain, as spans of their documents.

Chunks overlap, and a chunk may begin or end within a sentence. So hits of one document that touch are joined, and the
joined span is widened to whole sentences. Each excerpt then occurs once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from ragqa.evidence.excerpts import Excerpt, excerpts, with_values
from ragqa.evidence.headers import Headers
from ragqa.markdown import open_fence
from ragqa.records import Document, Hit
from ragqa.records.delimited import delimiter_of

FENCED = ("text/markdown", "text/html")
"""The types of documents whose texts have fences around blocks of code."""
MARGIN = 400
"""The most characters that are read before and after a hit to find whole sentences."""
GAP = 2
"""The most characters between two hits that are joined."""
LIST = 1200
"""The most characters of a list that are read on the page after the one where it begins or is announced."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An excerpt of a hit: a span of the hit's document.

    `hit` is the best hit that overlaps it, and `rank` that hit's place, from 0. `heading` is the last heading before it
    in its passage, and `before` is the excerpt before it in the same block, such as the sentence that introduces a list.
    `block` is the offset at which its block begins in the document, and `page` the number of its page, if there are pages.
    For a row of a table with a header, `before` is that header, and `header` its offset; it may stand far above the passage.
    """

    hit: Hit
    rank: int
    start: int
    end: int
    text: str
    excerpt: Excerpt
    heading: str = ""
    before: str = ""
    block: int = 0
    page: int | None = None
    header: int | None = None

    @property
    def kind(self) -> str:
        """Return the kind of the excerpt."""
        return self.excerpt.kind


@dataclass(frozen=True, slots=True)
class _Part:
    """The part of a hit that is on one page; `rank` is the hit's place, from 0."""

    start: int
    end: int
    rank: int
    hit: Hit


def candidates(hits: Sequence[Hit], document_of: Callable[[str], Document]) -> list[Candidate]:
    """Return the excerpts of hits, by document in the order of the best hit of each, and by place in a document.

    :param document_of: returns the document with an id.
    """
    found: list[Candidate] = []
    for id_ in dict.fromkeys(hit.chunk.document_id for hit in hits):
        ranked = [(rank, hit) for rank, hit in enumerate(hits) if hit.chunk.document_id == id_]
        document = document_of(id_)
        headers = Headers(document)
        parts = (_of_passage(part, document, headers) for part in _joined(ranked, document))
        found += _without_overlaps(sorted((each for part in parts for each in part), key=_place))
    return found


def _place(candidate: Candidate) -> tuple[int, int]:
    """Return the key that puts candidates in order, of the same place that of the best hit first."""
    return candidate.start, candidate.rank


def _without_overlaps(found: Iterable[Candidate]) -> list[Candidate]:
    """Return candidates of one document, in order; of those that overlap, the longest.

    Two hits may be in one sentence, most of which is in one of them; or lines that are code in one hit are a sentence in
    the other.
    """
    kept: list[Candidate] = []
    for each in found:
        overlapping = [other for other in kept if other.end > each.start]
        if all(each.end - each.start > other.end - other.start for other in overlapping):
            kept[len(kept) - len(overlapping) :] = [each]
    return kept


def _joined(ranked: Sequence[tuple[int, Hit]], document: Document) -> list[list[_Part]]:
    """Return groups of the parts of hits that overlap or touch on one page, by their place in the document."""
    parts = [
        _Part(*span, rank, hit)
        for rank, hit in ranked
        for span in document.cut_at_pages(hit.chunk.start, hit.chunk.end)
    ]
    groups: list[list[_Part]] = []
    end = -1
    for part in sorted(parts, key=lambda each: each.start):
        if groups and part.start <= end + GAP and document.page_of(part.start) == document.page_of(groups[-1][0].start):
            groups[-1].append(part)
        else:
            groups.append([part])
        end = max(end, part.end)
    return groups


def _of_passage(passage: Sequence[_Part], document: Document, headers: Headers) -> list[Candidate]:
    """Return the excerpts of the parts of hits that are joined. None crosses a page: a citation names one page."""
    text, media_type = document.text, document.media_type
    is_table = bool(delimiter_of(document))
    start, end = passage[0].start, max(each.end for each in passage)
    page, (top, bottom) = document.page_of(start), document.page_span(start)
    low, high = max(top, start - MARGIN), min(bottom, end + MARGIN)
    found: list[Candidate] = []
    heading, before, block, begin = "", "", -1, 0
    fence = open_fence(text[:low]) if media_type in FENCED else ""
    part = text[low:high]
    parts = with_values(excerpts(part, table=is_table, fence=fence), part)
    for excerpt in parts:
        first, last = low + excerpt.start, low + excerpt.end
        begin = begin if block == excerpt.block else first
        cut = (first == low and low > top) or (last == high and high < bottom)
        inside = min(last, end) - max(first, start)
        if excerpt.kind == "heading":
            heading, before = text[first:last], ""
        elif not cut and (2 * inside > last - first or _goes_on(excerpt, found)):
            near = [each for each in passage if each.start < last and each.end > first] or passage[-1:]
            best = min(near, key=lambda each: each.rank)
            lead = before if block == excerpt.block else ""
            said = text[first:last]
            candidate = Candidate(best.hit, best.rank, first, last, said, excerpt, heading, lead, begin, page)
            found.append(_under_header(candidate, headers) if excerpt.kind == "row" else candidate)
        if excerpt.block != block or excerpt.kind == "sentence":
            before, block = "" if excerpt.kind == "row" else text[first:last], excerpt.block
    if not found and any(each.kind != "heading" for each in parts):
        return [_whole(passage[0], text, page)]
    if not found:
        return []
    return [*_with_the_page_before(found, document, top), *_on_the_next_page(found[-1], document, bottom)]


def _on_the_next_page(last: Candidate, document: Document, bottom: int) -> list[Candidate]:
    """Return the items with which the next page begins, where the last line of a page is an item or ends with a colon."""
    text, goes_on = document.text, last.kind == "item"
    announced = goes_on or last.text.rstrip().endswith(":")
    if not announced or text[last.end : bottom].strip() or not text[bottom:].strip():
        return []
    low, high = document.page_span(bottom)
    found: list[Candidate] = []
    block, before = (last.block, last.before) if goes_on else (-1, last.text)
    for excerpt in excerpts(text[low : min(high, low + LIST)]):
        start, end = low + excerpt.start, low + excerpt.end
        if excerpt.kind != "item" or end == low + LIST:
            break
        block = start if block < 0 else block
        page, said = document.page_of(start), text[start:end]
        found.append(Candidate(last.hit, last.rank, start, end, said, excerpt, last.heading, before, block, page))
    return found


def _with_the_page_before(found: list[Candidate], document: Document, top: int) -> list[Candidate]:
    """Return the candidates of a page; where it begins with items of a list, after the part of the list on the page before."""
    first, text = found[0], document.text
    if first.kind != "item" or not top or any(c.isalnum() for c in text[top : first.start]):
        return found
    low, high = document.page_span(top - 1)
    low = max(low, high - LIST)
    parts = excerpts(text[low:high])
    if not parts or not (parts[-1].kind == "item" or text[: low + parts[-1].end].endswith(":")):
        return found
    # 1. Take the last block of the page before, unless its beginning may be cut off.
    part = [each for each in parts if each.block == parts[-1].block]
    part = part[1:] if part[0] is parts[0] and low > document.page_span(top - 1)[0] else part
    if not part:
        return found
    # 2. Make one block of both parts of the list, with one introduction.
    block, lead = low + part[0].start, next((each for each in reversed(part) if each.kind == "sentence"), None)
    before = text[low + lead.start : low + lead.end] if lead else ""
    earlier, page = [], document.page_of(low)
    for each in part:
        span = low + each.start, low + each.end
        introduction = before if each.kind == "item" else ""
        said = text[span[0] : span[1]]
        earlier.append(Candidate(first.hit, first.rank, *span, said, each, first.heading, introduction, block, page))
    return earlier + [
        replace(each, block=block, before=before) if each.block == first.block else each for each in found
    ]


def _goes_on(excerpt: Excerpt, found: Sequence[Candidate]) -> bool:
    """Tell whether an excerpt below a hit is of the list or the code that begins in the hit."""
    return bool(found) and excerpt.kind in ("item", "code") and excerpt.block == found[-1].excerpt.block


def _under_header(row: Candidate, headers: Headers) -> Candidate:
    """Return a row with the header of its table, or as a header where it is that itself."""
    header = headers.above(row.start)
    if header is None:
        return row
    if row.start <= header[1]:
        return replace(row, excerpt=replace(row.excerpt, kind="header"), before="")
    return replace(row, before=header[0], header=header[1])


def _whole(part: _Part, text: str, page: int | None) -> Candidate:
    """Return the whole part of a hit as one candidate, for a text whose sentences have no end within the margin."""
    whole = Excerpt(part.start, part.end, "sentence", 0)
    return Candidate(part.hit, part.rank, part.start, part.end, text[part.start : part.end], whole, page=page)
