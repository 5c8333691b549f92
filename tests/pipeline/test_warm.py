"""A pipeline kept warm: right while others commit, and no question waits until the index is opened or hashed."""

from __future__ import annotations

import multiprocessing
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ragqa import Pipeline
from ragqa.errors import IndexCorruptError, LockedError, ModelError, NothingUsableError, UsageError
from ragqa.index import durable, seal
from ragqa.index.connection import _Descriptors
from ragqa.index.local import LocalIndex
from ragqa.index.publication import Publisher
from ragqa.pipeline import snapshot
from ragqa.pipeline.snapshot import Snapshots
from ragqa.records import Answer
from tests.fakes import ECHO, WORDS, EchoGenerator, write_project
from tests.limits import no_hang

NAMES = ("ferry", "turbine", "quay", "buoy", "crane", "tower")
COMMITS = 4


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write_project(tmp_path, NAMES)
    pipeline(tmp_path).index()
    return tmp_path


def pipeline(home: Path) -> Pipeline:
    return Pipeline.from_file(home / "pipeline.yaml", kinds=[WORDS, ECHO])


def add(home: Path, number: int) -> None:
    text = f"The mast {number} has a master called Mast{number}son.\n"
    (home / "documents" / f"mast{number}.txt").write_text(text, "utf-8")


