"""Faults of an OpenAI-compatible endpoint, drawn by a seed: each ends as an answer or as a one-line error, in time.

The server is another process that speaks by sockets alone, so that what is measured here is the client: its threads,
its descriptors and its memory.
"""

from __future__ import annotations

import base64
import json
import multiprocessing
import os
import random
import resource
import ssl
import subprocess
import threading
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from ragqa.config.generators import OpenAIGenerate
from ragqa.errors import RagqaError
from ragqa.generate.openai import TEXT_BYTES_PER_TOKEN
from ragqa.records import Generation, Prompt
from tests.generate.building import build_generator
from tests.raw_server import DONE, Peer, RawServer, event, piece
from tests.torture import Trial

KEY = "sk-torture-6b8f0c2d4e"
SPARE_SECONDS = 20.0
"""How long after its deadline an answer may end: on a busy machine a second is short, and a hang lasts longer than this."""
MOST_MEMORY = 96 << 20
"""How much memory all faults together may add to the peak."""
ENDLESS = 1 << 40
STATUSES = (200,) * 40 + (
    100,
    101,
    204,
    206,
    301,
    302,
    307,
    400,
    401,
    403,
    404,
    408,
    418,
    422,
    429,
    500,
    502,
    503,
    599,
    777,
)
ODD_VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 7, 1.5, 1e300, float("nan"), "", "text", KEY, "\ud800", "\0\x1b[2J", [], [None], ["x"], [[]], {}, {"a": 1},
)  # fmt: skip
ODD_EVENTS = (
    b"data: \n\n", b"data: {\n\n", b"data: nope\n\n", b"data: \xff\xfe\n\n", b"data: [1,2]\n\n", b"data: null\n\n", b'data: "x"\n\n',
    b"data: " + b"[" * 50_000 + b"\n\n", b"data: " + b"9" * 9_000 + b"\n\n", b"event: thread.x\ndata: 1\n\n", b"event: error\ndata: {}\n\n",
    b"id: 5\n\n", b"retry: x\n", b": ping\n\n", b"\n\n\n", b"\r\r\r\n", b"data", b"<html><body>Bad gateway</body></html>\n\n", b"\0" * 99,
    event({"error": {"message": f"the key {KEY} is wrong", "type": "x"}}), event({"error": "no"}), event({"error": [KEY]}),
    b"data: " + b"x" * 3_000_000, event({"choices": []}), event({"choices": None, "usage": {}}), DONE,
)  # fmt: skip


