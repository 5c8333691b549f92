"""The `openai` generator against a server that is endless, malformed, slow or hostile: real sockets, no library."""

from __future__ import annotations

import gzip
import os
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ragqa import stopping
from ragqa.config.generators import OpenAIGenerate
from ragqa.errors import ModelError, RagqaError, ResourceError, UsageError
from ragqa.generate.openai import TEXT_BYTES_PER_TOKEN
from ragqa.records import Generation, Prompt
from tests.generate.building import build_generator
from tests.limits import no_hang
from tests.raw_server import DONE, EVENT_STREAM, Behaviour, Peer, event, piece, replies, serving

HEAD = b"HTTP/1.1 200 OK\r\n"
GZIP = HEAD + b"Content-Type: text/event-stream\r\nContent-Encoding: gzip\r\n\r\n"
CHUNKED = HEAD + b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(autouse=True)
def nothing_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("RAGQA_OFFLINE", raising=False)
    with serving(replies(EVENT_STREAM + piece("warm", "stop") + DONE)) as server:
        ask(server.url)  # opens the files that stay open
    threads, descriptors = set(threading.enumerate()), open_descriptors()
    yield
    assert set(threading.enumerate()) <= threads and open_descriptors() <= descriptors  # those of others may end


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0


def ask(url: str, *, log_probabilities: bool = False, **fields: Any) -> Generation:
    values = {"kind": "openai", "base_url": url, "model": "m", "deadline": 5.0, "retries": 0, **fields}
    generator = build_generator(OpenAIGenerate.model_validate(values), log_probabilities=log_probabilities)
    *_, last = generator.stream(Prompt("Who sails?", {"all": 3}, ()))
    assert isinstance(last, Generation)
    return last


@pytest.mark.parametrize("begin", [b"", EVENT_STREAM, EVENT_STREAM + piece("Ilse")])
def test_an_answer_that_is_no_longer_wanted_is_not_waited_for(begin: bytes) -> None:
    def silent(peer: Peer) -> None:
        peer.read_request()
        peer.send(begin)
        peer.hang()

    started = time.monotonic()
    unwanted = stopping.stoppable(lambda: time.monotonic() > started + 0.5)
    with no_hang(), serving(silent) as server, pytest.raises(stopping.Stopped), unwanted:
        ask(server.url, deadline=1e6)


def fault(behaviour: Behaviour, error: type[RagqaError] = ResourceError, **fields: Any) -> str:
    """Return the error's one line."""
    with serving(behaviour) as server, pytest.raises(error) as caught:
        ask(server.url, **fields)
    (line,) = str(caught.value).splitlines()
    assert line.startswith(server.url) and line.isprintable() and len(line) < 500
    return line


def endless(data: bytes, head: bytes = EVENT_STREAM) -> Behaviour:
    def behave(peer: Peer) -> None:
        peer.read_request()
        peer.send(head)
        while True:
            peer.send(data)

    return behave


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"choices": "x"}, "choices must be a valid list"),
        ({"choices": {"0": {}}}, "choices must be a valid list"),
        ({"choices": [None]}, "choices[0] must be an object"),
        ({"choices": ["x"]}, "choices[0] must be an object"),
        ({"choices": [{"delta": "x"}]}, "choices[0].delta must be an object"),
        ({"choices": [{"delta": []}]}, "choices[0].delta must be an object"),
        ({"choices": [{"delta": {"content": 5}}]}, "choices[0].delta.content must be a valid string"),
        ({"choices": [{"delta": {"content": {"a": 1}}}]}, "choices[0].delta.content must be a valid string"),
        ({"choices": [{"delta": {"content": ["a"]}}]}, "choices[0].delta.content must be a valid string"),
        ({"choices": [{"delta": {}, "finish_reason": 5}]}, "choices[0].finish_reason must be a valid string"),
        ({"usage": "all"}, "usage must be an object"),
        ({"usage": {"completion_tokens": "3"}}, "usage.completion_tokens must be a valid integer"),
        ({"usage": {"completion_tokens": -3}}, "usage.completion_tokens must be greater than or equal to 0"),
        ({"usage": {"completion_tokens": True}}, "usage.completion_tokens must be a valid integer"),
        (None, "an event must be an object"),
        ([1, 2], "an event must be an object"),
        ("secret words", "an event must be an object"),
        (5, "an event must be an object"),
        (b"{", "not JSON"),
        (b"secret words", "not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"choices":' * 20_000, "nested too deep"),
        (b"9" * 10_000, "digits"),
        (b"", "not JSON"),
    ],
)
def test_an_event_that_is_no_chunk_is_an_error_with_its_place(data: Any, message: str) -> None:
    for before in (b"", piece("some words ")):
        said = fault(replies(EVENT_STREAM + before + event(data) + b"id: 1\n\n" + DONE))
        assert message in said and "secret" not in said
        assert ("the answer broke off after 11 characters" if before else "no answer came") in said


