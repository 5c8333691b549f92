"""Expansion: hits are extended by neighbouring chunks or to whole sections; overlapping hits are joined."""

from __future__ import annotations

from collections.abc import Sequence

from ragqa.records import Chunk, Hit
from ragqa.retrieve.state import RetrievalState
from ragqa.stages import Searcher

Span = tuple[int, int]


def expand_hits(state: RetrievalState, *, neighbours: int, section: bool) -> RetrievalState:
    """Return the state with its hits expanded by `expand`."""
    return state.with_hits(expand(state.hits, state.searcher, neighbours=neighbours, section=section))


def expand(hits: Sequence[Hit], searcher: Searcher, *, neighbours: int, section: bool) -> list[Hit]:
    """Return the hits with the text around them.

    Hits that then overlap or touch become one hit, at the best rank of them.

    :param neighbours: the number of chunks to add before and after each hit.
    :param section: add all chunks around a hit with the same headings. A document without headings is one section.
    """
    chunks = {hit.chunk.document_id: searcher.chunks(hit.chunk.document_id) for hit in hits}
    spans = [_around(hit, chunks[hit.chunk.document_id], neighbours, section) for hit in hits]
    return [searcher.span(hits[i], *span) for i, span in joined(hits, spans).items()]


def joined(hits: Sequence[Hit], spans: Sequence[Span]) -> dict[int, Span]:
    """Join the spans of one document that overlap or touch. Return the span of each remaining hit by its number."""
    joined_spans: dict[int, Span] = {}
    for i, (start, end) in enumerate(spans):
        # 1. Find the spans that this one overlaps or touches. There are several if it closes the gap between them.
        touching = [
            j
            for j, (low, high) in joined_spans.items()
            if hits[j].chunk.document_id == hits[i].chunk.document_id and low <= end and start <= high
        ]
        # 2. Join them all under the number of the best hit.
        parts = [(start, end), *(joined_spans.pop(j) for j in touching)]
        joined_spans[min([i, *touching])] = (min(low for low, _ in parts), max(high for _, high in parts))
    return dict(sorted(joined_spans.items()))


def _around(hit: Hit, chunks: Sequence[Chunk], neighbours: int, section: bool) -> Span:
    """Return the span of a hit with the text around it."""
    # 1. Add the given number of neighbours.
    here = next(i for i, chunk in enumerate(chunks) if chunk.id == hit.chunk.id)
    low = max(0, here - neighbours)
    high = min(len(chunks) - 1, here + neighbours)
    # 2. Extend the span as long as the headings are the same.
    while section and low > 0 and chunks[low - 1].context == hit.chunk.context:
        low -= 1
    while section and high < len(chunks) - 1 and chunks[high + 1].context == hit.chunk.context:
        high += 1
    return chunks[low].start, max(chunk.end for chunk in chunks[low : high + 1])
