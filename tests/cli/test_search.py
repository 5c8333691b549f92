"""Search structures: found again what an exact search finds, filters exact, dead vectors never found, derived only."""

from __future__ import annotations

import hashlib
import logging
import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Literal

import faiss
import numpy as np
import pytest
from numpy.typing import NDArray

from ragqa.index import doctor, durable
from ragqa.index.reader import LocalReader
from ragqa.index.search import HNSW_FROM, IVF_FROM, TARGET_RECALL, AnnRow, VectorStore, load, resolve
from ragqa.index.writer import LocalWriter
from ragqa.records import Chunk
from ragqa.stages import CANARIES, Entry
from tests.fakes import document

Vectors = NDArray[np.float32]
DIM, CHUNKS = 24, 10
IDENTITY = {"weights": "random", "dim": str(DIM), "splitter": "s"}
KINDS = ("hnsw", "ivf_sq8")


@cache
def vector(text: str) -> Vectors:
    """Return a unit vector near one of 40 centres: neighbours exist, as among real texts."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    centre = np.random.default_rng(seed % 40).standard_normal(DIM)
    mixed = centre + 0.6 * np.random.default_rng(seed).standard_normal(DIM)
    unit: Vectors = (mixed / np.linalg.norm(mixed)).astype(np.float32)
    return unit


def add(writer: LocalWriter, first: int, count: int) -> None:
    entries = []
    for number in range(first, first + count):
        text = "\n".join(f"{number} {i}" for i in range(CHUNKS))
        doc = document(text, f"{number}.txt", metadata={"tenth": number % 10})
        starts = [text.index(f"{number} {i}") for i in range(CHUNKS)]
        spans = [(start, start + len(f"{number} 0")) for start in starts]
        chunks = [Chunk(f"{number:05}-{i}", doc.id, *span, text[slice(*span)]) for i, span in enumerate(spans)]
        entries.append(Entry(doc, chunks))
    texts = writer.missing([chunk for entry in entries for chunk in entry.chunks])
    writer.check_embedder(np.array([vector(text) for text in CANARIES]))
    sources: dict[str, str | None] = {entry.document.source: entry.document.id for entry in entries}
    writer.commit(entries, {text: vector(text) for text in texts}, sources)


@pytest.fixture(scope="module", params=KINDS)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an index of 3,000 vectors with a structure, 150 newer ones beside it, and 300 dead ones in it."""
    path = tmp_path_factory.mktemp("index")
    with LocalWriter(path, IDENTITY, search=request.param) as writer:
        add(writer, 0, 300)
        done = writer.maintain()
        assert done.search == request.param
        assert done.recall is not None and TARGET_RECALL <= done.recall <= 1
        assert writer.db.execute("SELECT kind, n, recall FROM ann").fetchall() == [(request.param, 3000, done.recall)]
        add(writer, 300, 15)
        writer.commit([], {}, {f"{number}.txt": None for number in range(30)})
        assert writer.maintain() == done
        assert writer.db.execute("SELECT n FROM ann").fetchall() == [(3000,)]
    return path


def exact(reader: LocalReader, question: Vectors, k: int, where: dict[str, int] | None = None) -> list[str]:
    numbers = [n for n in range(30, 315) if where is None or n % 10 == where["tenth"]]
    ids = [f"{number:05}-{i}" for number in numbers for i in range(CHUNKS)]
    scores = np.array([vector(f"{int(id[:5])} {id[6:]}") for id in ids]) @ question
    return [ids[i] for i in np.lexsort((np.array(ids), -scores.round(5)))[:k]]


def test_most_of_what_an_exact_search_finds_is_found_and_nothing_dead(built: Path) -> None:
    found = 0
    with LocalReader(built, {}) as reader:
        for number in range(50):
            question = vector(f"question {number}")
            ids = [chunk_id for chunk_id, _ in reader.dense(question, 10)]
            assert len(ids) == 10 and min(ids) >= "00030"
            found += len(set(ids) & set(exact(reader, question, 10)))
    assert found / 500 >= TARGET_RECALL - 0.02


def test_scores_are_exact_inner_products_best_first(built: Path) -> None:
    question = vector("question")
    with LocalReader(built, {}) as reader:
        found = reader.dense(question, 10)
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
    for chunk_id, score in found:
        assert score == pytest.approx(float(vector(f"{int(chunk_id[:5])} {chunk_id[6:]}") @ question), abs=1e-6)


def test_what_came_after_the_structure_is_found_beside_it(built: Path) -> None:
    with LocalReader(built, {}) as reader:
        for number in range(300, 315):
            assert reader.dense(vector(f"{number} 3"), 1)[0][0] == f"{number:05}-3"


def test_a_filter_is_exact_with_every_structure(built: Path) -> None:
    with LocalReader(built, {}, where={"tenth": 7}) as reader:
        for number in range(20):
            question = vector(f"question {number}")
            ids = [chunk_id for chunk_id, _ in reader.dense(question, 25)]
            assert ids == exact(reader, question, 25, {"tenth": 7})
        assert len(reader.dense(vector("all"), 10_000)) == len(reader) == 280


