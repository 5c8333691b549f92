"""`doctor`, `gc` and `purge`: damage is reported and repaired from sound data, and erased text is in no file."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ragqa.errors import IndexCorruptError, ModelError, NothingUsableError, ResourceError, UsageError
from ragqa.index import doctor
from ragqa.index.reader import LocalReader
from ragqa.index.writer import LocalWriter
from ragqa.pipeline.ingest.maintenance import Maintenance
from tests import ROOT
from tests.commands import ragqa, share_models
from tests.fakes import WordEmbedder
from tests.torture.world import EMBEDDER, IDENTITY, answers, make_text, questions, snapshot, write

offline = pytest.mark.skipif(bool(os.environ.get("RAGQA_OFFLINE")), reason="needs the default models")
TEXTS = {f"{number}.txt": make_text(number) for number in range(6)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "index"
    for source, text in TEXTS.items():
        write(folder, {source: text})
    with LocalWriter(folder, None, search="hnsw") as writer:
        writer.maintain()
    return folder


def said(path: Path) -> str:
    with LocalReader(path, {}) as reader:
        return answers(reader, questions(TEXTS))


def flip(file: Path, at: int) -> None:
    content = bytearray(file.read_bytes())
    content[at] ^= 4
    file.write_bytes(bytes(content))


def execute(path: Path, statement: str) -> list[tuple[int]]:
    with closing(sqlite3.connect(path / "ragqa.db")) as db, db:
        return db.execute(statement).fetchall()


def repair(path: Path, embedder: WordEmbedder = EMBEDDER) -> int:
    return doctor.repair(path, doctor.check(path), lambda recorded: embedder)


def test_a_sound_index_has_no_faults_and_its_counts_are_told(path: Path) -> None:
    found = doctor.check(path)
    assert (found.faults, found.notes) == ((), ())
    assert (found.documents, found.chunks, found.vectors, found.segments) == (6, 36, 36, 6)


def test_only_the_damaged_segment_is_embedded_again(path: Path) -> None:
    before, segment = said(path), sorted(path.glob("seg/*.f32"))[2]
    flip(segment, 100)
    with pytest.raises(IndexCorruptError, match=rf"segment .*{segment.name} is damaged"):
        said(path)
    assert [(fault.file, fault.remedy) for fault in doctor.check(path).faults] == [(f"seg/{segment.name}", "embed")]
    embedder = WordEmbedder()
    assert repair(path, embedder) == 6
    assert len(embedder.embedded) == 8 + 6, "the canaries and the segment's texts"
    assert doctor.check(path).faults == ()
    assert said(path) == before


def test_a_segment_is_not_embedded_by_another_model(path: Path) -> None:
    next(path.glob("seg/*.f32")).unlink()
    other = WordEmbedder()
    other.identity = {**other.identity, "weights": "other"}
    with pytest.raises(ModelError, match="built with weights words, this pipeline has other"):
        repair(path, other)
    drifted = WordEmbedder()
    drifted.embed_passages = lambda texts: EMBEDDER.embed_passages([f"{text} drift" for text in texts])  # type: ignore[method-assign]
    with pytest.raises(ModelError, match="canaries"):
        repair(path, drifted)


@pytest.mark.parametrize("what", ["structure", "seal", "full text", "an index of the database"])
def test_what_is_derived_is_made_again_without_embedding(path: Path, what: str) -> None:
    before = said(path)
    if what == "structure":
        flip(next(path.glob("seg/*.ann")), 500)
    elif what == "seal":
        flip(path / "SEAL", 20)
    elif what == "full text":
        execute(path, "DELETE FROM posting WHERE term = (SELECT max(term) FROM posting)")
    else:
        ((page,),) = execute(path, "SELECT rootpage FROM sqlite_master WHERE name = 'chunk_vector'")
        flip(path / "ragqa.db", page * 4096 - 10)
    found = doctor.check(path)
    assert found.faults and found.repairable
    embedder = WordEmbedder()
    assert repair(path, embedder) == 0
    assert embedder.embedded == []
    assert doctor.check(path).faults == ()
    assert said(path) == before


def test_lost_rows_are_named_and_nothing_is_changed(path: Path) -> None:
    execute(path, "UPDATE chunk SET text = 'forged' WHERE row = 3")
    content = (path / "ragqa.db").read_bytes()
    found = doctor.check(path)
    assert not found.repairable and "not those that were committed" in found.faults[0].what
    with pytest.raises(IndexCorruptError, match=r"ragqa\.db cannot be repaired .*--rebuild"):
        repair(path)
    with pytest.raises(IndexCorruptError, match=r"ragqa\.db does not match its seal"):
        said(path)
    assert (path / "ragqa.db").read_bytes() == content


def test_a_database_that_is_gone_is_no_empty_index(path: Path) -> None:
    (path / "ragqa.db").unlink()
    for act in (said, doctor.check, lambda path: write(path, {"new.txt": make_text(9)})):
        with pytest.raises(IndexCorruptError, match=r"ragqa\.db is missing: restore a copy"):
            act(path)
    with LocalWriter(path, IDENTITY, rebuild=True) as writer:
        assert writer.sources() == {}


def test_orphans_and_a_missing_seal_are_notes_and_no_faults(path: Path) -> None:
    stray = f"seg/{'0' * 64}.f32"
    (path / stray).write_bytes(b"x")
    (path / "SEAL").unlink()
    found = doctor.check(path)
    assert found.faults == ()
    assert [note.split(":")[0] for note in found.notes] == ["generation 7 is not sealed", stray]
    assert Maintenance(path).collect().files == (stray,)
    assert doctor.check(path).notes == ()


def test_files_that_are_not_of_the_index_are_named_and_left_alone(path: Path) -> None:
    others = ["seg/notes.txt", "seg/0123.f32", ".draft.tmp", "thesis.txt"]
    for name in others:
        (path / name).write_bytes(b"mine")
    found = doctor.check(path)
    assert found.faults == ()
    assert sorted(note.split(":")[0] for note in found.notes) == sorted(others)
    assert Maintenance(path).collect().files == ()
    assert all((path / name).read_bytes() == b"mine" for name in others)


def test_gc_drops_what_no_chunk_needs_and_embeds_nothing(path: Path) -> None:
    write(path, {}, ["0.txt", "1.txt"])
    before = said(path)
    done = Maintenance(path).collect()
    assert (done.vectors, done.bytes_freed > 0) == (12, True)
    found = doctor.check(path)
    assert (found.vectors, found.segments, found.faults) == (24, 1, ())
    assert list(path.glob("seg/*.ann")), "the structure is made again"
    assert said(path) == before


def test_an_erased_document_is_in_no_file_and_all_its_names_are_gone(path: Path) -> None:
    write(path, {"copy.txt": TEXTS["0.txt"]})
    line = TEXTS["0.txt"].splitlines()[0]
    assert any(line.encode() in file.read_bytes() for file in path.rglob("*") if file.is_file())
    assert Maintenance(path).purge(["0.txt"]) == ["0.txt", "copy.txt"]
    words = {word for word in line.split() if word.isdigit() and len(word) > 2}
    for file in path.rglob("*"):
        assert not file.is_file() or not any(each.encode() in file.read_bytes() for each in (line, *words))
    ((_, texts),) = snapshot(path).items()
    assert texts == {source: text for source, text in TEXTS.items() if source != "0.txt"}
    assert doctor.check(path).faults == ()


def test_nothing_is_erased_where_a_source_is_not_known(path: Path) -> None:
    with pytest.raises(UsageError, match=r"'none\.txt' is not a source of .*as `ragqa search` prints it"):
        Maintenance(path).purge(["0.txt", "none.txt"])
    assert len(next(iter(snapshot(path).values()))) == 6


def test_a_reader_that_holds_old_bytes_is_told_of(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ragqa.index import upkeep

    monkeypatch.setattr(upkeep, "READERS_SECONDS", 0.1)
    with LocalReader(path, {}) as reader:
        reader.sources()
        with pytest.raises(ResourceError, match="old bytes are still held by a reader"):
            Maintenance(path).purge(["0.txt"])
    Maintenance(path).collect()
    assert not any(TEXTS["0.txt"][:20].encode() in file.read_bytes() for file in path.rglob("*") if file.is_file())


def test_where_there_is_no_index_nothing_is_made(tmp_path: Path) -> None:
    for act in (Maintenance(tmp_path).check, Maintenance(tmp_path).collect, lambda: Maintenance(tmp_path).purge(["a"])):
        with pytest.raises(NothingUsableError, match="no index at"):
            act()
    assert list(tmp_path.iterdir()) == []


def test_the_command_line_tells_an_index_from_a_folder_and_exits_5_on_damage(
    path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.mktemp("place")
    sound = ragqa("doctor", str(path), "--json", cwd=place)
    assert (sound.code, json.loads(sound.out)["faults"]) == (0, [])
    flip(next(path.glob("seg/*.f32")), 0)
    damaged = ragqa("doctor", str(path), cwd=place)
    assert damaged.code == 5
    assert damaged.err.count("\n") == 1 and "seg/" in damaged.err and "--repair" in damaged.err
    own = ragqa("doctor", str(path), "--repair", cwd=place)
    assert (own.code, "embedder of your own" in own.err) == (8, True)
    assert ragqa("doctor", str(path / "none"), cwd=place).code == 2
    assert ragqa("doctor", str(path.parent), "--repair", cwd=place).code == 2


@offline
def test_an_index_alone_is_repaired_with_the_model_that_it_recorded(tmp_path: Path) -> None:
    share_models(tmp_path)
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "a.txt").write_text("The ferry leaves at noon.", encoding="utf-8")
    shutil.copy(ROOT / "pipelines" / "quickstart.yaml", tmp_path / "pipeline.yaml")
    place = ("--set", f"load.path={tmp_path / 'documents'}", "--set", f"index.path={tmp_path / 'index'}")
    assert ragqa("index", str(tmp_path / "pipeline.yaml"), *place, cwd=tmp_path).code == 0
    flip(next((tmp_path / "index").glob("seg/*.f32")), 7)
    done = ragqa("doctor", str(tmp_path / "index"), "--repair", "--json", cwd=tmp_path)
    report = json.loads(done.out)
    assert (done.code, report["repaired"], report["embedded"], report["faults"]) == (0, 1, 1, [])
    survey = json.loads(ragqa("doctor", str(tmp_path / "documents"), "--json", cwd=tmp_path).out)
    assert (survey["files"], survey["documents"], survey["encodings"]) == (1, 1, {"utf-8": 1})
