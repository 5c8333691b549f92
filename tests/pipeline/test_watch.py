"""An index that is kept in step with its folder: real files change, and the index follows."""

from __future__ import annotations

import os
import queue
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ragqa import Pipeline
from ragqa.errors import DocumentsGoneError, LockedError, NothingUsableError, RagqaError, UsageError
from ragqa.index import lock
from ragqa.pipeline.ingest import watch as watching
from ragqa.pipeline.ingest.refresh import IndexReport
from tests.fakes import ECHO, PIPELINE, WORDS

SECONDS = 20
Outcome = IndexReport | RagqaError


class Watched:
    """A watch in a thread of its own, over the documents of a folder."""

    def __init__(self, folder: Path, **options: bool) -> None:
        (folder / "documents").mkdir(exist_ok=True)
        self.folder, self.documents = folder, folder / "documents"
        self.pipeline = pipeline(folder)
        self.stop = threading.Event()
        self.outcomes: queue.Queue[Outcome] = queue.Queue()
        self.thread = threading.Thread(target=self._watch, kwargs=options)
        self.thread.start()

    def _watch(self, **options: bool) -> None:
        for outcome in self.pipeline.watch(self.stop, **options):
            self.outcomes.put(outcome)

    def write(self, name: str, text: str) -> None:
        (self.documents / name).write_text(text, encoding="utf-8")

    def report(self) -> IndexReport:
        """Return the next outcome, which must be a report."""
        outcome = self.outcomes.get(timeout=SECONDS)
        assert isinstance(outcome, IndexReport), outcome
        return outcome

    def error(self) -> RagqaError:
        outcome = self.outcomes.get(timeout=SECONDS)
        assert isinstance(outcome, RagqaError), outcome
        return outcome

    def until(self, *sources: str) -> list[IndexReport]:
        """Return the reports up to the one after which the index has these sources. A slow machine may need several."""
        reports = [self.report()]
        while self.sources() != set(sources):
            reports.append(self.report())
        return reports

    def sources(self) -> set[str]:
        return set(pipeline(self.folder).documents())

    def end(self) -> None:
        self.stop.set()
        self.thread.join(SECONDS)
        assert not self.thread.is_alive()


def pipeline(folder: Path) -> Pipeline:
    file = folder / "pipeline.yaml"
    file.write_text(PIPELINE, encoding="utf-8")
    return Pipeline.from_file(file, kinds=[WORDS, ECHO])


Start = Callable[..., Watched]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    monkeypatch.setattr(watching, "SETTLE_SECONDS", 0.2)
    monkeypatch.setattr(watching, "_TICK", 0.05)
    monkeypatch.setattr(watching, "_WAIT_SECONDS", 0.1)
    started: list[Watched] = []

    def begin(**options: bool) -> Watched:
        started.append(Watched(tmp_path, **options))
        return started[-1]

    yield begin
    for each in started:
        each.end()


def test_what_is_written_changed_and_removed_is_so_in_the_index(start: Start) -> None:
    watched = start()
    assert isinstance(watched.error(), NothingUsableError)
    for name in ("a.md", "b.md", "c.md"):
        watched.write(name, f"The ferry {name} is at the quay.\n")
    assert sum(report.count("indexed") for report in watched.until("a.md", "b.md", "c.md")) == 3
    watched.write("a.md", "The ferry Morwen is at sea.\n")
    (watched.documents / "b.md").unlink()
    (watched.documents / "c.md").rename(watched.documents / "d.md")
    reports = watched.until("a.md", "d.md")
    assert sum(report.count("indexed") for report in reports) == 2
    assert sum(report.removed for report in reports) == 2
    assert watched.outcomes.empty()


def test_no_run_follows_a_change_that_is_none(start: Start) -> None:
    watched = start()
    watched.error()
    (watched.documents / "new" / "er").mkdir(parents=True)
    watched.write("new/er/a.md", "The quay is open.\n")
    watched.until("new/er/a.md")
    os.utime(watched.documents / "new/er/a.md")
    (watched.documents / ".git").mkdir()
    watched.write(".git/notes.md", "hidden\n")
    watched.write("picture.heic", "no type that is read\n")
    time.sleep(0.7)
    assert watched.outcomes.empty()
    watched.write("new/er/b.md", "The turbine turns.\n")
    watched.until("new/er/a.md", "new/er/b.md")


