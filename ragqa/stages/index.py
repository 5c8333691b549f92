"""The Protocols of the index: to open, read and write one place in which documents, chunks and vectors are kept.

    index = LocalIndex(path)            an Index
    index.open(identity)  -> reader     an IndexReader: one generation, for questions
    index.write(identity) -> writer     an IndexWriter: the next generations, for `ragqa index`

A generation is the state after one commit; generations are numbered from 1. It may have chunks without a vector: their
texts are pending. They are found by their words, and a later commit brings their vectors. `ragqa/testing/index/` has the tests of
these Protocols: run them on an index of your own. A reader may inherit `IndexReader`, which implements the methods that
can be derived from others (`dense_scores`, `span`, `copies`, `holds`, `with`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

from ragqa.errors import UsageError

if TYPE_CHECKING:
    from types import TracebackType

    import numpy as np
    from numpy.typing import NDArray

    from ragqa.records import Chunk, Coverage, Document, Hit

    Vectors = NDArray[np.float32]

CANARIES = (
    "The ferry leaves the harbour at half past six.",
    "Who approves a loan for a heat pump?",
    "Die Genossenschaft wählt ihren Vorstand im März.",
    "def mean(values): return sum(values) / len(values)",
    "1,204.50 kg + 17% = ?",
    "風力発電所は丘の上にある。",
    "Mitochondria produce most of the cell's adenosine triphosphate.",
    "NOTICE!! read-only; see §4(b), e.g. 'force majeure'...",
)
"""Texts whose vectors are stored with an index. They show a drift of the embedder that no hash of its files shows."""

LEAST_COSINE = 0.999
"""The least cosine between a canary's vector and the stored one at which both count as equal."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A document to add, and its chunks."""

    document: Document
    chunks: Sequence[Chunk]


@dataclass(frozen=True, slots=True)
class MaintenanceReport:
    """The result of a writer's maintenance: the number of dropped vectors (of no chunk), and the kind of search.

    `search` is `flat` where every vector is compared with the question. For other kinds of search, `recall` is the
    recall@10 against flat search, between 0 and 1; None for `flat`.
    """

    dropped_vectors: int = 0
    search: str = "flat"
    recall: float | None = None


