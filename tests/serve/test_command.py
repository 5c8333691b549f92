"""`ragqa serve` as a process: tokens, exit codes, the end by a signal, what is loaded, and the section of the file."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ragqa import Pipeline, load_config
from ragqa.errors import ConfigError, UsageError
from ragqa.pipeline.assemble.check import check_file
from ragqa.serve import listen, tokens
from tests.commands import ragqa
from tests.fakes import WORDS
from tests.serve.serving import QUESTION, SLOW, SLOW_QUESTION, Running, build, drain, request

ROOT = Path(__file__).parent.parent.parent
COMMAND = [sys.executable, "-m", "tests.serve.command"]


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT)}


@contextlib.contextmanager
def serving(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], Running]]:
    """Run the command until the end of the block."""
    command = [*COMMAND, "serve", "pipeline.yaml", "--port", "0", "--json", *arguments]
    started = subprocess.Popen(command, cwd=folder, env=_environment(), stdout=-1, stderr=-1, text=True)
    try:
        assert started.stdout
        said = json.loads(started.stdout.readline())
        assert said["page"] == f"{said['url']}/" + (f"#token={said['token']}" if said["token"] else "")
        pipeline: Any = None
        yield started, Running(int(said["url"].rpartition(":")[2]), pipeline, {"alice": said["token"]}, folder)
    finally:
        started.kill()
        started.communicate()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a pipeline file and its index."""
    place = tmp_path_factory.mktemp("command")
    build(place)
    text = (place / "pipeline.yaml").read_text(encoding="utf-8")
    (place / "scripted.yaml").write_text(text.replace("kind: slow", "kind: scripted"), encoding="utf-8")
    (place / "echo.yaml").write_text(text.replace("kind: slow", "kind: echo"), encoding="utf-8")
    return place


def begin_slow_answer(server: Running, client: socket.socket) -> None:
    head = server.headers() | {"Content-Type": "application/json", "Accept": "text/event-stream"}
    client.sendall(request("POST", "/api/ask", head, json.dumps({"question": SLOW_QUESTION}).encode()))
    data = b""
    while b"event: passages" not in data:
        data += client.recv(1 << 16)


def test_a_random_token_opens_the_server_and_a_second_sigterm_ends_it_at_once(folder: Path) -> None:
    with serving(folder) as (process, server):
        assert server.post("/api/search", {"question": QUESTION}).status == 200
        assert server.send("GET", "/v1/models", {"Host": "localhost"}).status == 401
        done = ragqa("serve", "scripted.yaml", "--port", str(server.port), cwd=folder)
        assert done.code == 2 and f"port {server.port}" in done.err
        with server.connect() as client:
            begin_slow_answer(server, client)
            process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            assert process.poll() is None
            process.send_signal(signal.SIGTERM)
            assert process.wait(5) == 0
        assert process.stderr
        lines = [json.loads(line) for line in process.stderr.read().splitlines()]
        assert {"search"} <= {line["route"] for line in lines} and lines[0]["token"] == "this-run"


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT], ids=str)
def test_a_signal_ends_the_server_after_what_is_being_answered(folder: Path, sent: signal.Signals) -> None:
    with serving(folder) as (process, server), server.connect() as client:
        begin_slow_answer(server, client)
        process.send_signal(sent)
        time.sleep(0.3)
        with pytest.raises(OSError):  # it takes no more connections
            server.connect(1)
        process.send_signal(signal.SIGUSR1)
        assert b"event: answer" in drain(client)
        assert process.wait(5) == 0


def test_a_file_of_tokens_opens_the_server_to_its_tokens_alone(folder: Path, tmp_path: Path) -> None:
    made = ragqa("serve", "token", "carol", "--scope", "admin", "--json", cwd=folder).said
    file = tmp_path / "tokens.txt"
    file.write_text(f"# who may ask\n{made['line']}\n", encoding="utf-8")
    with serving(folder, "--token-file", str(file), "--set", "serve.model_name=docs") as (_, server):
        assert server.secrets == {"alice": None}
        server.secrets["carol"] = made["token"]
        assert server.get("/api/index", "carol").json["documents"] == 3
        assert server.get("/v1/models", "carol").json["data"][0]["id"] == "docs"


