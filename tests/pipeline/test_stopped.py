"""An answer that is not wanted any more stops within a token or a pass, and one whose time is over ends with its text."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ragqa import Pipeline
from ragqa.config.generators import CausalLMGenerate, FreeDecode, OpenAIGenerate, SpanDecode
from ragqa.config.specs import ClsPoolEmbed
from ragqa.embed.encoder import EncoderEmbedder
from ragqa.errors import UsageError
from ragqa.generate.causal_lm import CausalLM
from ragqa.generate.decoding import BatchedRows, SingleRow
from ragqa.generate.openai import OpenAIEndpoint
from ragqa.records import Answer, Generation, Passages, Prompt
from ragqa.stopping import Stopped, check, limited, stoppable, until
from tests.fakes import ECHO, WORDS, EchoGenerator, WordEmbedder, write_project
from tests.generate.building import build_generator
from tests.limits import no_hang
from tests.raw_server import replies, serving
from tests.tiny import save_tiny_bert, save_tiny_llama

QUESTION = "Who is the master of the quay?"


class Endless(EchoGenerator):
    """Writes words until it is closed."""

    written = 0

    def stream(self, prompt: Prompt) -> Iterator[str | Generation]:
        while time.monotonic() < until():
            self.written += 1
            yield "word "
        yield Generation("word " * self.written, self.written, "deadline")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write_project(tmp_path, ("ferry", "quay"))
    pipeline(tmp_path).index()
    return tmp_path


def pipeline(home: Path, generator: Any = None) -> Pipeline:
    pipe = Pipeline.from_file(home / "pipeline.yaml", kinds=[WORDS, ECHO])
    if generator is not None:
        pipe.components.replace(generator=generator)
    return pipe


def after(passes: list[Any], most: int) -> Callable[[], bool]:
    """Return a function that is True once there were so many passes."""
    return lambda: len(passes) >= most


# Events


def test_the_events_end_without_an_answer_within_a_token(home: Path) -> None:
    generator = Endless()
    events = list(pipeline(home, generator).stream(QUESTION, cancelled=lambda: generator.written >= 7))
    assert [type(event) for event in events] == [Passages, Passages]
    assert generator.written == 7


def test_what_is_cancelled_before_it_begins_asks_nothing(home: Path) -> None:
    generator = Endless()
    assert list(pipeline(home, generator).stream(QUESTION, cancelled=lambda: True)) == []
    assert generator.written == 0


def test_an_answer_that_waits_for_another_one_is_cancelled_too(home: Path) -> None:
    pipe, cancelled = pipeline(home), threading.Event()
    waiting = threading.Thread(target=lambda: list(pipe.stream(QUESTION, cancelled=cancelled.is_set)))
    with no_hang(), pipe.components.lock.held():
        waiting.start()
        cancelled.set()
        waiting.join(30)
        assert not waiting.is_alive()


def test_the_time_of_an_answer_is_that_from_the_call(home: Path) -> None:
    generator = Endless()
    *_, answer = pipeline(home, generator).stream(QUESTION, deadline=0.3)
    assert isinstance(answer, Answer) and answer.finish == "deadline" and generator.written > 0
    queued = pipeline(home, generator).stream(QUESTION, deadline=-1)
    written, (*_, answer) = generator.written, queued
    assert isinstance(answer, Answer) and answer.finish == "deadline" and generator.written == written


@pytest.mark.parametrize(
    "limits", [{"cancelled": True}, {"deadline": "soon"}, {"deadline": float("nan")}, {"deadline": True}]
)
def test_limits_of_another_type_are_refused(home: Path, limits: Any) -> None:
    with pytest.raises(UsageError, match=next(iter(limits))):
        pipeline(home).stream(QUESTION, **limits)


def test_limits_stay_with_their_own_items() -> None:
    def items() -> Iterator[float]:
        while True:
            check()
            yield until()

    one = limited((each for each in items()), lambda: False, 5)
    other = limited((each for each in items()), seconds=1000)
    assert next(one) < next(other) < next(limited(each for each in items()))
    assert until() == float("inf")
    with pytest.raises(Stopped), stoppable(lambda: True):
        next(limited((each for each in items()), lambda: False))


def test_a_summary_of_all_documents_stops_between_two_of_them(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAGQA_CACHE", str(home / "cache"))  # no summary is in it
    pipe = pipeline(home)
    embedder = pipe.components.embedder
    assert isinstance(embedder, WordEmbedder)

    def masters() -> list[str]:
        return [text for text in embedder.embedded if "has a master" in text]

    assert list(pipe.stream("What are these documents about?", cancelled=lambda: bool(masters()))) == []
    assert len(masters()) == 1
    *_, answer = pipe.stream("What are these documents about?")
    assert isinstance(answer, Answer) and answer.kind == "summary" and len(masters()) == 2


# Models


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    save_tiny_llama(folder)
    return folder


def passes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the passes of the model, as they are made."""
    made: list[str] = []

    def noted(real: Any, name: str) -> Any:
        def call(self: Any, *arguments: Any) -> Any:
            made.append(name)
            return real(self, *arguments)

        return call

    for rows in (SingleRow, BatchedRows):
        for name in ("prefill", "read"):
            monkeypatch.setattr(rows, name, noted(getattr(rows, name), name))
    return made


