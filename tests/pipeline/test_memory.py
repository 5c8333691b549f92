"""Documents in memory instead of files: their loader, and a pipeline that is put over them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragqa import Pipeline
from ragqa.errors import RejectedError, UsageError
from ragqa.load import MemoryLoader, text_document
from ragqa.records import Document
from ragqa.stages import Loader, System
from tests.fakes import ECHO, PIPELINE, WORDS, document

DOCUMENTS = (
    text_document("b", "The heron eats fish at dawn."),
    text_document("a/000", "The ferry leaves at noon.", "Tides"),
    text_document("a/001", "The ferry leaves at noon.", "Tides"),
)


@pytest.fixture
def pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    monkeypatch.setenv("RAGQA_CACHE", str(tmp_path / "cache"))
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "own.txt").write_text("The quay is made of granite.\n", encoding="utf-8")
    (tmp_path / "documents" / "own.md").write_text("# Quay\n\nThe quay is old.\n", encoding="utf-8")
    (tmp_path / "pipeline.yaml").write_text(PIPELINE, encoding="utf-8")
    return Pipeline.from_file(tmp_path / "pipeline.yaml", kinds=[WORDS, ECHO])


def test_documents_in_memory_are_scanned_by_source_and_read_as_they_are() -> None:
    loader: Loader = MemoryLoader(DOCUMENTS)
    scan = loader.scan()
    assert [(file.source, file.size) for file in scan.files] == [("a/000", 25), ("a/001", 25), ("b", 28)]
    assert [loader.read(file) for file in scan.files] == [DOCUMENTS[1], DOCUMENTS[2], DOCUMENTS[0]]
    assert all(loader.extractor(file.media_type) == loader.read(file).extractor for file in scan.files)
    assert MemoryLoader([]).scan().files == ()


def test_equal_texts_stay_apart_and_a_title_is_part_of_what_a_document_is() -> None:
    assert len({one.id for one in DOCUMENTS}) == 3
    assert text_document("b", "x", "t").id != text_document("b", "x", "u").id
    assert text_document("b", "x").id == text_document("b", "x").id


def test_any_document_is_read_under_the_id_that_its_bytes_and_type_give() -> None:
    other = document("A note.", "note.txt")
    loader = MemoryLoader([other])
    (file,) = loader.scan().files
    assert loader.read(file).id == file.document_id
    assert (loader.read(file).text, loader.read(file).path) == ("A note.", "/x/note.txt")


def test_a_source_that_stands_for_two_a_blank_text_and_half_a_pair_are_refused() -> None:
    with pytest.raises(UsageError, match="2 documents have the source 'b'"):
        MemoryLoader([*DOCUMENTS, text_document("b", "other")])
    loader = MemoryLoader([text_document("blank", " \n")])
    with pytest.raises(RejectedError, match="only white space"):
        loader.read(loader.scan().files[0])
    with pytest.raises(UsageError, match=r"document 'x': holds '\\ud800'"):
        text_document("x", "a\ud800b")


def test_a_pipeline_over_documents_finds_and_cites_them_and_leaves_its_own_index_alone(pipeline: Pipeline) -> None:
    pipeline.index()
    system: System = pipeline.with_documents(DOCUMENTS)
    assert isinstance(system, Pipeline)
    assert system.index().count("indexed") == 3
    assert {hit.source for hit in system.search("When does the ferry leave?", 2)} == {"a/000", "a/001"}
    assert [(hit.source, hit.path) for hit in system.search("What does the heron eat?", 1)] == [("b", "b")]
    assert system.ask("What does the heron eat?").citations[0].source == "b"
    assert pipeline.search("What is the quay made of?")[0].source == "own.txt"
    assert system.changes().is_empty
    assert system.check().problems == ()
    assert system.config.resolved()["load"] == {"kind": "memory"}


def test_the_index_of_documents_is_found_again_in_the_cache_and_belongs_to_them_and_the_parts(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    def place(pipe: Pipeline, documents: tuple[Document, ...] = DOCUMENTS) -> Path:
        return Path(pipe.with_documents(documents).components.index.location)

    pipeline.with_documents(DOCUMENTS).index()
    again = pipeline.with_documents(DOCUMENTS[::-1])
    assert (again.index().count("unchanged"), again.has_index()) == (3, True)
    assert place(pipeline).parent == tmp_path / "cache" / "datasets"
    others = [
        Pipeline.from_file(tmp_path / "pipeline.yaml", [override], [WORDS, ECHO])
        for override in ("embed.weights=other", "split.chunk_size=30")
    ]
    places = {place(pipeline), place(pipeline, DOCUMENTS[:2]), *map(place, others)}
    assert len(places) == 4


def test_parts_that_are_built_are_shared_with_the_pipeline_over_other_documents(pipeline: Pipeline) -> None:
    generator, embedder = pipeline.components.generator, pipeline.components.embedder
    other = pipeline.with_documents(DOCUMENTS)
    assert other.components.generator is generator and other.components.embedder is embedder
    assert isinstance(other.components.loader, MemoryLoader) and not isinstance(
        pipeline.components.loader, MemoryLoader
    )


def test_a_pipeline_over_no_documents_says_so(pipeline: Pipeline) -> None:
    from ragqa.errors import NothingUsableError

    with pytest.raises(NothingUsableError, match="no documents found under memory"):
        pipeline.with_documents([]).index()


def test_a_pipeline_over_another_folder_reads_what_is_included(pipeline: Pipeline, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "heron.txt").write_text("The heron eats fish.", encoding="utf-8")
    (other / "heron.md").write_text("The heron sleeps.", encoding="utf-8")
    pipeline.index()
    moved = pipeline.with_folder(other, ["*.txt"])
    assert moved.index().count("indexed") == 1
    (hit,) = moved.search("heron", 5)
    assert (hit.source, Path(hit.path)) == ("heron.txt", other / "heron.txt")
    assert Path(moved.components.index.location).parent == tmp_path / "cache" / "datasets"
    assert pipeline.with_folder(other, ["*.txt"]).has_index()
    assert not pipeline.with_folder(other).has_index()
    assert {hit.source for hit in pipeline.search("heron", 5)} == {"own.txt", "own.md"}
