"""The requirements on every `Splitter`, as tests to inherit; see `ragqa.testing`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from ragqa.records import Document
from ragqa.stages import Splitter
from ragqa.testing.documents import entry

_TEXTS = {
    "prose": "The ferry leaves at noon. In winter it stays in the harbour.\n\nMara Lind approves a loan.\n" * 6,
    "repeated": "The same line.\n" * 60,
    "line ends": "One line.\r\nAnother line.\r\n\r\n\tA third\x0cpage. " * 20,
    "scripts": "渡し船は正午に出ます。Zu\u0308rich, e\u0301te\u0301, \U0001f600 and \u05e9\u05dc\u05d5\u05dd. " * 20,
    "no spaces": "x" * 3000,
    "headings": "# Ferries\n\nThey sail.\n\n## Tern\n\nBuilt in 1998.\n\n```\n# no heading\n```\n" * 8,
    "one word": "ferry",
}


def sample_documents() -> list[Document]:
    """Return documents of several kinds of text, some with pages, headings or a header."""
    documents = [entry(f"{name}.txt", text, title=name).document for name, text in _TEXTS.items()]
    rows = 'id,name\n1,"a ""quoted""\nname"\n' + "".join(f"{n},row {n}\n" for n in range(80))
    fields: dict[str, Any] = {"media_type": "text/csv", "metadata": {"header": "id,name"}}
    documents.append(entry("rows.csv", rows, **fields).document)
    documents.append(entry("pages.pdf", "Page one.\fPage two.\fPage three.", page_starts=(0, 10, 20)).document)
    documents.append(entry("page.md", _TEXTS["headings"] + "\n", media_type="text/markdown").document)
    return documents


class SplitterContract(ABC):
    """Tests of a splitter."""

    @abstractmethod
    def make(self) -> Splitter:
        """Return the splitter; each call returns one with the same settings."""

    def test_a_chunk_is_a_span_of_its_document(self) -> None:
        """An answer cites by offsets, so the document must have the text that the model read at them."""
        for document in sample_documents():
            for chunk in self.make().split(document):
                place = f"{document.source}[{chunk.start}:{chunk.end}]"
                assert document.text[chunk.start : chunk.end] == chunk.text, f"{place} is not the chunk's text"
                assert chunk.text.strip(), f"{place} is blank"
                assert chunk.document_id == document.id, f"{place} has another document's id"
                assert chunk.page == document.page_of(chunk.start), f"{place} is on another page"

    def test_chunks_are_in_order_of_their_start(self) -> None:
        """Neighbours of a chunk and its section are found by this order."""
        for document in sample_documents():
            starts = [chunk.start for chunk in self.make().split(document)]
            assert starts == sorted(starts), f"{document.source}: chunks must be in the order of their start"

    def test_a_chunk_has_an_id_of_its_own(self) -> None:
        """The id is the key of a chunk in the index, where all documents are together."""
        splitter = self.make()
        ids = [chunk.id for document in sample_documents() for chunk in splitter.split(document)]
        assert all(ids) and len(ids) == len(set(ids)), "two chunks have the same id; make it of document id and span"

    def test_a_blank_document_has_no_chunks(self) -> None:
        """There is nothing to embed, and nothing to cite."""
        for text in (" \r\n\t\u2028 ", "\n", ""):
            assert self.make().split(entry("blank.txt", text).document) == []

    def test_a_document_has_the_same_chunks_each_time(self) -> None:
        """An index that is built in several runs must equal one that is built in one run."""
        splitter = self.make()
        for document in sample_documents():
            chunks = splitter.split(document)
            assert splitter.split(document) == chunks == self.make().split(document), document.source

    def test_the_fingerprint_stays_while_the_settings_do(self) -> None:
        """It is part of the index's identity: after a change, the index must be rebuilt."""
        fingerprint = self.make().fingerprint
        assert isinstance(fingerprint, str) and fingerprint, "kind, settings and version, as a string"
        assert self.make().fingerprint == fingerprint, "it must not depend on the object"
