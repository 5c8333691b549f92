"""A snapshot of an index for reading: every answer comes from exactly one generation."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ragqa.index import segment, store
from ragqa.index.writer import refuse_other_identity
from ragqa.records import Chunk, Document, Hit

Vectors = NDArray[np.float32]
_WORD = re.compile(r"\w+")
_ALIVE = "born <= :g AND (dead IS NULL OR dead > :g)"


class IndexReader:
    """One generation of the index in a folder; a context manager.

    :param locate: returns the absolute path of a source; the index itself holds relative sources only.
    :param where: metadata that a document must have; every search sees only the documents that have it, exactly.
    :raises NothingUsableError: there is no index.
    :raises ModelError: it was built by another embedder.
    """

    def __init__(
        self,
        path: Path,
        identity: Mapping[str, str],
        *,
        locate: Callable[[str], str] = lambda source: source,
        where: Mapping[str, Any] | None = None,
    ) -> None:
        self._db = store.open_readonly(path)
        self._locate = locate
        self.path = path
        self.identity = store.identity(self._db)
        try:
            self.generation = store.generation(self._db)
            refuse_other_identity(path, self.identity, identity)
            self._dim = int(self.identity["dim"])
            self._rows = self._alive_rows(where or {})
            self._segments = self._open_segments()
        except BaseException:
            self._db.close()
            raise

    def __enter__(self) -> IndexReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def __len__(self) -> int:
        """Return the number of chunks that can be found."""
        return len(self._rows)

    def dense(self, vector: Vectors, k: int) -> list[tuple[int, float]]:
        """Return the k rows of the largest inner product, exactly, best first; ties by row."""
        found: list[tuple[int, float]] = []
        for first, vectors in self._segments:
            low, high = np.searchsorted(self._rows, [first, first + len(vectors)])
            positions = self._rows[low:high] - first
            # where every row is alive the map is searched in place; else the living rows are gathered
            alive = vectors if len(positions) == len(vectors) else vectors[positions]
            rows, scores = segment.best_rows(alive, vector, k)
            found += [(first + int(positions[row]), float(score)) for row, score in zip(rows, scores, strict=True)]
        return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:k]

    def lexical(self, question: str, k: int) -> list[tuple[int, float]]:
        """Return the k rows of the largest BM25, best first; every word of the question is an optional term."""
        words = dict.fromkeys(word.lower() for word in _WORD.findall(question))
        if not words or not len(self._rows):
            return []
        query = " OR ".join(f'"{word}"' for word in words)
        found: list[tuple[int, float]] = []
        cursor = self._db.execute(
            "SELECT rowid, -bm25(fulltext) FROM fulltext WHERE fulltext MATCH ? ORDER BY bm25(fulltext), rowid",
            (query,),
        )
        for row, score in cursor:
            if self._is_alive(row):
                found.append((row, score))
                if len(found) == k:
                    break
        return found

    def hits(self, rows: Sequence[tuple[int, float, dict[str, float]]]) -> list[Hit]:
        """Return the hits of `(row, score, scores)`, in the order given."""
        return [self._hit(*row) for row in rows]

    def neighbours(self, hit: Hit, distance: int) -> Hit:
        """Return the hit widened by up to `distance` chunks of its document on either side."""
        spans = self._db.execute(
            f"SELECT start, end FROM chunk WHERE document_id = :d AND {_ALIVE} ORDER BY start",
            {"d": hit.chunk.document_id, "g": self.generation},
        ).fetchall()
        here = spans.index((hit.chunk.start, hit.chunk.end))
        near = spans[max(0, here - distance) : here + distance + 1]
        start, end = near[0][0], max(span[1] for span in near)
        document = self.document(hit.chunk.document_id)
        old = hit.chunk
        wide = Chunk(
            old.id, old.document_id, start, end, document.text[start:end], old.context, document.page_of(start)
        )
        return Hit(wide, hit.source, hit.path, hit.score, hit.scores)

    def document(self, document_id: str) -> Document:
        """Return a stored document."""
        row = self._db.execute(
            "SELECT sha256, media_type, encoding, text, title, extractor, page_starts, metadata FROM document "
            f"WHERE id = :d AND {_ALIVE}",
            {"d": document_id, "g": self.generation},
        ).fetchone()
        sha256, media_type, encoding, text, title, extractor, pages, metadata = row
        source = self._source(document_id)
        return Document(
            document_id, source, self._locate(source), sha256, media_type, encoding, text, title, extractor,
            tuple(json.loads(pages)), json.loads(metadata),
        )  # fmt: skip

    def sources(self) -> dict[str, str]:
        """Return the document id of every source."""
        rows = self._db.execute(f"SELECT source, document_id FROM source WHERE {_ALIVE}", {"g": self.generation})
        return dict(rows)

    def extractors(self) -> dict[str, str]:
        """Return the extractor of every document by id."""
        return dict(self._db.execute(f"SELECT id, extractor FROM document WHERE {_ALIVE}", {"g": self.generation}))

    def rejected(self) -> dict[str, tuple[str, str]]:
        """Return (document id, reason) by source of the files that the last run could not use."""
        return store.rejected(self._db)

    def has_vector(self, chunk: Chunk) -> bool:
        """Tell whether the text of a chunk was embedded before."""
        return store.find_vector(self._db, store.vector_key(chunk)) is not None

    def _source(self, document_id: str) -> str:
        """Return the first source of a document in sort order: the one that is cited."""
        statement = f"SELECT min(source) FROM source WHERE document_id = :d AND {_ALIVE}"
        return str(self._db.execute(statement, {"d": document_id, "g": self.generation}).fetchone()[0])

    def _hit(self, row: int, score: float, scores: dict[str, float]) -> Hit:
        chunk_id, document_id, start, end, page, context, text = self._db.execute(
            "SELECT id, document_id, start, end, page, context, text FROM chunk WHERE row = ?", (row,)
        ).fetchone()
        source = self._source(document_id)
        chunk = Chunk(chunk_id, document_id, start, end, text, context, page)
        return Hit(chunk, source, self._locate(source), score, scores)

    def _is_alive(self, row: int) -> bool:
        position = int(np.searchsorted(self._rows, row))
        return position < len(self._rows) and self._rows[position] == row

    def _alive_rows(self, where: Mapping[str, Any]) -> NDArray[np.int64]:
        statement = f"SELECT row, document_id FROM chunk WHERE {_ALIVE} ORDER BY row"
        rows = self._db.execute(statement, {"g": self.generation}).fetchall()
        if where:
            kept = self._matching_documents(where)
            rows = [pair for pair in rows if pair[1] in kept]
        return np.array([pair[0] for pair in rows], dtype=np.int64)

    def _matching_documents(self, where: Mapping[str, Any]) -> set[str]:
        statement = f"SELECT id, media_type, title, metadata FROM document WHERE {_ALIVE}"
        kept = set()
        for document_id, media_type, title, metadata in self._db.execute(statement, {"g": self.generation}):
            values = json.loads(metadata) | {"media_type": media_type, "title": title}
            if all(_matches(values.get(key), wanted) for key, wanted in where.items()):
                kept.add(document_id)
        return kept

    def _open_segments(self) -> list[tuple[int, Vectors]]:
        statement = f"SELECT first_row, sha256, n FROM segment WHERE {_ALIVE} ORDER BY first_row"
        folder = self.path / "seg"
        return [
            (first, segment.open_mapped(folder, name, n, self._dim))
            for first, name, n in self._db.execute(statement, {"g": self.generation})
        ]


def _matches(value: Any, wanted: Any) -> bool:
    """Tell whether a document's value is the wanted one, or shares one with it where either is a list."""
    values = value if isinstance(value, list) else [value]
    accepted = wanted if isinstance(wanted, list) else [wanted]
    return any(type(v) is type(w) and v == w for v in values for w in accepted)
