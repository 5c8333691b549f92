"""Spans of documents -> citations that stand in the indexed text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ragqa.errors import IndexCorruptError
from ragqa.evidence.passages import Candidate
from ragqa.evidence.selection import spans
from ragqa.pipeline.answer.sources import SourceFiles
from ragqa.records import Citation, Hit
from ragqa.stages import IndexReader


@dataclass(frozen=True, slots=True)
class Citing:
    """Makes citations of one generation of an index. Each span is compared with the indexed text.

    :param files: where the sources are; None where documents do not come from files.
    """

    reader: IndexReader
    files: SourceFiles | None

    def cite(self, chosen: Sequence[Candidate]) -> tuple[Citation, ...]:
        """Return a citation of each run of excerpts that follow one another, in their order."""
        return tuple(self.span(hit, start, end) for hit, start, end in spans(chosen))

    def passages(self, hits: Sequence[Hit]) -> tuple[Citation, ...]:
        """Return the citation of each hit's whole text."""
        return tuple(self.span(hit, hit.chunk.start, hit.chunk.end) for hit in hits)

    def span(self, hit: Hit, start: int, end: int) -> Citation:
        """Return the citation of a span of a hit's document. If its file has changed since, it is marked as stale.

        :raises IndexCorruptError: the passage differs from the document.
        """
        document = self.reader.document(hit.chunk.document_id)
        chunk = hit.chunk
        if document.text[chunk.start : chunk.end] != chunk.text:
            raise IndexCorruptError(
                f"{hit.source}[{chunk.start}:{chunk.end}] does not stand in its document: run `ragqa index --rebuild`"
            )
        page, place, text = document.page_of(start), document.place_of(start), document.text[start:end]
        citation = Citation(hit.source, hit.path, page, start, end, text, place=place, document_id=document.id)
        return self.files.checked(citation, *self.reader.copies(chunk.document_id)) if self.files else citation