@pytest.mark.parametrize("logprobs", ["x", [1], {"content": "x"}, {"content": [5]}, {"content": [{"logprob": None}]}])
def test_log_probabilities_of_another_shape_are_an_error_where_they_were_asked_for(logprobs: Any) -> None:
    with serving(replies(EVENT_STREAM + piece("word", "stop", logprobs=logprobs) + DONE)) as server:
        with pytest.raises(ResourceError, match=r"malformed reply: choices\[0\]\.logprobs"):
            ask(server.url, log_probabilities=True)
        assert ask(server.url).text == "word"
    bad = event(b'{"choices":[{"delta":{"content":"a"},"logprobs":{"content":[{"logprob":NaN}]}}]}')
    with serving(replies(EVENT_STREAM + bad)) as server, pytest.raises(ResourceError, match="finite"):
        ask(server.url, log_probabilities=True)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (piece("ab", "stop") + event({"choices": [], "usage": {}}), Generation("ab", 1, "stop")),
        (piece("ab", "stop") + event({"choices": [], "usage": None}), Generation("ab", 1, "stop")),
        (
            piece("ab", "stop") + event({"choices": None, "usage": {"completion_tokens": 7}}),
            Generation("ab", 7, "stop"),
        ),
        (event({"choices": [{"delta": None}]}) + piece("ab", "eos"), Generation("ab", 1, "stop")),
        (event({"choices": [{"delta": {"content": None}}]}) + piece("ab", "stop"), Generation("ab", 1, "stop")),
        (event({}) + piece("ab", "length"), Generation("ab", 1, "length")),
        (piece("", "content_filter"), Generation("", 0, "stop")),
        (
            event(b'{"choices":[{"delta":{"content":"a\\ud800b"},"finish_reason":"stop"}]}'),
            Generation("a�b", 1, "stop"),
        ),
        (b": ping\r\n\r\n: ping\r\r" + piece("ab", "stop"), Generation("ab", 1, "stop")),
        (b"event: message\nretry: 9x\nid: \0\n" + piece("ab", "stop"), Generation("ab", 1, "stop")),
    ],
)
def test_what_is_missing_or_unusual_but_clear_is_an_answer(events: bytes, expected: Generation) -> None:
    with serving(replies(EVENT_STREAM + events + DONE)) as server:
        assert ask(server.url) == expected


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (b"", "Server disconnected"),
        (b"\0\xff\n" * 50, "illegal"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "Server disconnected"),
        (b"HTTP/1.1 200 OK\r\n", "Server disconnected"),
        (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "illegal header line"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "Content-Length"),
        (HEAD + b"X: " + b"a" * 200_000, "too long"),
        (HEAD + b"X: a\r\n" * 100_000, "too long"),
        (HEAD + b"Content-Length: 0\r\n\r\n", "no event of a stream"),
        (
            HEAD + b"Content-Type: text/html; charset=x\r\n\r\n<html>\n\n<p>hi",
            "of type text/html holds no event of a stream",
        ),
        (HEAD + b'Content-Type: application/json\r\n\r\n{"choices": []}', "of type application/json holds no event"),
        (HEAD + b"Content-Length: 9999\r\n\r\nabc", "received 3 bytes, expected 9999"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "no event of a stream"),
        (b"HTTP/1.1 101 Switching\r\n\r\n", "UPGRADE"),
        (CHUNKED + b"FFFFFF\r\nabc", "incomplete chunked read"),
        (CHUNKED + b"-5\r\nabc", "illegal chunk header"),
        (CHUNKED + b"F" * 30 + b"\r\nabc", "illegal chunk header"),
        (GZIP + b"this is not gzip", "incorrect header check"),
        (GZIP + gzip.compress(EVENT_STREAM, mtime=0)[:20], "no event of a stream"),
        (EVENT_STREAM, "no event of a stream"),
        (EVENT_STREAM + DONE, "no event of a stream"),
        (EVENT_STREAM + piece("half"), "broke off after 4 characters: the reply ends without saying why"),
        (EVENT_STREAM + piece("half")[:30], "of type text/event-stream holds no event of a stream"),
        (EVENT_STREAM + event({"error": {"message": "too\x1bmuch\nload"}}), "no answer came: toomuch load"),
        (EVENT_STREAM + event({"error": "overloaded"}), "no answer came: overloaded"),
        (EVENT_STREAM + event({"error": [5]}), "no answer came: An error occurred"),
    ],
)
def test_a_reply_that_is_no_stream_of_an_answer_is_an_error_that_says_what_it_is(reply: bytes, message: str) -> None:
    assert message in fault(replies(reply))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (300, UsageError), (301, UsageError), (308, UsageError), (399, UsageError), (400, UsageError),
        (401, UsageError), (404, ModelError), (418, UsageError), (422, UsageError), (429, ResourceError),
        (500, ResourceError), (503, ResourceError), (599, ResourceError), (999, ResourceError),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "body", [b"", b"\0\x1b[2J\xff" * 99, b"{", b'{"error": 5}', b'{"error": {"message": {}}}', b"[" * 50_000]
)
def test_a_status_says_who_is_at_fault_whatever_its_body(status: int, error: type[RagqaError], body: bytes) -> None:
    head = f"HTTP/1.1 {status} \x80\r\nContent-Type: text/plain; charset=bz2_codec\r\n\r\n".encode("latin-1")
    said = fault(replies(head + body), error)
    assert "redirects" in said if status < 400 else True


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with serving(replies(EVENT_STREAM + piece("caught", "stop") + DONE)) as other:
        head = f"HTTP/1.1 {status} x\r\nLocation: {other.url}/chat/completions\r\nContent-Length: 0\r\n\r\n"
        assert f"redirects ({status}), which is not followed" in fault(replies(head.encode()), UsageError)
        assert other.connections == 0


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        (endless(b"x" * 10_000), "bytes without a piece of an answer"),
        (endless(b"data: x\n"), "bytes without a piece of an answer"),
        (endless(b": ping\n\n"), "bytes without a piece of an answer"),
        (endless(event({"choices": []})), "the reply has more than"),
        (endless(piece("", logprobs={"content": [{"logprob": -1.0}] * 50})), "the reply has more than"),
        (endless(b"HTTP/1.1 100 Continue\r\n\r\n", b""), "bytes without a piece of an answer"),
        (endless(b"0\r\n1\r\n", CHUNKED + b"1\r\n:\r\n"), "too long"),
        (endless(b"x" * 10_000, b"HTTP/1.1 500 x\r\n\r\n"), "bytes without a piece of an answer"),
        (endless(b"x" * 10_000, b"HTTP/1.1 401 x\r\nContent-Length: 99999999999\r\n\r\n"), "bytes without"),
    ],
)
def test_a_reply_without_end_is_cut_at_a_bound(behaviour: Behaviour, message: str) -> None:
    assert message in fault(behaviour, deadline=20.0)


