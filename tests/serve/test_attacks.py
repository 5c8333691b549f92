"""Attacks on the server over a real socket. Each test is named after its attack; docs/serving.md has the list."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import socket
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest

from ragqa import Pipeline
from ragqa.pipeline.answer.sources import stamp
from ragqa.serve import lanes, mcp_pages, replies
from ragqa.serve.errors import HttpError
from ragqa.serve.mcp_tools import TOOLS
from tests.serve import injections
from tests.serve.serving import (
    QUESTION,
    SLOW_QUESTION,
    Running,
    SlowGenerator,
    build,
    drain,
    parsed,
    read,
    request,
    running,
    until,
    without_times_and_paths,
    write_pdf,
)

ROUTES = [
    ("GET", "/readyz"), ("GET", "/metrics"), ("POST", "/api/ask"), ("POST", "/api/search"), ("GET", f"/api/documents/{'0' * 64}"),
    ("GET", "/api/documents"), ("GET", f"/api/documents/{'0' * 64}/file"), ("GET", "/api/page"), ("GET", "/api/index/progress"),
    ("GET", "/page/nothing.js"), ("GET", "/api/index"), ("GET", "/v1/models"), ("GET", "/v1/models/ragqa"), ("POST", "/v1/chat/completions"),
    ("POST", "/v1/completions"), ("POST", "/v1/embeddings"), ("GET", "/openapi.json"), ("GET", "/nothing"),
]  # fmt: skip
_ONE = f"/api/conversations/{'0' * 32}"
KEPT_ROUTES = [
    ("GET", "/api/conversations"), ("POST", "/api/conversations"), ("GET", _ONE), ("DELETE", _ONE), ("GET", f"{_ONE}/markdown"),
    ("GET", f"{_ONE}/json"), ("POST", "/api/feedback"),
]  # fmt: skip
"""The routes of a server that keeps conversations and feedback."""
SECURITY = {"x-content-type-options": "nosniff", "cache-control": "no-store", "referrer-policy": "no-referrer"}


def asked(server: Running) -> float:
    return server.metric("ragqa_answers_total")


def test_attack_1_no_route_but_health_and_the_page_opens_without_the_right_token(
    server: Running, papers: Running
) -> None:
    right = server.secrets["alice"]
    wrong: list[tuple[str, dict[str, str]]] = [
        ("", {}),
        ("", {"Authorization": f"Bearer {right[:-1]}"}),
        ("", {"Authorization": f"Bearer {right}x"}),
        ("", {"Authorization": right}),
        ("", {"Authorization": f"Basic {base64.b64encode(right.encode()).decode()}"}),
        ("", {"Authorization": "Bearer "}),
        ("", {"X-Api-Key": right}),
        ("", {"Cookie": f"token={right}"}),
        (f"?token={right}", {}),
    ]
    for method, path in ROUTES:
        for query, headers in wrong:
            told = server.send(method, path + query, {"Host": "localhost", "Content-Length": "50000", **headers})
            assert told.status == 401, (method, path, headers)  # although its body never comes
            assert told.json["error"]["code"] == "invalid_api_key" and told.headers["www-authenticate"] == "Bearer"
    assert server.send("GET", "/api/index", server.headers("alice")).status == 403
    for method, path in KEPT_ROUTES:
        for headers in ({}, {"Authorization": f"Bearer {right[:-1]}"}):
            told = papers.send(method, path, {"Host": "localhost", "Content-Length": "50000", **headers})
            assert told.status == 401, (method, path, headers)
    lower = {"Host": "localhost", "Authorization": f"bearer {right}"}
    assert server.send("GET", "/v1/models", lower).status == 200
    assert server.send("GET", "/healthz", {"Host": "localhost"}).json == {"status": "ok"}


def test_a_method_that_a_path_does_not_take_is_refused_whatever_its_body_and_after_the_token(server: Running) -> None:
    for method, path in ROUTES[:-1]:
        other, allow = ("POST", "GET, HEAD") if method == "GET" else ("GET", "POST")
        told = server.send(other, path, server.headers("root") | {"Content-Length": "50000"})  # the body never comes
        assert (told.status, told.headers["allow"]) == (405, allow), path
        assert server.send(other, path, {"Host": "localhost", "Content-Length": "0"}).status == 401


def test_attack_1_two_headers_of_authorization_are_refused(server: Running) -> None:
    lines = f"Authorization: Bearer x\r\nAuthorization: Bearer {server.secrets['alice']}\r\n"
    told = server.raw(f"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{lines}\r\n".encode())
    assert parsed(told).status == 401


@pytest.mark.parametrize(
    "host",
    [
        "evil.com", "127.0.0.1.evil.com", "0.0.0.0", "user@localhost", "localhost/healthz?x=", "localhost#", "localhost:80:80",
        "", "localhost:", "localhost.", "127.1", "2130706433", "[::]", "[::1", "localhost\tevil", "LOCALHOST@evil.com",
        "localhost:99999999", "ⓛocalhost".encode().decode("latin-1"),
    ],
)  # fmt: skip
def test_attack_2_another_host_is_refused(server: Running, host: str) -> None:
    for path in ("/healthz", "/v1/models"):
        told = server.send("GET", path, server.headers() | {"Host": host})
        assert told.status in (400, 421), host
        assert "ragqa" not in told.json["error"]["message"]


@pytest.mark.parametrize(
    "hosts", ["", "Host: localhost\r\nHost: localhost\r\n", "Host: localhost\r\nHost: evil.com\r\n"]
)
def test_attack_2_no_host_and_two_hosts_are_refused(server: Running, hosts: str) -> None:
    for version in ("1.1", "1.0"):
        told = server.raw(f"GET /healthz HTTP/{version}\r\n{hosts}Connection: close\r\n\r\n".encode())
        assert parsed(told).status == 400


@pytest.mark.parametrize("host", ["localhost", "LocalHost:8080", "127.0.0.1", "[::1]:8000"])
def test_the_names_of_the_server_are_taken(server: Running, host: str) -> None:
    assert server.send("GET", "/healthz", {"Host": host}).status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": "multipart/form-data; boundary=x"}, 415),
        ({"Content-Type": "application/json; charset=utf-7"}, 415),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://evil.com"}, 403),
        ({"Origin": "http://localhost:3000"}, 403),
        ({"Origin": "http://localhost.evil.com"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
    ],
)
def test_attack_4_a_page_of_another_site_asks_nothing(server: Running, headers: dict[str, str], status: int) -> None:
    before = asked(server)
    told = server.post("/api/ask", {"question": QUESTION}, **{name.replace("-", "_"): v for name, v in headers.items()})
    assert told.status == status
    assert asked(server) == before and "access-control-allow-origin" not in told.headers


def test_attack_4_the_own_page_of_the_server_may_ask(server: Running) -> None:
    told = server.post("/api/search", {"question": QUESTION}, Origin="http://localhost", Sec_Fetch_Site="same-origin")
    assert told.status == 200


def test_attack_5_a_preflight_of_another_origin_gets_no_header_of_cors(server: Running) -> None:
    for origin in ("https://evil.com", "null", "http://localhost:1"):
        headers = {"Host": "localhost", "Origin": origin, "Access-Control-Request-Method": "POST"}
        told = server.send("OPTIONS", "/api/ask", headers)
        assert told.status == 403 and not any(name.startswith("access-control") for name in told.headers)


def test_attack_5_only_an_origin_of_the_settings_is_let_in(tmp_path: Path) -> None:
    with running(tmp_path, origins=["https://docs.example.org"]) as server:
        headers = {"Host": "localhost", "Origin": "https://docs.example.org", "Access-Control-Request-Method": "POST"}
        told = server.send("OPTIONS", "/api/ask", headers)
        assert told.status == 204 and told.headers["access-control-allow-origin"] == "https://docs.example.org"
        assert "access-control-allow-credentials" not in told.headers
        found = server.post(
            "/api/search", {"question": QUESTION}, Origin="https://docs.example.org", Sec_Fetch_Site="cross-site"
        )
        assert found.status == 200 and found.headers["access-control-allow-origin"] == "https://docs.example.org"
        assert (
            server.post("/api/search", {"question": QUESTION}, Origin="https://docs.example.org.evil.com").status == 403
        )


def test_attack_6_a_large_body_is_refused_and_a_stalled_one_is_cut(hasty: Running) -> None:
    head = hasty.headers() | {"Content-Type": "application/json"}
    announced = hasty.send("POST", "/api/ask", head | {"Content-Length": "2000000"})
    assert announced.status == 413 and announced.headers["connection"] == "close"
    chunks = b"186A0\r\n" + b" " * 100_000 + b"\r\n"
    start = request("POST", "/api/ask", head | {"Transfer-Encoding": "chunked"})
    assert parsed(hasty.raw(start + chunks * 4)).status == 413
    began = time.monotonic()
    stalled = hasty.raw(request("POST", "/api/ask", head | {"Content-Length": "30"}) + b'{"question": ')
    assert parsed(stalled).status == 408 and time.monotonic() - began < 3


DEEP = [b'{"question": ' + b"[" * 100_000, b'{"question": ' + b"[" * 900 + b"]" * 900 + b"}"]


@pytest.mark.parametrize(
    "path", ["/api/ask", "/api/search", "/v1/chat/completions", "/v1/completions", "/v1/embeddings"]
)
def test_attack_7_json_of_any_kind_is_never_an_error_of_the_server(server: Running, path: str) -> None:
    bodies = [
        *DEEP, b"", b"[1]", b"null", b"1", b'"x"', b"{}", b"{", b'{"question": NaN}', b'{"question": Infinity}',
        b'{"question": ' + b"9" * 5000 + b"}", b'{"question": "\xff\xfe"}', b'{"question": "\\ud800"}',
        b'{"question": "a\\u0000b"}', b'{"question": ["a"]}', b'{"question": "a", "question": {"b": 1}}',
        b'{"question": "   "}', b'{"question": "x", "k": true}', b'{"question": "x", "unknown": 1}', b"\xef\xbb\xbf{}",
        b'{"model": "ragqa", "messages": []}', b'{"model": "ragqa", "messages": [{"role": "root", "content": "x"}]}',
        b'{"model": "ragqa", "messages": [{"role": "user", "content": {"a": 1}}]}',
        b'{"model": "ragqa", "messages": [{"role": "user", "content": null}]}',
        b'{"model": "ragqa", "input": [[1, 2]]}', b'{"model": "ragqa", "input": [1, 2]}', b'{"model": "ragqa", "input": []}',
        b'{"model": "ragqa", "input": ["\\ud800"], "encoding_format": "hex"}', b'{"model": "ragqa", "prompt": [1, 2]}',
        b'{"model": "ragqa", "prompt": ""}', b'{"model": "ragqa", "input": "\\ud800"}',
    ]  # fmt: skip
    for body in bodies:
        told = server.post(path, body)
        assert told.status in (400, 422), (path, body[:60], told.status, told.body[:200])
        assert set(told.json["error"]) == {"message", "type", "param", "code"}
    assert server.post("/api/search", b'{"question": "x", "k": "1"}').json["error"]["param"] == "k"


def test_attack_8_a_head_of_any_size_is_refused(server: Running) -> None:
    for extra in (f"X: {'a' * 200_000}\r\n", "X: a\r\n" * 20_000):
        told = server.raw(f"GET /healthz HTTP/1.1\r\nHost: localhost\r\n{extra}\r\n".encode())
        assert not told or parsed(told).status in (400, 431)  # a reset may overtake the reply
    assert server.get("/healthz").status == 200


def test_attack_9_a_head_that_trickles_is_cut_also_behind_a_first_request(hasty: Running) -> None:
    first = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for before in (b"", first):
        with hasty.connect() as client:
            client.sendall(before)
            assert not before or client.recv(4096).endswith(b"}") or client.recv(4096).endswith(b"}")
            began, data = time.monotonic(), b""
            client.settimeout(0.05)
            for letter in b"GET /healthz HTTP/1.1\r\nX: " + b"a" * 1000:
                try:
                    client.sendall(bytes([letter]))
                    part = client.recv(4096)
                except TimeoutError:
                    continue
                except OSError:
                    break
                data += part
                if not part:
                    break
            assert time.monotonic() - began < 3
            assert data.rpartition(b"HTTP/1.1 ")[2][:3] == b"408"


def test_attack_9_a_connection_that_says_nothing_is_cut(hasty: Running) -> None:
    began = time.monotonic()
    hasty.raw(b"")
    assert time.monotonic() - began < 3


POST = "POST /v1/models HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize(
    "head",
    [
        POST + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        POST + "Content-Length: +5\r\n\r\nabcde",
        POST + "Content-Length: 5, 6\r\n\r\nabcde",
        POST + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        POST + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        POST + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "GET /healthz HTTP/1.1\nHost: localhost\n\n",
        "GET /healthz HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: y\n\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\n Folded: x\r\nA\0: b\r\n\r\n",
        "GET  /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /healthz HTTP/3.7\r\nHost: localhost\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_attack_10_a_request_that_two_programs_could_read_differently_is_refused(server: Running, head: str) -> None:
    told = server.raw((head + "GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n").encode())
    assert parsed(told).status == 400 and told.count(b"HTTP/1.1 ") == 1
    assert parsed(told).headers["connection"] == "close"


def test_attack_10_requests_behind_a_request_are_dropped_with_the_connection(server: Running) -> None:
    told = server.raw(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100)
    assert told.count(b"HTTP/1.1 ") == 1 and parsed(told).status == 200


def test_a_connection_is_used_again_where_the_client_waits_for_each_reply(server: Running) -> None:
    with server.connect() as client:
        for _ in range(3):
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            data = b""
            while not data.endswith(b"}"):
                data += client.recv(4096)
            assert data.startswith(b"HTTP/1.1 200")


def test_attack_11_a_client_that_never_reads_holds_nobody_up_and_is_cut_off(hasty: Running) -> None:
    body = {"model": "ragqa", "input": ["word"] * 256}
    head = hasty.headers() | {"Content-Type": "application/json"}
    whole = len(hasty.post("/v1/embeddings", body).body)
    clients = [socket.socket() for _ in range(5)]
    for client in clients:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(10)
        client.connect(("127.0.0.1", hasty.port))
        client.sendall(request("POST", "/v1/embeddings", head, json.dumps(body).encode()))
    assert hasty.post("/api/ask", {"question": QUESTION}).status == 200
    time.sleep(0.8)
    for client in clients:
        assert 0 < len(drain(client)) < whole / 2
        client.close()


def test_attack_12_the_work_stops_when_the_client_leaves(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        kinds: list[tuple[str, dict[str, Any], str]] = [
            ("/api/ask", {"question": SLOW_QUESTION}, "text/event-stream"),
            ("/api/ask", {"question": SLOW_QUESTION}, "*/*"),
        ]
        message = {"role": "user", "content": SLOW_QUESTION}
        kinds += [
            ("/v1/chat/completions", {"model": "ragqa", "stream": s, "messages": [message]}, "*/*")
            for s in (True, False)
        ]
        for path, body, accept in kinds:
            SlowGenerator.renew()
            with server.connect() as client:
                head = server.headers() | {"Content-Type": "application/json", "Accept": accept}
                client.sendall(request("POST", path, head, json.dumps(body).encode()))
                assert SlowGenerator.writing.wait(5)
            assert SlowGenerator.stopped.wait(2), (path, body)
            server.wait_for("ragqa_questions_running", 0)
        assert server.post("/api/ask", {"question": QUESTION}).status == 200


def test_attack_12_clients_that_leave_in_the_queue_are_not_answered_and_leave_nothing_behind(tmp_path: Path) -> None:
    with running(tmp_path, waiting_per_token=30) as server:
        head = server.headers() | {"Content-Type": "application/json"}
        data = request("POST", "/api/ask", head, json.dumps({"question": SLOW_QUESTION}).encode())
        for kept in (False, True):
            SlowGenerator.renew()
            clients = [server.connect() for _ in range(20)]
            for client in clients:
                client.sendall(data)
            server.wait_for("ragqa_questions_waiting", 19)
            if not kept:
                threads, files = threading.active_count(), len(os.listdir("/proc/self/fd"))
            for client in clients:
                client.close()
            server.wait_for("ragqa_questions_waiting", 0)
            server.wait_for("ragqa_questions_running", 0)
        assert threading.active_count() <= threads and len(os.listdir("/proc/self/fd")) <= files


def test_attack_13_an_id_of_a_document_is_never_a_path(server: Running, tmp_path: Path) -> None:
    hit = server.post("/api/search", {"question": QUESTION, "k": 1}).json["hits"][0]
    id_ = hit["document_id"]
    wrong = [
        "../pipeline.yaml", "..%2fpipeline.yaml", "%2e%2e/%2e%2e/etc/passwd", "/etc/passwd", "%2fetc%2fpasswd", "a%00", id_ + "%00",
        id_.upper(), id_[:-1], id_ + "0", "0" * 64, quote(str(server.folder / "documents" / "quay.txt"), safe=""), "quay.txt",
        "file:%2f%2f%2fetc%2fpasswd", "%ff" * 32,
    ]  # fmt: skip
    for each in wrong:
        told = server.get(f"/api/documents/{each}")
        assert told.status in (400, 404) and b"root:" not in told.body and b"master" not in told.body, each


def test_attack_13_a_file_changed_or_replaced_after_indexing_is_not_read(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        hit = server.post("/api/search", {"question": QUESTION, "k": 1}).json["hits"][0]
        file = tmp_path / "documents" / hit["source"]
        secret = tmp_path / "secret.txt"
        secret.write_text("The secret of the quay.", encoding="utf-8")
        file.unlink()
        file.symlink_to(secret)
        told = server.get(f"/api/documents/{hit['document_id']}")
        assert b"secret" not in told.body and b"Quayson" in told.body  # what was indexed


def test_attack_13_a_pdf_file_that_is_no_longer_what_was_indexed_is_not_sent(tmp_path: Path) -> None:
    pipeline, file = build(tmp_path), tmp_path / "documents" / "pier.pdf"
    secret = tmp_path / "secret.pdf"
    write_pdf(secret, "The secret of the pier.")
    write_pdf(file, "The pier has a master called Pierson.")
    whole, other = file.read_bytes(), secret.read_bytes()
    pipeline.index()
    with running(tmp_path, pipeline) as server:
        path = f"/api/documents/{server.id_of('pier.pdf')}/file"
        assert server.get(path).body == whole

        def refused() -> None:
            told = server.get(path)
            assert (told.status, told.json["error"]["code"]) == (410, "file_changed")
            assert b"%PDF" not in told.body and str(tmp_path) not in told.body.decode()

        file.write_bytes(other)  # other bytes, then other bytes of the same length and time
        refused()
        file.write_bytes(whole[:-9] + b"000000000")
        refused()
        for target in (secret, "/etc/passwd", "/dev/zero", tmp_path / "nothing"):
            file.unlink(missing_ok=True)
            file.symlink_to(target)
            refused()
        file.unlink()
        os.mkfifo(file)
        refused()
        file.unlink()
        (tmp_path / "documents").rename(tmp_path / "moved")
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "pier.pdf").write_bytes(other)
        (tmp_path / "documents").symlink_to(tmp_path / "other")
        refused()


def test_attack_13_a_file_that_changes_while_it_is_sent_ends_with_its_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replies, "PIECE_BYTES", 1000)
    file = tmp_path / "pier.pdf"
    write_pdf(file, "The pier has a master called Pierson.")
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)
        file.write_bytes(b"another file" * 1000)

    async def receive() -> Any:
        await asyncio.sleep(60)

    stream = file.open("rb")
    with pytest.raises(HttpError):
        asyncio.run(replies.FileReply(stream, stamp(stream), "application/pdf")({"type": "http"}, receive, send))
    assert [each["type"] for each in sent] == ["http.response.start"]


def test_attack_18_a_conversation_of_another_token_is_as_unknown_as_one_that_never_was(papers: Running) -> None:
    id_ = papers.post("/api/conversations", {"title": "Of the quay"}).json["id"]
    assert papers.post("/api/ask", {"question": QUESTION, "conversation": id_}).json["turn"] == 0
    guessed = ["0" * 32, id_[:-1], id_.upper(), f"{id_}0", f"{id_}%00", "'%20OR%201=1%20--", "%ff"]
    for who, each in [("bob", id_), ("root", id_), *(("alice", guess) for guess in guessed)]:
        path = f"/api/conversations/{each}"
        asked = {"question": QUESTION, "conversation": unquote(each, errors="replace")}
        told = [
            papers.get(path, who), papers.get(f"{path}/markdown", who), papers.get(f"{path}/json", who),
            papers.delete(path, who), papers.post("/api/ask", asked, who),
            papers.post("/api/ask", {**asked, "replace_from": 0}, who),
        ]  # fmt: skip
        assert {(reply.status, reply.json["error"]["code"]) for reply in told} == {(404, "conversation_not_found")}, (
            each
        )
        assert len({reply.body for reply in told}) == 1 and b"quay" not in told[0].body
        assert id_ not in papers.get("/api/conversations", who).body.decode() or who == "alice"
    assert len(papers.get(f"/api/conversations/{id_}").json["turns"]) == 1


def test_attack_16_no_address_path_or_model_of_a_request_is_used(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Any] = []
    connect, here = socket.socket.connect, threading.get_ident()

    def noted(self: socket.socket, address: Any) -> Any:
        if threading.get_ident() != here:  # the test itself connects
            opened.append(address)
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", noted)
    url = "http://127.0.0.1:1/x"
    part = {"type": "image_url", "image_url": {"url": url}}
    chat = {"model": "ragqa", "messages": [{"role": "user", "content": [part]}]}
    assert server.post("/v1/chat/completions", chat).json["error"]["param"] == "messages.0.content"
    file = {"type": "file", "file": {"file_data": "file:///etc/passwd", "file_url": url}}
    assert (
        server.post("/v1/chat/completions", {**chat, "messages": [{"role": "user", "content": [file]}]}).status == 400
    )
    for model in ("../../etc/passwd", "/etc/passwd", url, "gpt-4o", "ragqa/../ragqa", ""):
        for path, rest in (
            ("chat/completions", {"messages": [{"role": "user", "content": "x"}]}),
            ("embeddings", {"input": "x"}),
        ):
            assert server.post(f"/v1/{path}", {"model": model, **rest}).status == 404
    text = {
        "model": "ragqa",
        "messages": [{"role": "user", "content": QUESTION}],
        "base_url": url,
        "extra_body": {"base_url": url},
    }
    assert server.post("/v1/chat/completions", text).status == 200  # such keys mean nothing
    for key in ("base_url", "model", "template", "path", "url", "folder", "passages"):
        assert server.post("/api/ask", {"question": QUESTION, key: url}).json["error"]["param"] == key
    assert opened == []


@pytest.mark.parametrize("k", [-1, 0, 101, 10**9, 1.5, "../../etc", None, [], {}])
def test_attack_19_a_wrong_number_of_hits_is_refused(server: Running, k: Any) -> None:
    told = server.post("/api/search", {"question": QUESTION, "k": k})
    assert told.status == (200 if k is None else 422)


def test_attack_19_syntax_of_searches_and_of_sql_is_text(server: Running) -> None:
    hostile = [
        "' OR 1=1 --",
        '"; DROP TABLE chunk; --',
        "quay* NEAR(mill)",
        "text:quay AND",
        '"quay',
        "(((",
        "^quay -mill {}",
        "%_%",
    ]
    for question in hostile:
        assert server.post("/api/search", {"question": question}).status == 200
        assert server.post("/api/ask", {"question": question}).status == 200
    assert len(server.post("/api/search", {"question": QUESTION, "k": 3}).json["hits"]) == 3


def test_attack_20_who_floods_the_server_waits_for_the_others_and_is_told_when_to_come_again(tmp_path: Path) -> None:
    with running(tmp_path, waiting=8, waiting_per_token=6) as server:

        def ask(who: str, question: str) -> None:
            server.post("/api/ask", {"question": question}, who)

        flood = [threading.Thread(target=ask, args=("alice", SLOW_QUESTION)) for _ in range(7)]
        flood[0].start()
        server.wait_for("ragqa_questions_running", 1)  # else one of the others may find no place
        for thread in flood[1:]:
            thread.start()
        server.wait_for("ragqa_questions_waiting", 6)
        times = []
        for _ in range(10):
            began = time.monotonic()
            told = server.post("/api/ask", {"question": QUESTION})
            times.append(time.monotonic() - began)
            assert told.status == 429 and int(told.headers["retry-after"]) >= 1
            assert told.json["error"]["code"] == "queue_full"
        assert min(times) < 0.05
        late = threading.Thread(target=ask, args=("bob", QUESTION))
        late.start()
        server.wait_for("ragqa_questions_waiting", 7)
        SlowGenerator.released.set()
        for thread in (*flood, late):
            thread.join(10)
        told_to = [
            each["token"] for each in map(json.loads, server.log) if (each["route"], each["status"]) == ("ask", 200)
        ]
        assert told_to.index("bob") <= 2 and told_to.count("alice") == 7


def test_attack_20_a_token_asks_only_so_often_a_minute(tmp_path: Path) -> None:
    with running(tmp_path, per_minute=3) as server:
        codes = [server.post("/api/ask", {"question": QUESTION}).status for _ in range(4)]
        told = server.post("/api/ask", {"question": QUESTION})
        assert codes == [200, 200, 200, 429] and 50 <= int(told.headers["retry-after"]) <= 60
        assert server.post("/api/ask", {"question": QUESTION}, "bob").status == 200
        assert server.post("/api/search", {"question": QUESTION}).status == 200


def test_attack_21_no_log_error_or_metric_holds_a_question_an_answer_or_a_token(tmp_path: Path) -> None:
    canary = "canary-Ωmega-7731"
    kept, feedback = str(tmp_path / "kept.db"), str(tmp_path / "feedback.jsonl")
    with running(tmp_path, conversations=kept, feedback=feedback) as server:
        id_ = server.post("/api/conversations", {"title": canary}).json["id"]
        server.get(f"/api/conversations/{id_}/markdown")
        said_of = {"question": canary, "answer": canary, "verdict": "down", "correction": canary}
        assert server.post("/api/feedback", said_of).json["complete"]
        server.post("/api/search", {"question": QUESTION, "where": {canary: canary}})
        server.pipeline.components.replace(generator=_Broken())
        bodies: list[Any] = [
            {"question": f"{canary} master of the quay?"},
            {"question": QUESTION, "conversation": id_},
            {"question": 1, canary: 2},
            {"question": canary * 1000},
        ]
        told = [server.post(path, body).body for path in ("/api/ask", "/api/search") for body in bodies]
        errors = b"".join(each for each in told if b'"error"' in each).decode()
        server.get(f"/{quote(canary)}?{quote(canary)}=1")
        server.send(
            "GET", "/v1/models", {"Host": "localhost", "Authorization": f"Bearer {canary}".encode().decode("latin-1")}
        )
        server.post("/api/ask", {"question": f"{canary}?"}, Accept="text/event-stream")
        said = "\n".join([*server.log, server.get("/metrics").body.decode(), errors])
        assert '"error": "RuntimeError at ' in said and '"status": 500' in said
        forms = [
            canary,
            canary.lower(),
            quote(canary),
            repr(canary.encode()),
            json.dumps(canary),
            base64.b64encode(canary.encode()).decode(),
        ]
        forms += [
            canary.encode().hex(),
            hashlib.sha256(canary.encode()).hexdigest(),
            *server.secrets.values(),
            "Quayson",
        ]
        for form in forms:
            assert form.strip("\"b'") not in said, form


class _Broken:
    window = 1000

    def count(self, text: str) -> int:
        return len(text.split())

    def chat(self, system: str, user: str) -> str:
        return user

    def stream(self, prompt: Any) -> Any:
        raise RuntimeError(prompt.text)


def test_attack_22_unknown_paths_make_no_label(server: Running) -> None:
    for path in ("/nothing-0", f"/api/documents/{0:064}", "/metrics"):  # their labels are there from now on
        server.get(path)
    before = server.get("/metrics").body.decode().splitlines()
    for number in range(1, 50):
        assert server.get(f"/nothing-{number}").status == 404
        server.get(f"/api/documents/{number:064}")
    after = server.get("/metrics").body.decode().splitlines()
    assert len(after) == len(before) and not any("nothing-" in line for line in after)


def test_attack_23_orders_in_documents_change_no_answer_of_the_server_and_are_marked_for_agents(tmp_path: Path) -> None:
    documents = injections.documents()[::4]
    pipeline = build(tmp_path).with_documents(documents)
    pipeline.index()
    before = json.dumps(TOOLS)
    with running(tmp_path, pipeline) as server:
        for source, _ in documents:
            asked = injections.question(source)
            told = server.post("/api/ask", {"question": asked}).json
            assert without_times_and_paths(told) == without_times_and_paths(json.loads(pipeline.ask(asked).to_json()))
            (hit,) = pipeline.search(asked, 1)
            notice, where, mark, *quoted = mcp_pages.shown(mcp_pages.passages(asked, [hit], 0, 1)).splitlines()
            assert notice == mcp_pages.NOTICE and where.startswith(f"[1] {hit.source}")
            assert mark.strip('"') == "" and mark not in hit.chunk.text  # so that a text cannot close its marks
            assert quoted[quoted.index(mark) :] == [mark] and "\n".join(quoted[:-1]) == hit.chunk.text.rstrip("\n")
    assert json.dumps(TOOLS) == before and injections.MARK not in before


def test_attack_24_every_reply_has_the_security_headers_and_tells_nothing_of_the_server(server: Running) -> None:
    headers = server.headers()
    replies = [
        server.send("GET", "/healthz", headers),
        server.send("GET", "/nothing", headers),
        server.send("DELETE", "/api/ask", headers | {"Content-Length": "0"}),
        server.send("GET", "/healthz", {"Host": "evil.com"}),
        server.send("GET", "/v1/models", {"Host": "localhost"}),
        server.post("/api/ask", {"question": ""}),
        server.post("/api/ask", {"question": QUESTION}, Accept="text/event-stream"),
        parsed(server.raw(b"GET / HTTP/9\r\n\r\n")),
    ]
    assert [each.status for each in replies] == [200, 404, 405, 421, 401, 422, 200, 400]
    for told in replies:
        assert (
            SECURITY.items() <= told.headers.items() and "default-src 'none'" in told.headers["content-security-policy"]
        )
        assert "server" not in told.headers
        if told.status != 200:
            text = told.body.decode().lower()
            assert not any(
                word in text for word in ("uvicorn", "starlette", "h11", "python", "traceback", "/tmp", ".py")
            )


def test_attack_24_what_the_page_asks_for_has_the_security_headers_and_no_other_policy(papers: Running) -> None:
    id_ = papers.post("/api/conversations", {"title": "Of the quay"}).json["id"]
    pdf = f"/api/documents/{papers.id_of('pier.pdf')}"
    mine = f"/api/conversations/{id_}"
    paths = ["/api/page", "/api/documents", pdf, f"{pdf}/file", "/api/index/progress", "/api/conversations", mine]
    replies = [papers.get(path) for path in (*paths, f"{mine}/markdown", f"{mine}/json")]
    replies += [papers.delete(mine), papers.post("/api/feedback", {"question": "x", "answer": "", "verdict": "down"})]
    for told in replies:
        assert told.status == 200 and SECURITY.items() <= told.headers.items()
        assert told.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"


def test_more_connections_than_the_settings_allow_are_refused(tmp_path: Path) -> None:
    with running(tmp_path, connections=3, head_seconds=5) as server:
        held = [server.connect() for _ in range(3)]
        time.sleep(0.1)
        assert parsed(server.raw(b"")).status == 503
        for client in held:
            client.close()
        time.sleep(0.1)
        assert server.get("/healthz").status == 200


def test_the_place_in_the_queue_is_told_while_a_client_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "SAY_SECONDS", 0.1)
    with running(tmp_path) as server, server.connect() as first, server.connect() as second:
        head = server.headers() | {"Content-Type": "application/json", "Accept": "text/event-stream"}
        first.sendall(request("POST", "/api/ask", head, json.dumps({"question": SLOW_QUESTION}).encode()))
        assert SlowGenerator.writing.wait(5)
        second.sendall(request("POST", "/api/ask", head, json.dumps({"question": QUESTION}).encode()))
        data = b""
        while b": waiting 0" not in data:
            data += second.recv(4096)
        SlowGenerator.released.set()
        assert b"event: answer" in drain(second)
        assert read(first).status == 200


def test_an_index_that_is_gone_is_told_without_its_path(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        (tmp_path / "index").rename(tmp_path / "gone")
        told = until(lambda: server.post("/api/ask", {"question": QUESTION}), lambda reply: reply.status != 200)
        assert (told.status, told.json["error"]["code"]) == (503, "no_index")
        assert isinstance(server.pipeline, Pipeline)
