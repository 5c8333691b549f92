"""Citations of files that changed, or are gone, since they were indexed say so; those of other files never do."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest

from ragqa import Pipeline
from ragqa.config import Kind, LoadSpec
from ragqa.load import MemoryLoader, text_document
from ragqa.pipeline.answer import sources
from ragqa.pipeline.answer.sources import SourceFiles
from ragqa.records import Citation
from tests.commands import ragqa
from tests.fakes import ECHO, WORDS, write_project

QUESTION = "Who is the master of the quay?"
QUAY = "The quay has a master called Quayson.\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RAGQA_CACHE", str(tmp_path / "cache"))
    write_project(tmp_path, ["ferry"])
    (tmp_path / "documents" / "quay.txt").write_text(QUAY, encoding="utf-8")
    pipeline(tmp_path).index()
    return tmp_path


def pipeline(home: Path, *overrides: str, specs: Any = ()) -> Pipeline:
    return Pipeline.from_file(home / "pipeline.yaml", overrides, kinds=[WORDS, ECHO, *specs])


def cited(pipe: Pipeline) -> Citation:
    (citation,) = pipe.ask(QUESTION).citations
    assert citation.text == QUAY.strip(), "an answer is from what was indexed"
    return citation


def rewrite(file: Path) -> None:
    file.write_text("The quay has a master called Newson.\n", encoding="utf-8")


def rewrite_with_its_size_and_time(file: Path) -> None:
    before = file.stat()
    file.write_text(QUAY.replace("Quayson", "Quaysen"), encoding="utf-8")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def append(file: Path) -> None:
    with file.open("a", encoding="utf-8") as stream:
        stream.write("And more.\n")


def replace_by_a_link(file: Path) -> None:
    file.rename(file.with_suffix(".moved"))
    file.symlink_to(file.with_suffix(".moved"))


def replace_by_a_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def replace_by_a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def rename(file: Path) -> None:
    file.rename(file.with_name("wharf.txt"))


def remove_the_folder(file: Path) -> None:
    shutil.rmtree(file.parent)


CHANGES = (
    rewrite, rewrite_with_its_size_and_time, append, replace_by_a_link, replace_by_a_pipe, replace_by_a_folder, rename,
    Path.unlink, remove_the_folder,
)  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_file_that_changed_or_is_gone_makes_its_citations_stale(home: Path, change: Callable[[Path], Any]) -> None:
    running = pipeline(home)
    assert not cited(running).stale
    change(home / "documents" / "quay.txt")
    for pipe in (running, pipeline(home)):
        citation = cited(pipe)
        assert citation.stale and citation.to_dict()["stale"] is True
        assert citation.source == "quay.txt"


def touch(file: Path) -> None:
    os.utime(file, (0, 0))


def copy_over(file: Path) -> None:
    shutil.copy(file, file.with_suffix(".copy"))
    file.with_suffix(".copy").replace(file)


def change_and_change_back(file: Path) -> None:
    rewrite(file)
    file.write_text(QUAY, encoding="utf-8")


@pytest.mark.parametrize("change", [touch, copy_over, change_and_change_back], ids=lambda change: change.__name__)
def test_a_file_with_the_same_bytes_is_not_stale(home: Path, change: Callable[[Path], None]) -> None:
    running = pipeline(home)
    cited(running)
    change(home / "documents" / "quay.txt")
    assert not cited(running).stale and not cited(pipeline(home)).stale


def test_after_the_next_run_nothing_is_stale_and_other_files_never_were(home: Path) -> None:
    append(home / "documents" / "quay.txt")
    (ferry,) = pipeline(home).ask("Who is the master of the ferry?").citations
    assert not ferry.stale and cited(pipeline(home)).stale
    pipeline(home).index()
    assert not cited(pipeline(home)).stale


def test_a_document_of_several_names_is_cited_under_the_first_that_is_still_there(home: Path) -> None:
    documents = home / "documents"
    shutil.copy(documents / "quay.txt", documents / "a-quay.txt")
    shutil.copy(documents / "quay.txt", documents / "z-quay.txt")
    pipeline(home).index()
    running = pipeline(home)
    assert cited(running).source == "a-quay.txt"
    rewrite(documents / "a-quay.txt")
    assert (cited(running).source, cited(running).stale) == ("quay.txt", False)
    assert cited(running).path == str(documents / "quay.txt")
    (documents / "quay.txt").unlink()
    assert (cited(running).source, cited(running).stale) == ("z-quay.txt", False)
    (documents / "z-quay.txt").unlink()
    assert (cited(running).source, cited(running).stale) == ("a-quay.txt", True)


def test_files_below_several_roots_and_behind_links_are_found(home: Path) -> None:
    (home / "real" / "harbour").mkdir(parents=True)
    shutil.move(home / "documents" / "quay.txt", home / "real" / "harbour" / "quay.txt")
    (home / "link").symlink_to(home / "real" / "harbour")
    (home / "alone.txt").symlink_to(home / "real" / "harbour" / "quay.txt")
    for paths in ("[documents, link]", "link", "alone.txt", "[documents, alone.txt]"):
        absolute = paths.replace("documents", f"{home}/documents").replace("link", f"{home}/link")
        absolute = absolute.replace("alone", f"{home}/alone")
        place = home / f"index of {paths}"
        pipe = pipeline(home, f"load.path={absolute}", f"index.path={place}")
        pipe.index()
        assert not cited(pipe).stale, paths
        assert Path(cited(pipe).path).read_text(encoding="utf-8") == QUAY
        append(home / "real" / "harbour" / "quay.txt")
        assert cited(pipe).stale, paths
        (home / "real" / "harbour" / "quay.txt").write_text(QUAY, encoding="utf-8")


def test_a_name_that_is_not_utf_8_is_found_on_the_disk(home: Path) -> None:
    name = os.fsencode(home / "documents") + b"/quay\xff.txt"
    os.rename(home / "documents" / "quay.txt", name)
    pipeline(home).index()
    assert (cited(pipeline(home)).source, cited(pipeline(home)).stale) == ("quay\\xff.txt", False)
    os.unlink(name)
    assert cited(pipeline(home)).stale


class Notes(LoadSpec):
    """Loads documents of its own; its path is no file of theirs."""

    kind: Literal["notes"]
    path: str = "notes.db"


NOTES = Kind("load", Notes, lambda spec, needs: MemoryLoader([text_document("quay", QUAY)]))


def test_documents_that_are_no_files_are_never_stale(home: Path) -> None:
    memory = pipeline(home).with_documents([("quay", QUAY)])
    memory.index()
    assert not cited(memory).stale
    own = pipeline(home, "load.kind=notes", f"index.path={home / 'own'}", specs=[NOTES])
    own.index()
    assert not cited(own).stale
    replaced = pipeline(home, f"index.path={home / 'replaced'}")
    replaced.components.replace(loader=MemoryLoader([text_document("quay", QUAY)]))
    replaced.index()
    assert not cited(replaced).stale


def test_a_file_is_read_again_only_when_it_changed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    digest: Any = hashlib.file_digest

    def noted(*given: Any) -> Any:
        read.append(1)
        return digest(*given)

    monkeypatch.setattr(hashlib, "file_digest", noted)
    monkeypatch.setattr(sources, "_SETTLED_SECONDS", 0.0)
    pipe = pipeline(home, "retrieve.top_k=1")
    for _ in range(5):
        assert not cited(pipe).stale
    assert len(read) == 1
    rewrite_with_its_size_and_time(home / "documents" / "quay.txt")
    assert cited(pipe).stale and len(read) == 2


def test_a_file_that_has_only_just_changed_is_read_each_time_since_its_times_may_not_tell(home: Path) -> None:
    quay = home / "documents" / "quay.txt"
    files, sha256 = SourceFiles([home / "documents"]), hashlib.sha256(QUAY.encode()).hexdigest()
    rewrite(quay)
    quay.write_text(QUAY, encoding="utf-8")
    citation = Citation("quay.txt", str(quay), None, 0, 5, "The q")
    assert not files.checked(citation, sha256, []).stale
    assert files._hashes == {}


def test_a_file_that_grew_beyond_what_is_ever_indexed_is_not_read(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashlib, "file_digest", lambda *given: pytest.fail("it was read"))
    pipe = pipeline(home, "retrieve.top_k=1")
    os.truncate(home / "documents" / "quay.txt", 1 << 40)
    assert cited(pipe).stale


def test_the_command_marks_the_source_and_says_so_in_json(home: Path) -> None:
    text = (home / "pipeline.yaml").read_text(encoding="utf-8").replace("kind: echo", "kind: scripted")
    (home / "pipeline.yaml").write_text(text, encoding="utf-8")
    fresh = ragqa("ask", "pipeline.yaml", QUESTION, cwd=home)
    assert "[1] documents/quay.txt:0-37\n" in fresh.out
    append(home / "documents" / "quay.txt")
    stale = ragqa("ask", "pipeline.yaml", QUESTION, cwd=home)
    assert "[1] documents/quay.txt:0-37 [changed since it was indexed]\n" in stale.out
    assert ragqa("ask", "pipeline.yaml", QUESTION, "--json", cwd=home).said["citations"][0]["stale"] is True
