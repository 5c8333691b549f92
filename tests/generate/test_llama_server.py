"""What llama.cpp replies within this process, where it is not what it should be; its port is played by real sockets."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ragqa.deadline import DeadlinePassed
from ragqa.errors import ModelError, RagqaError, ResourceError, UsageError
from ragqa.generate import llama_server
from ragqa.generate.llama_server import LlamaServer, Reply
from ragqa.stopping import limited
from tests.limits import no_hang
from tests.raw_server import Behaviour, Peer, replies, serving

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


class Native:
    """Stands for the compiled server: it has a port."""

    def __init__(self, address: str = "") -> None:
        self.listening_address = address


def server(native: Native) -> LlamaServer:
    """Return a server without a model."""
    made = object.__new__(LlamaServer)
    vars(made).update(_path=Path("model.gguf"), _key="key", _process=os.getpid(), _server=native)
    return made


def completion(behaviour: Behaviour, seconds: float = 300) -> list[Reply]:
    """Return the events of a completion by a port that behaves so."""
    with no_hang(), serving(behaviour) as port:
        return list(server(Native(f"http://127.0.0.1:{port.port}")).complete({}, time.monotonic() + seconds))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(llama_server, "_SECONDS", 0.3)
    yield


@pytest.mark.parametrize(
    ("behaviour", "error", "message"),
    [
        (replies(HEAD + b"{"), RagqaError, "malformed reply to /tokenize"),
        (replies(HEAD + b"[]"), RagqaError, "malformed reply to /tokenize"),
        (replies(HEAD + b"{}"), RagqaError, "malformed reply to /tokenize: no tokens"),
        (replies(HEAD + b'{"tokens": 5}'), RagqaError, "malformed reply to /tokenize"),
        (replies(HEAD + b"\xff\xfe"), RagqaError, "malformed reply to /tokenize"),
        (replies(HEAD + b"[" * 100_000), RagqaError, "malformed reply to /tokenize"),
        (
            replies(b"HTTP/1.1 500 no\r\n\r\n{}"),
            ModelError,
            r"refuses /tokenize with the model model\.gguf: status 500",
        ),
        (replies(b"nonsense\r\n\r\n"), ResourceError, "does not answer /tokenize"),
        (replies(b""), ResourceError, "does not answer /tokenize"),
        (replies(HEAD.replace(b"\r\n\r\n", b"\r\nContent-Length: 99\r\n\r\n{")), RagqaError, "malformed reply"),
        (lambda peer: peer.wait(1e6), ResourceError, r"does not answer /tokenize within 0\.3 s"),
    ],
)
def test_a_reply_of_the_port_that_is_none_is_one_line(
    behaviour: Behaviour, error: type[RagqaError], message: str
) -> None:
    with no_hang(), serving(behaviour) as port, pytest.raises(error, match=message) as caught:
        server(Native(f"http://127.0.0.1:{port.port}")).tokenize("text")
    assert len(str(caught.value).splitlines()) == 1


def test_the_port_is_asked_with_its_key_and_past_any_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    asked: list[bytes] = []

    def behave(peer: Peer) -> None:
        asked.append(peer.read_request())
        peer.send(HEAD + b'{"prompt": "turn"}')

    with serving(behave) as port:
        assert server(Native(f"http://127.0.0.1:{port.port}")).apply_template([]) == "turn"
    assert b"Authorization: Bearer key\r\n" in asked[0]


@pytest.mark.parametrize(
    "reply", [None, 5, [], {}, {"choices": None}, {"choices": [{}]}, {"choices": [{"text": 5}]}, {"choices": "x"}]
)
def test_a_piece_that_is_none_is_one_line(reply: Any) -> None:
    with pytest.raises(RagqaError, match=r"^llama\.cpp: a malformed reply$"):
        completion(replies(STREAM + b"data: " + json.dumps(reply).encode() + b"\n\n"))


@pytest.mark.parametrize(
    "reply",
    [
        b'HTTP/1.1 400 no\r\n\r\n{"error": {"code": 400, "message": "the prompt is too long"}}',
        STREAM + b'data: {"error": {"code": 400, "message": "the prompt is too long"}}\n\n',
        STREAM + b'error: {"code": 400, "message": "the prompt is too long"}\n\n',
    ],
)
def test_an_error_of_the_server_is_told(reply: bytes) -> None:
    with pytest.raises(RagqaError, match=r"^llama\.cpp: the prompt is too long$"):
        completion(replies(reply))


@pytest.mark.parametrize(
    "reply", [b"", b"nonsense\r\n\r\n", STREAM.replace(b"\r\n\r\n", b"\r\nContent-Length: x\r\n\r\n")]
)
def test_a_completion_that_is_no_http_is_one_line_or_nothing(reply: bytes) -> None:
    try:
        assert completion(replies(reply)) == []
    except ResourceError as error:
        assert str(error).startswith("llama.cpp ends its reply too early")


def test_the_pieces_of_a_completion_come_in_order_until_it_is_done() -> None:
    pieces = b"".join(b'data: {"choices": [{"text": "%d"}]}\n\n' % number for number in range(3))
    found = completion(replies(STREAM + pieces + b"data: [DONE]\n\n"))
    assert [piece.text for reply in found for piece in reply.choices] == ["0", "1", "2"]


def test_a_completion_ends_at_its_deadline() -> None:
    with pytest.raises(DeadlinePassed):
        completion(lambda peer: peer.wait(1e6), seconds=0.2)


@pytest.mark.parametrize("begun", [b"", STREAM, STREAM + b'data: {"choices": [{"text": "a"}]}\n\n'])
def test_the_connection_is_closed_at_once_when_the_answer_is_not_wanted_any_more(begun: bytes) -> None:
    """The server stops after its present pass, also while it reads a long prompt and so sends nothing."""
    closed, unwanted = threading.Event(), threading.Event()

    def behave(peer: Peer) -> None:
        peer.read_request()
        peer.send(begun)
        unwanted.set()
        with contextlib.suppress(OSError):
            assert peer.connection.recv(1) == b""
        closed.set()

    with no_hang(), serving(behave) as port:
        native = server(Native(f"http://127.0.0.1:{port.port}"))
        assert len(list(limited(native.complete({}, time.monotonic() + 300), unwanted.is_set))) <= 1
        assert closed.wait(5)


def test_a_server_of_another_process_says_what_to_do() -> None:
    forked = server(Native())
    vars(forked)["_process"] = 1
    for use in (lambda: forked.tokenize("a"), lambda: forked.apply_template([]), lambda: list(forked.complete({}, 0))):
        with pytest.raises(UsageError, match=r"threads of process 1, .* build the Pipeline after the fork"):
            use()