def test_without_its_file_a_structure_is_warned_of_and_answers_are_exact(
    built: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "index"
    shutil.copytree(built, path)
    next(path.glob("seg/*.ann")).unlink()
    question = vector("question")
    with caplog.at_level(logging.WARNING), LocalReader(path, {}) as reader:
        assert [chunk_id for chunk_id, _ in reader.dense(question, 10)] == exact(reader, question, 10)
    assert "is missing: searching exactly, which is slower; run `ragqa doctor FILE --repair`" in caplog.text
    assert [fault.remedy for fault in doctor.check(path).faults] == ["rebuild"]


@pytest.mark.parametrize(
    ("n", "kind"),
    [(0, "flat"), (HNSW_FROM - 1, "flat"), (HNSW_FROM, "hnsw"), (IVF_FROM - 1, "hnsw"), (IVF_FROM, "ivf_sq8")],
)
def test_auto_goes_by_the_number_of_vectors(n: int, kind: str) -> None:
    assert resolve("auto", n) == kind
    assert resolve("hnsw", n) == "hnsw"


def test_compaction_drops_the_dead_and_keeps_the_structure_where_nothing_is_dead(tmp_path: Path) -> None:
    with LocalWriter(tmp_path, IDENTITY, search="hnsw") as writer:
        for step in range(34):
            add(writer, 4 * step, 4)
        writer.maintain()
        structure_file = writer.db.execute("SELECT sha256 FROM ann").fetchone()
        for number in range(136, 136 + 33):
            add(writer, number, 1)
        assert writer.count("segment") == 34
        assert writer.maintain().dropped_vectors == 0
        assert writer.count("segment") == 1
        assert writer.db.execute("SELECT sha256 FROM ann").fetchone() == structure_file
        writer.commit([], {}, {f"{number}.txt": None for number in range(40)})
        dropped = writer.maintain().dropped_vectors
        assert (dropped, writer.count("segment"), writer.count("vector")) == (400, 1, 1290)
        assert writer.db.execute("SELECT n FROM ann").fetchall() == [(1290,)]
    with LocalReader(tmp_path, {}) as reader:
        assert reader.dense(vector("136 3"), 1)[0][0] == "00136-3"
    assert len(list((tmp_path / "seg").iterdir())) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_questions_that_are_near_to_no_stored_vector_find_their_share_too(kind: Literal["hnsw", "ivf_sq8"]) -> None:
    random = np.random.default_rng(0)
    rows = np.repeat(random.standard_normal((100, 96)), 100, axis=0) + 1.5 * random.standard_normal((10_000, 96))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    store, alive = VectorStore([rows], 96), np.ones(len(rows), dtype=np.bool_)
    approximate = VectorStore([rows], 96, store.build(kind, alive))
    found = 0
    for question in random.standard_normal((100, 96), dtype=np.float32):
        right, mine = (
            {position for position, _ in where.nearest(question, 10, alive, exact=False)[:10]}
            for where in (store, approximate)
        )
        found += len(right & mine)
    assert found / 1000 >= TARGET_RECALL - 0.02


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("recipe", "dim", "n"),
    [
        ("HNSW32,SQ8", 16, 500),
        ("IVF4,SQ8", 16, 500),
        ("HNSW32,SQ8", DIM, 900),
        ("IVF4,SQ8", DIM, 900),
        ("Flat", DIM, 500),
    ],
)
def test_a_structure_that_does_not_fit_is_left_out_with_a_warning(
    kind: Literal["hnsw", "ivf_sq8"],
    recipe: str,
    dim: int,
    n: int,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is whole by its hash, but was made for other vectors, or by another program."""
    index = faiss.index_factory(dim, recipe, faiss.METRIC_INNER_PRODUCT)
    rows = np.random.default_rng(0).standard_normal((n, dim)).astype(np.float32)
    index.train(rows)
    index.add(rows)
    name = durable.write_hashed(tmp_path, ".ann", [faiss.serialize_index(index).tobytes()])
    assert load(tmp_path, AnnRow(kind, name, 16, 1.0), dim=DIM, n=800) is None
    assert "searching exactly" in caplog.text


def test_what_is_no_structure_at_all_is_left_out_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    name = durable.write_hashed(tmp_path, ".ann", [b"IxXX" + b"\xff" * 500])
    assert load(tmp_path, AnnRow("hnsw", name, 16, 1.0), dim=DIM, n=800) is None
    assert "searching exactly" in caplog.text


def test_a_structure_that_fails_while_it_searches_gives_way_to_the_exact_search(
    built: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with LocalReader(built, IDENTITY) as reader:
        store = reader.snapshot.store
        assert store.ann is not None
        expected = store.nearest(vector("5 5"), 10, reader.snapshot.allowed, exact=True)
        kept, store.ann = store.ann, replace(store.ann, index=faiss.IndexFlatIP(DIM + 1))
        found = store.nearest(vector("5 5"), 10, reader.snapshot.allowed, exact=False)
        store.ann = kept
    assert found[:10] == expected[:10] and "searching exactly" in caplog.text
