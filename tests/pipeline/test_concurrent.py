"""Several answers at once, from event loops and from threads: right, cancelled within a token, with nothing left behind."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from ragqa import Pipeline
from ragqa.deadline import Emit, iterate_until
from ragqa.errors import NothingUsableError, ResourceError, UsageError
from ragqa.index.connection import _Descriptors
from ragqa.pipeline.answer.replies import Event
from ragqa.records import Answer, AnswerSentence, Generation, Passages, Prompt
from ragqa.stopping import Stopped, stoppable
from tests.fakes import ECHO, PIPELINE, WORDS, EchoGenerator, write_project
from tests.generate.test_batch import without_times
from tests.limits import no_hang
from tests.tiny import save_tiny_llama

NAMES = ("ferry", "turbine", "quay", "buoy", "crane", "tower")
QUESTIONS = [f"Who is the master of the {name}?" for name in NAMES]


class Busy(EchoGenerator):
    """Writes a word every millisecond, endlessly where it is told to, and notes who uses it when.

    With a `gate` it writes a word only when that lets it.
    """

    def __init__(self, *, endless: bool = False, concurrent: bool = False) -> None:
        super().__init__()
        self.endless, self.concurrent = endless, concurrent
        self.written, self.closed = 0, 0
        self.at_once = self.most_at_once = 0
        self.begun = threading.Event()
        self.gate: threading.Semaphore | None = None
        self.open_before = set(_Descriptors._open)
        self.meet: Callable[[], object] = lambda: None

    def stream(self, prompt: Prompt) -> Iterator[str | Generation]:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            self.meet()
            while self.endless:
                yield self._word("word ")
            for piece in super().stream(prompt):
                yield self._word(piece) if isinstance(piece, str) else piece
        finally:
            self.at_once -= 1
            self.closed += 1

    def _word(self, word: str) -> str:
        time.sleep(0.001)
        assert self.gate is None or self.gate.acquire(timeout=300)
        self.written += 1
        self.begun.set()
        return word


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write_project(tmp_path, NAMES)
    pipeline(tmp_path).index()
    return tmp_path


def pipeline(home: Path, generator: Any = None, *overrides: str) -> Pipeline:
    pipe = Pipeline.from_file(home / "pipeline.yaml", overrides, kinds=[WORDS, ECHO])
    if generator is not None:
        pipe.components.replace(generator=generator)
    return pipe


def assert_nothing_is_left(generator: Busy) -> None:
    """Have no thread at work, no index open, no answer begun, and no further word written."""
    written = generator.written
    assert not [thread for thread in threading.enumerate() if thread.name == "ragqa-answer"]
    assert _Descriptors._open.keys() <= generator.open_before
    assert generator.at_once == 0
    time.sleep(0.01)
    assert generator.written == written


async def begun(generator: Busy) -> None:
    while not generator.begun.is_set():
        await asyncio.sleep(0.001)


# Event loops


def test_an_awaited_answer_is_that_of_ask_and_the_loop_goes_on_meanwhile(home: Path) -> None:
    generator = Busy()
    pipe = pipeline(home, generator)
    working, ticked = threading.Event(), threading.Event()

    def work() -> None:
        working.set()
        assert ticked.wait(300), "the loop stands still while the generator works"

    async def tick() -> None:
        while not working.is_set():
            await asyncio.sleep(0.001)
        for _ in range(20):
            await asyncio.sleep(0.001)
        ticked.set()

    async def main() -> Answer:
        ticker = asyncio.create_task(tick())
        generator.meet = work
        answer = await pipe.aask(QUESTIONS[0])
        await ticker
        return answer

    assert without_times(asyncio.run(main())) == without_times(pipe.ask(QUESTIONS[0]))


def test_several_at_once_are_right_and_written_one_after_another(home: Path) -> None:
    generator = Busy()
    pipe = pipeline(home, generator)

    async def main() -> list[Answer]:
        return await asyncio.gather(*map(pipe.aask, QUESTIONS * 3))

    answers = asyncio.run(main())
    assert [without_times(answer) for answer in answers] == [without_times(pipe.ask(q)) for q in QUESTIONS * 3]
    assert generator.most_at_once == 1
    assert_nothing_is_left(generator)


def test_a_generator_that_can_writes_several_at_once(home: Path) -> None:
    generator = Busy(concurrent=True)
    generator.meet = threading.Barrier(len(QUESTIONS), timeout=300).wait  # none goes on before all have begun

    async def main() -> list[Answer]:
        return await asyncio.gather(*map(pipeline(home, generator).aask, QUESTIONS))

    assert [answer.text.split()[1] for answer in asyncio.run(main())] == list(NAMES)
    assert generator.most_at_once == len(QUESTIONS)


def test_events_come_in_their_order_and_the_answer_last(home: Path) -> None:
    async def main() -> list[Event]:
        return [
            event async for event in pipeline(home).astream(QUESTIONS[1], history=[("What turns?", "The turbine.")])
        ]

    _, nearest, sentence, answer = asyncio.run(main())
    assert isinstance(nearest, Passages) and isinstance(sentence, AnswerSentence) and isinstance(answer, Answer)
    assert sentence.text == answer.text == "The turbine has a master called Turbineson."


@pytest.mark.parametrize(
    "question", ["How does the ferry have a master?", QUESTIONS[0]], ids=["checked as it comes", "held back"]
)
def test_a_cancelled_answer_stops_within_a_token_and_leaves_nothing_behind(home: Path, question: str) -> None:
    generator = Busy(endless=True)
    pipe = pipeline(home, generator)

    async def main() -> None:
        generator.gate = threading.Semaphore(1)
        task = asyncio.create_task(pipe.aask(question))
        await begun(generator)
        task.cancel()
        await asyncio.sleep(0.01)
        generator.gate.release(1000)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert generator.written <= 2, "the word that was being written is the last"
        assert_nothing_is_left(generator)

    asyncio.run(main())
    generator.endless, generator.gate = False, None
    assert pipe.ask(QUESTIONS[1]).citations[0].source == "turbine.txt"


def test_one_that_waits_for_its_turn_can_be_cancelled_and_the_others_go_on(home: Path) -> None:
    generator = Busy(endless=True)
    pipe = pipeline(home, generator)

    async def main() -> Answer:
        first = asyncio.create_task(pipe.aask(QUESTIONS[0]))
        await begun(generator)
        waiting = [asyncio.create_task(pipe.aask(question)) for question in QUESTIONS[1:]]
        await asyncio.sleep(0.02)
        for task in waiting[:-1]:
            task.cancel()
        done = await asyncio.wait_for(asyncio.gather(*waiting[:-1], return_exceptions=True), 300)
        assert all(isinstance(one, asyncio.CancelledError) for one in done)
        assert not first.done() and generator.closed == 0
        generator.endless = False
        await first
        return await waiting[-1]

    assert asyncio.run(main()).citations[0].source == "tower.txt"
    assert_nothing_is_left(generator)


def test_a_timeout_and_the_end_of_the_loop_stop_an_answer(home: Path) -> None:
    generator = Busy(endless=True)
    pipe = pipeline(home, generator)

    async def main() -> asyncio.Task[Answer]:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(pipe.aask(QUESTIONS[0]), 0.05)
        assert_nothing_is_left(generator)
        generator.begun.clear()
        left = asyncio.create_task(pipe.aask(QUESTIONS[0]))
        await begun(generator)
        return left

    assert asyncio.run(main()).cancelled()
    assert_nothing_is_left(generator)


@pytest.mark.parametrize("close", ["aclosing", "aclose", "dropped"])
def test_a_stream_that_is_left_before_its_end_is_ended(home: Path, close: str) -> None:
    generator = Busy(endless=True)
    pipe = pipeline(home, generator)

    async def main() -> None:
        stream = pipe.astream(QUESTIONS[0])
        if close == "aclosing":
            async with aclosing(stream) as events:
                async for _ in events:
                    break
        else:
            await anext(stream)
            if close == "aclose":
                await stream.aclose()
            del stream
            gc.collect()
            while close == "dropped" and generator.at_once:
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.01)
        assert_nothing_is_left(generator)

    asyncio.run(asyncio.wait_for(main(), 300))


def test_a_stream_that_was_never_begun_does_nothing(home: Path) -> None:
    generator = Busy()

    async def main() -> None:
        await pipeline(home, generator).astream(QUESTIONS[0]).aclose()

    asyncio.run(main())
    assert (generator.written, generator.closed) == (0, 0)


def test_errors_arrive_where_they_are_awaited(home: Path) -> None:
    def fail() -> None:
        raise ResourceError("the endpoint is gone")

    generator = Busy()
    generator.meet = fail

    async def main() -> None:
        with pytest.raises(ResourceError, match="the endpoint is gone"):
            await pipeline(home, generator).aask(QUESTIONS[0])
        assert_nothing_is_left(generator)
        with pytest.raises(UsageError, match="the question is empty"):
            await pipeline(home).aask(" ")
        with pytest.raises(NothingUsableError, match="no index at"):
            await pipeline(home, None, f"index.path={home / 'none'}").aask(QUESTIONS[0])

    asyncio.run(main())


def test_a_question_in_other_words_can_be_cancelled_while_it_is_written(home: Path) -> None:
    generator = Busy(endless=True)
    pipe = pipeline(home, generator, "retrieve.rewrite={kind: multi_query, n: 2}")

    async def main() -> None:
        task = asyncio.create_task(pipe.aask(QUESTIONS[0]))
        await begun(generator)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert_nothing_is_left(generator)

    asyncio.run(asyncio.wait_for(main(), 300))


def test_a_source_that_says_nothing_is_not_waited_for_once_nobody_wants_it() -> None:
    silence_over, source_ended, unwanted = threading.Event(), threading.Event(), threading.Event()

    def source(emit: Emit) -> None:
        silence_over.wait()
        source_ended.set()

    threading.Timer(0.05, unwanted.set).start()
    with no_hang(), pytest.raises(Stopped), stoppable(unwanted.is_set):
        list(iterate_until(source, time.monotonic() + 1e6))
    assert not source_ended.is_set()
    silence_over.set()


# Threads


def test_threads_that_ask_one_pipeline_at_once_get_what_each_would_get_alone(home: Path) -> None:
    generator = Busy()
    pipe = pipeline(home, generator)
    alone = [without_times(pipe.ask(question)) for question in QUESTIONS]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(pipe.ask, QUESTIONS * 4))
        hits = list(pool.map(pipe.search, QUESTIONS * 4))
        many = list(pool.map(pipe.ask_many, [QUESTIONS] * 4))
    assert [without_times(answer) for answer in found] == alone * 4
    assert [each[0].source for each in hits] == [f"{name}.txt" for name in NAMES] * 4
    assert [[without_times(answer) for answer in each] for each in many] == [alone] * 4
    assert generator.most_at_once == 1


def test_a_stream_whose_reader_pauses_keeps_nobody_waiting(home: Path) -> None:
    pipe = pipeline(home, Busy())
    paused = pipe.stream(QUESTIONS[0])
    next(iter(paused))
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(pipe.ask, QUESTIONS[1]).result(300)
    assert other.citations[0].source == "turbine.txt"
    assert pipe.ask(QUESTIONS[2]).citations[0].source == "quay.txt"
    *_, answer = paused
    assert isinstance(answer, Answer) and answer.citations[0].source == "ferry.txt"


def test_each_event_of_a_stream_may_be_taken_by_another_thread(home: Path) -> None:
    events = iter(pipeline(home, Busy()).stream(QUESTIONS[0]))
    taken: list[Event] = []
    while not (taken and isinstance(taken[-1], Answer)):
        with ThreadPoolExecutor(1) as pool:
            taken.append(pool.submit(next, events).result(300))
    assert isinstance(taken[-1], Answer) and taken[-1].citations[0].source == "ferry.txt"


def test_an_index_is_brought_up_to_date_while_threads_ask(home: Path) -> None:
    pipe = pipeline(home, Busy())
    for i in range(40):
        (home / "documents" / f"note{i}.txt").write_text(f"Note {i} tells of tides.", encoding="utf-8")
    with ThreadPoolExecutor(3) as pool:
        run = pool.submit(pipe.index)
        answers = list(pool.map(pipe.ask, QUESTIONS * 5))
    assert run.result().count("indexed") == 40
    assert [answer.citations[0].source for answer in answers] == [f"{name}.txt" for name in NAMES] * 5


@pytest.mark.parametrize("decode", ["span", "free"])
def test_a_real_model_gives_the_same_answers_to_threads_as_one_after_another(home: Path, decode: str) -> None:
    model = save_tiny_llama(home / "model", window=4096)
    file = home / "pipeline.yaml"
    generate = f"{{kind: causal_lm, model: {model}, dtype: float32, decode: {decode}, max_new_tokens: 12}}"
    file.write_text(PIPELINE.replace("{kind: echo}", generate), encoding="utf-8")
    pipe = pipeline(home)
    others = pipeline(home, None, "retrieve.top_k=1")
    others.components.share(pipe.components)  # the model, and so the turn
    assert others.components.generator is pipe.components.generator
    alone = [without_times(one.ask(question)) for one in (pipe, others) for question in QUESTIONS]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            jobs = [pool.submit(one.ask, question) for one in (pipe, others) for question in QUESTIONS]
            assert [without_times(job.result(60)) for job in jobs] == alone


def test_a_process_that_was_forked_in_the_middle_of_an_answer_has_its_own_turn(home: Path) -> None:
    pipe = pipeline(home, Busy())
    with ThreadPoolExecutor(1) as pool:
        held, go_on = threading.Event(), threading.Event()

        def hold() -> None:
            with pipe.components.lock.held():
                held.set()
                go_on.wait(300)

        job = pool.submit(hold)
        held.wait(300)
        child = os.fork()
        if not child:
            with stoppable(lambda: True):
                try:
                    pipe.components.lock._lock.acquire(timeout=300) and os._exit(0)
                finally:
                    os._exit(1)
        go_on.set()
        job.result(300)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
