"""Gold evidence: quotes -> exact spans of the documents -> gold passages.

locate_evidence -> Span -> gold_passages -> Hit
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ragqa import text_analysis
from ragqa.errors import MistakesError, UsageError
from ragqa.evaluate.dataset import Evidence, Question, Span
from ragqa.records import Chunk, Document, Hit

LONGEST = 2000
"""The most characters of a gold passage: a document up to this size is one passage, a longer one is cut."""

_BREAK = re.compile(r"\n\s*\n|\f")


@dataclass(frozen=True, slots=True)
class GoldEvidence:
    """The gold spans of a question, and the gold passages that contain them."""

    spans: Sequence[Span]
    passages: Sequence[Hit]

    @property
    def places(self) -> list[tuple[str, int, int]]:
        """Return what a citation should overlap, as `(source, start, end)`: the indexed spans, else the passages."""
        if not self.spans:
            return [(hit.source, hit.chunk.start, hit.chunk.end) for hit in self.passages]
        sources = {hit.chunk.document_id: hit.source for hit in self.passages}
        indexed = (span for span in self.spans if span.document_id in sources)
        return [(sources[span.document_id], span.start, span.end) for span in indexed]


def locate_evidence(
    questions: Sequence[Question], documents: Mapping[str, Document]
) -> tuple[dict[str, tuple[Span, ...]], list[str]]:
    """Return the gold spans of each answerable question by its id, and notes on the decisions taken.

    Any white space matches any other, since text extraction moves line breaks. A quote matches only whole words and
    numbers (see `text_analysis.occurrences`); where offsets are given, only the text at them. Where a quote occurs more
    than once and neither page nor offsets select one, the first one counts. Evidence whose source is not among the
    documents gets a span that no hit can cover.

    :param documents: by source.
    :raises MistakesError: quotes were not found in their documents; all of them are listed.
    """
    spans: dict[str, tuple[Span, ...]] = {}
    problems: list[str] = []
    notes: list[str] = []
    for question in questions:
        located = []
        for evidence in question.evidence if question.answerable else ():
            try:
                located.append(_locate(evidence, documents, f"question {question.id!r}", notes))
            except UsageError as error:
                problems.append(f"question {question.id!r}: {error}")
        spans[question.id] = tuple(dict.fromkeys(located))
    if problems:
        raise MistakesError(problems)
    return spans, notes


def _locate(evidence: Evidence, documents: Mapping[str, Document], where: str, notes: list[str]) -> Span:
    document = documents.get(evidence.source)
    if document is None:
        notes.append(
            f"{where}: source {evidence.source!r} is not in the index; see `ragqa plan` for the files that are"
        )
        return Span(f"not indexed: {evidence.source}", 0, max(1, len(evidence.text)))
    places = _places(evidence, document)
    if not places:
        at = f" at {evidence.start}:{evidence.end}" if evidence.start is not None else ""
        at += f" on page {evidence.page}" if evidence.page is not None else ""
        raise UsageError(
            f"quote not found in {evidence.source}{at}: {_short(evidence.text)}; {_advice(evidence, document)}"
        )
    if len(places) > 1:
        notes.append(
            f"{where}: {_short(evidence.text)} stands {len(places)} times in {evidence.source}; took the first"
        )
    return Span(document.id, *places[0])


def _places(evidence: Evidence, document: Document) -> list[tuple[int, int]]:
    """Return each `(start, end)` of a quote in its document, in code points; `[]` where it does not occur."""
    if evidence.start is None or evidence.end is None:
        places = list(text_analysis.occurrences(evidence.text, document.text))
    else:
        match = _pattern(evidence.text).fullmatch(document.text, evidence.start, evidence.end)
        places = [match.span()] if match and match.span() == (evidence.start, evidence.end) else []
    if evidence.page is not None:
        places = [place for place in places if _is_on_page(document, place, evidence.page)]
    return places


def _is_on_page(document: Document, span: tuple[int, int], page: int) -> bool:
    first, last = document.page_of(span[0]), document.page_of(span[1] - 1)
    return first is not None and last is not None and first <= page <= last


def _advice(evidence: Evidence, document: Document) -> str:
    if evidence.start is None and _pattern(evidence.text).search(document.text):
        return "it stands there within longer words or numbers only: quote whole ones, or give start and end"
    return "copy it from `ragqa show`"


def _pattern(quote: str) -> re.Pattern[str]:
    """Return a pattern for a quote, with or without white space around it."""
    words = r"\s+".join(map(re.escape, quote.split()))
    return re.compile(rf"\s*{words}\s*")


def _short(text: str) -> str:
    words = " ".join(text.split())
    return repr(words if len(words) <= 60 else words[:57] + "...")


def gold_passages(question: Question, gold: Sequence[Span], documents: Mapping[str, Document]) -> list[Hit]:
    """Return a passage for each gold span, in the order of the spans, without duplicates.

    Where a question has no span, its relevant documents or pages are the passages; `[]` where it has neither. The
    passages of an unanswerable question do not answer it.

    :param documents: by source.
    """
    by_id = {document.id: document for document in documents.values()}
    places = [(span.document_id, *_around(by_id[span.document_id], span)) for span in gold if span.document_id in by_id]
    if not gold:
        units = (unit.partition("#page=") for unit in question.relevant)
        places = [_unit(documents[source], int(page or 0)) for source, _, page in units if source in documents]
    return [_hit(by_id[id_], start, end) for id_, start, end in dict.fromkeys(places)]


def _around(document: Document, span: Span) -> tuple[int, int]:
    """Return the start and end of whole paragraphs around a span, as many as `LONGEST` allows.

    Where the paragraphs of the span itself are longer, return `LONGEST` characters around the span, or the span.
    """
    if len(document.text) <= LONGEST:
        return 0, len(document.text)
    # 1. Find the paragraphs that contain the span.
    edges = [0, *(match.end() for match in _BREAK.finditer(document.text)), len(document.text)]
    first = max(i for i, edge in enumerate(edges) if edge <= span.start)
    last = min(i for i, edge in enumerate(edges) if edge >= span.end)
    # 2. Add a paragraph before and after while the passage is short enough.
    while True:
        wider = max(first - 1, 0), min(last + 1, len(edges) - 1)
        if wider == (first, last) or edges[wider[1]] - edges[wider[0]] > LONGEST:
            break
        first, last = wider
    # 3. Cut paragraphs that are too long themselves.
    if edges[last] - edges[first] <= LONGEST:
        return edges[first], edges[last]
    spare = max(0, LONGEST - (span.end - span.start)) // 2
    return max(edges[first], span.start - spare), min(edges[last], span.end + spare)


def _unit(document: Document, page: int) -> tuple[str, int, int]:
    """Return document id, start and end of a page; of the whole document for page 0 or a page that does not exist."""
    edges = [*document.page_starts, len(document.text)]
    if not 0 < page < len(edges):
        return document.id, 0, len(document.text)
    return document.id, edges[page - 1], edges[page]


def _hit(document: Document, start: int, end: int) -> Hit:
    id_ = hashlib.sha256(f"{document.id}\0{start}\0{end}".encode()).hexdigest()
    chunk = Chunk(id_, document.id, start, end, document.text[start:end], document.title, document.page_of(start))
    return Hit(chunk, document.source, document.path, 1.0, {})
