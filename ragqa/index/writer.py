"""Writes documents. Each commit is one transaction. Changes that are not committed are lost."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ragqa import points
from ragqa.errors import ModelError, ResourceError, UsageError
from ragqa.index import names, pending, tables, upkeep
from ragqa.index.identity import canaries, refuse_drift
from ragqa.index.publication import Publisher
from ragqa.records import Chunk, Coverage, Document
from ragqa.stages import Entry, MaintenanceReport

Vectors = NDArray[np.float32]


class LocalWriter(Publisher):
    """Writes the documents of an index; a context manager that holds the lock. See `Publisher` for the errors.

    :param rebuild: the first commit replaces everything. Until then the old index can be read.
    :param recorded: facts about the embedder that are informative and not part of the identity.
    :param search: how the index will be searched: `auto`, `flat`, `hnsw` or `ivf_sq8`.
    """

    def __init__(
        self,
        path: Path,
        identity: Mapping[str, str] | None,
        *,
        rebuild: bool = False,
        wait: float = 0.0,
        recorded: Mapping[str, str] | None = None,
        search: str = "auto",
    ) -> None:
        super().__init__(path, identity, rebuild=rebuild, wait=wait)
        self._search = search
        self._recorded = dict(recorded or {})
        self._canaries: Vectors | None = None
        self._forget = rebuild or self.generation == 0

    @property
    def chunk_count(self) -> int:
        """Return the number of chunks in the latest commit."""
        return self.count("chunk")

    @property
    def rebuilding(self) -> bool:
        """Tell whether the next commit replaces the whole content of the index."""
        return self._forget and self.generation > 0

    def sources(self) -> dict[str, str]:
        """Return the document id of every source."""
        return {} if self._forget else dict(self.db.execute("SELECT source, document_id FROM source"))

    def extractors(self) -> dict[str, str]:
        """Return the extractor of every document by id."""
        return {} if self._forget else dict(self.db.execute("SELECT id, extractor FROM document"))

    def rejected(self) -> dict[str, tuple[str, str]]:
        """Return (document id, reason) by source of the files that the last run could not use."""
        return {} if self._forget else tables.rejected(self.db)

    def contents(self) -> dict[str, str]:
        """Return the SHA-256 of the file of every source, also of sources that the next commit will remove."""
        return tables.contents(self.db)

    def missing(self, chunks: Sequence[Chunk]) -> list[str]:
        """Return the texts of chunks that have no vector yet, each once, in order."""
        if self._forget:
            return list(dict.fromkeys(chunk.indexed_text for chunk in chunks))
        return pending.missing(self.db, chunks)

    def coverage(self) -> Coverage:
        """Return how many of the texts in the latest commit have a vector."""
        return Coverage(0, 0) if self._forget else pending.coverage(self.db)

    def pending(self, n: int) -> list[str]:
        """Return up to n texts of committed chunks that have no vector yet, those of the earliest commits first."""
        return [] if self._forget else pending.texts(self.db, n)

    def check_embedder(self, vectors: Vectors) -> None:
        """Compare an embedder's vectors of `CANARIES`, float32[8, dim], with those stored by the first commit after
        the first check.

        :raises ModelError: they differ, so that the embedder has changed.
        """
        if self._forget or not self.count("canary"):
            self._canaries = np.asarray(vectors, dtype=np.float32)
        else:
            refuse_drift(self.path, canaries(self.db), vectors)

    def commit(
        self,
        entries: Sequence[Entry],
        vectors: Mapping[str, Vectors],
        sources: Mapping[str, str | None],
        rejected: Mapping[str, tuple[str, str]] | None = None,
    ) -> int:
        """Publish new documents and new names of documents in one transaction; return the generation.

        A document that has no source any more is removed in the same transaction.

        :param vectors: float32[dim] by text, for texts that `missing` or `pending` returns. The texts of chunks that
            get none are pending: they are found by their words.
        :param sources: document id by source; None removes the source.
        :param rejected: (document id, reason) by source of files that could not be used; None keeps the old record.
        :raises ResourceError: the disk is full; the index is unchanged.
        """
        # 1. refuse an invalid commit before anything is written
        rows = np.array(list(vectors.values()), dtype="<f4").reshape(len(vectors), self.dim)
        if not np.isfinite(rows).all():
            raise ModelError("the embedder gave a vector with NaN or infinity; index unchanged")
        self.need_space(rows.nbytes + 4 * sum(len(entry.document.text) for entry in entries))
        # 2. write within the transaction: texts and vectors first, since the rows of chunks refer to them
        with self.publication():
            if self._forget:
                self._forget_all()
            self._add_canaries()
            texts = self._add_texts(entries, vectors)
            for entry in entries:
                self._add(entry, texts)
            points.reached("documents written")
            # 3. change the sources, then remove the documents without a source
            renamed = {entry.document.id for entry in entries} | self._rename(sources)
            self._refuse_unknown(sources)
            self._remove_unnamed()
            names.update(self.db, sorted(renamed))
            if rejected is not None:
                self._set_meta("rejected", rejected)
        self._forget = False
        return self.generation

    def maintain(self) -> MaintenanceReport:
        """Compact when it is due, and maintain the approximate index that `search` asks for; see `upkeep`."""
        dropped = upkeep.compact_when_due(self)
        ann = upkeep.build_ann(self, self._search)
        return MaintenanceReport(dropped) if ann is None else MaintenanceReport(dropped, ann.kind, ann.recall)

    def purge(self, sources: Sequence[str]) -> list[str]:
        """Erase documents by any of their sources, and return all their sources. No file keeps any part of their text.

        :raises UsageError: a source is not in the index; nothing was erased.
        """
        ids = self.sources()
        unknown = [source for source in sources if source not in ids]
        if unknown:
            raise UsageError(f"{unknown[0]!r} is not a source of {self.path}: give it as `ragqa search` prints it")
        documents = {ids[source] for source in sources}
        erased = sorted(source for source, document_id in ids.items() if document_id in documents)
        noted = {source: why for source, why in self.rejected().items() if source not in erased}
        self.commit([], {}, dict.fromkeys(erased), noted)
        try:
            upkeep.reclaim(self)
        except ResourceError as error:
            raise ResourceError(
                f"{error}; generation {self.generation} does not hold what was erased, but bytes of it may be left: "
                f"run `ragqa gc {self.path}`"
            ) from error
        return erased

    def _forget_all(self) -> None:
        for table in (*tables.PRIMARY_TABLES, "ann", "lexicon", "posting", "name"):
            self.db.execute(f"DELETE FROM {table} WHERE true")
        self._set_meta("identity", self.identity)
        self._set_meta("recorded", self._recorded)

    def _set_meta(self, key: str, value: Mapping[str, Any]) -> None:
        self.db.execute("DELETE FROM meta WHERE key = ?", (key,))
        self.db.execute("INSERT INTO meta VALUES (?, ?)", (key, json.dumps(value, sort_keys=True)))

    def _add_canaries(self) -> None:
        if self._canaries is not None and not self.count("canary"):
            texts = ((number, row.astype("<f4").tobytes().hex()) for number, row in enumerate(self._canaries, start=1))
            self.db.executemany("INSERT INTO canary VALUES (?, ?)", texts)

    def _add_texts(self, entries: Sequence[Entry], vectors: Mapping[str, Vectors]) -> dict[str, int]:
        """Give each new text a row, write the vectors of new and of pending texts, and return the rows by text."""
        chunks = (chunk.indexed_text for entry in entries for chunk in entry.chunks)
        rows = pending.add(self.db, list(dict.fromkeys((*vectors, *chunks))))  # what has a vector is one segment
        pending.fill(self.db, self.folder, {rows[text]: vector for text, vector in vectors.items()})
        return rows

    def _add(self, entry: Entry, rows: Mapping[str, int]) -> None:
        self._remove(entry.document.id)
        self.db.execute("INSERT INTO document VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", _document_row(entry.document))
        values = (
            (each.id, each.document_id, each.start, each.end, each.page, each.context, each.text)
            for each in entry.chunks
        )
        texts = (rows[chunk.indexed_text] for chunk in entry.chunks)
        statement = "INSERT INTO chunk VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)"
        self.db.executemany(statement, ((*each, row) for each, row in zip(values, texts, strict=True)))

    def _remove(self, document_id: str) -> None:
        self.db.execute("DELETE FROM chunk WHERE document_id = ?", (document_id,))
        self.db.execute("DELETE FROM document WHERE id = ?", (document_id,))

    def _rename(self, sources: Mapping[str, str | None]) -> set[str]:
        """Change the sources, and return the ids of the documents whose names changed."""
        changed: set[str | None] = set()
        for source, document_id in sources.items():
            old = self.db.execute("SELECT document_id FROM source WHERE source = ?", (source,)).fetchone()
            if old is not None and old[0] == document_id:
                continue
            changed |= {document_id, *(old or ())}
            self.db.execute("DELETE FROM source WHERE source = ?", (source,))
            if document_id is not None:
                self.db.execute("INSERT INTO source VALUES (?, ?)", (source, document_id))
        return {document_id for document_id in changed if document_id is not None}

    def _refuse_unknown(self, sources: Mapping[str, str | None]) -> None:
        for source, document_id in sources.items():
            row = self.db.execute("SELECT 1 FROM document WHERE id = ?", (document_id,)).fetchone()
            if document_id is not None and row is None:
                raise ValueError(f"{source!r} is to name document {document_id}, which is not there; index unchanged")

    def _remove_unnamed(self) -> None:
        statement = "SELECT id FROM document WHERE id NOT IN (SELECT document_id FROM source)"
        for (document_id,) in self.db.execute(statement).fetchall():
            self._remove(document_id)


def _document_row(document: Document) -> tuple[object, ...]:
    return (
        document.id,
        document.sha256,
        document.media_type,
        document.encoding,
        document.title,
        document.extractor,
        json.dumps(document.page_starts),
        json.dumps(dict(document.metadata), default=str, sort_keys=True),
        document.text,
    )
