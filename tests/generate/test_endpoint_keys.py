"""A key is sent to confirmed hosts only, and is in no error, log or repr, whatever the endpoint does with it."""

from __future__ import annotations

import base64
import logging
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from ragqa import settings
from ragqa.config.generators import OpenAIGenerate
from ragqa.endpoint.redaction import redacted
from ragqa.errors import RagqaError, RefusedError, UsageError
from ragqa.records import Generation, Prompt
from tests.commands import ragqa
from tests.fakes import PIPELINE
from tests.generate.building import build_generator
from tests.raw_server import DONE, EVENT_STREAM, Peer, RawServer, event, piece, replies, serving

KEY = "sk-proj-Ab3dEf6hIj9kLm+/xyz0815"
GOOD = EVENT_STREAM + piece("fine", "stop") + DONE
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("RAGQA_OFFLINE", "RAGQA_KEYS", *PROXIES, *map(str.lower, PROXIES)):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RAGQA_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("THE_KEY", KEY)
    usual = socket.getaddrinfo

    def resolved(host: str, *arguments: Any, **options: Any) -> Any:
        """Resolve every name that ends in .test to this machine."""
        named = isinstance(host, str) and host.rstrip(".").endswith(".test") and not options.get("flags")
        return usual("127.0.0.1" if named else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)


def ask(url: str, **fields: Any) -> Generation:
    values = {"kind": "openai", "base_url": url, "model": "m", "api_key_env": "THE_KEY", "deadline": 5.0, "retries": 0}
    generator = build_generator(OpenAIGenerate.model_validate({**values, **fields}))
    assert KEY not in repr(generator)
    *_, last = generator.stream(Prompt("Who sails?", {"all": 3}, ()))
    assert isinstance(last, Generation)
    return last


def remote(server: RawServer, host: str = "endpoint.test", user: str = "") -> str:
    return f"http://{user}{host}:{server.port}/v1"


def keeps(server_reply: bytes, kept: list[bytes]) -> Callable[[Peer], None]:
    def behave(peer: Peer) -> None:
        kept.append(peer.read_request())
        peer.send(server_reply)

    return behave


@pytest.mark.parametrize(
    ("host", "user"),
    [
        ("endpoint.test", ""),
        ("localhost.evil.test", ""),
        ("evil.test", "127.0.0.1@"),
        ("evil.test", "localhost:8000@"),
        ("127.0.0.1.evil.test", ""),
        ("2130706433", ""),
        ("0x7f.1", ""),
        ("127.1", ""),
        ("0", ""),
        ("localhost.", ""),
        ("LOCALHOST.test", ""),
    ],
)
def test_no_byte_goes_to_a_host_that_was_not_confirmed(host: str, user: str) -> None:
    with serving(replies(GOOD)) as server:
        with pytest.raises(RefusedError) as caught:
            ask(remote(server, host, user))
        assert server.connections == 0
    where = f"http://{host.lower()}:{server.port}"
    assert "THE_KEY" in str(caught.value) and KEY not in str(caught.value)
    assert f"`ragqa settings allow-key THE_KEY {where}`" in str(caught.value)
    assert caught.value.exit_code == 9


def test_a_host_that_was_confirmed_gets_this_key_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER_KEY", "another secret")
    requests: list[bytes] = []
    with serving(keeps(GOOD, requests)) as server:
        settings.allow_key("THE_KEY", remote(server))
        assert ask(remote(server, host="Endpoint.TEST")).text == "fine"
        assert f"\r\nauthorization: Bearer {KEY}\r\n".encode() in requests[0]
        for fields in ({"api_key_env": "OTHER_KEY"}, {"base_url": remote(server, "other.test")}):
            with pytest.raises(RefusedError):
                ask(remote(server), **fields)
        settings.forget_key("THE_KEY", remote(server))
        with pytest.raises(RefusedError):
            ask(remote(server))
        assert server.connections == 1


def test_this_machine_gets_a_key_without_asking() -> None:
    for host in ("127.0.0.1", "localhost", "LocalHost"):
        requests: list[bytes] = []
        with serving(keeps(GOOD, requests)) as server:
            assert ask(remote(server, host)).text == "fine"
        assert f"Bearer {KEY}".encode() in requests[0]