@pytest.mark.parametrize("status", [b"200", b"500"])
def test_a_reply_that_decompresses_without_end_is_cut_at_a_bound(status: bytes) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = packer.compress(b"a" * 50_000_000) + packer.flush()
    assert "the reply has" in fault(replies(GZIP.replace(b"200", status) + bomb))


def test_a_compressed_reply_is_read() -> None:
    with serving(replies(GZIP + gzip.compress(piece("packed", "stop") + DONE))) as server:
        assert ask(server.url).text == "packed"


@pytest.mark.parametrize("word", ["word ", "日本", "x" * 5000])
def test_an_answer_beyond_max_new_tokens_is_cut_and_marked(word: str) -> None:
    with serving(endless(piece(word))) as server:
        answer = ask(server.url, max_new_tokens=50, deadline=20.0)
    assert answer.finish == "length"
    assert 50 * TEXT_BYTES_PER_TOKEN - 3 <= len(answer.text.encode()) <= 50 * TEXT_BYTES_PER_TOKEN
    assert (word * 2000).startswith(answer.text)


def hangs_after(data: bytes) -> Behaviour:
    def behave(peer: Peer) -> None:
        peer.read_request()
        peer.send(data)
        peer.hang()

    return behave


def drips(data: bytes) -> Behaviour:
    def behave(peer: Peer) -> None:
        peer.read_request()
        peer.drip(data, 1, 0.02)

    return behave


@pytest.mark.parametrize(
    "behaviour",
    [
        hangs_after(b""),
        hangs_after(HEAD),
        hangs_after(EVENT_STREAM),
        hangs_after(b"HTTP/1.1 500 x\r\nContent-Length: 9\r\n\r\n"),
        hangs_after(CHUNKED + b"5\r\n"),
        drips(HEAD * 99),
        drips(EVENT_STREAM + b": ping" * 99),
        drips(b"HTTP/1.1 429 x\r\n\r\n" + b"x" * 99),
        lambda peer: peer.wait(1e6),
    ],
)
def test_a_server_that_is_slow_anywhere_is_left_at_the_deadline(behaviour: Behaviour) -> None:
    with no_hang():
        assert "no answer within 0.3 s" in fault(behaviour, deadline=0.3, retries=2)


