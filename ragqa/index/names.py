"""The names of documents as a field of the full text: sources, titles and other metadata, by search term.

Names belong to a document and not to a text, because documents with equal texts share its vector and its postings. They
are not embedded: a new name changes rows of this table alone. All names of a document count.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ragqa import identifiers, text_analysis
from ragqa.records import about, fields_of

Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]
Share = NDArray[np.float32]

SCHEMA = """
CREATE TABLE name (term TEXT NOT NULL, document_id TEXT NOT NULL, PRIMARY KEY (term, document_id)) STRICT, WITHOUT ROWID;
CREATE INDEX name_document ON name (document_id);
"""

MOST_DOCUMENTS = 0.5
"""A term that more than this share of the documents have in their names does not tell them apart, and scores nothing.
Without this, a question with the name of a large folder would read every chunk in it."""

MOST_NAMED = 1000
"""The most documents that `named` returns."""

_NONE: Rows = np.empty(0, dtype=np.int64)


def update(db: sqlite3.Connection, document_ids: Iterable[str]) -> None:
    """Write the terms of the names of documents anew; a document that is not there any more loses them."""
    for id_ in dict.fromkeys(document_ids):
        db.execute("DELETE FROM name WHERE document_id = ?", (id_,))
        db.executemany("INSERT INTO name VALUES (?, ?)", ((term, id_) for term in sorted(_terms(db, id_))))


def rebuild(db: sqlite3.Connection) -> None:
    """Write all terms anew."""
    db.execute("DELETE FROM name WHERE true")
    update(db, _documents(db))


def problems(db: sqlite3.Connection) -> list[str]:
    """Compare the stored terms with the names; return `[]`, or one sentence where they differ."""
    wanted = {id_: _terms(db, id_) for id_ in _documents(db)}
    stored: dict[str, set[str]] = {id_: set() for id_ in wanted}
    for term, id_ in db.execute("SELECT term, document_id FROM name NOT INDEXED"):
        stored.setdefault(id_, set()).add(term)
    return [] if stored == wanted else ["names: not those of the documents"]


@dataclass(frozen=True, slots=True)
class NamedChunks:
    """The chunks of the documents that have a term of a question in their names.

    :param rows: int64[n], the rows of the chunks in ascending order.
    :param positions: int64[n], the positions of their texts in the lexicon.
    :param having: for each term that names a document, bool[n]: True for the chunks of the documents that it names.
    :param share: float32[n], the share of these terms that the names of a chunk's document have.
    """

    rows: Rows
    positions: Rows
    having: Mapping[str, Mask]
    share: Share

    def weights(self) -> dict[str, Share]:
        """Return for each term the weight of the names of each chunk, in [0, 1]: their share where they have it."""
        return {term: having * self.share for term, having in self.having.items()}

    def weights_at(self, rows: Rows) -> dict[str, Share]:
        """Return the same for any chunks, float32[len(rows)] for each term."""
        if not len(self.rows):
            return {}
        places = np.minimum(np.searchsorted(self.rows, rows), len(self.rows) - 1)
        present = self.rows[places] == rows
        return {term: weight[places] * present for term, weight in self.weights().items()}

    def texts(self, term: str) -> Rows:
        """Return the positions of the texts that have a term in their names."""
        return self.positions[self.having[term]] if term in self.having else self.positions[:0]


def look_up(db: sqlite3.Connection, terms: Iterable[str], first_row: int, *, common: bool = False) -> NamedChunks:
    """Return the chunks that terms name.

    :param first_row: the row of the lexicon's first position.
    :param common: whether terms in the names of more than `MOST_DOCUMENTS` count too.
    """
    found = {term: _chunks(db, term) for term in terms if common or not _is_common(db, term)}
    found = {term: pairs for term, pairs in found.items() if len(pairs)}
    if not found:
        return NamedChunks(_NONE, _NONE, {}, np.empty(0, dtype=np.float32))
    pairs = np.unique(np.concatenate(list(found.values())), axis=0) if len(found) > 1 else next(iter(found.values()))
    rows = np.ascontiguousarray(pairs[:, 0])
    having = {term: np.isin(rows, named[:, 0], assume_unique=True) for term, named in found.items()}
    share: Share = np.stack(list(having.values())).mean(axis=0, dtype=np.float32)
    return NamedChunks(rows, pairs[:, 1] - first_row, having, share)


def named(db: sqlite3.Connection, terms: Collection[str]) -> dict[str, dict[str, Any]]:
    """Return the fields by first source of documents whose names have all of some terms."""
    statement = (
        "SELECT min(source), metadata FROM (SELECT document_id AS id FROM name WHERE term IN (SELECT value FROM json_each(?)) "
        "GROUP BY document_id HAVING count(*) = ? ORDER BY document_id LIMIT ?) AS of "
        "JOIN document ON document.id = of.id JOIN source ON source.document_id = of.id GROUP BY of.id"
    )
    rows = db.execute(statement, (json.dumps(sorted(terms)), len(terms), MOST_NAMED))
    return {source: fields_of(json.loads(metadata)) for source, metadata in rows}


def _chunks(db: sqlite3.Connection, term: str) -> Rows:
    """Return the row and the vector of each chunk of the documents that have a term in their names, int64[n, 2]."""
    statement = (
        "SELECT chunk.row, chunk.vector FROM name JOIN chunk ON chunk.document_id = name.document_id "
        "WHERE name.term = ? ORDER BY chunk.row"
    )
    return np.array(db.execute(statement, (term,)).fetchall(), dtype=np.int64).reshape(-1, 2)


def _is_common(db: sqlite3.Connection, term: str) -> bool:
    """Tell whether more than `MOST_DOCUMENTS` of the documents have a term in their names."""
    counts = "SELECT (SELECT count(*) FROM name WHERE term = ?), (SELECT count(*) FROM document)"
    named, documents = db.execute(counts, (term,)).fetchone()
    return bool(named > MOST_DOCUMENTS * documents)


def _documents(db: sqlite3.Connection) -> list[str]:
    return [id_ for (id_,) in db.execute("SELECT id FROM document")]


def _terms(db: sqlite3.Connection, document_id: str) -> set[str]:
    """Return the terms of a document's names; none where it is not there."""
    row = db.execute("SELECT title, metadata FROM document WHERE id = ?", (document_id,)).fetchone()
    if row is None:
        return set()
    title, metadata = row[0], json.loads(row[1])
    sources = [source for (source,) in db.execute("SELECT source FROM source WHERE document_id = ?", (document_id,))]
    text = ""
    if "front_matter" in metadata:
        (text,) = db.execute("SELECT text FROM document WHERE id = ?", (document_id,)).fetchone()
    named = "\n".join([*sources, title, *about(metadata, text)])
    return {*text_analysis.name_terms(named), *identifiers.terms(named)}