class Fault:
    """What a server does to one client, and what the client asks for; both follow from the seed."""

    def __init__(self, seed: int) -> None:
        self.draw = draw = random.Random(seed)
        self.deadline = draw.uniform(0.3, 1.0)
        self.fields = {"retries": draw.choice((0, 0, 1, 2)), "max_new_tokens": draw.choice((1, 9, 96, 400))}
        self.log_probabilities = draw.random() < 0.3
        self.where = draw.choices(
            ("plain", "tls to plain", "plain to tls", "tls", "refused", "no such host"), (30, 1, 1, 1, 1, 1)
        )[0]

    def behave(self, peer: Peer) -> None:
        """Be the server."""
        if self.draw.random() < 0.04:
            return self._leave(peer)
        if self.draw.random() > 0.03:
            peer.read_request()
        self._send(peer, self._reply())

    def _leave(self, peer: Peer) -> None:
        self.draw.choice((peer.reset, peer.hang, lambda: None, lambda: peer.wait(60)))()

    def _send(self, peer: Peer, parts: Iterator[bytes]) -> None:
        """Send a reply in one of several ways, and leave in one of several."""
        how = self.draw.choices(("whole", "pieces", "drip", "part"), (8, 2, 1, 2))[0]
        left = self.draw.randint(0, 3000) if how == "part" else ENDLESS
        for part in parts:
            data = part[:left]
            left -= len(data)
            if how == "drip":
                peer.drip(data[:400], 1, 0.005)
            elif how == "pieces":
                for start in range(0, min(len(data), 20_000), 700):
                    peer.drip(data[start : start + 700], 700, 0.002)
            else:
                peer.send(data)
            if left <= 0:
                break
        self._leave(peer)

    def _reply(self) -> Iterator[bytes]:
        status = self.draw.choice(STATUSES)
        body = self._stream() if status == 200 or self.draw.random() < 0.2 else iter([self._error_body()])
        encoding = self.draw.choices(("plain", "length", "chunked", "gzip", "bomb"), (8, 2, 4, 2, 1))[0]
        yield self._head(status, encoding)
        yield from getattr(self, f"_{encoding}")(body)

    def _head(self, status: int, encoding: str) -> bytes:
        draw = self.draw
        lines = [f"HTTP/1.1 {status} {draw.choice(('OK', '', KEY, 'x' * 200))}"]
        lines.append(
            f"Content-Type: {draw.choice(('text/event-stream',) * 5 + ('text/html; charset=bz2_codec', 'application/json', KEY, ''))}"
        )
        extra = {
            "length": f"Content-Length: {draw.choice((0, 5, 99_999_999, -1, '1e3', ''))}",
            "chunked": "Transfer-Encoding: chunked",
        }
        packed = "Content-Encoding: " + draw.choice(("gzip", "gzip", "deflate", "br", "zstd", "gzip, gzip", "x"))
        lines += [extra[encoding]] if encoding in extra else [packed] if encoding in ("gzip", "bomb") else []
        odd = ("X-Request-Id: " + KEY, "Retry-After: " + draw.choice(("0", "0.1", "60", "1e400", "nan", "x")), "Location: http://127.0.0.1:1/",
               "no colon", "X: " + "a" * 150_000, "\0: x", "Set-Cookie: a=b", "Connection: keep-alive", *["A: b"] * 3)  # fmt: skip
        lines += [draw.choice(odd) for _ in range(draw.choice((0, 0, 0, 1, 2)))]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" * (draw.random() > 0.02)

    def _error_body(self) -> bytes:
        said = json.dumps({"error": {"message": self.draw.choice(("no", KEY, "a\nb", "\x1b[2J"))}}).encode()
        encoded = base64.b64encode(b"Bearer " + KEY.encode())
        return self.draw.choice((said, b"", b"\xff" * 999, b"<html>", b"[" * 50_000, encoded, b"x" * 3_000_000))

    def _stream(self) -> Iterator[bytes]:
        """Yield the events of an answer, sound or not, with or without end."""
        draw = self.draw
        for _ in range(draw.randint(0, 6)):
            yield self._event()
        if draw.random() < 0.25:
            again = self._event() if draw.random() < 0.7 else draw.choice(ODD_EVENTS)
            for _ in range(200_000):
                yield again
        yield piece("", draw.choice(("stop", "length", None, "eos"))) + DONE * (draw.random() < 0.8)

    def _event(self) -> bytes:
        draw = self.draw
        if draw.random() < 0.06:
            return draw.choice(ODD_EVENTS)
        words = draw.choice(("word ", "日本", "x" * 3000, "", "\n"))
        data = json.loads(piece(words, logprobs={"content": [{"token": "t", "logprob": -0.5}]})[6:])
        data["usage"] = {"completion_tokens": 3, "prompt_tokens": 9}
        if draw.random() < 0.1:
            _mutate(data, draw)
        return event(data)

    def _plain(self, body: Iterator[bytes]) -> Iterator[bytes]:
        return body

    _length = _plain

    def _chunked(self, body: Iterator[bytes]) -> Iterator[bytes]:
        for data in body:
            size = len(data) if self.draw.random() > 0.05 else self.draw.choice((0, 1, 1 << 40, len(data) + 9))
            yield b"%x\r\n%s\r\n" % (size, data) if self.draw.random() > 0.02 else b"ZZ\r\n"
        yield b"0\r\n\r\n"

    def _gzip(self, body: Iterator[bytes]) -> Iterator[bytes]:
        packer = zlib.compressobj(6, zlib.DEFLATED, self.draw.choice((31, 31, 15, -15)))
        for data in body:
            yield packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)
        yield packer.flush()

    def _bomb(self, body: Iterator[bytes]) -> Iterator[bytes]:
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        filler = self.draw.choice((b"x", b": ping\n\n", b"data: ")) * 1_000_000
        for _ in range(100):
            yield packer.compress(filler)
        yield packer.flush()


def _mutate(data: Any, draw: random.Random) -> None:
    """Put an odd value somewhere into an event."""
    inner = data
    while True:
        key = draw.choice(list(inner) if isinstance(inner, dict) else range(len(inner)))
        deeper = inner[key]
        if not isinstance(deeper, dict | list) or not deeper or draw.random() < 0.3:
            inner[key] = draw.choice(ODD_VALUES)
            return
        inner = deeper


def serve(control: Connection, certificate: str) -> None:
    """Be the server's process: behave as each seed that comes says, on a port without TLS and on one with."""
    faults = [Fault(0)]

    def behave(peer: Peer) -> None:
        Fault.behave(faults[0], peer)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    servers = RawServer(behave), RawServer(behave, context)
    control.send([server.port for server in servers])
    while (seed := control.recv()) is not None:
        faults[0] = Fault(seed)
        control.send(seed)
    os._exit(0)


def certificate(folder: Path) -> str:
    """Return a file with a key and a certificate of one's own for 127.0.0.1, made by OpenSSL."""
    file = folder / "both.pem"
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -keyout {file} -out {file}.crt"
    subprocess.run(command.split(), check=True, capture_output=True)
    file.write_text(file.read_text("ascii") + Path(f"{file}.crt").read_text("ascii"), encoding="ascii")
    return str(file)