def test_a_server_that_reads_nothing_is_left_at_the_deadline() -> None:
    with no_hang(), serving(lambda peer: peer.wait(1e6)) as server:
        spec = {"kind": "openai", "base_url": server.url, "model": "m", "deadline": 0.5}
        generator = build_generator(OpenAIGenerate.model_validate(spec))
        with pytest.raises(ResourceError, match=r"no answer within 0\.5 s"):
            list(generator.stream(Prompt("x" * 20_000_000, {"all": 3}, ())))


def test_a_hang_after_the_end_of_an_answer_costs_time_and_not_the_answer() -> None:
    with serving(hangs_after(EVENT_STREAM + piece("all", "stop"))) as server:
        assert ask(server.url, deadline=0.3) == Generation("all", 1, "stop")


def test_a_retry_after_any_number_keeps_the_deadline() -> None:
    for wanted in (b"1e400", b"nan", b"-5", b"inf", b"9" * 5000, b"Wed, 21 Oct 2099 07:28:00 GMT"):
        again = replies(b"HTTP/1.1 429 x\r\nRetry-After: " + wanted + b"\r\n\r\n")
        with no_hang():
            said = fault(again, deadline=0.4, retries=9)
        assert "status 429" in said or "no answer within" in said  # the deadline may pass during a retry


def test_a_deadline_beyond_all_clocks_is_one() -> None:
    with serving(replies(EVENT_STREAM + piece("ab", "stop") + DONE)) as server:
        assert ask(server.url, deadline=1e300).text == "ab"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/v1",
        "http://nothing.invalid/v1",
        f"http://{'a' * 64}.invalid/v1",
        f"http://{'.'.join('a' * 60 for _ in range(9))}.invalid/v1",
        "http://..../v1",
        "http://999.999.999.999/v1",
    ],
)
def test_a_host_that_is_not_there_is_an_error(url: str) -> None:
    with pytest.raises(ResourceError) as caught:
        ask(url)
    (line,) = str(caught.value).splitlines()
    assert line.startswith(url)


def test_a_name_server_that_is_silent_is_left_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    usual, ended, others = socket.getaddrinfo, threading.Event(), set(threading.enumerate())

    def silent(host: str, *arguments: Any, **options: Any) -> Any:
        if not options.get("flags"):
            ended.wait()
        return usual(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    with no_hang(), pytest.raises(ResourceError, match=r"no answer within 0\.3 s"):
        ask("http://slow.invalid/v1", deadline=0.3)
    ended.set()
    for thread in set(threading.enumerate()) - others:
        thread.join()


def test_another_protocol_under_tls_is_an_error() -> None:
    with serving(replies(EVENT_STREAM)) as server, pytest.raises(ResourceError, match="no answer within"):
        ask(server.url.replace("http:", "https:"), deadline=0.3)  # it waits for the end of a request
    mail = serving(lambda peer: peer.send(b"220 mail.example ESMTP\r\n"))
    with mail as server, pytest.raises(ResourceError, match="SSL"):
        ask(server.url.replace("http:", "https:"))


def test_a_certificate_that_nobody_signed_is_an_error_and_the_key_stays_here(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("THE_KEY", "sk-secret-0815")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path))
    requests: list[bytes] = []
    untrusted = serving(lambda peer: requests.append(peer.read_request()), context)
    with untrusted as server, pytest.raises(ResourceError, match="CERTIFICATE_VERIFY_FAILED"):
        ask(server.url, api_key_env="THE_KEY")
    assert requests == []


def self_signed(folder: Path) -> Path:
    """Return a file with a key and a certificate for 127.0.0.1, made by OpenSSL."""
    import subprocess

    file = folder / "both.pem"
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -keyout {file} -out {file}.crt"
    subprocess.run(command.split(), check=True, capture_output=True)
    file.write_text(file.read_text("ascii") + Path(f"{file}.crt").read_text("ascii"), encoding="ascii")
    return file


def test_a_stream_that_is_left_halfway_is_closed() -> None:
    left: list[bool] = []

    def behave(peer: Peer) -> None:
        peer.read_request()
        peer.send(EVENT_STREAM + piece("ab "))
        left.append(peer.connection.recv(1) == b"")

    with serving(behave) as server:
        spec = {"kind": "openai", "base_url": server.url, "model": "m"}
        stream: Any = build_generator(OpenAIGenerate.model_validate(spec)).stream(Prompt("x", {"all": 1}, ()))
        assert next(stream) == "ab "
        stream.close()
    assert left == [True]


def test_the_fault_of_who_reads_a_stream_stays_that_fault() -> None:
    with serving(replies(EVENT_STREAM + piece("ab", "stop") + DONE)) as server:
        spec = {"kind": "openai", "base_url": server.url, "model": "m"}
        stream: Any = build_generator(OpenAIGenerate.model_validate(spec)).stream(Prompt("x", {"all": 1}, ()))
        with pytest.raises(ZeroDivisionError):
            for _ in stream:
                1 / 0  # noqa: B018
        del stream
