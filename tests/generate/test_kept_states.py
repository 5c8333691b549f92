"""States of a prompt's fixed part: kept as files, found by content, never used when damaged, bounded in all."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ragqa import models
from ragqa.config.generators import LlamaCppGenerate
from ragqa.deadline import Deadline
from ragqa.generate import kept_states
from ragqa.generate.kept_states import KeptStates, state_key
from ragqa.generate.llama_cpp import LlamaCpp
from ragqa.generate.llama_prefix import LlamaPrefix
from ragqa.generate.llama_server import LlamaServer
from ragqa.records import Generation, Prompt
from tests.generate.building import build_generator

needs_model = pytest.mark.skipif(bool(os.environ.get("RAGQA_OFFLINE")), reason="needs the default models")
MODEL = "smollm2-135m-instruct"
SHARED = "".join(f"Question: What is {n} plus {n}?\nAnswer: {n + n}\n\n" for n in range(6))
TEXT = SHARED + "Question: What is the capital of France?\nAnswer:"


def write(data: bytes) -> Any:
    def to(path: Path) -> bool:
        path.write_bytes(data)
        return True

    return to


@pytest.fixture
def states(tmp_path: Path) -> KeptStates:
    made = KeptStates(tmp_path / "prefixes")
    assert made.prepare()
    return made


def test_a_state_is_found_by_its_key_and_no_other(states: KeptStates) -> None:
    states.keep(state_key("a", "b"), write(b"one"))
    found = states.find(state_key("a", "b"))
    assert found and found.read_bytes() == b"one"
    assert states.find(state_key("ab")) is None
    assert len({state_key("a", "b"), state_key("ab"), state_key("ab", ""), state_key("", "ab")}) == 4


def test_only_the_user_can_read_states(states: KeptStates) -> None:
    states.keep("a" * 64, write(b"one"))
    found = states.find("a" * 64)
    assert found and found.stat().st_mode & 0o077 == 0 and states.folder.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("damage", [b"", b"onf", b"one and more"])
def test_a_damaged_state_is_removed_and_kept_anew(states: KeptStates, damage: bytes) -> None:
    states.keep("a" * 64, write(b"one"))
    (path,) = states.folder.iterdir()
    path.write_bytes(damage)
    assert states.find("a" * 64) is None
    assert list(states.folder.iterdir()) == []
    states.keep("a" * 64, write(b"one"))
    assert states.find("a" * 64) == path


def test_states_that_were_used_last_are_kept_within_the_bound(
    states: KeptStates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_states, "MOST_BYTES", 250)
    for number, key in enumerate("abc"):
        if number == 2:
            assert states.find("a" * 64)  # used, so that b is now the oldest
        states.keep(key * 64, write(bytes([number]) * 100))
        for path in states.folder.glob(f"{key}*"):
            os.utime(path, (number, number))
    assert [bool(states.find(key * 64)) for key in "abc"] == [True, False, True]


def test_what_a_killed_process_left_is_removed_after_a_while(states: KeptStates) -> None:
    old, new = states.folder / f"{'a' * 64}.1.part", states.folder / f"{'a' * 64}.2.part"
    old.write_bytes(b"half")
    new.write_bytes(b"half")
    os.utime(old, (0, 0))
    states.keep("b" * 64, write(b"one"))
    assert not old.exists() and new.exists()
    assert states.find("a" * 64) is None


def test_a_state_that_is_not_the_right_one_or_cannot_be_written_leaves_nothing(states: KeptStates) -> None:
    def fails(path: Path) -> bool:
        path.write_bytes(b"half")
        raise OSError("no space left")

    states.keep("a" * 64, lambda path: bool(path.write_bytes(b"other")) and False)
    states.keep("a" * 64, fails)
    assert list(states.folder.iterdir()) == []


def test_many_writers_of_one_state_leave_one_file(states: KeptStates) -> None:
    writers = [threading.Thread(target=states.keep, args=("a" * 64, write(b"one" * 1000))) for _ in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(list(states.folder.iterdir())) == 1


def test_a_cache_that_cannot_be_written_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert not KeptStates(tmp_path / "file" / "prefixes").prepare()


def build(**fields: Any) -> LlamaCpp:
    values = {"kind": "llama_cpp", "model": MODEL, "max_new_tokens": 6, "threads": 1, **fields}
    made = build_generator(LlamaCppGenerate.model_validate(values), log_probabilities=True)
    assert isinstance(made, LlamaCpp)
    return made


def said(generator: LlamaCpp) -> Generation:
    *_, last = generator.stream(Prompt(TEXT, {"all": generator.count(TEXT)}, (), shared=len(SHARED)))
    assert isinstance(last, Generation)
    return last


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Use an empty folder of states for the test."""
    monkeypatch.setattr(models, "cache_dir", lambda: tmp_path)
    return tmp_path / "prefixes"