def test_a_made_token_is_kept_by_its_hash_alone(tmp_path: Path) -> None:
    secret, token = tokens.new("alice", "read")
    assert token.line() == f"alice read {hashlib.sha256(secret.encode()).hexdigest()}" and len(secret) > 40
    file = tmp_path / "t"
    file.write_text(f"{token.line()}\n\n# {secret}\n", encoding="utf-8")
    assert tokens.find(tokens.read(file), secret) == token
    assert tokens.find(tokens.read(file), secret + "x") is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "has no token"),
        ("alice read", "must be NAME SCOPE SHA256"),
        (f"alice root {'0' * 64}", "must be one of read, admin"),
        (f"alice read {'0' * 64}\nalice read {'1' * 64}", "two tokens have the name alice"),
        (f"al/ice read {'0' * 64}", "must be NAME SCOPE SHA256"),
    ],
)
def test_a_wrong_file_of_tokens_is_refused_with_its_line(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "t").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=why):
        tokens.read(tmp_path / "t")


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (["serve"], 2, "give one FILE or FOLDER"),
        (["serve", "token"], 2, "give one NAME"),
        (["serve", "token", "a b"], 2, "NAME"),
        (["serve", "missing.yaml"], 2, "missing.yaml"),
        (["serve", "scripted.yaml", "--open", "--no-page"], 2, "--open"),
        (["serve", "scripted.yaml", "--open", "--stdio"], 2, "--open"),
        (["serve", "scripted.yaml", "--set", "serve.conversations=nowhere/kept.db", "--port", "0"], 2, "nowhere"),
        (["serve", "scripted.yaml", "--host", "0.0.0.0"], 9, "ragqa serve token NAME"),
        (["serve", "scripted.yaml", "--host", "203.0.113.7", "--token-file", "pipeline.yaml"], 2, "pipeline.yaml:2"),
        (["serve", "scripted.yaml", "--set", "serve.waiting=0"], 2, "serve.waiting"),
        (["serve", "scripted.yaml", "--set", "index.path=elsewhere", "--port", "0"], 4, "no index"),
    ],
)
def test_mistakes_have_their_exit_codes(folder: Path, arguments: list[str], code: int, why: str) -> None:
    done = ragqa(*arguments, cwd=folder)
    assert done.code == code, done.err
    assert why in done.err and "Traceback" not in done.err


def test_without_the_extra_the_command_says_how_to_install_it(folder: Path) -> None:
    hide = "import sys; sys.modules['starlette'] = None; import runpy; runpy.run_module('tests.serve.command', run_name='__main__')"
    command = [sys.executable, "-c", hide, "serve", "pipeline.yaml"]
    done = subprocess.run(command, cwd=folder, env=_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 8 and "pip install 'ragqa[serve]'" in done.stderr


def test_mistakes_of_the_section_are_told_with_their_position(folder: Path, tmp_path: Path) -> None:
    text = (
        (folder / "pipeline.yaml").read_text(encoding="utf-8").replace("path: documents", f"path: {folder}/documents")
    )
    bad = "serve:\n  kind: http\n  port: 99999\n  hosts: ['a b']\n  prt: 1\n  waiting: 2\n  tokens: missing.txt\n"
    file = tmp_path / "p.yaml"
    file.write_text(f"{text}{bad}", encoding="utf-8")
    first = text.count("\n") + 1
    found = {(each.line - first, each.key) for each in check_file(file, own_kinds=[WORDS, SLOW]).problems}
    expected = {(2, "serve.port"), (4, "serve.prt"), (6, "serve.tokens")}
    assert found >= expected and any(line == 3 and key.startswith("serve.hosts") for line, key in found)
    with pytest.raises(ConfigError):
        load_config(file, kinds=[WORDS, SLOW])


def test_the_section_changes_no_fingerprint(folder: Path) -> None:
    plain = Pipeline.from_file(folder / "pipeline.yaml", kinds=[WORDS, SLOW])
    served = Pipeline.from_file(folder / "pipeline.yaml", ["serve.kind=http", "serve.port=1"], kinds=[WORDS, SLOW])
    assert served.config.serve is not None and plain.config.serve is None
    assert served.fingerprint() == plain.fingerprint()


LOADED = """
import importlib, sys
from ragqa import kinds
from ragqa.cli import COMMANDS, ragqa
from tests.fakes import ECHO, WORDS

kinds.BUILTIN = kinds.BUILTIN.and_own([WORDS, ECHO])
ragqa.main(["search", "echo.yaml", "quay"], standalone_mode=False)
for command in {*COMMANDS} - {"serve"}:
    importlib.import_module(f"ragqa.cli.{command}")
libraries = ("starlette", "uvicorn", "h11", "mcp")
print("loaded:", *[name for name in sys.modules if name.split(".")[0] in libraries or name.startswith("ragqa.serve")])
"""


def test_no_other_command_loads_the_server(folder: Path) -> None:
    command = [sys.executable, "-c", LOADED]
    done = subprocess.run(command, cwd=folder, env=_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].strip() == "loaded:"


def test_the_command_loads_nothing_of_a_pipeline_before_it_serves_an_agent() -> None:
    """`tools/list` is answered before anything else is imported, also where the command line is the entry."""
    script = "import sys, ragqa.cli.serve; print(*(m for m in ('pydantic', 'ragqa.pipeline', 'ragqa.load') if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_what_a_connection_sends_does_not_wait_for_the_acknowledgement_of_what_was_sent_before() -> None:
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()[:2]):
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