def test_a_name_of_this_machine_that_stands_for_another_is_not_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = socket.getaddrinfo

    def elsewhere(host: str, *arguments: Any, **options: Any) -> Any:
        return usual("192.0.2.1" if host == "localhost" and not options else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", elsewhere)
    with pytest.raises(RefusedError, match="localhost is not an address of this machine"):
        ask("http://localhost:8000/v1")


def test_nothing_but_the_request_and_its_key_is_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The library reads many a variable, and netrc files, for accounts of its own vendor."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password leak-netrc\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("API_KEY", "ADMIN_KEY", "ORG_ID", "PROJECT_ID", "WEBHOOK_SECRET"):
        monkeypatch.setenv(f"OPENAI_{name}", f"leak-{name}")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Mine: leak-header")
    requests: list[bytes] = []
    with serving(keeps(GOOD, requests)) as server:
        ask(server.url)
        ask(server.url, api_key_env=None)
    names = [
        [line.split(b":")[0].lower() for line in request.split(b"\r\n\r\n")[0].split(b"\r\n")[1:]]
        for request in requests
    ]
    usual = {b"host", b"content-type", b"content-length", b"accept", b"accept-encoding", b"user-agent", b"connection"}
    assert set(names[0]) == {*usual, b"authorization"} and set(names[1]) == usual
    assert all(b"leak" not in request for request in requests)


def test_a_user_name_in_the_address_goes_to_its_own_host_and_stands_in_no_error() -> None:
    requests: list[bytes] = []
    refusal = b"HTTP/1.1 401 no\r\n\r\nnot hid%21den-word"
    with serving(keeps(refusal, requests)) as server, pytest.raises(UsageError) as caught:
        ask(remote(server, user="me:hid%21den-word@"), api_key_env=None)
    assert base64.b64encode(b"me:hid!den-word") in requests[0]
    assert "den-word" not in str(caught.value) and "me:" not in str(caught.value)


def test_a_proxy_is_for_other_machines_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    requests: list[bytes] = []
    with serving(keeps(GOOD, requests)) as proxy, serving(replies(GOOD)) as server:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        ask(server.url)
        assert (proxy.connections, server.connections) == (0, 1)
        assert ask("http://far.invalid/v1", api_key_env=None).text == "fine"
        assert requests[0].startswith(b"POST http://far.invalid/v1/chat/completions HTTP/1.1\r\n")
        monkeypatch.setenv("no_proxy", "endpoint.test")
        ask(remote(server), api_key_env=None)
        assert (proxy.connections, server.connections) == (1, 2)
    for address in ("socks5://127.0.0.1:1", "://", "ftp://x"):
        monkeypatch.setenv("http_proxy", address)
        with pytest.raises(UsageError, match="the proxy for http in the environment"):
            ask("http://far.invalid/v1", api_key_env=None)


@pytest.mark.parametrize("value", ["", "  \n", "sk-a b", "sk-a\nX-Header: b", "sk-ä", "sk\x07a", "sk-\u2028a"])
def test_a_variable_that_holds_no_key_is_an_error_that_does_not_show_it(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("THE_KEY", value)
    with serving(replies(GOOD)) as server:
        with pytest.raises(UsageError, match="THE_KEY") as caught:
            ask(server.url)
        assert server.connections == 0
    assert "sk" not in str(caught.value).replace("ask", "")


def test_line_ends_around_a_key_are_no_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_KEY", f" {KEY}\r\n")
    requests: list[bytes] = []
    with serving(keeps(GOOD, requests)) as server:
        ask(server.url)
    assert f"Bearer {KEY}\r\n".encode() in requests[0]


def encodings(key: str) -> dict[str, str]:
    raw = key.encode()
    return {
        "as it is": key,
        "in part": key[:14],
        "its end": key[9:],
        "in capitals": key.upper(),
        "backwards": key[::-1],
        "letter by letter": " ".join(key),
        "over lines": "\n".join(key),
        "url": quote(key, safe=""),
        "every letter of a url": "".join(f"%{byte:02x}" for byte in raw),
        "hex": raw.hex(),
        "hex in pairs": raw.hex(":"),
        "base64": base64.b64encode(raw).decode(),
        "base64 for urls": base64.urlsafe_b64encode(raw).decode(),
        "base64 of the header": base64.b64encode(b"Bearer " + raw).decode(),
        "base64 of user and key": base64.b64encode(b"u:" + raw + b"\n").decode(),
        "html": "".join(f"&#{byte};" for byte in raw),
        "json": "".join(f"\\u{byte:04x}" for byte in raw),
    }


@pytest.mark.parametrize("name", encodings(KEY))
@pytest.mark.parametrize("place", ["401", "500", "event", "type", "reason", "header", "retry", "line"])
def test_a_key_that_the_endpoint_repeats_stands_in_no_error_and_no_log(
    name: str, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said = encodings(KEY)[name]
    header = " ".join(said.split())
    reply = {
        "401": f"HTTP/1.1 401 no\r\n\r\nwrong key {said}",
        "500": f"HTTP/1.1 500 no\r\nContent-Type: application/json\r\n\r\n{{}} {said}",
        "event": (EVENT_STREAM + event({"error": {"message": f"wrong {said}"}})).decode(),
        "type": f"HTTP/1.1 200 OK\r\nContent-Type: {header}\r\n\r\n",
        "reason": f"HTTP/1.1 403 {header}\r\n\r\n",
        "header": f"HTTP/1.1 400 no\r\nX-Request-Id: {header}\r\nSet-Cookie: a={header}\r\nLocation: {header}\r\n\r\n",
        "retry": f"HTTP/1.1 429 no\r\nRetry-After: {header}\r\n\r\n",
        "line": f"{header} HTTP/1.1 200 OK\r\n\r\n",
    }[place]
    with serving(replies(reply.encode())) as server, pytest.raises(RagqaError) as caught:
        ask(server.url)
    for text in (str(caught.value), repr(caught.value), caplog.text):
        assert header not in text and KEY not in text
    (line,) = str(caught.value).splitlines()
    assert line.startswith(server.url)


def test_what_an_endpoint_says_is_shown_where_it_repeats_no_key() -> None:
    said = "Incorrect API key provided: sk-pr***0815. You can find your key at https://host/keys."
    assert redacted(said, [KEY]) == said
    assert redacted("model none not found", ["none", ""]) == "model *** not found"


def test_ask_ends_with_9_and_check_says_what_would_be_sent_where(tmp_path: Path) -> None:
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "a.txt").write_text("Ilse sails fine.", encoding="utf-8")
    with serving(replies(GOOD)) as server:
        generate = f"{{kind: openai, base_url: '{remote(server)}', model: m, api_key_env: THE_KEY}}"
        file = PIPELINE.replace("{kind: echo}", generate)
        (tmp_path / "pipeline.yaml").write_text(file, encoding="utf-8")
        assert ragqa("index", "pipeline.yaml", cwd=tmp_path).code == 0
        asked = ragqa("ask", "pipeline.yaml", "Who sails?", cwd=tmp_path)
        assert (asked.code, server.connections) == (9, 0)
        command = f"ragqa settings allow-key THE_KEY http://endpoint.test:{server.port}"
        assert f"`{command}`" in asked.err and KEY not in asked.err
        notes = ragqa("check", "pipeline.yaml", "--json", cwd=tmp_path).said["files"][0]["notes"]
        assert any("THE_KEY" in note and f"not confirmed, run `{command}`" in note for note in notes)
        assert ragqa(*command.split()[1:], cwd=tmp_path).code == 0
        answered = ragqa("ask", "pipeline.yaml", "Who sails?", cwd=tmp_path)
        assert answered.code == 0 and answered.out.startswith("| fine") and server.connections == 1
        notes = ragqa("check", "pipeline.yaml", "--json", cwd=tmp_path).said["files"][0]["notes"]
        assert f"generate sends the key in THE_KEY to http://endpoint.test:{server.port}: confirmed" in notes
        written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
        assert not any(KEY.encode() in data for data in written)


def test_a_run_that_is_kept_holds_no_key(tmp_path: Path) -> None:
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "a.txt").write_text("Ilse sails.", encoding="utf-8")
    question = (
        '{"id": "1", "question": "Who sails?", "answers": ["Ilse"], "evidence": [{"source": "a.txt", "text": "Ilse"}]}'
    )
    (tmp_path / "q.jsonl").write_text(question, encoding="utf-8")
    with serving(replies(f"HTTP/1.1 401 no\r\n\r\n{KEY} is wrong".encode())) as server:
        file = PIPELINE.replace(
            "{kind: echo}", f"{{kind: openai, base_url: '{server.url}', model: m, api_key_env: THE_KEY}}"
        )
        (tmp_path / "pipeline.yaml").write_text(file, encoding="utf-8")
        done = ragqa("eval", "pipeline.yaml", "--dataset", "jsonl:q.jsonl", "--out", "run", cwd=tmp_path)
    assert done.code == 3 and "refuses the key in THE_KEY" in done.err
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert written and not any(KEY.encode() in data for data in [*written, done.out.encode(), done.err.encode()])


@pytest.mark.parametrize("value", ["sk-0815-secret", "0815", "secret 0815", "A=0815", "0815\\0"])
def test_a_pipeline_file_with_a_key_where_a_name_belongs_is_refused_and_not_quoted(tmp_path: Path, value: str) -> None:
    generate = f'{{kind: openai, base_url: http://x, model: m, api_key_env: "{value}"}}'
    (tmp_path / "pipeline.yaml").write_text(PIPELINE.replace("{kind: echo}", generate), encoding="utf-8")
    done = ragqa("check", "pipeline.yaml", cwd=tmp_path)
    assert done.code == 2 and "generate.api_key_env: must be the name of an environment variable" in done.err
    assert "0815" not in done.err
