"""Checks every file and row of an index, and repairs the parts that can be derived from intact rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import numpy as np

from ragqa.errors import IndexCorruptError
from ragqa.index import connection, lock, pending, place, seal, search, tables, upkeep
from ragqa.index.identity import canaries, refuse_drift, refuse_other
from ragqa.index.publication import Publisher, orphan_files
from ragqa.index.search import Vectors
from ragqa.records import unread
from ragqa.stages import CANARIES, Checkup, Embedder, Fault

# The repairs of faults, as `Fault.remedy`. `seal`: seal again. `rewrite`: make the database anew from its rows.
# `embed`: embed the texts of a segment again. `rebuild`: build the approximate index again.


def check(path: Path) -> Checkup:
    """Check hashes, counts, full text and cross-references of an index. Needs no model, and changes nothing.

    :raises NothingUsableError: there is no index.
    :raises IndexCorruptError: the database cannot be read at all.
    """
    checkup = _look(path)
    while checkup.faults and (again := _look(path)).generation != checkup.generation:
        checkup = again  # a writer has committed, and its compaction may have removed the files
    return checkup


def _look(path: Path) -> Checkup:
    db = tables.open_readonly(path)
    with connection.guarded(db), closing(db):
        faults, notes = _database_faults(db)
        if all(fault.remedy for fault in faults):
            faults += [*_segment_faults(db, path), *_ann_faults(db, path)]
            orphans = (file.relative_to(path) for file in orphan_files(db, path))
            notes += [f"{file}: nothing names it; `ragqa gc` removes it" for file in orphans]
            notes += [f"{name}: not of this index; it is left as it is" for name in place.others(path)]
        notes += [] if faults else _unread(db)
        documents, chunks, segments = (tables.count(db, table) for table in ("document", "chunk", "segment"))
        (empty,) = db.execute("SELECT count(*) FROM segment WHERE sha256 = ?", (pending.NO_FILE,)).fetchone()
        vectors, waiting = tables.count(db, "vector") - pending.rows(db), pending.count(db)
        return Checkup(
            str(path), tables.generation(db), documents, chunks, vectors, segments - empty, tuple(faults), tuple(notes),
            waiting,
        )  # fmt: skip


def _unread(db: connection.Connection) -> Iterator[str]:
    """Yield a note for each source of which a part was not read, such as pages without text."""
    documents = db.execute(
        "SELECT s.source, d.media_type, d.page_starts, d.metadata FROM source s JOIN document d ON d.id = s.document_id "
        "ORDER BY s.source"
    )
    for source, media_type, starts, metadata in documents:
        if facts := list(unread(media_type, json.loads(metadata), len(json.loads(starts)))):
            yield f"{source}: {'; '.join(facts)}"


def repair(
    path: Path, checkup: Checkup, find_embedder: Callable[[Mapping[str, str]], Embedder], *, wait: float = 0.0
) -> int:
    """Repair the faults of a checkup; return the number of vectors that were made again.

    :param find_embedder: called where a segment has to be embedded again, with the index's record of its embedder.
    :raises IndexCorruptError: rows that cannot be derived from others are damaged; nothing was changed.
    :raises ModelError: the embedder is not the one that built the index.
    """
    lost = [fault for fault in checkup.faults if not fault.remedy]
    if lost:
        raise IndexCorruptError(
            f"{path / lost[0].file} cannot be repaired ({lost[0].what}): restore a copy, or run `ragqa index FILE --rebuild`"
        )
    # repair the database first: the other repairs read its rows
    remedies = {fault.remedy for fault in checkup.faults}
    if "rewrite" in remedies:
        place.claim(path)
        handle = lock.acquire(path, wait)
        try:
            tables.salvage(path)
        finally:
            lock.release(handle)
    with Publisher(path, None, wait=wait) as publisher:
        kind = upkeep.ann_kind(publisher)
        made = _embed_again(publisher, checkup, find_embedder) if "embed" in remedies else 0
        if made or "rebuild" in remedies:
            upkeep.rebuild_ann(publisher, kind)
    return made


def _embed_again(publisher: Publisher, checkup: Checkup, find_embedder: Callable[[Mapping[str, str]], Embedder]) -> int:
    embedder = find_embedder(tables.meta(publisher.db, "recorded"))
    refuse_other(publisher.path, publisher.identity, embedder.identity)
    refuse_drift(publisher.path, canaries(publisher.db), embedder.embed_passages(CANARIES))
    names = [Path(fault.file).stem for fault in checkup.faults if fault.remedy == "embed"]
    return upkeep.replace_segments(publisher, names, embedder.embed_passages)


def _database_faults(db: connection.Connection) -> tuple[list[Fault], list[str]]:
    """Return the faults of the database, and notes about its seal."""
    sealed = seal.read(db.path)
    faults: list[Fault] = []
    notes: list[str] = []
    generation = tables.generation(db)
    if sealed is None and (db.path / seal.FILE).exists():
        faults.append(Fault(seal.FILE, "damaged (it does not agree with itself)", "seal"))
    elif sealed is not None and seal.is_log_lost(sealed, generation):
        faults.append(Fault(f"{place.DATABASE}-wal", f"damaged: generation {sealed.generation} is lost"))
    elif sealed is None or (sealed.generation != generation and not (db.log_size() and sealed.sha256 == db.sha256())):
        notes.append(f"generation {generation} is not sealed: a run was cut off; the next `ragqa index` seals it")
    elif sealed.sha256 != db.sha256():
        faults.append(Fault(place.DATABASE, "not the file that was sealed (SHA-256)", "rewrite"))
    if lost := seal.rows_problem(db):
        return [Fault(place.DATABASE, f"damaged: {lost}")], notes
    broken = seal.database_problems(db) or seal.fulltext_problems(db)
    faults += [Fault(place.DATABASE, f"damaged: {what}", "rewrite") for what in broken]
    faults += [Fault(place.DATABASE, f"damaged: {what}") for what in ([] if broken else _dangling(db))]
    return faults, notes


_REFERENCES = {
    "chunks of no document": "SELECT count(*) FROM chunk WHERE document_id NOT IN (SELECT id FROM document)",
    "chunks without a vector": "SELECT count(*) FROM chunk WHERE vector NOT IN (SELECT row FROM vector)",
    "sources of no document": "SELECT count(*) FROM source WHERE document_id NOT IN (SELECT id FROM document)",
    "documents without a source": "SELECT count(*) FROM document WHERE id NOT IN (SELECT document_id FROM source)",
    "vectors in no segment": "SELECT count(*) FROM vector v WHERE NOT EXISTS "
    "(SELECT 1 FROM segment WHERE v.row >= first_row AND v.row < first_row + n)",
}


def _dangling(db: connection.Connection) -> Iterator[str]:
    for what, statement in _REFERENCES.items():
        if n := int(db.execute(statement).fetchone()[0]):
            yield f"{n:,} {what}"
    if n := _misplaced(db):
        yield f"{n:,} chunks that are not the text at their place"


def _misplaced(db: connection.Connection) -> int:
    """Return the number of chunks whose text is not that of their span.

    SQLite finds candidates, which Python compares again, because SQLite's `substr` ends at a NUL.
    """
    suspects = db.execute(
        "SELECT d.text, c.start, c.end, c.text FROM chunk c JOIN document d ON d.id = c.document_id "
        "WHERE substr(d.text, c.start + 1, c.end - c.start) <> c.text"
    )
    return sum(text[start:end] != chunk for text, start, end, chunk in suspects)


def _segment_faults(db: connection.Connection, path: Path) -> Iterator[Fault]:
    dim = int(tables.meta(db, "identity")["dim"])
    for _, n, name in tables.segments(db):
        if name == pending.NO_FILE:
            continue
        file = f"seg/{name}.f32"
        problem = search.file_problem(path / file, name, n * dim * 4)
        if problem is None and not _are_unit(search.open_segment(path / "seg", name, n, dim)):
            problem = "not of unit vectors"
        if problem:
            yield Fault(file, problem, "embed")


def _are_unit(rows: Vectors) -> bool:
    norms = np.concatenate([np.linalg.norm(rows[i : i + 65_536], axis=1) for i in range(0, len(rows), 65_536)])
    return bool(np.all((np.abs(norms - 1) < 1e-2) | (norms == 0)))  # zero: the embedder knows no word of the text


def _ann_faults(db: connection.Connection, path: Path) -> Iterator[Fault]:
    for (name,) in db.execute("SELECT sha256 FROM ann"):
        file = f"seg/{name}.ann"
        if problem := search.file_problem(path / file, name):
            yield Fault(file, problem, "rebuild")
