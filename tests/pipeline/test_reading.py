"""Reading ahead of embedding within bounds, and how good the number of chunks is that is expected meanwhile."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ragqa import Pipeline
from ragqa.errors import RejectedError
from ragqa.pipeline.ingest import embedding, reading
from ragqa.pipeline.ingest.reading import Estimate
from ragqa.records import Chunk, Document, Scan, SourceFile
from tests.fakes import ECHO, PIPELINE, WORDS, WordEmbedder

PDF = "application/pdf"
TYPES = {
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": (100, 80_000, 25_000, 0.4),
    PDF: (150, 300_000, 20_000, 0.5),
    "text/csv": (60, 20_000, 250, 0.2),
    "text/html": (200, 30_000, 3_000, 0.4),
    "text/markdown": (300, 6_000, 500, 0.2),
}
"""Files, bytes of one and bytes in a chunk by type, and how far the latter vary (standard deviation of its logarithm)."""


def a_file(number: int, media_type: str, size: int) -> SourceFile:
    sha256 = hashlib.sha256(f"{number} {media_type}".encode()).hexdigest()
    return SourceFile(f"{media_type}/{number:03}", "/x", sha256, size, media_type)


class Folder:
    """A `Loader` of files that are not there, a folder for each type; a file has as many lines as it makes chunks."""

    def __init__(self, seed: int) -> None:
        drawn = random.Random(seed)
        self.lines: dict[str, int] = {}
        files = []
        for media_type, (n, size, of_a_chunk, spread) in TYPES.items():
            for number in range(n):
                file = a_file(number, media_type, int(size * drawn.lognormvariate(0, 0.7)))
                self.lines[file.sha256] = max(1, int(file.size / of_a_chunk / drawn.lognormvariate(0, spread)))
                files.append(file)
        self._files = tuple(files)
        self._left = len(files)
        self.all_read = threading.Event()
        self.progress = threading.Condition()
        self.lines_read = 0

    def scan(self) -> Scan:
        return Scan(self._files, ())

    def read(self, file: SourceFile) -> Document:
        self._left -= 1
        if not self._left:
            self.all_read.set()
        with self.progress:
            self.lines_read += self.lines[file.sha256]
            self.progress.notify_all()
        text = "".join(f"{file.source} {line}\n" for line in range(self.lines[file.sha256]))
        id_, extractor = file.document_id, self.extractor(file.media_type)
        return Document(id_, file.source, file.path, file.sha256, file.media_type, None, text, "", extractor)

    def extractor(self, media_type: str) -> str:
        return "folder/1"


class Lines:
    """A `Splitter` that makes a chunk of each line."""

    fingerprint = "lines"

    def split(self, document: Document) -> list[Chunk]:
        chunks, start = [], 0
        for number, line in enumerate(document.text.splitlines(keepends=True)):
            identity = f"{document.id[:24]}{number:08}"
            chunks.append(Chunk(identity, document.id, start, start + len(line) - 1, line[:-1]))
            start += len(line)
        return chunks


class Patient(WordEmbedder):
    """Embeds nothing before all files are read."""

    def __init__(self, folder: Folder) -> None:
        super().__init__()
        self._folder = folder

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        assert self._folder.all_read.wait(30), "the other files are not read while the first are embedded"
        return super().embed_passages(texts)


def progress_of(home: Path, folder: Folder, embedder: WordEmbedder | None = None) -> list[tuple[int, int]]:
    """Return the reports of progress while a folder is indexed."""
    (home / "pipeline.yaml").write_text(PIPELINE, encoding="utf-8")
    pipe = Pipeline.from_file(home / "pipeline.yaml", kinds=[WORDS, ECHO])
    pipe.components.replace(loader=folder, splitter=Lines())
    if embedder is not None:
        pipe.components.replace(embedder=embedder)
    calls: list[tuple[int, int]] = []
    report = pipe.index(progress=lambda done, expected: calls.append((done, expected)))
    assert calls[-1] == (report.chunks, report.chunks) and report.chunks == sum(folder.lines.values())
    return calls


def test_what_is_expected_while_files_are_read_comes_near_and_is_exact_before_anything_is_embedded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding, "AHEAD_CHUNKS", 1 << 30)
    folder = Folder(0)
    calls = progress_of(tmp_path, folder)
    total = calls[-1][1]
    while_read = [expected for done, expected in calls if done == 0]
    assert len(while_read) > 100 and while_read[-1] == total
    assert max(abs(expected - total) for expected in while_read[len(while_read) // 4 :]) <= total / 4
    assert {expected for done, expected in calls if done} == {total}
    assert all(done <= expected for done, expected in calls)


def test_the_same_content_counts_once_and_is_read_once(tmp_path: Path) -> None:
    class Copies(Folder):
        def scan(self) -> Scan:
            copies = [SourceFile(f"copy/{f.source}", f.path, f.sha256, f.size, f.media_type) for f in self._files]
            return Scan((*copies, *self._files), ())

    folder = Copies(0)
    assert Estimate(folder.scan().files).chunks == Estimate(folder._files).chunks
    progress_of(tmp_path, folder, Patient(folder))
    assert folder._left == 0


def test_before_a_type_was_read_it_is_judged_by_what_is_usual_and_then_by_what_was_read() -> None:
    texts = [a_file(number, "text/plain", 6_000) for number in range(100)]
    pdfs = [a_file(number, PDF, 120_000) for number in range(100)]
    estimate = Estimate([*texts, *pdfs])
    assert estimate.chunks == pytest.approx(100 * 10 + 100 * 10, rel=0.1), "600 bytes of text a chunk"
    for file in texts[:50]:
        estimate.learn(file, 20)
    assert estimate.chunks == pytest.approx(100 * 20 + 100 * 20, rel=0.15), "chunks are smaller than was thought"
    for file in pdfs[:50]:
        estimate.learn(file, 100)
    assert estimate.chunks == pytest.approx(100 * 20 + 100 * 100, rel=0.1), "and PDFs hold more text"
    for file in texts[50:]:
        estimate.learn(file, 0)
    for file in pdfs[50:]:
        estimate.learn(file, 1)
    assert estimate.chunks == 50 * 20 + 50 * 100 + 50


def test_nothing_to_read_makes_no_chunks() -> None:
    assert Estimate([]).chunks == 0


# Reading ahead


def test_whoever_stops_reading_ahead_has_no_further_file_read() -> None:
    read: list[int] = []
    first_two, go_on = threading.Event(), threading.Event()

    def work(item: int) -> int:
        read.append(item)
        if item == 1:
            first_two.set()
            go_on.wait(30)
        return item

    results = reading.prefetch(work, range(9), lambda item: 1, budget=4)
    next(results)
    assert first_two.wait(30)
    threading.Timer(0.2, go_on.set).start()
    results.close()  # type: ignore[attr-defined]
    assert read == [0, 1]


def test_what_was_read_ahead_comes_in_order_with_its_errors() -> None:
    def work(item: int) -> int:
        if item == 3:
            raise RejectedError(str(item))
        return item * item

    results = reading.prefetch(work, range(6), lambda item: 1, budget=2)
    found = [(item, future.exception() is None) for item, future in results]
    assert found == [(0, True), (1, True), (2, True), (3, False), (4, True), (5, True)]


def test_what_waits_never_weighs_more_than_the_budget_and_one_item() -> None:
    waiting, most = 0, 0
    guard, full = threading.Lock(), threading.Event()

    def work(item: int) -> int:
        nonlocal waiting, most
        with guard:
            waiting += item
            most = max(most, waiting)
        if waiting > 450:
            full.set()
        return item

    weights = [random.Random(1).randrange(1, 100) for _ in range(300)]
    taken = []
    for item, future in reading.prefetch(work, weights, lambda item: item, budget=500):
        assert full.wait(30), "nothing is worked on in advance"
        taken.append(future.result())
        with guard:
            waiting -= item
    assert taken == weights
    assert most <= 500 + 2 * 100


def test_no_more_items_than_a_bound_are_begun_however_light_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PREFETCH_FILES", 3)
    begun: list[int] = []
    results = reading.prefetch(begun.append, range(20), lambda item: 0, budget=1)
    for number, (_, future) in enumerate(results):
        future.result()
        assert len(begun) <= number + 3
    assert begun == list(range(20))


def test_an_item_that_alone_is_over_the_budget_is_worked_on() -> None:
    assert [future.result() for _, future in reading.prefetch(str, range(5), lambda item: 10**9, budget=1)] == list(
        "01234"
    )
