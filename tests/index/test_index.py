"""The index: commits, incremental runs, snapshots, identity, one writer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from ragqa.errors import IndexCorruptError, LockedError, ModelError, NothingUsableError, ResourceError
from ragqa.index import doctor
from ragqa.index.reader import LocalReader
from ragqa.index.writer import LocalWriter
from ragqa.records import Chunk, Document
from ragqa.stages import CANARIES, Entry
from tests.fakes import WordEmbedder, document

EMBEDDER = WordEmbedder()
IDENTITY = {"weights": "w1", "dim": str(EMBEDDER.dim), "splitter": "s1"}


def entry(text: str, **fields: object) -> Entry:
    doc: Document = document(text, **fields)  # type: ignore[arg-type]
    chunks, start = [], 0
    for number, line in enumerate(text.splitlines(keepends=True)):
        end = start + len(line.rstrip("\n"))
        chunks.append(Chunk(f"{doc.id[:8]}-{number}", doc.id, start, end, text[start:end], doc.title))
        start += len(line)
    return Entry(doc, chunks)


def commit(writer: LocalWriter, entries: Sequence[Entry], sources: dict[str, str | None]) -> int:
    texts = writer.missing([chunk for e in entries for chunk in e.chunks])
    writer.check_embedder(EMBEDDER.embed_passages(CANARIES))
    return writer.commit(entries, dict(zip(texts, EMBEDDER.embed_passages(texts), strict=True)), sources)


def write(path: Path, *entries: Entry, identity: dict[str, str] = IDENTITY, removed: Sequence[str] = ()) -> int:
    with LocalWriter(path, identity) as writer:
        sources: dict[str, str | None] = {e.document.source: e.document.id for e in entries}
        return commit(writer, entries, {**sources, **dict.fromkeys(removed)})


def best(path: Path, question: str, how: str = "dense", **options: object) -> list[str]:
    with LocalReader(path, {}, **options) as reader:  # type: ignore[arg-type]
        found = reader.dense(EMBEDDER.embed_question(question), 3) if how == "dense" else reader.lexical(question, 3)
        return [hit.chunk.text for hit in reader.hits([(row, score, {}) for row, score in found])]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "index"
    write(folder, entry("red ferry\nblue turbine", source="a.txt"), entry("green quay", source="b.txt"))
    return folder


def test_dense_search_is_exact_over_all_segments(path: Path) -> None:
    write(path, entry("yellow buoy\nblack rope", source="c.txt"))
    texts = ["red ferry", "blue turbine", "green quay", "yellow buoy", "black rope"]
    vectors, question = EMBEDDER.embed_passages(texts), EMBEDDER.embed_question("yellow ferry rope")
    order = np.argsort(-(vectors @ question), kind="stable")[:3]
    assert best(path, "yellow ferry rope") == [texts[i] for i in order]


def test_lexical_search_stems_and_treats_operators_as_words(path: Path) -> None:
    assert best(path, "ferries", "lexical") == ["red ferry"]
    assert best(path, '" OR NEAR( ferry* -quay', "lexical")
    assert best(path, "!!!", "lexical") == []


def test_a_removed_source_disappears_and_a_second_name_keeps_the_document(path: Path) -> None:
    with LocalWriter(path, IDENTITY) as writer:
        known = writer.sources()
        commit(writer, [], {"copy.txt": known["b.txt"]})
        commit(writer, [], {"b.txt": None})
    assert best(path, "green quay")[0] == "green quay"
    with LocalWriter(path, IDENTITY) as writer:
        commit(writer, [], {"copy.txt": None})
        assert writer.chunk_count == 2
    assert "green quay" not in best(path, "green quay")
    assert best(path, "green", "lexical") == []


def test_the_first_of_several_sources_is_cited(path: Path) -> None:
    with LocalWriter(path, IDENTITY) as writer:
        commit(writer, [], {"0-first.txt": writer.sources()["b.txt"]})
    with LocalReader(path, {}, locate=lambda source: f"/root/{source}") as reader:
        (row, score), *_ = reader.lexical("green", 1)
        hit = reader.hits([(row, score, {})])[0]
        assert (hit.source, hit.path) == ("0-first.txt", "/root/0-first.txt")


def test_stored_vectors_are_found_by_their_text_and_only_by_it(path: Path) -> None:
    with LocalWriter(path, IDENTITY) as writer:
        chunks = [Chunk(str(i), "d", 0, len(t), t) for i, t in enumerate(["blue turbine", "never seen", "never seen"])]
        assert writer.missing(chunks) == ["never seen"]


def test_a_reader_keeps_its_generation_while_a_writer_commits(path: Path) -> None:
    with LocalReader(path, {}) as reader:
        write(path, entry("yellow buoy", source="c.txt"), removed=["a.txt"])
        found = reader.hits([(row, s, {}) for row, s in reader.dense(EMBEDDER.embed_question("red ferry"), 9)])
        assert (reader.generation, len(found)) == (1, 3)
        assert found[0].chunk.text == "red ferry"
    with LocalReader(path, {}) as reader:
        assert (reader.generation, len(reader)) == (2, 2)


def test_an_exception_before_the_commit_leaves_the_index_as_it_was(path: Path) -> None:
    with pytest.raises(RuntimeError), LocalWriter(path, IDENTITY):
        raise RuntimeError
    assert best(path, "red ferry")[0] == "red ferry"


def test_another_embedder_or_splitter_is_refused_with_both_values(path: Path) -> None:
    for field in ("weights", "splitter"):
        other = IDENTITY | {field: "other"}
        with pytest.raises(ModelError, match=rf"built with {field} .1, this pipeline has other: .*--rebuild"):
            LocalWriter(path, other)
        with pytest.raises(ModelError, match="this pipeline has other"):
            LocalReader(path, other)


def test_ctrl_c_within_sqlite_is_ctrl_c_and_leaves_the_index_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(table: str, values: Sequence[object]) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("ragqa.index.tables.row_hash", interrupt)
        write(path, entry("yellow buoy", source="c.txt"))
    assert best(path, "yellow buoy")[0] != "yellow buoy"
    write(path, entry("yellow buoy", source="c.txt"))
    assert best(path, "yellow buoy")[0] == "yellow buoy"


def test_a_rebuild_replaces_everything_in_its_first_commit_and_nothing_before(path: Path) -> None:
    other = IDENTITY | {"weights": "w2"}
    with LocalWriter(path, other, rebuild=True) as writer:
        assert writer.sources() == {}
        assert best(path, "red ferry")[0] == "red ferry"
        fresh = entry("new text", source="n.txt")
        commit(writer, [fresh], {"n.txt": fresh.document.id})
    with LocalReader(path, other) as reader:
        assert list(reader.sources()) == ["n.txt"]


def test_a_first_run_that_was_interrupted_leaves_no_index_and_no_identity(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    LocalWriter(folder, IDENTITY).close()
    with pytest.raises(NothingUsableError, match="interrupted"):
        LocalReader(folder, {})
    write(folder, entry("red ferry"), identity=IDENTITY | {"weights": "w2"})
    with LocalReader(folder, {}) as reader:
        assert reader.identity["weights"] == "w2"


@contextmanager
def held_by_another_process(path: Path, seconds: float = 60) -> Iterator[subprocess.Popen[str]]:
    """Hold the lock of an index, with a parser at work in a child of its own, until the process is killed or time is over."""
    program = (
        "import time; from pathlib import Path; from ragqa.index.writer import LocalWriter\n"
        "from ragqa.sandbox import Sandbox\n"
        f"w = LocalWriter(Path({str(path)!r}), {IDENTITY!r})\n"
        "s = Sandbox(seconds=9, memory_bytes=1 << 28, reply_bytes=1000)\n"
        "s.call('ragqa.load.html:extract', b'<p>All is well with the world today.</p>')\n"
        "print(s._process.pid, flush=True)\n"
        f"time.sleep({seconds}); w.close()"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as holder:
        yield holder
        holder.kill()


def test_a_second_writer_is_turned_away_with_the_holder_named(path: Path) -> None:
    with held_by_another_process(path) as holder:
        assert holder.stdout is not None and holder.stdout.readline()
        with pytest.raises(LockedError, match=rf"locked by pid {holder.pid} since 20\d\d-.*--wait") as caught:
            LocalWriter(path, IDENTITY)
        assert "still" not in str(caught.value)
        with pytest.raises(LockedError, match=rf"pid {holder.pid} since .*, still after 0.2 s"):
            LocalWriter(path, IDENTITY, wait=0.2)


def test_a_writer_waits_for_another_one_to_end(path: Path) -> None:
    with held_by_another_process(path, seconds=0.5) as holder:
        assert holder.stdout is not None and holder.stdout.readline()
        with LocalWriter(path, IDENTITY, wait=30) as writer:
            assert writer.generation == 1


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_parser_does_not_inherit_the_lock_and_the_lock_of_a_killed_writer_is_free(path: Path) -> None:
    with held_by_another_process(path) as holder:
        assert holder.stdout is not None
        parser = int(holder.stdout.readline())
        opened = [os.readlink(link) for link in Path(f"/proc/{parser}/fd").iterdir()]
        assert opened and not any(str(path) in file for file in opened)
        os.kill(parser, signal.SIGSTOP)  # so that it cannot even die with its parent
        holder.kill()
        holder.wait()
        write(path, entry("yellow buoy", source="c.txt"))
        with suppress(ProcessLookupError):  # it is killed with its parent all the same
            os.kill(parser, signal.SIGCONT)


@pytest.mark.parametrize("how", ["dense", "lexical"])
def test_a_metadata_filter_never_returns_fewer_hits_than_exist(tmp_path: Path, how: str) -> None:
    entries = [
        entry(f"ferry number {i}", source=f"{i}.txt", metadata={"year": 2020 + i % 5, "tags": ["a", str(i % 2)]})
        for i in range(50)
    ]
    write(tmp_path, *entries)
    wanted = {f"ferry number {i}" for i in range(50) if i % 5 == 3 and i % 2 == 1}
    where = {"year": 2023, "tags": "1"}
    with LocalReader(tmp_path, {}, where=where) as reader:
        found = reader.dense(EMBEDDER.embed_question("ferry"), 99) if how == "dense" else reader.lexical("ferry", 99)
        texts = {hit.chunk.text for hit in reader.hits([(row, s, {}) for row, s in found])}
    assert texts == wanted
    assert best(tmp_path, "ferry", how, where={"year": "2023"}) == []


def test_a_hit_takes_another_span_of_its_document(path: Path) -> None:
    write(path, entry("one\ntwo\nthree\nfour", source="n.txt"))
    with LocalReader(path, {}) as reader:
        hit = reader.hits([(reader.lexical("two", 1)[0][0], 1.0, {"lexical": 2.0})])[0]
        wide = reader.span(hit, 0, 13)
        assert (wide.chunk.text, wide.chunk.id, wide.scores) == ("one\ntwo\nthree", hit.chunk.id, hit.scores)


def test_the_document_comes_back_as_it_went_in(path: Path) -> None:
    doc = entry("café\r\nodd", source="z.txt", metadata={"a": [1, 2.5, None]}, page_starts=(0, 3), title="T")
    write(path, doc)
    with LocalReader(path, {}, locate=lambda source: f"/x/{source}") as reader:
        assert reader.document(doc.document.id) == doc.document


def test_a_missing_segment_is_told_apart_from_an_empty_result(path: Path) -> None:
    next((path / "seg").glob("*.f32")).unlink()
    with pytest.raises(IndexCorruptError, match="missing: run `ragqa doctor FILE --repair"):
        LocalReader(path, {})


def test_a_file_that_is_no_index_and_a_newer_format_are_refused_untouched(path: Path, tmp_path: Path) -> None:
    import sqlite3

    other = tmp_path / "other"
    other.mkdir()
    (other / "ragqa.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(IndexCorruptError, match="damaged"):
        LocalReader(other, {})
    with sqlite3.connect(path / "ragqa.db") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(IndexCorruptError, match="format 99; this ragqa reads 4: upgrade"):
        LocalReader(path, {})


def test_a_folder_that_cannot_be_made_is_a_resource_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(ResourceError, match="cannot make the index folder"):
        LocalWriter(tmp_path / "file" / "index", IDENTITY)


def test_the_index_stores_relative_sources_only_and_can_be_moved(path: Path, tmp_path: Path) -> None:
    moved = path.rename(tmp_path / "elsewhere")
    assert best(moved, "red ferry")[0] == "red ferry"
    assert str(tmp_path).encode() not in (moved / "ragqa.db").read_bytes()


def test_a_writer_that_is_refused_leaves_the_index_as_sound_as_it_was(tmp_path: Path) -> None:
    """A reader that is open during a commit keeps the log, which the next connection that closes moves into the file."""
    index = tmp_path / "index"
    write(index, entry("The ferry sails.", source="a.txt"))
    with LocalReader(index, IDENTITY):
        write(index, entry("The quay is closed.", source="b.txt"))
    assert (index / "ragqa.db-wal").stat().st_size
    with pytest.raises(ModelError, match="this pipeline has other"):
        LocalWriter(index, IDENTITY | {"splitter": "other"})
    assert doctor.check(index).faults == ()
    with LocalReader(index, IDENTITY) as reader:
        assert set(reader.sources()) == {"a.txt", "b.txt"}


def test_a_text_with_a_nul_is_indexed_and_sound(tmp_path: Path) -> None:
    write(tmp_path / "index", entry("The ferry\0 sails.\nThe quay is closed.", source="a.jsonl"))
    assert doctor.check(tmp_path / "index").faults == ()
    with LocalReader(tmp_path / "index", IDENTITY) as reader:
        found = reader.hits([(row, score, {}) for row, score in reader.dense(EMBEDDER.embed_question("ferry"), 9)])
    assert {hit.chunk.text for hit in found} == {"The ferry\0 sails.", "The quay is closed."}
