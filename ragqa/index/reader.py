"""Reads one generation of an index, within one transaction of SQLite."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ragqa import text_analysis
from ragqa.errors import IndexCorruptError, UsageError
from ragqa.index import connection, lexical, names, pending, seal, search, tables
from ragqa.index.asked import LexicalQuestion, count_texts
from ragqa.index.bm25 import Lexicon
from ragqa.index.filters import matching_chunks, mistakes
from ragqa.index.identity import canaries, refuse_drift, refuse_other
from ragqa.index.snapshot import SearchSnapshot, mask
from ragqa.index.vectors import open_vectors
from ragqa.records import Chunk, Coverage, Document, Hit, fields_of
from ragqa.records.places import place_of

Vectors = NDArray[np.float32]
_ATTEMPTS = 5
_MOST_PLACES = 10_000
"""How many chunks' places are kept: those that a batch of questions finds are asked for several times."""
_log = logging.getLogger("ragqa.index")


class LocalReader:
    """One generation of the index in a folder; a context manager. Close it soon, because it is an open transaction.

    :param locate: returns the absolute path of a source; the index itself holds relative sources only.
    :param where: metadata that a document must have; a search finds only documents that have exactly these values.
    :param snapshot: the snapshot of an earlier reader; used again if the generation is the same.
    :raises NothingUsableError: there is no index.
    :raises IndexCorruptError: a file of the index is damaged.
    :raises ModelError: the index was built by another embedder.
    """

    def __init__(
        self,
        path: Path,
        identity: Mapping[str, str],
        *,
        locate: Callable[[str], str] = lambda source: source,
        where: Mapping[str, Any] | None = None,
        snapshot: SearchSnapshot | None = None,
    ) -> None:
        self._locate = locate
        self._asked: tuple[str, LexicalQuestion] | None = None
        self._places: dict[str, tuple[int, int]] = {}
        self.path = path
        for attempt in range(_ATTEMPTS):
            self._db = tables.open_readonly(path)
            with connection.guarded(self._db):
                self.generation = tables.generation(self._db)
                seal.verify(self._db, self.generation)
                self.identity: dict[str, str] = tables.meta(self._db, "identity")
                refuse_other(path, self.identity, identity)
                try:
                    self.snapshot = self._search_snapshot(where or {}, snapshot)
                    return
                except IndexCorruptError:
                    # a compaction may have replaced the segments since this snapshot was taken
                    if attempt + 1 == _ATTEMPTS or not self._is_outdated():
                        raise
            self._db.close()

    def __enter__(self) -> LocalReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error:
            self._db.close()
        else:
            self.close()

    def close(self) -> None:
        """End the transaction.

        :raises LockedError: another process changed a file that this one had opened without locks, so that the answers
            may come from two generations.
        """
        try:
            self._db.refuse_change()
        finally:
            self._db.close()

    @property
    def version(self) -> tuple[Any, ...]:
        """Return what tells this state of the index and this filter from any other.

        It is another one as soon as the writer has moved the log into the file, too. Whoever keeps readers open opens
        them again then: they read from the file alone, and the writer can empty the log.
        """
        return (*self.snapshot.version, *self._db.opened)

    def refuse_change(self) -> None:
        """Raise an error where the file was opened without locks and another process has changed it since.

        :raises LockedError: the file was changed.
        """
        self._db.refuse_change()

    def within(self, where: Mapping[str, Any]) -> LocalReader:
        """Return this reader for searches with a further filter; see `IndexReader.within`."""
        found = matching_chunks(self._db, where)
        if not found and (wrong := mistakes(self._db, where)):
            raise UsageError(f"where: {'; '.join(wrong)}")
        view, before = copy(self), self.snapshot
        matching = np.isin(before.rows, found)
        rows, positions = before.rows[matching], before.positions[matching]
        view.snapshot = replace(before, rows=rows, positions=positions, filtered=True)
        return view

    def __len__(self) -> int:
        """Return the number of chunks that can be found."""
        return len(self.snapshot.rows)

    def dense(self, vector: Vectors, k: int) -> list[tuple[str, float]]:
        """Return `(chunk id, inner product)` of the k best chunks with a vector, best first; ties by chunk id.

        With a filter, it is exact.
        """
        return self.dense_many(vector[None, :], k)[0]

    def dense_many(self, vectors: Vectors, k: int) -> list[list[tuple[str, float]]]:
        """Return for each row of float32[n, dim] what `dense` returns for it. All are compared in one scan."""
        snapshot = self.snapshot
        found = snapshot.store.nearest_many(vectors, k, snapshot.embedded, exact=snapshot.filtered)
        return [self._best(self._chunks_at(each), k) for each in found]

    def lexical(self, question: str, k: int) -> list[tuple[str, float]]:
        """Return `(chunk id, BM25)` of the k best chunks, best first; ties by chunk id. None needs every word."""
        asked, snapshot = self._looked_up(question), self.snapshot
        by_text = self._chunks_at(asked.terms.best(k, snapshot.allowed))
        findable = snapshot.rows if snapshot.filtered else None
        return self._best(asked.with_named(by_text, k, findable), k)

    def _chunks_at(self, scored_positions: Sequence[tuple[int, float]]) -> dict[int, float]:
        """Return the score by row of the chunks that may be found at positions."""
        rows = self.snapshot.chunks_at([position for position, _ in scored_positions])
        return {row: score for each, (_, score) in zip(rows, scored_positions, strict=True) for row in each}

    def _best(self, scores: Mapping[int, float], k: int) -> list[tuple[str, float]]:
        """Return `(chunk id, score)` of the k best of scores by row, ties by chunk id."""
        scored = [(chunk_id, scores[row]) for chunk_id, (row, _) in self._read_places("row", list(scores)).items()]
        return sorted(scored, key=lambda pair: (-pair[1], pair[0]))[:k]

    def hits(self, ranked: Sequence[tuple[str, float, dict[str, float]]]) -> list[Hit]:
        """Return the hits of `(chunk id, score, scores)`, in the order given."""
        statement = (
            "SELECT chunk.id, document_id, start, end, chunk.text, context, page, metadata, "
            "(SELECT min(source) FROM source WHERE source.document_id = document.id) FROM chunk "
            "JOIN document ON document.id = document_id WHERE chunk.id IN (SELECT value FROM json_each(?))"
        )
        rows = self._db.execute(statement, (json.dumps([chunk_id for chunk_id, *_ in ranked]),))
        found = {id_: (Chunk(id_, *of_chunk), metadata, source) for id_, *of_chunk, metadata, source in rows}
        hits = [self._hit(*found[chunk_id], score, scores) for chunk_id, score, scores in ranked]
        self._db.refuse_change()
        return hits

    def dense_scores(self, vector: Vectors, chunk_ids: Sequence[str]) -> list[float]:
        """Return the inner product of each chunk; NaN where it has no vector yet."""
        scores: list[float] = search.inner_products(self.vectors(chunk_ids), vector).tolist()
        return scores

    def lexical_scores(self, question: str, chunk_ids: Sequence[str]) -> list[float]:
        """Return the BM25 of each chunk, 0 where neither it nor a name of its document shares a term."""
        asked, (rows, positions) = self._looked_up(question), self._rows_and_positions(chunk_ids)
        scores: list[float] = asked.scores(rows, positions).tolist()
        return scores

    def lexical_bound(self, question: str) -> float:
        """Return an upper bound of the BM25 of any text for a question."""
        return self._looked_up(question).terms.bound

    def document_counts(self, terms: Sequence[str]) -> list[int]:
        """Return for each search term the number of texts that can be found and have it, or whose names have it."""
        now = self.snapshot
        return [count_texts(self._db, now.lexicon, term, now.rows, now.allowed) for term in terms]

    def named(self, terms: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return the fields by source of up to 1,000 documents whose names have all terms."""
        return names.named(self._db, set(terms))

    def vectors(self, chunk_ids: Sequence[str]) -> Vectors:
        """Return the vectors of chunks, float32[len(chunk_ids), dim]; a row of NaN where a chunk has none yet."""
        return self.snapshot.store.rows(self._rows_and_positions(chunk_ids)[1])

    def span(self, hit: Hit, start: int, end: int) -> Hit:
        """Return a hit with the same scores and another span of its document as its text."""
        return hit.with_span(self.document(hit.chunk.document_id), start, end)

    def document(self, document_id: str) -> Document:
        """Return a stored document.

        :raises UsageError: the document is not in this generation.
        """
        row = self._db.execute(
            "SELECT sha256, media_type, encoding, text, title, extractor, page_starts, metadata FROM document "
            "WHERE id = ?",
            (document_id,),
        ).fetchone()
        if row is None:
            raise UsageError(f"document {document_id} is not in generation {self.generation}: search again")
        sha256, media_type, encoding, text, title, extractor, pages, metadata = row
        source = self._source(document_id)
        return Document(
            document_id, source, self._locate(source), sha256, media_type, encoding, text, title, extractor,
            tuple(json.loads(pages)), json.loads(metadata),
        )  # fmt: skip

    def chunks(self, document_id: str) -> list[Chunk]:
        """Return the chunks of a document in order; none where the document is not in the index."""
        statement = "SELECT id, start, end, text, context, page FROM chunk WHERE document_id = ? ORDER BY start, row"
        rows = self._db.execute(statement, (document_id,))
        return [Chunk(id, document_id, start, end, text, context, page) for id, start, end, text, context, page in rows]

    def sources(self) -> dict[str, str]:
        """Return the document id of every source."""
        return dict(self._db.execute("SELECT source, document_id FROM source"))

    def extractors(self) -> dict[str, str]:
        """Return the extractor of every document by id."""
        return dict(self._db.execute("SELECT id, extractor FROM document"))

    def rejected(self) -> dict[str, tuple[str, str]]:
        """Return (document id, reason) by source of the files that the last run could not use."""
        return tables.rejected(self._db)

    def contents(self) -> dict[str, str]:
        """Return the SHA-256 of the file of every source."""
        return tables.contents(self._db)

    def copies(self, document_id: str) -> tuple[str, list[str]]:
        """Return the SHA-256 of a document's file, and all its sources in sort order."""
        row = self._db.execute("SELECT sha256 FROM document WHERE id = ?", (document_id,)).fetchone()
        sources = self._db.execute("SELECT source FROM source WHERE document_id = ? ORDER BY source", (document_id,))
        return str(row[0]), [source for (source,) in sources]

    def holds(self, chunk: Chunk) -> bool:
        """Tell whether the document of a chunk has the chunk's text at its span."""
        row = self._db.execute("SELECT text FROM document WHERE id = ?", (chunk.document_id,)).fetchone()
        return row is not None and 0 <= chunk.start < chunk.end and row[0][chunk.start : chunk.end] == chunk.text

    def missing(self, chunks: Sequence[Chunk]) -> list[str]:
        """Return the texts of chunks that have no vector yet, each once, in order."""
        return pending.missing(self._db, chunks)

    def coverage(self) -> Coverage:
        """Return how many of the texts have a vector; a filter does not change it."""
        return self.snapshot.coverage

    def check_embedder(self, vectors: Vectors) -> None:
        """Compare an embedder's vectors of `CANARIES`, float32[8, dim], with those stored when the index was built.

        :raises ModelError: they differ, so that the embedder has changed.
        """
        stored = canaries(self._db)
        if len(stored):
            refuse_drift(self.path, stored, vectors)

    def _source(self, document_id: str) -> str:
        """Return the first source of a document in sort order, under which it is cited."""
        statement = "SELECT min(source) FROM source WHERE document_id = ?"
        return str(self._db.execute(statement, (document_id,)).fetchone()[0])

    def _read_places(self, column: str, keys: Sequence[int | str]) -> dict[str, tuple[int, int]]:
        """Read, keep and return (row of the chunk, row of its vector) by id, of the chunks with these keys in a column."""
        statement = f"SELECT id, row, vector FROM chunk WHERE {column} IN (SELECT value FROM json_each(?))"
        found = {id_: (row, vector) for id_, row, vector in self._db.execute(statement, (json.dumps(keys),))}
        if len(self._places) + len(found) > _MOST_PLACES:
            self._places = {}
        self._places |= found
        return found

    def _looked_up(self, question: str) -> LexicalQuestion:
        """Return the postings of a question. Those of the last question are cached."""
        if self._asked is None or self._asked[0] != question:
            self._asked = question, LexicalQuestion.look_up(self._db, self.snapshot.lexicon, question)
        return self._asked[1]

    def _rows_and_positions(self, chunk_ids: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the rows of chunks, and the positions of their texts, int64[len(chunk_ids)] each."""
        places = {i: self._places[i] for i in chunk_ids if i in self._places}
        if len(places) < len(set(chunk_ids)):
            places |= self._read_places("id", [i for i in chunk_ids if i not in places])
        rows, vectors = np.array([places[i] for i in chunk_ids], dtype=np.int64).reshape(-1, 2).T
        return rows, vectors - self.snapshot.lexicon.first_row

    def _hit(self, chunk: Chunk, metadata: str, source: str, score: float, scores: dict[str, float]) -> Hit:
        known = json.loads(metadata)
        count = partial(self._count_lines, chunk.document_id)
        place = place_of(known, chunk.page, chunk.start, count)
        return Hit(chunk, source, self._locate(source), score, scores, fields_of(known), place=place)

    def _count_lines(self, document_id: str, low: int, high: int) -> int:
        statement = "SELECT substr(text, ?, ?) FROM document WHERE id = ?"
        (part,) = self._db.execute(statement, (low + 1, high - low, document_id)).fetchone()
        return str(part).count("\n")

    def _is_outdated(self) -> bool:
        with tables.open_readonly(self.path) as now:
            newer = tables.generation(now) != self.generation
        now.close()
        return newer

    def _search_snapshot(self, where: Mapping[str, Any], old: SearchSnapshot | None) -> SearchSnapshot:
        """Return the snapshot for searches; the old one if generation and filter are the same."""
        digest = self._db.execute("SELECT digest FROM commit_log WHERE generation = ?", (self.generation,)).fetchone()
        version = (self.generation, *digest, json.dumps(where, sort_keys=True))
        if old is not None and old.version == version:
            return old
        # 1. the vectors, and the chunks that have them
        store = open_vectors(self._db, self.path)
        first_row = next((first for first, _, _ in tables.segments(self._db)), 0)
        pairs = chain.from_iterable(self._db.execute("SELECT vector, row FROM chunk ORDER BY vector, row"))
        positions, rows = np.fromiter(pairs, dtype=np.int64).reshape(-1, 2).T
        positions = positions - first_row
        if (terms := lexical.version(self._db)) != text_analysis.VERSION:
            _log.warning(
                "the terms of %s are of version %r, those of questions of %r: words may not be found until the next "
                "`ragqa index FILE`, which embeds nothing for it", self.path, terms, text_analysis.VERSION,
            )  # fmt: skip
        # 2. the lengths of all living texts for BM25; the filter does not change the statistics
        lexicon = Lexicon.load(self._db, first_row, mask(len(store), positions))
        texts = np.unique(positions)
        coverage = Coverage(int(np.count_nonzero(store.present[texts])), len(texts))
        # 3. the chunks that may be found
        if where:
            matching = np.isin(rows, matching_chunks(self._db, where))
            positions, rows = positions[matching], rows[matching]
            for mistake in () if len(rows) else mistakes(self._db, where):
                _log.warning("retrieve.filter: %s", mistake)
        return SearchSnapshot(version, store, lexicon, rows, positions, bool(where), coverage)
