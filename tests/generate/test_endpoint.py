"""The `openai` generator against a real local server that speaks the protocol, faults included."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from ragqa.config.generators import OpenAIGenerate
from ragqa.errors import ModelError, RefusedError, ResourceError, UsageError
from ragqa.records import Generation, Prompt
from tests.generate.building import build_generator
from tests.json_server import KEY, Endpoint, Reply, fails, serving
from tests.limits import no_hang


def says(*pieces: str, finish: str | None = "stop", pause: float = 0.0) -> Reply:
    def chunk(delta: dict[str, str], reason: str | None = None) -> bytes:
        choice: dict[str, Any] = {"index": 0, "delta": delta, "finish_reason": reason}
        if "content" in delta:
            choice["logprobs"] = {"content": [{"token": "t", "logprob": -0.5, "top_logprobs": []}]}
        data = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
        return b"data: " + json.dumps(data, ensure_ascii=False).encode() + b"\n\n"

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.end_headers()
        try:
            for piece in pieces:
                data = chunk({"content": piece})
                for part in (data[:40], data[40:-9], data[-9:]):  # cuts fall within characters, too
                    handler.wfile.write(part)
                    handler.wfile.flush()
                time.sleep(pause)
            if finish:
                handler.wfile.write(chunk({}, finish) + b"data: [DONE]\n\n")
        except OSError:
            pass  # the client left

    return reply


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    monkeypatch.delenv("RAGQA_OFFLINE", raising=False)
    monkeypatch.setenv("THE_KEY", KEY)
    with serving() as server:
        yield server


def ask(endpoint: Endpoint, log_probabilities: bool = False, **fields: Any) -> tuple[list[str], Generation]:
    values = {"kind": "openai", "base_url": endpoint.url, "model": "m", "api_key_env": "THE_KEY", "deadline": 20.0}
    generator = build_generator(OpenAIGenerate.model_validate(values | fields), log_probabilities=log_probabilities)
    text = generator.chat("Be brief.", "Who sails?")
    *pieces, last = generator.stream(Prompt(text, {"all": generator.count(text)}, ()))
    assert isinstance(last, Generation)
    return [str(piece) for piece in pieces], last


def test_an_answer_streams_and_the_exact_prompt_was_sent_with_the_key(endpoint: Endpoint) -> None:
    endpoint.replies = [says("Ilse ", "sails — 日本 😀.")]
    pieces, last = ask(endpoint, log_probabilities=True, stop=["\n"], top_k=7, max_new_tokens=9)
    assert pieces == ["Ilse ", "sails — 日本 😀."]
    assert last == Generation("Ilse sails — 日本 😀.", 2, "stop", (-0.5, -0.5))
    sent = endpoint.requests[0]
    assert sent["messages"] == [{"role": "user", "content": "Be brief.\n\nWho sails?"}]
    assert (sent["max_tokens"], sent["stop"], sent["top_k"], sent["temperature"]) == (9, ["\n"], 7, 0.0)
    assert endpoint.keys == [f"Bearer {KEY}"]


def test_a_length_limit_is_said(endpoint: Endpoint) -> None:
    endpoint.replies = [says("cut", finish="length")]
    assert ask(endpoint)[1].finish == "length"


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_passing_failure_is_tried_again(endpoint: Endpoint, status: int) -> None:
    endpoint.replies = [fails(status), says("ok")]
    assert ask(endpoint)[1].text == "ok"
    assert len(endpoint.requests) == 2


def test_retry_after_is_waited_for(endpoint: Endpoint) -> None:
    endpoint.replies = [fails(429, Retry_After="2"), says("ok")]
    started = time.monotonic()
    assert ask(endpoint)[1].text == "ok"
    assert time.monotonic() - started >= 2


def test_failures_without_end_are_an_error_that_counts_the_tries(endpoint: Endpoint) -> None:
    endpoint.replies = [fails(503)]
    with pytest.raises(ResourceError, match=r"127\.0\.0\.1:\d+/v1 failed \(1 retries\)"):
        ask(endpoint, retries=1)
    assert len(endpoint.requests) == 2


def test_a_wait_beyond_the_deadline_is_not_begun(endpoint: Endpoint) -> None:
    endpoint.replies = [fails(429, Retry_After="20000")]
    with no_hang(), pytest.raises(ResourceError):
        ask(endpoint, deadline=10000.0)


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        (401, UsageError, "refuses the key in THE_KEY"),
        (404, ModelError, "has no model 'm'"),
        (400, UsageError, "refuses"),
    ],
)
def test_a_refusal_is_not_tried_again_and_never_shows_the_key(
    endpoint: Endpoint, status: int, error: type[Exception], message: str
) -> None:
    endpoint.replies = [fails(status, f"Incorrect key {KEY}")]
    with pytest.raises(error, match=message) as caught:
        ask(endpoint)
    assert KEY not in str(caught.value)
    assert len(endpoint.requests) == 1


def test_an_answer_that_breaks_off_is_an_error_and_not_an_answer(endpoint: Endpoint) -> None:
    endpoint.replies = [says("half of", finish=None)]
    with pytest.raises(ResourceError, match="broke off after 7 characters"):
        ask(endpoint)
    assert len(endpoint.requests) == 1


def test_a_connection_reset_within_an_answer_is_an_error_and_not_an_answer(endpoint: Endpoint) -> None:
    def reset(handler: BaseHTTPRequestHandler) -> None:
        says("half of", finish=None)(handler)
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        time.sleep(0.3)  # the piece arrives before the reset discards it
        socket.close(handler.connection.detach())

    endpoint.replies = [reset]
    with pytest.raises(ResourceError, match="broke off after 7 characters"):
        ask(endpoint)
    assert len(endpoint.requests) == 1


def test_a_deadline_gives_the_partial_answer_marked_and_an_error_where_there_is_none(endpoint: Endpoint) -> None:
    endpoint.replies = [says(*"abcdefgh", pause=0.5)]
    _, last = ask(endpoint, deadline=1.2)
    assert last.finish == "deadline" and "abcdefgh".startswith(last.text) and last.text
    endpoint.replies = [lambda handler: time.sleep(3)]
    with pytest.raises(ResourceError, match=r"no answer within 0\.5 s"):
        ask(endpoint, deadline=0.5)


def test_no_endpoint_is_called_offline_or_without_its_key(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="environment variable NO_SUCH_KEY is not set"):
        ask(endpoint, api_key_env="NO_SUCH_KEY")
    monkeypatch.setenv("RAGQA_OFFLINE", "1")
    with pytest.raises(RefusedError, match="RAGQA_OFFLINE is set"):
        ask(endpoint)
    assert endpoint.requests == []


def test_nothing_listening_is_an_error_that_names_the_place_without_its_password(endpoint: Endpoint) -> None:
    with pytest.raises(ResourceError, match=r"127\.0\.0\.1:9/v1 failed") as caught:
        ask(endpoint, base_url="http://user:hidden@127.0.0.1:9/v1", retries=0)
    assert "hidden" not in str(caught.value)