class Searcher(Protocol):
    """One generation of an index, as a retriever sees it. It is used by one thread at a time."""

    @property
    def generation(self) -> int:
        """Return the number of the generation that is read."""
        ...

    def dense(self, vector: Vectors, k: int) -> list[tuple[str, float]]:
        """Return up to k `(chunk id, inner product)` of chunks that have a vector, best first; ties by chunk id."""
        ...

    def lexical(self, question: str, k: int) -> list[tuple[str, float]]:
        """Return up to k `(chunk id, BM25)`, best first; higher is better; ties by chunk id.

        A chunk is found by its text and context, and by the names of its document: all its sources, its title and
        what else it says about itself (`records.about`), split by `text_analysis.name_terms`. It should be found by
        `identifiers.terms` of all these too, so that 3.2.1 is told from 1.3.2.
        """
        ...

    def dense_scores(self, vector: Vectors, chunk_ids: Sequence[str]) -> list[float]:
        """Return the inner product of each chunk; NaN where it has no vector yet."""
        return [float((row * vector).sum()) for row in self.vectors(chunk_ids)]

    def lexical_scores(self, question: str, chunk_ids: Sequence[str]) -> list[float]:
        """Return the BM25 of each chunk, 0 where neither it nor a name of its document shares a term."""
        ...

    def lexical_bound(self, question: str) -> float:
        """Return an upper bound of the BM25 of any text for a question."""
        ...

    def document_counts(self, terms: Sequence[str]) -> list[int]:
        """Return for each search term the number of chunks that have it and can be found; 0 means that none has it.

        A chunk has the terms of its text, its context and the names of its document. Chunks with equal texts may count
        once.

        :param terms: as `text_analysis.term` and `identifiers.terms` return them.
        """
        ...

    def named(self, terms: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        """Return `records.fields_of` the metadata by source, of up to 1,000 documents whose names have all terms.

        With this, a retriever finds other versions of a document. An index without it returns nothing.
        """
        return {}

    def vectors(self, chunk_ids: Sequence[str]) -> Vectors:
        """Return the vectors of chunks, float32[len(chunk_ids), dim]; a row of NaN where a chunk has none yet."""
        ...

    def hits(self, ranked: Sequence[tuple[str, float, dict[str, float]]]) -> list[Hit]:
        """Return the hits of `(chunk id, score, scores)`, in order. The source is the document's first by name.

        `Hit.fields` are `records.fields_of` the document's metadata.
        """
        ...

    def chunks(self, document_id: str) -> list[Chunk]:
        """Return the chunks of a document in order; `[]` for a document that is not there."""
        ...

    def span(self, hit: Hit, start: int, end: int) -> Hit:
        """Return a hit with another span of its document as its text; its scores stay."""
        ...


class Indexed(Protocol):
    """The common part of readers and writers: the files that were indexed, and the extractors and embedder used.

    A context manager. It is used by one thread at a time, which need not be the thread that opened it.
    """

    @property
    def generation(self) -> int:
        """Return the number of the generation that is read; for a writer, of the latest one: 0 before the first."""
        ...

    def sources(self) -> Mapping[str, str]:
        """Return the document id of every source."""
        ...

    def extractors(self) -> Mapping[str, str]:
        """Return `Document.extractor` of every document by id."""
        ...

    def rejected(self) -> Mapping[str, tuple[str, str]]:
        """Return the pair by source that the last run noted of each file it could not use: what was read, and the reason."""
        ...

    def contents(self) -> Mapping[str, str]:
        """Return `Document.sha256` of every source; during a rebuild, a writer includes those of the old generation."""
        ...

    def missing(self, chunks: Sequence[Chunk]) -> list[str]:
        """Return the indexed texts of chunks that have no vector yet, without duplicates, in order."""
        ...

    def coverage(self) -> Coverage:
        """Return the number of distinct texts of all chunks, and how many of them have a vector."""
        ...

    def check_embedder(self, vectors: Vectors) -> None:
        """Compare an embedder's vectors of `CANARIES`, float32[8, dim], with those that the index stored first.

        :raises ModelError: the cosine of a pair is below `LEAST_COSINE`: the embedder is not the one that built the
            index.
        """
        ...

    def close(self) -> None:
        """Release all resources. A writer drops everything that it has not committed."""
        ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class IndexReader(Searcher, Indexed, Protocol):
    """One generation of an index. Its results do not change while it is open, even when a writer commits.

    A pipeline that is kept warm lends an open reader to one thread after another. Two attributes are for that. `version`
    tells two states of an index apart that have the same number, such as a restored one; without it, the generation does.
    `refuse_change` raises an error where what was read may be of two generations; it is called after each use.
    """

    def document(self, document_id: str) -> Document:
        """Return a document with the first of its sources by name. Raises `UsageError` where it is not indexed."""
        ...

    def copies(self, document_id: str) -> tuple[str, list[str]]:
        """Return `Document.sha256`, and all sources of a document in sort order."""
        sources = sorted(source for source, id_ in self.sources().items() if id_ == document_id)
        return self.document(document_id).sha256, sources

    def within(self, where: Mapping[str, Any]) -> IndexReader:
        """Return a reader of the same generation whose searches find only documents with these values too.

        It is used, as this reader is, before this one is closed, and is not closed itself.

        :param where: as in `Index.open`.
        :raises UsageError: no document has these values, and the message says which it has; or this kind of index takes no
            filter for a single search.
        """
        raise UsageError("where: this kind of index takes no filter for a single search: set retrieve.filter")

    def holds(self, chunk: Chunk) -> bool:
        """Tell whether the document of a chunk is indexed and has the chunk's text, not empty, at its span."""
        if chunk.document_id not in self.extractors():
            return False
        text = self.document(chunk.document_id).text[max(0, chunk.start) : chunk.end]
        return 0 <= chunk.start < chunk.end and text == chunk.text

    def span(self, hit: Hit, start: int, end: int) -> Hit:
        """Return a hit with another span of its document as its text; its scores stay."""
        return hit.with_span(self.document(hit.chunk.document_id), start, end)


class IndexWriter(Indexed, Protocol):
    """The only writer of an index, from `write` to `close`. It is used by one thread at a time.

    A commit is atomic: it becomes visible to new readers as a whole. After an error or a kill during a commit, the
    index has the generation before it. During a rebuild, readers get the old generation until the first commit; before
    that, the writer itself reports no sources, no extractors and no vectors.
    """

    @property
    def chunk_count(self) -> int:
        """Return the number of chunks in the latest generation."""
        ...

    @property
    def rebuilding(self) -> bool:
        """Tell whether the next commit replaces the whole index."""
        ...

    def pending(self, n: int) -> list[str]:
        """Return up to n texts of chunks that have no vector yet, without duplicates; `[]` where all have one."""
        ...

    def check_embedder(self, vectors: Vectors) -> None:
        """Compare an embedder's vectors of `CANARIES` with the stored ones.

        Where none are stored, the first commit stores these.

        :raises ModelError: as for `Indexed.check_embedder`.
        """
        ...

    def commit(
        self,
        entries: Sequence[Entry],
        vectors: Mapping[str, Vectors],
        sources: Mapping[str, str | None],
        rejected: Mapping[str, tuple[str, str]] | None = None,
    ) -> int:
        """Publish new documents and new names of documents, and return the generation.

        A document that is already indexed is replaced. The same commit removes documents that no longer have a source.

        :param vectors: float32[dim] by text, of texts that `missing` or `pending` names. A text of the chunks that has
            no vector is pending afterwards.
        :param sources: document id by source; None removes the source.
        :param rejected: a pair by source of each file that could not be used: its document id with what read it, and the
            reason. It is given back by `rejected` as it is; None keeps the previous ones.
        :raises ModelError: a vector has a NaN or an infinity.
        :raises ValueError: a source refers to a document that is not indexed.
        :raises ResourceError: the disk is full, or there is no connection.
        """
        ...

    def maintain(self) -> MaintenanceReport:
        """Clean up after the last commit of a run where that is due; search results stay the same."""
        ...


class Index(Protocol):
    """One place in which documents, chunks and vectors are kept. A kind of the section `index` builds it.

    Its methods may be called from several threads at once. Any number of readers may be open beside one writer.
    """

    @property
    def location(self) -> str:
        """Return the name of the place for messages: a folder or an address."""
        ...

    def exists(self) -> bool:
        """Tell whether there is a generation to read."""
        ...

    def open(
        self,
        identity: Mapping[str, str],
        *,
        where: Mapping[str, Any] | None = None,
        locate: Callable[[str], str] = lambda source: source,
    ) -> IndexReader:
        """Open the latest generation.

        :param identity: the embedder and splitter, field by field; each field must equal that of the index. Fields that
            are left out are not compared: `{}` opens any index.
        :param where: a filter on metadata: only documents whose values equal the given value, or one of a list of
            values, or lie in a range `{from, to}`, are found. `title` and `media_type` are keys too, and `source`, whose
            `*` and `?` stand for any text. `sources` and `documents` are not filtered.
        :param locate: returns the path of a source, for `Hit.path` and `Document.path`; indexes keep sources alone.
        :raises NothingUsableError: there is no generation yet.
        :raises ModelError: a field of the identity differs; the message has its name and both values.
        """
        ...

    def write(
        self,
        identity: Mapping[str, str],
        *,
        recorded: Mapping[str, str] | None = None,
        rebuild: bool = False,
        wait: float = 0.0,
    ) -> IndexWriter:
        """Open the index for writing, and create it where there is none.

        :param identity: as in `open`, with all fields; `identity["dim"]` is the number of dimensions.
        :param recorded: facts about the embedder that are stored and not compared.
        :param rebuild: the first commit replaces everything; the old index may have another identity.
        :param wait: seconds to wait for another writer.
        :raises ModelError: a field of the identity differs, and `rebuild` is False.
        :raises LockedError: another process or thread writes this index.
        """
        ...
