"""Makes the answers to questions about the documents themselves.

A sentence that code has counted has no citations. Every other one is copied from a document, and cites its exact span.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ragqa.pipeline.answer.citing import Citing
from ragqa.pipeline.catalogue import mentions
from ragqa.pipeline.catalogue.asked import CatalogueQuestion
from ragqa.pipeline.catalogue.folders import Group, overview
from ragqa.pipeline.catalogue.listing import Catalogue, Named, find
from ragqa.pipeline.catalogue.summaries import Summarizer, Summary
from ragqa.records import AnswerSentence, Chunk, Document
from ragqa.stages import IndexReader

LISTED = 20
"""The most documents that are listed by name."""
MENTIONS = 10
"""The most documents whose mention is shown; the others are named."""
OTHERS = 5
"""The most other documents of a similar name that are named."""
UNREADABLE = 3


@dataclass(frozen=True, slots=True)
class Reply:
    """The sentences of an answer, its kind (`summary` or `catalogue`), and what of the documents was read for it."""

    kind: str
    sentences: tuple[AnswerSentence, ...]
    read: str


@dataclass(frozen=True, slots=True)
class Replies:
    """Makes replies from one generation of an index."""

    reader: IndexReader
    citing: Citing
    catalogue: Catalogue
    summarizer: Summarizer

    def to(self, question: CatalogueQuestion) -> Reply | None:
        """Return the reply to a question; None where it means no document, so that it is an ordinary one."""
        match question.aim:
            case "about_all":
                return self.about_folder(self.catalogue) or None
            case "list" | "count":
                return self._counted(question)
            case "mention":
                return self._mentioned(question)
        named = find(question.what, self.catalogue, self.reader)
        if named is None or named.is_vague:
            return None
        return self._pages(named) if question.aim == "pages" else self.about(named)

    def about(self, named: Named) -> Reply | None:
        """Return the summary of a document or a folder; None where there is no text in it."""
        if named.folder:
            return self.about_folder(self.catalogue.within(named.folder), named.others)
        document = self.reader.document(self.catalogue.documents[named.source])
        summary = self.summarizer.summary(document)
        if not summary.spans:
            return None
        sentences = tuple(self._copied(document, *span) for span in summary.spans)
        read = f"{_parts(summary)} of {named.source} read ({_extent(document, summary)}){_others(named.others)}"
        return Reply("summary", sentences, read)

    def about_folder(self, catalogue: Catalogue, others: Sequence[str] = ()) -> Reply | None:
        """Return what the documents of a catalogue are about; of a single document, its summary."""
        if not catalogue.documents:
            return None
        if len(catalogue.documents) == 1:
            return self.about(Named(next(iter(catalogue.documents)), others=tuple(others)))
        found = overview(catalogue, self.reader, self.summarizer)
        sentences = [_counted(_size(catalogue))]
        for group in found.groups:
            sentences.append(_counted(_about_group(group)))
            sentences += [self._copied(group.document, *span) for span in group.gist.spans]
        if len(sentences) == 1:
            sentences.append(_counted(f"They are {_names(list(catalogue.documents), LISTED)}."))
        return Reply("summary", tuple(sentences), _read_of(catalogue, found.read, found.begun) + _others(others))

    def _counted(self, question: CatalogueQuestion) -> Reply | None:
        """Return the number of documents, and their names where these are asked for; None for an unknown folder."""
        within = self.catalogue
        if question.what:
            named = find(question.what, self.catalogue, self.reader)
            if named is None or not named.folder:
                return None
            within = self.catalogue.within(named.folder)
        chosen = within.of_type(question.type)
        lines = [_size(chosen, question.type, len(within.documents))]
        if question.aim == "list":
            names = list(chosen.documents)
            lines += names[:LISTED]
            if rest := names[LISTED:]:
                lines.append(f"and {len(rest):,} more, in {_places(rest)}")
        return self._reply([_counted(line) for line in lines])

    def _pages(self, named: Named) -> Reply | None:
        document = self.reader.document(self.catalogue.documents[named.source]) if named.source else None
        if document is None or not document.page_starts:
            return None
        return self._reply([_counted(f"{named.source} has {_n(len(document.page_starts), 'page')}.")], named.others)

    def _mentioned(self, question: CatalogueQuestion) -> Reply | None:
        """Return the documents that mention a phrase; None where there is none and it need not stand in them."""
        chosen = self.catalogue.of_type(question.type)
        found = mentions.search(question.what, set(chosen.documents.values()), self.reader)
        if not question.exact and (not found.found or found.apart):
            return None
        total = f"{_n(len(chosen.documents), f'{question.type} document'.strip())}"
        if not found.found:
            return self._reply([_counted(f"None of the {total} mentions “{question.what}”.")])
        lines = [_counted(_number_of_mentions(found, question.what, total))]
        for each in found.found[:MENTIONS]:
            place = self.citing.span(each.hit, each.start, each.end)
            times = _n(each.count, "passage" if found.apart else "time")
            lines.append(AnswerSentence(f"{each.source} ({times}): {' '.join(place.text.split())}", (place,), 1.0))
        if rest := [each.source for each in found.found[MENTIONS:]]:
            lines.append(_counted(f"and {_n(len(rest), 'more document')}: {_names(rest, LISTED)}"))
        return self._reply(lines)

    def _reply(self, sentences: Sequence[AnswerSentence], others: Sequence[str] = ()) -> Reply:
        read = f"the names and words of {_all(self.catalogue)} looked up in the index{_unreadable(self.catalogue)}"
        return Reply("catalogue", tuple(sentences), read + _others(others))

    def _copied(self, document: Document, start: int, end: int) -> AnswerSentence:
        """Return a sentence of a document with its citation."""
        chunks = self.reader.chunks(document.id)
        best = max(chunks, key=lambda chunk: (_overlap(chunk, start, end), -chunk.start))
        place = self.citing.span(self.reader.hits([(best.id, 0.0, {})])[0], start, end)
        return AnswerSentence(" ".join(place.text.split()), (place,), 1.0)


def _parts(summary: Summary) -> str:
    if summary.sections == 1:
        return "all"
    return f"both {summary.word}" if summary.sections == 2 else f"all {summary.sections:,} {summary.word}"


def _extent(document: Document, summary: Summary) -> str:
    size = _n(summary.excerpts, "row" if summary.word == "rows" else "sentence")
    return f"{size}, {_n(len(document.page_starts), 'page')}" if document.page_starts else size


def _counted(text: str) -> AnswerSentence:
    return AnswerSentence(text, (), 1.0)


def _size(catalogue: Catalogue, kind: str = "", of: int = 0) -> str:
    """Return the number of documents by type as a sentence; for documents of one type, the number of all beside it."""
    number, place = len(catalogue.documents), f" in {catalogue.folder}" if catalogue.folder else ""
    if kind:
        return f"{_n(number, f'{kind} document')} of {_n(of, 'document')}{place}."
    types = ", ".join(f"{n:,} {name}" for name, n in catalogue.types())
    copies = f"; {_n(catalogue.copies, 'further file')} with the same content" if catalogue.copies else ""
    return f"{_n(number, 'document')}{place}{f': {types}' if types else ''}{copies}."


def _overlap(chunk: Chunk, start: int, end: int) -> int:
    return min(chunk.end, end) - max(chunk.start, start)


def _about_group(group: Group) -> str:
    if group.count == 1:
        return f"{group.document.source}:"
    titles = [f"“{title}”" for title in dict.fromkeys(group.titles)]
    return f"{group.count:,} documents, such as {_listing(titles)}:"


def _number_of_mentions(found: mentions.Mentions, phrase: str, total: str) -> str:
    """Return how many documents mention a phrase, and how often."""
    n, times = len(found.found), sum(each.count for each in found.found)
    verb = "mentions" if n == 1 else "mention"
    if found.apart:
        have = "has" if n == 1 else "have"
        return f"None of the {total} has “{phrase}” as such; {n:,} {have} all of its words in one passage:"
    return f"{n:,} of {total} {verb} “{phrase}”, {_n(times, 'time')} in all:"


def _read_of(catalogue: Catalogue, read: int, begun: int) -> str:
    """Return which documents of a folder were read for its overview."""
    documents = len(catalogue.documents)
    what = f"all {_n(documents, 'document')}" if read == documents else f"{read:,} of {_n(documents, 'document')}"
    until = "until `ragqa index` has embedded the rest"
    if begun == read:
        what = f"the beginnings of {what} read, {until}"
    else:
        what += f" read, {begun:,} of them at their beginnings only, {until}" if begun else " read"
    return f"{what}{_unreadable(catalogue)}"


def _unreadable(catalogue: Catalogue) -> str:
    if not catalogue.unreadable:
        return ""
    return f"; {_n(len(catalogue.unreadable), 'file')} could not be read: {_names(catalogue.unreadable, UNREADABLE)}"


def _others(others: Sequence[str]) -> str:
    return f"; the name fits {_names(others, OTHERS)} too" if others else ""


def _all(catalogue: Catalogue) -> str:
    return f"all {_n(len(catalogue.documents), 'document')}" if len(catalogue.documents) > 1 else "the document"


def _places(sources: Sequence[str]) -> str:
    folders = sorted({source.rpartition("/")[0] or "the folder itself" for source in sources})
    return _names(folders, OTHERS)


def _names(names: Sequence[str], most: int) -> str:
    shown = list(names[:most])
    rest = len(names) - len(shown)
    return ", ".join(shown) + (f" and {rest:,} more" if rest else "")


def _listing(parts: Sequence[str]) -> str:
    return ", ".join(parts[:-1]) + (f" and {parts[-1]}" if len(parts) > 1 else parts[-1])


def _n(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
