"""Hits -> the passages around them: neighbouring chunks, whole sections, overlapping spans joined."""

from __future__ import annotations

from collections.abc import Sequence

from ragqa.records import Chunk, Hit
from ragqa.stages import Searcher

Span = tuple[int, int]


def widen(hits: Sequence[Hit], searcher: Searcher, *, neighbours: int, section: bool) -> list[Hit]:
    """Return the hits with what surrounds them; those that then overlap or touch become one, ranked as the best of them.

    :param neighbours: chunks before and after each hit.
    :param section: all chunks around a hit that stand under the same headings; a document without headings is one.
    """
    chunks = {hit.chunk.document_id: searcher.chunks(hit.chunk.document_id) for hit in hits}
    spans = [_around(hit, chunks[hit.chunk.document_id], neighbours, section) for hit in hits]
    return [searcher.span(hits[i], *span) for i, span in joined(hits, spans).items()]


def joined(hits: Sequence[Hit], spans: Sequence[Span]) -> dict[int, Span]:
    """Return the span of each hit that is left, by its number: spans of one document that overlap or touch are joined."""
    left: dict[int, Span] = {}
    for i, (start, end) in enumerate(spans):
        same = [
            j
            for j, (low, high) in left.items()
            if hits[j].chunk.document_id == hits[i].chunk.document_id and low <= end and start <= high
        ]
        whole = [(start, end), *(left.pop(j) for j in same)]
        left[min([i, *same])] = (min(low for low, _ in whole), max(high for _, high in whole))
    return dict(sorted(left.items()))


def _around(hit: Hit, chunks: Sequence[Chunk], neighbours: int, section: bool) -> Span:
    here = next(i for i, chunk in enumerate(chunks) if chunk.id == hit.chunk.id)
    low = max(0, here - neighbours)
    high = min(len(chunks) - 1, here + neighbours)
    while section and low > 0 and chunks[low - 1].context == hit.chunk.context:
        low -= 1
    while section and high < len(chunks) - 1 and chunks[high + 1].context == hit.chunk.context:
        high += 1
    return chunks[low].start, max(chunk.end for chunk in chunks[low : high + 1])
