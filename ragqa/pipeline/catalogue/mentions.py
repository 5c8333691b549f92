"""Finds all documents that mention a phrase: by the lexical index, and then word by word in their texts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ragqa import text_analysis
from ragqa.evidence.excerpts import excerpts
from ragqa.records import Chunk, Document, Hit
from ragqa.stages import IndexReader

EVERY = 10_000_000
"""More chunks than an index has, so that all chunks with a word are found."""
AROUND = 400
"""The characters before and after a mention in which its sentence is looked for."""
TRIED = 20
"""The first mentions in a document of which one that is in no heading is shown."""
LONGEST = 300
"""The most characters of a sentence that is shown with a mention; of a longer one, the part around it."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A document that mentions a phrase.

    `count` says how often, or in how many of its passages where the words stand apart. `start` and `end` are the span of
    a sentence with it, the first one if there is one outside headings, and `hit` is a passage there.
    """

    document_id: str
    source: str
    count: int
    hit: Hit
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Mentions:
    """The documents that mention a phrase, the one that does so most often first.

    `apart` tells that no document has the words of the phrase one after another, and that these have all of them in one
    passage.
    """

    found: tuple[Mention, ...]
    apart: bool = False


def search(phrase: str, documents: Collection[str], reader: IndexReader) -> Mentions:
    """Return the documents that mention a phrase, in any form of its words (ferry, ferries).

    :param documents: the ids of the documents that are looked at.
    """
    wanted = _inner(text_analysis.words(phrase))
    words = {text_analysis.term(word): word for word in wanted if word not in text_analysis.STOP_WORDS}
    words = words or {text_analysis.term(word): word for word in wanted}
    counts = dict(zip(words, reader.document_counts(list(words)), strict=True))
    if not counts or not min(counts.values()):
        return Mentions(())
    rarest = words[min(counts, key=lambda term: counts[term])]
    by_document: dict[str, list[Hit]] = {}
    for hit in reader.hits([(id_, score, {}) for id_, score in reader.lexical(rarest, EVERY)]):
        if hit.chunk.document_id in documents:
            by_document.setdefault(hit.chunk.document_id, []).append(hit)
    together = [text_analysis.term(word) for word in wanted]
    found = [_together(together, each, reader.document(id_)) for id_, each in by_document.items()]
    mentions = [each for each in found if each]
    if not mentions and len(words) > 1:
        found = [_apart(set(words), each, reader.document(id_)) for id_, each in by_document.items()]
        mentions = [each for each in found if each]
        return Mentions(_ordered(mentions), apart=True)
    return Mentions(_ordered(mentions))


def _inner(words: Sequence[str]) -> list[str]:
    """Return words without stop words at their beginning and end; all of them where nothing else is left."""
    inner = list(words)
    while inner and inner[0] in text_analysis.STOP_WORDS:
        inner.pop(0)
    while inner and inner[-1] in text_analysis.STOP_WORDS:
        inner.pop()
    return inner or list(words)


def _ordered(mentions: Sequence[Mention]) -> tuple[Mention, ...]:
    return tuple(sorted(mentions, key=lambda each: (-each.count, each.source)))


def _together(wanted: Sequence[str], hits: Sequence[Hit], document: Document) -> Mention | None:
    """Return the mention of words that follow one another; None where they never do."""
    spans = sorted({span for low, high in _joined(hits) for span in _occurrences(wanted, document.text, low, high)})
    if not spans:
        return None
    shown = next((span for span in spans[:TRIED] if not _is_in_heading(document.text, *span)), spans[0])
    return _mention(len(spans), hits, document, *shown)


def _apart(wanted: Collection[str], hits: Sequence[Hit], document: Document) -> Mention | None:
    """Return the mention of words that stand in one passage; None where they never do."""
    having = [hit for hit in hits if set(wanted) <= set(text_analysis.terms(hit.chunk.text))]
    if not having:
        return None
    first = min(having, key=lambda hit: hit.chunk.start)
    inside = excerpts(first.chunk.text)
    texts = {each: set(text_analysis.terms(first.chunk.text[each.start : each.end])) for each in inside}
    best = max(inside, key=lambda each: (len(set(wanted) & texts[each]), -each.start))
    start = first.chunk.start
    return _mention(len(having), [first], document, start + best.start, start + best.end)


def _joined(hits: Sequence[Hit]) -> list[tuple[int, int]]:
    """Return the spans that hits cover, without overlaps."""
    spans: list[tuple[int, int]] = []
    for start, end in sorted((hit.chunk.start, hit.chunk.end) for hit in hits):
        if spans and start <= spans[-1][1] + 2:
            spans[-1] = spans[-1][0], max(spans[-1][1], end)
        else:
            spans.append((start, end))
    return spans


def _occurrences(wanted: Sequence[str], text: str, low: int, high: int) -> Iterator[tuple[int, int]]:
    """Yield the spans of words with these terms, one after another, that begin between two offsets."""
    matches = list(text_analysis.WORD.finditer(text, low, min(len(text), high + AROUND)))
    terms = [_term(match.group()) for match in matches]
    n = len(wanted)
    for i, term in enumerate(terms):
        if term == wanted[0] and terms[i : i + n] == list(wanted) and matches[i].start() < high:
            yield matches[i].start(), matches[i + n - 1].end()


@lru_cache(maxsize=1 << 16)
def _term(word: str) -> str:
    return "".join(text_analysis.terms(word))


def _mention(count: int, hits: Sequence[Hit], document: Document, start: int, end: int) -> Mention:
    hit = next((hit for hit in hits if _holds(hit.chunk, start)), hits[0])
    shown = _line if document.metadata.get("header") else _sentence
    return Mention(document.id, document.source, count, hit, *shown(document.text, start, end))


def _line(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the span of the row of a table around a span."""
    last = text.find("\n", end)
    return text.rfind("\n", 0, start) + 1, len(text.rstrip()) if last < 0 else last


def _holds(chunk: Chunk, offset: int) -> bool:
    return chunk.start <= offset < chunk.end


def _around(text: str, start: int, end: int) -> tuple[int, int, str]:
    """Return the excerpt at an offset as a span, and its kind; the given span where there is none."""
    low, high = max(0, start - AROUND), min(len(text), end + AROUND)
    inside = ((low + each.start, low + each.end, each.kind) for each in excerpts(text[low:high]))
    return next((each for each in inside if each[0] <= start < each[1]), (start, end, "sentence"))


def _is_in_heading(text: str, start: int, end: int) -> bool:
    return _around(text, start, end)[2] == "heading"


def _sentence(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the span of the excerpt around a span; of a long one that of the words around it."""
    first, last, _ = _around(text, start, end)
    if start - first > LONGEST // 2:
        first = text.find(" ", start - LONGEST // 2, start) + 1 or start
    if last - end > LONGEST // 2:
        last = max(end, text.rfind(" ", end, end + LONGEST // 2))
    return min(first, start), max(last, end)
