"""A folder that vanished does not empty its index: most documents are removed only where somebody says so."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ragqa import Pipeline
from ragqa.cli.indexing import refresh as refresh_folder
from ragqa.errors import DocumentsGoneError, NothingUsableError, RejectedError
from ragqa.pipeline.ingest import refresh
from tests.commands import Done, ragqa
from tests.fakes import ECHO, PIPELINE, WORDS, write_project

NAMES = ("ferry", "turbine", "quay", "buoy", "crane")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write_project(tmp_path, NAMES)
    text = PIPELINE.replace("kind: echo", "kind: scripted")
    (tmp_path / "scripted.yaml").write_text(text, encoding="utf-8")
    pipeline(tmp_path).index()
    return tmp_path


def pipeline(home: Path, *overrides: str) -> Pipeline:
    return Pipeline.from_file(home / "pipeline.yaml", overrides, kinds=[WORDS, ECHO])


def indexed(home: Path) -> dict[str, str]:
    with pipeline(home).open_index() as reader:
        return dict(reader.sources())


def unmount(home: Path) -> None:
    """Leave one stray file where the documents were."""
    shutil.move(home / "documents", home / "elsewhere")
    (home / "documents").mkdir()
    (home / "documents" / "stray.txt").write_text("A stray file lay below the mount.\n", encoding="utf-8")


def empty(home: Path) -> None:
    shutil.move(home / "documents", home / "elsewhere")
    (home / "documents").mkdir()


def unreadable(home: Path) -> None:
    """Have all but one of the names lead nowhere, as where a disk gives errors."""
    for name in NAMES[1:]:
        file = home / "documents" / f"{name}.txt"
        file.unlink()
        file.symlink_to("/nowhere")


def garbage(home: Path) -> None:
    """Have most files be of no use only when they are read."""
    for name in NAMES[1:4]:
        (home / "documents" / f"{name}.txt").write_bytes(b"\0\1\2\3" * 99)


def rot(home: Path) -> None:
    for name in NAMES:
        (home / "documents" / f"{name}.txt").write_bytes(b"\0\1\2\3" * 99)


DISASTERS = (unmount, empty, unreadable, garbage)
MODES: tuple[dict[str, Any], ...] = ({}, {"rebuild": True}, {"atomic": True})


@pytest.mark.parametrize("options", MODES, ids=str)
@pytest.mark.parametrize("disaster", DISASTERS, ids=lambda disaster: disaster.__name__)
def test_where_most_documents_are_gone_nothing_is_removed(
    home: Path, disaster: Callable[[Path], None], options: dict[str, Any]
) -> None:
    before = indexed(home)
    disaster(home)
    gone = {"unmount": 5, "empty": 5, "unreadable": 4, "garbage": 3}[disaster.__name__]
    with pytest.raises(
        DocumentsGoneError, match=rf"{gone} of 5 indexed documents are gone.*is it mounted.*--allow-empty"
    ) as caught:
        pipeline(home).index(**options)
    assert isinstance(caught.value, NothingUsableError) and caught.value.exit_code == 4
    assert "\n" not in str(caught.value)
    assert indexed(home) == before
    assert pipeline(home).search("turbine master")[0].source == "turbine.txt"


@pytest.mark.parametrize("options", MODES, ids=str)
@pytest.mark.parametrize("disaster", DISASTERS, ids=lambda disaster: disaster.__name__)
def test_they_are_removed_where_that_is_allowed(
    home: Path, disaster: Callable[[Path], None], options: dict[str, Any]
) -> None:
    disaster(home)
    pipeline(home).index(allow_empty=True, **options)
    left: dict[str, set[str]] = {
        "unmount": {"stray.txt"}, "empty": set(), "unreadable": {"ferry.txt"}, "garbage": {"ferry.txt", "crane.txt"}
    }  # fmt: skip
    assert indexed(home).keys() == left[disaster.__name__]
    assert {hit.source for hit in pipeline(home).search("master ferry crane stray", 9)} == left[disaster.__name__]


def test_an_index_that_was_cleared_answers_that_it_has_nothing_and_fills_again(home: Path) -> None:
    empty(home)
    report = pipeline(home).index(allow_empty=True)
    assert (report.removed, report.chunks, report.statuses) == (5, 0, [])
    answer = pipeline(home).ask("Who is the master of the quay?")
    assert (answer.abstained, answer.reason, answer.hits) == (True, "no_evidence", ())
    assert pipeline(home).index(allow_empty=True).generation == report.generation, "there is nothing left to clear"
    with pytest.raises(
        NothingUsableError, match=r"no documents found under .* \(0 files, .*\): ragqa reads \.txt \.text \.md "
    ):
        pipeline(home).index()
    with pytest.raises(NothingUsableError, match="no documents found under"):
        pipeline(home, f"index.path={home / 'none'}").index(allow_empty=True)
    shutil.rmtree(home / "documents")
    shutil.move(home / "elsewhere", home / "documents")
    assert pipeline(home).index().count("indexed") == 5
    assert pipeline(home).ask("Who is the master of the quay?").citations[0].source == "quay.txt"


def test_strict_runs_refuse_too_and_files_that_rotted_are_an_error_of_their_own(home: Path) -> None:
    before = indexed(home)
    garbage(home)
    with pytest.raises(RejectedError, match="3 of 5 files were rejected"):
        pipeline(home).index(strict=True)
    rot(home)
    with pytest.raises(NothingUsableError, match="none of 5 files could be used"):
        pipeline(home).index()
    unmount(home)
    with pytest.raises(DocumentsGoneError):
        pipeline(home).index(strict=True)
    assert indexed(home) == before


def test_half_of_the_documents_may_go(home: Path) -> None:
    for name in NAMES[:2]:
        (home / "documents" / f"{name}.txt").unlink()
    assert pipeline(home).index().removed == 2
    (home / "documents" / "quay.txt").unlink()
    assert pipeline(home).index().removed == 1
    (home / "documents" / "buoy.txt").unlink()
    assert pipeline(home).index().removed == 1, "one of two is half"
    (home / "documents" / "crane.txt").unlink()
    with pytest.raises(DocumentsGoneError, match="1 of 1 indexed documents"):
        pipeline(home).index()


def move_all(documents: Path) -> None:
    (documents / "below").mkdir()
    for file in documents.glob("*.txt"):
        file.rename(documents / "below" / file.name)


def call_otherwise(documents: Path) -> None:
    for number, file in enumerate(documents.glob("*.txt")):
        file.rename(documents / f"{number}.txt")


def take_for_markdown(documents: Path) -> None:
    for file in documents.glob("*.txt"):
        file.rename(file.with_suffix(".md"))


def edit_all(documents: Path) -> None:
    for file in documents.glob("*.txt"):
        file.write_text(f"Rewritten from {file.stem} on.", encoding="utf-8")


@pytest.mark.parametrize(
    "change", [move_all, call_otherwise, take_for_markdown, edit_all], ids=lambda change: change.__name__
)
def test_what_was_renamed_moved_or_edited_is_not_gone(home: Path, change: Callable[[Path], None]) -> None:
    change(home / "documents")
    assert pipeline(home).changes().gone() == 0
    assert pipeline(home).index().count("indexed") == 5


def test_a_renamed_folder_among_several_is_not_gone(home: Path) -> None:
    paths = f"load.path=[{home / 'documents'}, {home / 'more'}]"
    (home / "more").mkdir()
    (home / "more" / "own.txt").write_text("Of its own.", encoding="utf-8")
    place = f"index.path={home / 'both'}"
    pipeline(home, paths, place).index()
    (home / "documents").rename(home / "papers")
    renamed = paths.replace("documents", "papers")
    assert pipeline(home, renamed, place).index().removed == 5
    assert pipeline(home, renamed, place).search("ferry")[0].source == "papers/ferry.txt"


def test_copies_do_not_count_as_documents(home: Path) -> None:
    for i in range(9):
        shutil.copy(home / "documents" / "ferry.txt", home / "documents" / f"copy{i}.txt")
    pipeline(home).index()
    for i in range(9):
        (home / "documents" / f"copy{i}.txt").unlink()
    assert pipeline(home).index().removed == 9, "nine names of fourteen, and no document"


def test_commits_in_the_middle_of_a_run_remove_nothing_before_the_check(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresh, "TEXT_CHUNKS", 1)
    for i in range(5):
        (home / "documents" / f"new{i}.txt").write_text(f"New note {i}.", encoding="utf-8")
    before = indexed(home)
    garbage(home)
    with pytest.raises(DocumentsGoneError, match=r"3 of 5 .*\(3 files cannot be used: buoy\.txt: binary content"):
        pipeline(home).index()
    assert before.items() <= indexed(home).items(), "what is new may have been committed"


def test_a_damaged_index_can_be_rebuilt_from_whatever_is_there(home: Path) -> None:
    unmount(home)
    database = home / "index" / "ragqa.db"
    database.write_bytes(database.read_bytes()[:3000])
    assert pipeline(home).index(rebuild=True).count("indexed") == 1


def test_a_plan_says_what_a_run_would_refuse(home: Path) -> None:
    assert not pipeline(home).plan().empties
    garbage(home)
    preview = pipeline(home).plan()
    assert (preview.gone, preview.plan.documents, preview.empties) == (3, 5, True)


# Commands


def run(home: Path, *arguments: str) -> Done:
    return ragqa(*arguments, cwd=home)


def test_the_command_ends_with_4_and_goes_on_with_the_option(home: Path) -> None:
    unmount(home)
    refused = run(home, "index", "scripted.yaml", "--rebuild")
    assert refused.code == 4 and refused.out == ""
    assert refused.err.count("\n") == 1 and "5 of 5 indexed documents are gone from" in refused.err
    planned = run(home, "plan", "scripted.yaml")
    assert "5 of 5 indexed documents are gone: `ragqa index` removes nothing without --allow-empty." in planned.out
    assert run(home, "plan", "scripted.yaml", "--json").said["gone"] == 5
    assert run(home, "index", "scripted.yaml", "--allow-empty").code == 0
    assert indexed(home).keys() == {"stray.txt"}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("said", "removed"), [("y\n", True), ("n\n", False), ("", False)])
def test_on_a_terminal_the_command_asks(home: Path, monkeypatch: pytest.MonkeyPatch, said: str, removed: bool) -> None:
    unmount(home)
    monkeypatch.setattr(sys, "stdin", Terminal(said))
    monkeypatch.setattr("tests.commands.io.StringIO", Terminal)
    done = run(home, "index", "scripted.yaml")
    assert "5 of 5 indexed documents are gone from" in done.err and "Remove them from the index? [y/N]" in done.err
    assert done.code == (0 if removed else 4 if said else 130)
    assert (indexed(home).keys() == {"stray.txt"}) == removed


def test_json_is_never_interrupted_by_a_question(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unmount(home)
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    monkeypatch.setattr("tests.commands.io.StringIO", Terminal)
    done = run(home, "index", "scripted.yaml", "--json")
    assert done.code == 4 and "[y/N]" not in done.err


def test_asking_a_folder_refuses_likewise(home: Path) -> None:
    unmount(home)
    with pytest.raises(DocumentsGoneError):
        refresh_folder(pipeline(home))
    refresh_folder(pipeline(home), allow_empty=True)
    assert indexed(home).keys() == {"stray.txt"}
