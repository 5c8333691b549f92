"""Documents that are already in memory: those of a dataset, or of another program."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from ragqa.arguments import wrong_type
from ragqa.errors import RejectedError, UsageError
from ragqa.load.formats import PLAIN
from ragqa.records import Document, Scan, SourceFile

_EXTRACTOR = "memory/1"


class MemoryLoader:
    """A `Loader` of documents in memory. As for files, documents with equal `sha256` and media type are the same.

    :raises UsageError: two documents have the same source, or a document contains half of a surrogate pair.
    """

    def __init__(self, documents: Sequence[Document]) -> None:
        for i, document in enumerate(documents):
            if not isinstance(document, Document):
                raise wrong_type(f"documents[{i}]", document, "a Document")
            _refuse_half_pairs(document.source, document.title, document.text)
        self._documents = {document.source: document for document in documents}
        if len(self._documents) < len(documents):
            source, n = Counter(document.source for document in documents).most_common(1)[0]
            raise UsageError(f"{n} documents have the source {source!r}; give each its own")

    def scan(self) -> Scan:
        """Return all documents, sorted by source. The size of a document is that of its text in UTF-8."""
        return Scan(tuple(_file(self._documents[source]) for source in sorted(self._documents)), ())

    def read(self, file: SourceFile) -> Document:
        """Return the document of a source.

        :raises RejectedError: it is blank.
        """
        document = self._documents[file.source]
        if not document.text.strip():
            raise RejectedError("no text: only white space")
        return replace(document, id=file.document_id, extractor=_EXTRACTOR)

    def extractor(self, media_type: str) -> str:
        """Return the name of this loader, which takes the text of every media type as it is."""
        return _EXTRACTOR


def text_document(source: str, text: str, title: str = "") -> Document:
    """Return a document of plain text.

    Its id depends on source, title and text, so that equal texts remain two documents.

    :raises UsageError: the text or the title contains half of a surrogate pair, which no index can store.
    """
    _refuse_half_pairs(source, title, text)
    digest = hashlib.sha256(f"{source}\0{title}\0{text}".encode()).hexdigest()
    file = SourceFile(source, source, digest, len(text), PLAIN)
    return Document(file.document_id, source, source, digest, PLAIN, None, text, title, _EXTRACTOR)


def _refuse_half_pairs(source: str, title: str, text: str) -> None:
    try:
        for one in (source, title, text):
            one.encode()
    except UnicodeEncodeError as error:
        found = f"{error.object[error.start]!a}, half of a surrogate pair"
        raise UsageError(f"document {source!a}: holds {found}; mend its origin") from None


def _file(document: Document) -> SourceFile:
    size = len(document.text.encode("utf-8", "surrogatepass"))
    return SourceFile(document.source, document.path, document.sha256, size, document.media_type)
