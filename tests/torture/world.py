"""What the trials share: an index that is changed step by step, what it must hold, and the full check of it."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from ragqa.errors import NothingUsableError, RagqaError
from ragqa.index import doctor, seal, tables
from ragqa.index.publication import Publisher
from ragqa.index.reader import LocalReader
from ragqa.index.writer import LocalWriter
from ragqa.records import Chunk, Coverage
from ragqa.stages import CANARIES, Entry
from tests.fakes import WordEmbedder, document

EMBEDDER = WordEmbedder()
IDENTITY = {**EMBEDDER.identity, "splitter": "lines"}
_WORDS = ("ferry", "quay", "turbine", "buoy", "rope", "tide", "berth", "lamp", "master", "north", "south", "grant")

Texts = Mapping[str, str]
"""What an index holds: the text of each source."""


def make_text(seed: int, lines: int = 6) -> str:
    """Return a text whose lines occur in no text of another seed."""
    chosen = random.Random(seed)
    return "\n".join(f"{' '.join(chosen.choices(_WORDS, k=6))} {seed} {i}" for i in range(lines))


def entry(source: str, text: str) -> Entry:
    """Return a document with one chunk a line."""
    doc = document(text, source)
    chunks, start = [], 0
    for number, line in enumerate(text.splitlines(keepends=True)):
        end = start + len(line.rstrip("\n"))
        chunks.append(Chunk(f"{doc.id[:16]}-{number}", doc.id, start, end, text[start:end]))
        start += len(line)
    return Entry(doc, chunks)


def commit(writer: LocalWriter, texts: Texts, removed: Sequence[str] = ()) -> int:
    """Publish new texts and take sources away, as `ragqa index` does; return the generation."""
    entries = [entry(source, text) for source, text in texts.items()]
    missing = writer.missing([chunk for each in entries for chunk in each.chunks])
    writer.check_embedder(EMBEDDER.embed_passages(CANARIES))
    vectors = dict(zip(missing, EMBEDDER.embed_passages(missing), strict=True))
    sources: dict[str, str | None] = {each.document.source: each.document.id for each in entries}
    return writer.commit(entries, vectors, sources | dict.fromkeys(removed))


def write(path: Path, texts: Texts, removed: Sequence[str] = (), *, wait: float = 0.0) -> int:
    """Do one run of the writer; return the generation."""
    with LocalWriter(path, IDENTITY, wait=wait, recorded=EMBEDDER.recorded) as writer:
        return commit(writer, texts, removed)


def publish(path: Path, texts: Texts, removed: Sequence[str] = ()) -> int:
    """Publish new texts without their vectors, as `ragqa ask` does about a new folder; return the generation."""
    entries = [entry(source, text) for source, text in texts.items()]
    sources: dict[str, str | None] = {each.document.source: each.document.id for each in entries}
    with LocalWriter(path, IDENTITY, recorded=EMBEDDER.recorded) as writer:
        return writer.commit(entries, {}, sources | dict.fromkeys(removed))


def embed_pending(path: Path, batch: int, most: int = 1_000_000) -> int:
    """Embed up to `most` pending texts, a batch for each commit; return the generation."""
    with LocalWriter(path, IDENTITY, recorded=EMBEDDER.recorded) as writer:
        writer.check_embedder(EMBEDDER.embed_passages(CANARIES))
        while most > 0 and (texts := writer.pending(min(batch, most))):
            writer.commit([], dict(zip(texts, EMBEDDER.embed_passages(texts), strict=True)), {})
            most -= len(texts)
        return writer.generation


def texts_in(db: sqlite3.Connection) -> dict[str, str]:
    """Return the text of each source."""
    return dict(db.execute("SELECT source, text FROM source JOIN document ON document.id = document_id"))


def snapshot(path: Path) -> dict[int, Texts]:
    """Return what an index holds, under its generation; generation 0 where there is none."""
    try:
        with closing(tables.open_readonly(path)) as db:
            return {tables.generation(db): texts_in(db)}
    except NothingUsableError:
        return {0: {}}


@contextmanager
def told_of_commits(note: Callable[[Publisher], None]) -> Iterator[None]:
    """Call `note` after every commit within the block."""
    usual = Publisher.publication

    @contextmanager
    def told(self: Publisher) -> Iterator[None]:
        with usual(self):
            yield
        note(self)

    Publisher.publication = told  # type: ignore[method-assign]
    try:
        yield
    finally:
        Publisher.publication = usual  # type: ignore[method-assign]


def held(reader: LocalReader) -> dict[str, str]:
    """Return the text of each source, as a reader gives it."""
    return {source: reader.document(document_id).text for source, document_id in reader.sources().items()}


def questions(texts: Texts, n: int = 3) -> list[str]:
    """Return some lines of the texts: each is its own best passage."""
    return [text.splitlines()[0] for _, text in sorted(texts.items())[:n]]


def answers(reader: LocalReader, asked: Sequence[str], k: int = 5) -> str:
    """Return everything that the searches for some questions say, as text that can be compared."""
    found = []
    for question in asked:
        dense = reader.dense(EMBEDDER.embed_question(question), k)
        lexical = reader.lexical(question, k)
        hits = reader.hits([(chunk_id, score, {}) for chunk_id, score in (*dense, *lexical)])
        found.append([[hit.source, hit.chunk.start, hit.chunk.text, round(hit.score, 4)] for hit in hits])
    return json.dumps(found)


def violations_of(path: Path, allowed: Mapping[int, Texts]) -> tuple[int, list[str]]:
    """Open an index as a reader does, without any repair, and check all of it; return its generation and its faults.

    :param allowed: what it may hold, by generation; generation 0 means that there is no index yet.
    """
    try:
        # nobody is about to seal
        with patch.object(seal, "PATIENCE", 0.0), LocalReader(path, {}) as reader:
            expected = allowed.get(reader.generation)
            if expected is None:
                return reader.generation, [f"generation {reader.generation}; allowed: {sorted(allowed)}"]
            wrong = [] if held(reader) == expected else [f"generation {reader.generation} does not hold its texts"]
            wrong += [what for source in sorted(expected)[:3] for what in _not_found(reader, source)]
            wrong += _wrong_vectors(reader)
    except NothingUsableError:
        return 0, [] if 0 in allowed else ["there is no index"]
    except RagqaError as error:
        return 0, [f"cannot be read: {error}"]
    return reader.generation, wrong + [f"{fault.file}: {fault.what}" for fault in doctor.check(path).faults]


def _not_found(reader: LocalReader, source: str) -> list[str]:
    """Return which search does not find the first chunk of a document by its own text."""
    chunk = reader.chunks(reader.sources()[source])[0]
    text, found = chunk.indexed_text, {"lexical": reader.lexical(chunk.indexed_text, 10_000)}
    if not reader.missing([chunk]):
        found["dense"] = reader.dense(EMBEDDER.embed_question(text), 1)
    hits = {how: reader.hits([(chunk_id, score, {}) for chunk_id, score in pairs]) for how, pairs in found.items()}
    return [f"{how} search does not find {text!r}" for how in hits if text not in {h.chunk.text for h in hits[how]}]


def _wrong_vectors(reader: LocalReader) -> list[str]:
    """Compare the vectors of all chunks with those of the embedder, and the pending ones with what the reader says."""
    chunks = [chunk for id_ in sorted(set(reader.sources().values())) for chunk in reader.chunks(id_)]
    rows = reader.vectors([chunk.id for chunk in chunks])
    absent = [bool(np.isnan(row).any()) for row in rows]
    there = [chunk.indexed_text for chunk, lacks in zip(chunks, absent, strict=True) if not lacks]
    pending = {chunk.indexed_text for chunk, lacks in zip(chunks, absent, strict=True) if lacks}
    wrong = (
        []
        if np.allclose(rows[np.logical_not(absent)], EMBEDDER.embed_passages(there), atol=1e-5)
        else ["vectors of other texts"]
    )
    if set(reader.missing(chunks)) != pending or reader.coverage() != Coverage(
        len(set(there)), len({*there, *pending})
    ):
        wrong.append(f"{len(pending)} texts have no vector, and the reader says {reader.coverage()}")
    if len(reader.dense(EMBEDDER.embed_question("ferry"), len(chunks) + 1)) != len(there):
        wrong.append("dense search does not find every chunk that has a vector")
    return wrong


def received(receiver: Connection) -> Iterator[Any]:
    """Yield the received messages until every sender has ended."""
    try:
        while True:
            yield receiver.recv()
    except EOFError:
        return
