"""`serve.deadline`: an answer ends with what is written by then; only a question that could not begin is refused."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ragqa.errors import ResourceError
from ragqa.records import Generation, Prompt
from ragqa.serve import lanes
from tests.fakes import EchoGenerator
from tests.serve.serving import QUESTION, SLOW_QUESTION, Running, running

SECONDS = 0.3
PARTIAL = "The mill has a master"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("deadline"), deadline=SECONDS) as found:
        yield found


def test_an_answer_ends_at_the_deadline_with_what_is_written_and_says_so(server: Running) -> None:
    told = server.post("/api/ask", {"question": SLOW_QUESTION}).json
    assert (told["text"], told["finish"], told["citations"][0]["source"]) == (PARTIAL, "deadline", "mill.txt")
    name, streamed = server.post("/api/ask", {"question": SLOW_QUESTION}, Accept="text/event-stream").events[-1]
    assert (name, streamed["text"], streamed["finish"]) == ("answer", PARTIAL, "deadline")


@pytest.mark.parametrize("stream", [False, True])
def test_clients_of_openai_are_told_that_an_answer_was_cut(server: Running, stream: bool) -> None:
    body = {"model": "ragqa", "messages": [{"role": "user", "content": SLOW_QUESTION}], "stream": stream}
    told: Any = server.post("/v1/chat/completions", body)
    choices = [data["choices"][0] for _, data in told.events[:-1]] if stream else told.json["choices"]
    assert choices[-1]["finish_reason"] == "length"
    assert "".join(each.get("delta", each.get("message"))["content"] for each in choices[:-1] or choices) == PARTIAL


def test_a_question_that_waits_until_the_deadline_is_refused_and_one_that_was_begun_is_not(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "GRACE_SECONDS", 600)  # longer than this client would wait
    with ThreadPoolExecutor() as clients:
        with server.pipeline.components.lock.held():  # the first question cannot go on, and the second waits behind it
            begun = clients.submit(server.post, "/api/ask", {"question": SLOW_QUESTION})
            server.wait_for("ragqa_questions_running", 1)
            told = server.post("/api/ask", {"question": QUESTION})
        assert (told.status, told.json["error"]["code"], told.json["error"]["passages"]) == (504, "deadline", [])
        assert begun.result().json["finish"] == "deadline"


class _Silent(EchoGenerator):
    """Fails once the time is over, as an endpoint does that has sent nothing by then."""

    def stream(self, prompt: Prompt) -> Iterator[str | Generation]:
        time.sleep(SECONDS + 0.05)
        raise ResourceError("no answer")
        yield ""


def test_without_a_word_by_the_deadline_the_passages_are_told(tmp_path: Path) -> None:
    with running(tmp_path, deadline=SECONDS) as server:
        server.pipeline.components.replace(generator=_Silent())
        told = server.post("/api/ask", {"question": QUESTION})
    assert (told.status, told.json["error"]["code"]) == (504, "deadline")
    assert told.json["error"]["passages"][0]["source"] == "quay.txt"
