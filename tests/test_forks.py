"""What a forked process can do: it computes on one thread, and refuses what it has no locks or threads for."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from ragqa import Pipeline, forks
from ragqa.errors import LockedError, UsageError
from ragqa.index import lock
from ragqa.records import Generation, Prompt
from tests.commands import SCRIPTED, fill
from tests.fakes import WORDS, EchoGenerator
from tests.limits import no_hang
from tests.torture.fork import in_child

QUESTION = "Who commands the ferry Morwen?"


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    built = Pipeline.from_file(fill(tmp_path) / "pipeline.yaml", kinds=[WORDS, SCRIPTED])
    built.index()
    return built


def test_a_child_computes_on_one_thread_and_says_so_once(pipeline: Pipeline) -> None:
    if torch.get_num_threads() < 2:
        torch.set_num_threads(2)
    threads = torch.get_num_threads()

    def work() -> list[Any]:
        told: list[str] = []
        handler = logging.Handler()
        handler.emit = lambda record: told.append(record.getMessage())  # type: ignore[method-assign]
        logging.getLogger("ragqa.forks").addHandler(handler)
        answers = [pipeline.ask(QUESTION).text for _ in range(2)]
        return [torch.get_num_threads(), os.environ.get("TOKENIZERS_PARALLELISM"), answers, told]

    expected = pipeline.ask(QUESTION).text
    alone, parallel, answers, told = in_child(work)
    assert (alone, parallel, answers) == (1, "false", [expected] * 2)
    assert len(told) == 1 and told[0].startswith("this process was forked") and "spawn" in told[0]
    assert torch.get_num_threads() == threads and os.environ.get("TOKENIZERS_PARALLELISM") != "false"


class Waiting(EchoGenerator):
    """Writes no more than one word until it may go on."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.may_go_on = threading.Event(), threading.Event()

    def stream(self, prompt: Prompt) -> Iterator[str | Generation]:
        yield "One "
        self.begun.set()
        self.may_go_on.wait(30)
        yield Generation("One word", 2, "stop")


def test_a_child_of_a_process_with_a_busy_thread_says_why_it_does_not_answer(pipeline: Pipeline) -> None:
    waiting = Waiting()
    pipeline.components.replace(generator=waiting)
    thread = threading.Thread(target=pipeline.ask, args=(QUESTION,))
    thread.start()
    assert waiting.begun.wait(10)
    uses = {
        "ask": lambda: pipeline.ask(QUESTION).text,
        "search": lambda: len(pipeline.search(QUESTION)),
        "index": lambda: pipeline.index().count("unchanged"),
        "plan": lambda: pipeline.plan() and None,
    }
    with no_hang():
        said = {name: in_child(use) for name, use in uses.items()}
    waiting.may_go_on.set()
    thread.join()
    for use in said.values():
        assert (
            use["error"].startswith("this process was forked while another thread used ragqa")
            and "spawn" in use["error"]
        )
    waiting.may_go_on.set()
    assert in_child(lambda: len(pipeline.search(QUESTION))) == 2  # nobody is at work any more


def test_an_index_that_is_open_when_a_process_is_forked_is_not_opened_by_the_child(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    """SQLite would believe that the child has its parent's locks."""
    with pipeline.open_index():
        said = in_child(lambda: len(pipeline.search(QUESTION)))
        assert "was open when this process was forked" in said["error"]
        own = ["index.path=" + str(tmp_path / "own")]
        other = Pipeline.from_file(pipeline.config.file, own, kinds=[WORDS, SCRIPTED])
        assert in_child(lambda: other.index().count("indexed")) == 3
    assert in_child(lambda: len(pipeline.search(QUESTION))) == 2


def test_a_lock_that_was_let_go_is_free_though_a_child_has_a_copy(tmp_path: Path) -> None:
    handle = lock.acquire(tmp_path)
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(write)
            os.read(read, 1)
        finally:
            os._exit(0)
    os.close(read)
    lock.release(handle)
    lock.release(lock.acquire(tmp_path))
    os.close(write)
    os.waitpid(pid, 0)


def test_a_child_that_lets_a_lock_go_leaves_it_to_its_parent(tmp_path: Path) -> None:
    handle = lock.acquire(tmp_path)
    assert in_child(lambda: lock.release(handle)) is None
    with pytest.raises(LockedError, match=f"locked by pid {os.getpid()} "):
        lock.acquire(tmp_path)
    lock.release(handle)


def test_a_process_that_is_forked_from_one_with_a_gpu_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "_is_in_bad_fork", lambda: True)
    with pytest.raises(UsageError, match="forked from one that uses the GPU"):
        forks.check()


def test_a_parent_answers_while_it_is_forked_by_another_of_its_threads(pipeline: Pipeline) -> None:
    failures: list[Exception] = []
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            try:
                pipeline.search(QUESTION)
            except Exception as error:
                failures.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    for _ in range(60):
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
    ended.set()
    thread.join()
    assert failures == []