def commit_from_elsewhere(folder: str) -> None:
    """Commit with another process: documents are added and removed, and once all is built anew."""
    home = Path(folder)
    for number in range(COMMITS):
        add(home, number)
        if number % 3 == 2:
            (home / "documents" / f"mast{number - 2}.txt").unlink()
        pipeline(home).index(rebuild=number == COMMITS // 2)


@contextmanager
def other_process(home: Path) -> Iterator[None]:
    process = multiprocessing.get_context("spawn").Process(target=commit_from_elsewhere, args=(str(home),))
    process.start()
    try:
        yield
    finally:
        process.join(120)
        assert process.exitcode == 0


def hashed_by(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the threads that hash a file or sleep for a seal, as they do."""
    threads: list[str] = []

    def noted(real: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def call(argument: Any) -> Any:
            threads.append(threading.current_thread().name)
            return real(argument)

        return call

    monkeypatch.setattr(durable, "_read_sha256", noted(durable._read_sha256))
    monkeypatch.setattr(seal, "time", SimpleNamespace(monotonic=time.monotonic, sleep=noted(time.sleep)))
    return threads


def seen(wanted: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not wanted():
        assert time.monotonic() < end, "it is not seen"
        time.sleep(0.02)


def test_questions_during_commits_of_another_process_are_right_and_none_hashes(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "SECONDS", 0.05)
    pipe, ended = pipeline(home), threading.Event()
    generations: set[int] = set()
    errors: list[BaseException] = []

    def ask() -> None:
        try:
            while not ended.is_set():
                with pipe.open_index() as reader:
                    generations.add(reader.generation)
                    for hit in pipe.search("Who is the master of the mast?"):
                        # of this generation or a later one, its span stands in its document
                        assert hit.chunk.text.startswith("The ")
                    best = reader.hits([(i, 0.0, {}) for i, _ in reader.lexical("master of the mast", 3)])
                    assert all(reader.holds(hit.chunk) for hit in best)
                (citation,) = pipe.ask("Who is the master of the quay?").citations
                assert citation.text.startswith("The quay has a master")
        except BaseException as error:
            errors.append(error)

    with no_hang(), pipe.keep_warm() as warm:
        hashing = hashed_by(monkeypatch)
        threads = [threading.Thread(target=ask, name=f"question-{n}") for n in range(4)]
        for thread in threads:
            thread.start()
        with other_process(home):
            pass
        seen(lambda: warm.generation == latest(home))
        ended.set()
        for thread in threads:
            thread.join()
        assert pipe.search("Who is the master of the mast 3?", 1)[0].source == "mast3.txt"
    assert errors == []
    assert len(generations) > 2
    # the main thread is no question here: it may open the index itself first, to see what the latest generation is
    assert "ragqa-snapshot" in hashing and set(hashing) <= {"ragqa-snapshot", "MainThread"}
    assert not [key for key in _Descriptors._open.values() if key[1] > 0], "a reader is left open"


def latest(home: Path) -> int:
    with pipeline(home).open_index() as reader:
        return reader.generation


def test_many_questions_at_once_borrow_and_a_reader_is_used_by_one_at_a_time(home: Path) -> None:
    with pipeline(home).keep_warm() as warm:
        first, second = warm.lend(), warm.lend()
        assert first.dense is not second.dense and first.lexical("ferry", 1) == second.lexical("ferry", 1)
        many = [warm.lend() for _ in range(20)]
        assert {reader.generation for reader in many} == {1}
        for reader in (first, second, *many):
            reader.close()
            reader.close()
        with pytest.raises(UsageError, match="closed: open it again"):
            first.sources()


def test_a_stream_keeps_its_generation_and_the_old_reader_goes_with_it(home: Path) -> None:
    pipe = pipeline(home)
    with pipe.keep_warm() as warm:
        events = pipe.stream("Who is the master of the quay?")
        next(iter(events))
        add(home, 1)
        pipe.index()
        assert warm.generation == 2, "what the pipeline itself commits is seen at once"
        *_, answer = events
        assert isinstance(answer, Answer)
        assert answer.index_version == 1
        assert pipe.ask("Who is the master of the mast 1?").index_version == 2
    assert pipe.ask("Who is the master of the mast 1?").index_version == 2


def test_a_removed_index_is_an_error_until_there_is_one_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "SECONDS", 0.05)
    pipe = pipeline(home)
    with pytest.raises(NothingUsableError), pipeline_without_index(home).keep_warm():
        pass
    with pipe.keep_warm() as warm:
        shutil.move(home / "index", home / "away")
        seen(lambda: warm.problem is not None)
        for _ in range(2):
            with pytest.raises(NothingUsableError):
                pipe.search("Who?")
        shutil.move(home / "away", home / "index")
        seen(lambda: warm.problem is None)
        assert pipe.search("Who is the master of the quay?")


def pipeline_without_index(home: Path) -> Pipeline:
    return Pipeline.from_file(home / "pipeline.yaml", ["index.path=none"], kinds=[WORDS, ECHO])


def test_a_reader_that_was_damaged_in_use_is_not_lent_again_and_one_of_a_wrong_question_is(home: Path) -> None:
    with pipeline(home).keep_warm() as warm:
        pool = warm._pool
        assert pool is not None
        for error, kept in ((UsageError("x"), True), (IndexCorruptError("x"), False), (ValueError("x"), False)):
            before = len(pool.idle)
            warm._stopped.set()  # nothing is opened meanwhile
            with pytest.raises(type(error)), warm.lend():
                raise error
            assert (len(pool.idle) == before) is kept
        warm._stopped.clear()


def test_an_index_that_is_locked_for_a_time_leaves_the_last_generation_in_use(home: Path) -> None:
    pipe, faults = pipeline(home), list[Exception]()

    def opened() -> Any:
        if faults:
            raise faults[0]
        return pipe._opened(pipe.components.identity)

    with Snapshots(opened, seconds=600) as warm:
        faults.append(LockedError("locked"))
        warm.refresh()
        assert warm.problem is None and warm.generation == 1
        warm.lend().close()
        faults[0] = ModelError("another embedder")
        warm.refresh()
        with pytest.raises(ModelError, match="another embedder"):
            warm.lend()
        faults.clear()
        warm.refresh()
        warm.lend().close()


def test_a_writer_empties_the_log_soon_although_readers_are_always_open(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked, check = list[Any](), seal.rows_problem

    def noted(db: Any) -> str | None:
        checked.append(db)
        return check(db)

    waits, checkpoint = list[bool](), Publisher._checkpoint

    def patient(self: Publisher, mode: str, patience_ms: int) -> bool:
        """Wait for as long as a busy machine may need; note whether it was in vain, as it is for readers that stay."""
        kept = checkpoint(self, mode, 20_000 if patience_ms else 0)
        waits.append(kept and patience_ms > 0)
        return kept

    monkeypatch.setattr(seal, "rows_problem", noted)
    monkeypatch.setattr(Publisher, "_checkpoint", patient)
    pipe, log, sizes = pipeline(home), home / "index" / "ragqa.db-wal", list[int]()
    with Snapshots(lambda: pipe._opened(pipe.components.identity), seconds=0.05) as warm:
        for number in range(4):
            add(home, number)
            generation = pipeline(home).index().generation
            sizes.append(log.stat().st_size)
            seen(lambda wanted=generation: warm.generation == wanted)  # type: ignore[misc]
            time.sleep(0.2)  # the readers leave the log
        assert waits and not any(waits)
        assert max(sizes[1:]) <= 1.5 * sizes[0], sizes
        LocalIndex(home / "index").collect()
        assert log.stat().st_size == 0 and warm.problem is None and checked == []


def test_threads_that_need_a_hash_at_once_compute_it_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable, "_hashes", {})
    hashing, gate = hashed_by(monkeypatch), threading.Barrier(6)

    def opened() -> None:
        gate.wait(60)
        LocalIndex(home / "index").open({}).close()

    threads = [threading.Thread(target=opened) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(hashing) == len(list((home / "index").glob("seg/*.f32"))) + 1


def test_hashes_of_old_generations_are_dropped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(durable, "_hashes", {})
    monkeypatch.setattr(durable, "_MOST_HASHES", 3)
    for number in range(9):
        with (tmp_path / str(number)).open("w+b") as file:
            file.write(b"x" * number)
            file.flush()
            durable.sha256(file.fileno())
    assert len(durable._hashes) == 3


def test_models_are_loaded_before_the_first_question(home: Path) -> None:
    class Heavy(EchoGenerator):
        loaded = 0

        def load(self) -> None:
            self.loaded += 1

    pipe, generator = pipeline(home), Heavy()
    pipe.components.replace(generator=generator)
    with pipe.keep_warm() as outer, pipe.keep_warm() as inner:
        assert generator.loaded == 1 and outer is inner
