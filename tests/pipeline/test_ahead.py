"""Texts are embedded while the next file is read, and what a run promises holds all the same."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ragqa import Pipeline
from ragqa.errors import RejectedError
from ragqa.pipeline.ingest import embedding
from ragqa.pipeline.ingest.refresh import IndexReport
from ragqa.records import Document, Scan, SourceFile
from ragqa.stages import CANARIES
from tests.fakes import ECHO, PIPELINE, WORDS, WordEmbedder

FILES, LINES = 12, 30
TEXTS = 180
"""The chunks of all files: two paragraphs are one."""


class SlowAtTheEnd:
    """A `Loader` that has read all files but the last, and reads that only when it may."""

    def __init__(self, loader: Any, last: str, *, fault: str = "") -> None:
        self._loader, self._last, self._fault = loader, last, fault
        self.may_go_on = threading.Event()

    def scan(self) -> Scan:
        scan: Scan = self._loader.scan()
        return scan

    def extractor(self, media_type: str) -> str:
        return str(self._loader.extractor(media_type))

    def read(self, file: SourceFile) -> Document:
        if file.source == self._last:
            assert self.may_go_on.wait(30), "nothing is embedded while a file is read"
            if self._fault:
                raise RejectedError(self._fault)
        document: Document = self._loader.read(file)
        return document


class Telling(WordEmbedder):
    """Lets the last file be read once it has embedded some passages."""

    def __init__(self, after: int, event: threading.Event) -> None:
        super().__init__()
        self._left, self._event = after, event
        self.embedded: list[str] = []

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.embedded += texts
        if len(self.embedded) >= self._left:
            self._event.set()
        return super().embed_passages(texts)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "documents").mkdir()
    for i in range(FILES):
        text = "\n\n".join(f"Note {i} of day {j} speaks of tide table {i * 100 + j} only." for j in range(LINES))
        (tmp_path / "documents" / f"note{i:02}.txt").write_text(text, encoding="utf-8")
    (tmp_path / "pipeline.yaml").write_text(PIPELINE, encoding="utf-8")
    monkeypatch.setattr(embedding, "AHEAD_CHUNKS", 10)
    return tmp_path


def opened(folder: Path) -> Pipeline:
    return Pipeline.from_file(folder / "pipeline.yaml", kinds=[WORDS, ECHO])


def last_source(folder: Path) -> str:
    """Return the file that a run reads last: files are read in the order of their hashes."""
    return max(opened(folder).components.loader.scan().files, key=lambda file: file.sha256).source


def waiting(folder: Path, after: int, *, fault: str = "") -> tuple[Pipeline, SlowAtTheEnd, Telling]:
    pipe = opened(folder)
    loader = SlowAtTheEnd(pipe.components.loader, last_source(folder), fault=fault)
    embedder = Telling(after, loader.may_go_on)
    pipe.components.replace(loader=loader, embedder=embedder)
    return pipe, loader, embedder


def content(folder: Path, report: IndexReport) -> tuple[object, ...]:
    hits = opened(folder).search("tide table 305")
    return report.chunks, report.coverage, [(hit.source, hit.chunk.text, round(hit.score, 5)) for hit in hits]


def test_texts_are_embedded_while_a_file_is_read_and_the_index_is_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding, "COMMIT_CHUNKS", 40)
    calls: list[tuple[int, int]] = []
    pipe, _, embedder = waiting(folder, 100)
    report = pipe.index(progress=lambda done, expected: calls.append((done, expected)))
    assert report.embedded == len(set(embedder.embedded) - set(CANARIES)) == TEXTS
    assert report.coverage.pending == 0 and report.count("indexed") == FILES
    assert all(done <= expected for done, expected in calls) and calls == sorted(calls, key=lambda each: each[0])
    assert calls[-1] == (TEXTS, TEXTS)
    together = content(folder, report)
    monkeypatch.setattr(embedding, "AHEAD_CHUNKS", 1 << 30)
    assert together == content(folder, opened(folder).index(rebuild=True))


def test_vectors_of_an_interrupted_reading_are_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "COMMIT_CHUNKS", 40)
    pipe, loader, _ = waiting(folder, 10_000)

    def interrupt(done: int, expected: int) -> None:
        if done >= 100:
            loader.may_go_on.set()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pipe.index(progress=interrupt)
    coverage = opened(folder).changes().coverage
    assert 80 <= coverage.vectors < TEXTS
    report = opened(folder).index()
    assert report.coverage.pending == 0 and report.embedded == TEXTS - coverage.vectors


def test_a_strict_run_embeds_nothing_before_it_knows_that_no_file_is_rejected(folder: Path) -> None:
    pipe, loader, embedder = waiting(folder, 10_000, fault="damaged")
    loader.may_go_on.set()
    with pytest.raises(RejectedError, match="strict"):
        pipe.index(strict=True)
    assert not embedder.embedded and not opened(folder).has_index()


def test_an_atomic_run_that_embeds_ahead_publishes_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "COMMIT_CHUNKS", 20)
    pipe, _, _ = waiting(folder, 100)
    report = pipe.index(atomic=True)
    assert (report.generation, report.coverage.pending, report.embedded) == (1, 0, TEXTS)


def test_a_report_has_the_seconds_of_its_parts(folder: Path) -> None:
    report = opened(folder).index()
    assert 0 < report.read_seconds <= report.seconds and 0 < report.split_seconds < report.seconds
    assert 0 < report.embed_seconds < report.seconds