def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note the prefixes that are read, not restored."""
    noted: list[str] = []
    original = LlamaPrefix._read

    def read(self: LlamaPrefix, states: KeptStates, key: str, text: str, deadline: Deadline) -> None:
        noted.append(text)
        original(self, states, key, text, deadline)

    monkeypatch.setattr(LlamaPrefix, "_read", read)
    return noted


@needs_model
def test_another_process_goes_on_from_the_kept_state_with_the_same_answer(
    empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted = reads(monkeypatch)
    first = said(build())
    assert len(list(empty.iterdir())) == 1 and noted == [SHARED]
    again = build()  # a server of its own, as in another process
    again._prefix.begin(SHARED, Deadline(60))
    replies: list[Any] = []

    def emit(reply: Any) -> bool:
        replies.append(reply)
        return False

    again._server._server.handle_completions({"prompt": TEXT, "max_tokens": 1}, emit)
    assert replies[-1]["timings"]["cache_n"] >= again.count(SHARED) - 1
    assert said(build()) == first and noted == [SHARED]
    assert again.count(SHARED) > 64


@needs_model
def test_a_damaged_state_or_that_of_another_text_changes_no_answer(
    empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted = reads(monkeypatch)
    first = said(build())
    (path,) = empty.iterdir()
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])  # damaged: removed, and read anew
    assert said(build()) == first and noted == [SHARED, SHARED]
    path.unlink()
    junk = b"not a state at all"
    states = KeptStates()
    states.keep(path.stem, write(junk))  # whole, but nothing that llama.cpp accepts
    assert said(build()) == first and len(noted) == 3
    other = build()
    list(other.stream(Prompt(SHARED[40:], {"all": other.count(SHARED[40:])}, (), shared=len(SHARED) - 40)))
    for name in empty.iterdir():
        if not name.name.startswith(path.stem):
            states.keep(path.stem, write(name.read_bytes()))  # the state of another text under this key
            path.unlink(missing_ok=True)
    assert said(build()) == first


@needs_model
def test_other_settings_and_short_prefixes_have_no_part_in_a_state(empty: Path) -> None:
    said(build())
    said(build(window=2048))
    assert len(list(empty.iterdir())) == 2
    generator = build()
    list(generator.stream(Prompt(TEXT, {"all": generator.count(TEXT)}, (), shared=60)))
    assert len(list(empty.iterdir())) == 2


@needs_model
def test_reading_the_prompt_does_not_count_against_the_deadline(empty: Path) -> None:
    text = SHARED * 3
    generator = build(deadline=0.05, max_new_tokens=500, window=4096)
    started = time.monotonic()
    *_, last = generator.stream(Prompt(text, {"all": generator.count(text)}, ()))
    assert time.monotonic() - started > 0.05
    assert isinstance(last, Generation) and last.n_tokens >= 1 and last.finish == "deadline"


@needs_model
def test_two_threads_that_need_the_model_load_it_once(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator, loaded = build(), list[LlamaServer]()
    original = LlamaServer.__init__

    def init(self: LlamaServer, *arguments: Any) -> None:
        loaded.append(self)
        original(self, *arguments)

    monkeypatch.setattr(LlamaServer, "__init__", init)
    both = [threading.Thread(target=generator.load) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert len(loaded) == 1 and models.gguf_path(MODEL).exists()
