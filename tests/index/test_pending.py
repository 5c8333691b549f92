"""Texts without a vector in the local index: segments, compaction, search structures and repair."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from ragqa.index import doctor, upkeep
from ragqa.index.reader import LocalReader
from ragqa.index.writer import LocalWriter
from ragqa.records import Coverage
from ragqa.stages import CANARIES, Entry
from ragqa.testing.documents import DIM, IDENTITY, commit, embed_pending, entry, publish, vector, vectors

QUESTION = "line 7 of the ferry"


class Embedder:
    """The embedder of these indexes, as a repair asks for it."""

    dim, identity, recorded = DIM, {"weights": IDENTITY["weights"]}, {"engine": "words"}

    def __init__(self) -> None:
        self.embedded: list[str] = []

    def load(self) -> None: ...

    def count(self, text: str) -> int:
        return len(text.split())

    def offsets(self, text: str) -> list[tuple[int, int]]:
        return []

    def embed_passages(self, texts: object) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        assert isinstance(texts, list | tuple)
        self.embedded += [text for text in texts if text not in CANARIES]
        return vectors(texts)

    def embed_question(self, question: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return vector(question)


def lines(name: str, n: int) -> Entry:
    return entry(f"{name}.txt", "\n".join(f"The {name} of line {i} and the ferry." for i in range(n)))


def segments(path: Path) -> list[tuple[int, bool]]:
    """Return the number of rows of each segment, and whether it has a file."""
    with closing(sqlite3.connect(path / "ragqa.db")) as db:
        return [(n, bool(name)) for n, name in db.execute("SELECT n, sha256 FROM segment ORDER BY first_row")]


def test_vectors_cut_their_rows_out_of_what_is_pending(tmp_path: Path) -> None:
    path = tmp_path / "index"
    with LocalWriter(path, IDENTITY) as writer:
        publish(writer, [lines("quay", 6), lines("buoy", 4)])
        assert segments(path) == [(10, False)]
        texts = writer.pending(10)
        writer.commit([], {text: vector(text) for text in (texts[7], texts[2], texts[3])}, {})
        assert segments(path) == [(2, False), (2, True), (3, False), (1, True), (2, False)]
        embed_pending(writer, 3)
        assert segments(path) == [(2, True), (2, True), (1, True), (2, False), (1, True), (2, False)]
    assert doctor.check(path).faults == () and doctor.check(path).segments == 4
    assert (doctor.check(path).vectors, doctor.check(path).pending) == (6, 4)


def test_many_small_segments_are_joined_around_what_is_pending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "MOST_SEGMENTS", 3)
    path = tmp_path / "index"
    with LocalWriter(path, IDENTITY) as writer:
        publish(writer, [lines("quay", 8)])
        for _ in range(5):
            embed_pending(writer, 1)
        writer.maintain()
    assert segments(path) == [(5, True), (3, False)]
    with LocalReader(path, IDENTITY) as reader:
        assert reader.coverage() == Coverage(5, 8) and len(reader.dense(vector(QUESTION), 9)) == 5
        assert len(reader.lexical("ferry", 9)) == 8
    assert doctor.check(path).faults == ()


def test_dead_texts_without_a_vector_go_when_nothing_is_pending(tmp_path: Path) -> None:
    path = tmp_path / "index"
    with LocalWriter(path, IDENTITY) as writer:
        publish(writer, [lines("quay", 3), lines("buoy", 3), lines("rope", 3)])
        publish(writer, [], ["buoy.txt"])
        writer.maintain()
        assert writer.coverage() == Coverage(0, 6) and sum(n for n, _ in segments(path)) == 9, "more is pending"
        embed_pending(writer, 9)
        assert writer.maintain().dropped_vectors == 3
    assert segments(path) == [(6, True)] and doctor.check(path).vectors == 6


def test_no_structure_is_built_while_texts_are_pending(tmp_path: Path) -> None:
    path = tmp_path / "index"
    with LocalWriter(path, IDENTITY, search="hnsw") as writer:
        commit(writer, [lines("quay", 60)])
        assert writer.maintain().search == "hnsw"
        publish(writer, [lines("buoy", 60)])
        embed_pending(writer, 20)
        assert writer.maintain().search == "hnsw", "the old one is kept, and what is newer is searched exactly"
        with LocalReader(path, IDENTITY) as reader:
            assert reader.snapshot.store.ann is not None and reader.snapshot.store.ann.n == 60
            assert len({id_ for id_, _ in reader.dense(vector(QUESTION), 200)}) == 80
        embed_pending(writer, 40)
        writer.maintain()
    with LocalReader(path, IDENTITY) as reader:
        assert reader.snapshot.store.ann is not None and reader.snapshot.store.ann.n == 120


def test_a_damaged_segment_is_embedded_again_and_what_is_pending_stays_so(tmp_path: Path) -> None:
    path = tmp_path / "index"
    with LocalWriter(path, IDENTITY) as writer:
        publish(writer, [lines("quay", 9)])
        embed_pending(writer, 3)
        embed_pending(writer, 2)
    damaged = min(path.glob("seg/*.f32"), key=lambda file: file.stat().st_size)
    damaged.write_bytes(bytes(len(damaged.read_bytes())))
    found, embedder = doctor.check(path), Embedder()
    assert [fault.remedy for fault in found.faults] == ["embed"]
    assert doctor.repair(path, found, lambda recorded: embedder) == 2 == len(embedder.embedded)
    again = doctor.check(path)
    assert (again.faults, again.vectors, again.pending) == ((), 5, 4)
    with LocalReader(path, IDENTITY) as reader:
        assert len(reader.dense(vector(QUESTION), 9)) == 5


def test_a_database_that_is_made_anew_keeps_what_is_pending(tmp_path: Path) -> None:
    path = tmp_path / "index"
    with LocalWriter(path, IDENTITY) as writer:
        publish(writer, [lines("quay", 5)])
        embed_pending(writer, 2)
    with closing(sqlite3.connect(path / "ragqa.db")) as db, db:
        db.execute("DELETE FROM posting WHERE term = 'ferri'")
    assert "rewrite" in {fault.remedy for fault in doctor.check(path).faults}
    assert doctor.repair(path, doctor.check(path), lambda recorded: Embedder()) == 0
    with LocalReader(path, IDENTITY) as reader:
        assert reader.coverage() == Coverage(2, 5) and len(reader.lexical("ferry", 9)) == 5
    with LocalWriter(path, IDENTITY) as writer:
        embed_pending(writer, 9)
    assert doctor.check(path).faults == ()
