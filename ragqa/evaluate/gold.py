"""The passages that hold the gold evidence of a question, as a reader would be given them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence

from ragqa.evaluate.dataset import Question
from ragqa.evaluate.metrics import Span
from ragqa.records import Chunk, Document, Hit

LONGEST = 2000
"""A document up to this many characters is a gold passage whole; of a longer one, the paragraphs around the evidence."""

_BREAK = re.compile(r"\n\s*\n|\f")


def gold_passages(question: Question, gold: Sequence[Span], documents: Mapping[str, Document]) -> list[Hit]:
    """Return a passage for each gold span, in the order of the spans, each passage once.

    Where a question has no span, its relevant documents or pages are the passages; `[]` where it has neither. Those of an
    unanswerable question do not answer it.

    :param documents: by source.
    """
    by_id = {document.id: document for document in documents.values()}
    places = [(span.document_id, *_around(by_id[span.document_id], span)) for span in gold if span.document_id in by_id]
    if not gold:
        units = (unit.partition("#page=") for unit in question.relevant)
        places = [_unit(documents[source], int(page or 0)) for source, _, page in units if source in documents]
    return [_hit(by_id[id_], start, end) for id_, start, end in dict.fromkeys(places)]


def _around(document: Document, span: Span) -> tuple[int, int]:
    """Return whole paragraphs around a span, as many as `LONGEST` allows and at least its own."""
    if len(document.text) <= LONGEST:
        return 0, len(document.text)
    edges = [0, *(match.end() for match in _BREAK.finditer(document.text)), len(document.text)]
    first = max(i for i, edge in enumerate(edges) if edge <= span.start)
    last = min(i for i, edge in enumerate(edges) if edge >= span.end)
    while True:
        wider = max(first - 1, 0), min(last + 1, len(edges) - 1)
        if wider == (first, last) or edges[wider[1]] - edges[wider[0]] > LONGEST:
            break
        first, last = wider
    if edges[last] - edges[first] <= LONGEST:
        return edges[first], edges[last]
    spare = max(0, LONGEST - (span.end - span.start)) // 2
    return max(edges[first], span.start - spare), min(edges[last], span.end + spare)


def _unit(document: Document, page: int) -> tuple[str, int, int]:
    """Return a page of a document, or all of it for page 0 and for a page that it does not have."""
    edges = [*document.page_starts, len(document.text)]
    if not 0 < page < len(edges):
        return document.id, 0, len(document.text)
    return document.id, edges[page - 1], edges[page]


def _hit(document: Document, start: int, end: int) -> Hit:
    id_ = hashlib.sha256(f"{document.id}\0{start}\0{end}".encode()).hexdigest()
    chunk = Chunk(id_, document.id, start, end, document.text[start:end], document.title, document.page_of(start))
    return Hit(chunk, document.source, document.path, 1.0, {})