def prompt() -> Prompt:
    from tests.fakes import hit

    text = "The ferry leaves at noon. The master of the quay is Quayson.\nWho is the master?"
    return Prompt(text, {"all": 30}, (hit("The ferry leaves at noon. The master of the quay is Quayson."),))


def test_an_embedder_stops_between_two_passes(tmp_path: Path) -> None:
    model = str(save_tiny_bert(tmp_path))
    made: list[Any] = []

    class Noting(EncoderEmbedder):
        def _forward(self, *batch: Any) -> Any:
            made.append(batch)
            return super()._forward(*batch)

    embedder = Noting(ClsPoolEmbed(kind="cls_pool", model=model, engine="native", batch_tokens=64))
    with pytest.raises(Stopped), stoppable(after(made, 1)):
        embedder.embed_passages(["ferry " * 10] * 3)
    assert len(made) == 1


@pytest.mark.parametrize(("decode", "most"), [("free", 3), ("span", 1)])
def test_a_causal_lm_stops_between_two_passes(
    model: Path, monkeypatch: pytest.MonkeyPatch, decode: str, most: int
) -> None:
    how = SpanDecode(kind="span") if decode == "span" else FreeDecode(kind="free")
    generator = build_generator(spec_of(model).model_copy(update={"decode": how}))
    made = passes(monkeypatch)
    assert not any(isinstance(each, Generation) for each in limited(pieces(generator), after(made, most)))
    assert len(made) == most
    (*_, last) = limited(pieces(generator), seconds=-1)
    assert isinstance(last, Generation) and last.finish == "deadline" and len(made) == most, "no pass without time"


def spec_of(model: Path) -> CausalLMGenerate:
    return CausalLMGenerate(kind="causal_lm", model=str(model), engine="native", dtype="float32", max_new_tokens=40)


def pieces(generator: Any) -> Any:
    yield from generator.stream(prompt())


def test_a_batch_stops_between_two_prompts_and_between_two_passes(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = CausalLM(spec_of(model))
    made = passes(monkeypatch)
    for most in (1, 4):
        made.clear()
        with pytest.raises(Stopped), stoppable(after(made, most)):
            generator.write_many([prompt()] * 3)
        assert len(made) == most


def test_an_endpoint_is_left_while_it_is_waited_for_and_between_two_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = b"HTTP/1.1 503 no\r\nRetry-After: 60\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    for behaviour in (replies(busy), lambda peer: peer.wait(1e6)):
        with no_hang(), serving(behaviour) as server:
            generator = OpenAIEndpoint(
                OpenAIGenerate(kind="openai", base_url=server.url, model="m", deadline=300, retries=3)
            )
            asked, end = pieces(generator), time.monotonic() + 0.3
            assert list(limited(asked, partial(passed, end))) == []
            assert time.monotonic() < end + 5


def passed(end: float) -> bool:
    return time.monotonic() > end
