"""A server over small parts at a real socket, and a client that sends bytes as they are."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from reportlab.pdfgen import canvas

from ragqa import Pipeline, serve, stopping
from ragqa.config import GenerateSpec, Kind
from ragqa.config.serving import HttpServe
from ragqa.records import Generation, Prompt
from ragqa.serve import tokens
from tests.fakes import WORDS, EchoGenerator, write_project

NAMES = ("quay", "mill", "ferry")
QUESTION = "Who is the master of the quay?"
SLOW_QUESTION = "Who is the master of the mill?"


class Slow(GenerateSpec):
    kind: Literal["slow"]
    max_new_tokens: int = 400


class SlowGenerator(EchoGenerator):
    """Echoes; of the mill, it writes nothing until it is stopped, `released` is set, or the time is over."""

    released: ClassVar[threading.Event] = threading.Event()
    writing: ClassVar[threading.Event] = threading.Event()
    stopped: ClassVar[threading.Event] = threading.Event()

    @classmethod
    def renew(cls) -> None:
        for event in (cls.released, cls.writing, cls.stopped):
            event.clear()

    def stream(self, prompt: Prompt) -> Iterator[str | Generation]:
        if SLOW_QUESTION in prompt.text:
            type(self).writing.set()
            try:
                while not type(self).released.is_set():
                    stopping.sleep(0.01)
                    yield ""
                    if time.monotonic() > stopping.until():
                        yield Generation("The mill has a master", 5, "deadline")
                        return
            except BaseException:
                type(self).stopped.set()
                raise
        yield from super().stream(prompt)


SLOW = Kind("generate", Slow, lambda spec, needs: SlowGenerator())


def build(folder: Path, answer: str = "write") -> Pipeline:
    """Return a pipeline over three documents, indexed."""
    write_project(folder, NAMES)
    file = folder / "pipeline.yaml"
    text = file.read_text(encoding="utf-8").replace("kind: echo", "kind: slow")
    if answer != "write":  # then it abstains where nothing answers, too
        text = text.replace("answer: write, min_confidence: 0", f"answer: {answer}")
    file.write_text(text, encoding="utf-8")
    pipeline = Pipeline.from_file(file, kinds=[WORDS, SLOW])
    pipeline.index()
    return pipeline


def write_pdf(file: Path, text: str) -> None:
    """Write a PDF file with one line."""
    page = canvas.Canvas(str(file))
    page.drawString(72, 720, text)
    page.save()


@dataclass
class Reply:
    """A reply of a server."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[tuple[str, Any]]:
        """The events of a stream as (name, data); comments are left out."""
        found = []
        for block in self.body.decode().split("\n\n"):
            lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
            if "data" in lines:
                data = lines["data"]
                found.append((lines.get("event", ""), data if data == "[DONE]" else json.loads(data)))
        return found


@dataclass
class Running:
    """A server that runs, with the secrets of its tokens."""

    port: int
    pipeline: Pipeline
    secrets: dict[str, str]
    folder: Path
    log: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def headers(self, who: str = "alice") -> dict[str, str]:
        return {"Host": "localhost", "Authorization": f"Bearer {self.secrets[who]}"}

    def connect(self, timeout: float = 60) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def get(self, path: str, who: str = "alice", **headers: str) -> Reply:
        return self.send("GET", path, self.headers(who) | _named(headers))

    def post(self, path: str, body: Any, who: str = "alice", **headers: str) -> Reply:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = self.headers(who) | {"Content-Type": "application/json"} | _named(headers)
        return self.send("POST", path, given, data)

    def delete(self, path: str, who: str = "alice") -> Reply:
        return self.send("DELETE", path, self.headers(who))

    def id_of(self, source: str) -> str:
        """Return the id of an indexed document."""
        listed = self.get("/api/documents").json["documents"]
        return {str(each["source"]): str(each["id"]) for each in listed}[source]

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> Reply:
        with self.connect() as client:
            client.sendall(request(method, path, headers, body))
            return read(client)

    def raw(self, data: bytes, timeout: float = 10) -> bytes:
        """Send bytes; return all that comes back until the server closes."""
        with self.connect(timeout) as client:
            client.sendall(data)
            return drain(client)

    def metric(self, name: str) -> float:
        lines = self.get("/metrics").body.decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name))

    def wait_for(self, name: str, value: float, seconds: float = 5) -> None:
        """Wait until a metric has a value."""
        end = time.monotonic() + seconds
        while (found := self.metric(name)) != value:
            assert time.monotonic() < end, f"{name} is {found}, not {value}"
            time.sleep(0.01)


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def request(method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> bytes:
    """Return the bytes of a request that asks to close the connection."""
    given = {"Connection": "close", **headers} | ({} if body is None else {"Content-Length": str(len(body))})
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


def drain(client: socket.socket) -> bytes:
    """Return all bytes until the other side closes."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while part := client.recv(1 << 16):
            data += part
    return data


def read(client: socket.socket) -> Reply:
    """Return the reply on a connection that the server closes after it."""
    return parsed(drain(client))


def parsed(data: bytes) -> Reply:
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    if headers.get("transfer-encoding") == "chunked":
        body = _joined(body)
    return Reply(int(first.split()[1]), headers, body)


def _joined(data: bytes) -> bytes:
    whole = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        whole, data = whole + data[: int(size, 16)], data[int(size, 16) + 2 :]
    return whole


@contextlib.contextmanager
def running(
    folder: Path, pipeline: Pipeline | None = None, answer: str = "write", send_buffer: int = 0, **settings: Any
) -> Iterator[Running]:
    """Run a server in a thread. Settings are those of the section `serve`.

    :param send_buffer: the bytes that the system holds for a client that does not read; 0 for the default, which is large.
    """
    SlowGenerator.renew()
    pipeline = pipeline or build(folder, answer)
    secrets = {}
    known = []
    for name, scope in (("alice", "read"), ("bob", "read"), ("root", "admin")):
        secrets[name], token = tokens.new(name, scope)  # type: ignore[arg-type]
        known.append(token)
    bounds = {"per_minute": 100_000, "deadline": 20}
    spec = HttpServe.model_validate({"kind": "http", **bounds, **settings})
    listener = serve.listen("127.0.0.1", 0)
    if send_buffer:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
    server = Running(listener.getsockname()[1], pipeline, secrets, folder)
    began, stops = threading.Event(), list[Any]()

    def begin(stop: Any) -> None:
        stops.append(stop)
        began.set()

    handler = _Lines(server.log)
    log = logging.getLogger("ragqa.serve")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    thread = threading.Thread(target=serve.serve, args=(pipeline, spec, known, listener), kwargs={"began": begin})
    thread.start()
    try:
        assert began.wait(120)
        yield server
    finally:
        SlowGenerator.released.set()
        for stop in stops:
            stop()
        thread.join(15)
        log.removeHandler(handler)
        assert not thread.is_alive()


class _Lines(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(record.getMessage())


def until(ask: Callable[[], Reply], enough: Callable[[Reply], bool], seconds: float = 10.0) -> Reply:
    """Return the first reply that is enough, or the last one: a change of the index is seen within about a second."""
    end = time.monotonic() + seconds
    while True:
        reply = ask()
        if enough(reply) or time.monotonic() > end:
            return reply
        time.sleep(0.1)


def without_times_and_paths(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer without what may differ between two runs, and what is not sent."""

    def clean(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: clean(each) for key, each in value.items() if key != "path"}
        return [clean(each) for each in value] if isinstance(value, list) else value

    usage = {name: n for name, n in answer["usage"].items() if not name.endswith("_ms")}
    return dict(clean(answer | {"usage": usage}))
