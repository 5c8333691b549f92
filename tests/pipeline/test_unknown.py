"""Words that the embedder does not know: told at `index` and by `doctor`, found by words, and near to nothing."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from ragqa import Pipeline
from ragqa.config.retrieval import DenseRetrieve, HybridRetrieve
from ragqa.config.specs import RecursiveSplit
from ragqa.errors import ModelError
from ragqa.index import doctor
from ragqa.index.identity import refuse_drift
from ragqa.load import FolderLoader
from ragqa.pipeline.ingest.survey import survey
from ragqa.retrieve.retriever import FusionRetriever
from ragqa.split import RecursiveSplitter
from tests.fakes import ECHO, WORDS, Vectors, WordEmbedder, write_project


class AsciiEmbedder(WordEmbedder):
    """Knows words of ASCII letters alone."""

    def unknown_share(self, text: str) -> float:
        letters = [character for character in text if character.isalpha()]
        return sum(not letter.isascii() for letter in letters) / max(1, len(letters))

    def _vector(self, text: str) -> Vectors:
        return np.zeros(self.dim, dtype=np.float32) if self.unknown_share(text) == 1 else super()._vector(text)


THAI = {
    "library.txt": "ห้องสมุด หยุดวันจันทร์",
    "harbour.txt": "ท่าเรือ เปิดทุกวัน",
    "mixed.txt": "The library: ห้องสมุด is closed.",
}


@pytest.fixture
def project(tmp_path: Path) -> Pipeline:
    write_project(tmp_path, ["ferry"])
    for name, text in THAI.items():
        (tmp_path / "documents" / name).write_text(text, encoding="utf-8")
    pipeline = Pipeline.from_file(tmp_path / "pipeline.yaml", kinds=[WORDS, ECHO])
    pipeline.components.replace(embedder=AsciiEmbedder())
    return pipeline


def test_files_with_unknown_words_are_told_once_with_their_shares(
    project: Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert project.index().count("indexed") == 4
    (message,) = caplog.messages
    assert "3 files" in message and "harbour.txt: 100%, library.txt: 100%, mixed.txt: 2" in message
    assert "ferry.txt" not in message and "embed.model" in message
    caplog.clear()
    project.index()
    assert caplog.messages == [], "nothing is read again"


def test_doctor_tells_the_share_of_each_file_of_a_folder(project: Pipeline, tmp_path: Path) -> None:
    counter = AsciiEmbedder()
    splitter = RecursiveSplitter(RecursiveSplit(kind="recursive", chunk_size=40, overlap=0, unit="token"), counter)
    loader = FolderLoader([tmp_path / "documents"])
    found = survey(loader, splitter, counter, None).findings
    loader.close()
    told = {finding.source: finding.what for finding in found if finding.kind == "unknown_words"}
    assert sorted(told) == sorted(THAI) and told["library.txt"].startswith("100% of its letters")


def test_a_question_of_unknown_words_is_answered_by_words_alone(project: Pipeline) -> None:
    project.index()
    (hit,) = project.search("ห้องสมุด หยุดวันจันทร์ที่ไหน", 1)
    assert hit.source == "library.txt" and hit.scores["dense"] == 0 and hit.scores["lexical"] > 0
    assert project.search("ไก่", 9) == []


def test_texts_of_unknown_words_are_near_to_no_question(project: Pipeline) -> None:
    project.index()
    for spec in (DenseRetrieve(kind="dense"), HybridRetrieve(kind="hybrid")):
        with project.open_index() as reader:
            hits = FusionRetriever(spec, AsciiEmbedder()).retrieve("the master of the ferry", reader)
        assert {hit.source for hit in hits} == {"ferry.txt", "mixed.txt"}


def test_an_index_with_such_texts_is_sound(project: Pipeline, tmp_path: Path) -> None:
    project.index()
    assert doctor.check(tmp_path / "index").faults == ()


def test_canaries_of_unknown_words_tell_no_drift() -> None:
    stored = np.eye(3, dtype=np.float32)
    refuse_drift("index", stored, stored * np.array([[1], [0], [1]], dtype=np.float32))
    for current in (stored * 0, stored[::-1] * np.array([[1], [0], [0]], dtype=np.float32)):
        with pytest.raises(ModelError, match="canaries"):
            refuse_drift("index", stored, current)