class Client:
    """Sends a question to the server of each fault, and checks the error and the resources left open."""

    def __init__(self, ports: tuple[int, int]) -> None:
        plain, tls = ports
        self._urls = {
            "plain": f"http://127.0.0.1:{plain}/v1",
            "tls to plain": f"https://127.0.0.1:{plain}/v1",
            "plain to tls": f"http://127.0.0.1:{tls}/v1",
            "tls": f"https://127.0.0.1:{tls}/v1",
            "refused": "http://127.0.0.1:9/v1",
            "no such host": "http://nothing.invalid/v1",
        }
        self.counts: Counter[str] = Counter()
        self.violations: list[str] = []
        self.latest = 0.0

    def ask(self, seed: int) -> None:
        """Meet one fault."""
        fault = Fault(seed)
        before = self._open()
        started = time.monotonic()
        outcome = self._outcome(fault)
        late = time.monotonic() - started - fault.deadline
        self.latest = max(self.latest, late)
        problems = list(self._problems(fault, outcome))
        problems += [f"{late:.1f} s after its deadline"] if late > SPARE_SECONDS else []
        problems += ["left a thread or a descriptor"] if not self._is_as_before(before) else []
        self.violations += [f"fault {seed}: {problem}: {outcome!r:.300}" for problem in problems]

    def _outcome(self, fault: Fault) -> Generation | Exception:
        key = {} if fault.where == "no such host" else {"api_key_env": "TORTURE_KEY"}
        spec = {
            "kind": "openai",
            "base_url": self._urls[fault.where],
            "model": "m",
            "deadline": fault.deadline,
            **key,
            **fault.fields,
        }
        try:
            generator = build_generator(OpenAIGenerate.model_validate(spec), log_probabilities=fault.log_probabilities)
            *pieces, last = generator.stream(Prompt("Who sails?", {"all": 3}, ()))
        except Exception as error:
            return error
        assert isinstance(last, Generation)
        return last if "".join(map(str, pieces)) == last.text else AssertionError("the pieces are not the text")

    def _problems(self, fault: Fault, outcome: Generation | Exception) -> Iterator[str]:
        if isinstance(outcome, Generation):
            self.counts[f"answers ({outcome.finish})"] += 1
            if len(outcome.text.encode()) > int(fault.fields["max_new_tokens"]) * TEXT_BYTES_PER_TOKEN:
                yield "too long"
            if outcome.finish not in ("stop", "length", "deadline"):
                yield "an unknown end"
        elif isinstance(outcome, RagqaError):
            self.counts[f"errors of exit code {outcome.exit_code}"] += 1
            said = str(outcome)
            if len(said.splitlines()) != 1 or len(said) > 600 or not said.isprintable():
                yield "not one line"
            if any(form in said for form in (KEY, KEY.upper(), base64.b64encode(KEY.encode()).decode())):
                yield "shows the key"
            if outcome.exit_code not in (2, 7, 8):
                yield "another exit code"
        else:
            yield "not one of our errors"

    @staticmethod
    def _open() -> tuple[set[threading.Thread], int]:
        descriptors = Path("/proc/self/fd")
        return set(threading.enumerate()), len(os.listdir(descriptors)) if descriptors.exists() else 0

    def _is_as_before(self, before: tuple[set[threading.Thread], int]) -> bool:
        """Tell whether nothing is left; a thread has a moment to end."""
        deadline = time.monotonic() + SPARE_SECONDS
        while time.monotonic() < deadline:
            threads, descriptors = self._open()
            if threads <= before[0] and descriptors <= before[1]:
                return True
            time.sleep(0.01)
        return False


def run(folder: Path, number: int, first: int = 0) -> Trial:
    """Meet so many faults, one after another."""
    folder.mkdir(parents=True, exist_ok=True)
    spawn = multiprocessing.get_context("spawn")
    control, theirs = spawn.Pipe()
    server = spawn.Process(target=serve, args=(theirs, certificate(folder)), daemon=True)
    server.start()
    theirs.close()
    client = Client(control.recv())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TORTURE_KEY", KEY)
        patch.delenv("RAGQA_OFFLINE", raising=False)
        client.ask(-1)  # loads everything that is loaded only once
        peak = _peak()
        for seed in range(first, first + number):
            control.send(seed)
            assert control.recv() == seed
            client.ask(seed)
    grown = _peak() - peak
    control.send(None)
    server.join()
    if grown > MOST_MEMORY:
        client.violations.append(f"the peak of memory grew by {grown >> 20} MiB")
    counted = ", ".join(f"{n} {what}" for what, n in sorted(client.counts.items()))
    notes = f"{counted}; at most {max(client.latest, 0):.2f} s late; memory grew by {grown >> 20} MiB"
    return Trial("endpoint faults", number, client.violations, notes)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