def test_a_file_that_is_written_in_pieces_is_read_when_it_is_whole(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "SETTLE_SECONDS", 1.0)
    watched = start()
    watched.error()
    with open(watched.documents / "a.json", "w", encoding="utf-8") as stream:
        for piece in ('[{"text": "The', " quay", " is", " open", '."}]'):
            stream.write(piece)
            stream.flush()
            time.sleep(0.15)
    report = watched.report()
    assert report.count("indexed") == 1 and watched.outcomes.empty()
    assert "The quay is open." in next(iter(pipeline(watched.folder).documents().values())).text


def test_a_file_that_was_read_half_written_is_mended_by_its_next_change(start: Start) -> None:
    watched = start()
    watched.error()
    watched.write("a.md", "The quay is open.\n")
    watched.until("a.md")
    watched.write("b.json", '[{"text": "The')
    assert watched.report().count("rejected") == 1
    watched.write("b.json", '[{"text": "The turbine"}]')
    assert watched.report().count("rejected") == 0
    assert watched.sources() == {"a.md", "b.json"}


def test_an_emptied_folder_empties_no_index_and_is_told(start: Start) -> None:
    watched = start()
    watched.error()
    for name in ("a.md", "b.md"):
        watched.write(name, f"The ferry {name} is at the quay.\n")
    watched.until("a.md", "b.md")
    for name in ("a.md", "b.md"):
        (watched.documents / name).unlink()
    assert isinstance(watched.error(), DocumentsGoneError)
    assert watched.sources() == {"a.md", "b.md"}
    for name in ("a.md", "b.md"):
        watched.write(name, f"The ferry {name} is at the quay.\n")
    back = watched.outcomes.get(timeout=SECONDS)
    while not isinstance(back, IndexReport) or back.count("unchanged") != 2:  # the first file may be seen alone
        back = watched.outcomes.get(timeout=SECONDS)
    assert back.removed == 0


def test_a_folder_that_is_removed_and_made_again_is_watched_again(start: Start) -> None:
    watched = start()
    watched.error()
    watched.write("a.md", "The quay is open.\n")
    watched.report()
    shutil.rmtree(watched.documents)
    gone = watched.error()
    assert isinstance(gone, DocumentsGoneError) and "documents: cannot be read: No such file" in str(gone)
    watched.documents.mkdir()
    watched.write("a.md", "The quay is open.\n")
    watched.write("b.md", "The turbine turns.\n")
    while watched.sources() != {"a.md", "b.md"}:  # the folder may be seen while it is still empty
        watched.outcomes.get(timeout=SECONDS)
    watched.write("c.md", "The ferry is late.\n")
    watched.until("a.md", "b.md", "c.md")


def test_a_locked_index_is_told_once_and_waited_for(start: Start) -> None:
    watched = start()
    watched.error()
    watched.write("a.md", "The quay is open.\n")
    watched.report()
    held = lock.acquire(watched.folder / "index")
    watched.write("b.md", "The turbine turns.\n")
    assert isinstance(watched.error(), LockedError)
    time.sleep(0.4)
    assert watched.outcomes.empty()
    lock.release(held)
    assert watched.report().count("indexed") == 1


def test_one_file_is_watched_also_where_an_editor_replaces_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "SETTLE_SECONDS", 0.2)
    monkeypatch.setattr(watching, "_TICK", 0.05)
    (tmp_path / "a.md").write_text("The quay is open.\n", encoding="utf-8")
    file = tmp_path / "pipeline.yaml"
    file.write_text(PIPELINE.replace("path: documents", "path: a.md"), encoding="utf-8")
    reports = Pipeline.from_file(file, kinds=[WORDS, ECHO]).watch()
    next(reports)
    for text in ("The quay is shut.\n", "The quay is gone.\n"):
        (tmp_path / "new").write_text(text, encoding="utf-8")
        (tmp_path / "new").replace(tmp_path / "a.md")
        report = next(reports)
        assert isinstance(report, IndexReport) and report.count("indexed") == 1


def test_files_that_never_rest_are_indexed_all_the_same(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "MOST_SECONDS", 0.5)
    watched = start()
    watched.error()
    ends = time.monotonic() + SECONDS
    while watched.outcomes.empty() and time.monotonic() < ends:
        with open(watched.documents / "a.log", "a", encoding="utf-8") as log:
            log.write(f"{time.monotonic()} the turbine turns\n")
        time.sleep(0.05)
    assert watched.report().count("indexed") == 1


def test_documents_in_memory_and_wait_are_refused(tmp_path: Path) -> None:
    own = pipeline(tmp_path)
    with pytest.raises(UsageError, match="wait"):
        own.watch(wait=3)
    with pytest.raises(UsageError, match="no folder"):
        own.with_documents(["The quay is open."]).watch()
