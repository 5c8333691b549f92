"""Runs parsers of HTML, PDF and DOCX in a child process, so that no file can hang, crash or exhaust this one."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ragqa.errors import RagqaError, RejectedError
from ragqa.load.extracted import Extracted, Limits

# The folder of this package is named, and `-P` leaves the working folder out: no file that lies there is imported.
_START = "import sys; sys.path.insert(0, sys.argv[1]); from ragqa.load.worker import main; main(int(sys.argv[2]))"
_START_SECONDS = 60.0
_LENGTH = 8
_OVERHEAD_BYTES = 64 << 20


class _Died(Exception):
    """The child ended without a reply."""


class _TimedOut(Exception):
    """The child did not reply in time."""


class Sandbox:
    """One child that parses file after file. It is started when first needed, and again after it had to be killed.

    Wall-clock time, processor time and the size of a reply are bounded everywhere; memory is bounded on Linux (macOS
    does not enforce `RLIMIT_AS`). The child is a session of its own, cannot write files, and dies with this process.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._one_at_a_time = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def extract(self, media_type: str, data: bytes) -> Extracted:
        """Return the text in the bytes of a file.

        A child that failed after it had parsed other files may have been worn out by them: the file then gets a fresh one.

        :raises RejectedError: with the reason; also where the parser ran out of time or memory, or crashed.
        :raises RagqaError: no child can be started.
        """
        worn = self._process is not None
        try:
            reply = self._request(media_type, data)
            if worn and reply.get("last"):
                reply = self._request(media_type, data)
        except _Died:
            if not worn:
                raise RejectedError(self._died()) from None
            return self.extract(media_type, data)
        if "rejected" in reply:
            raise RejectedError(str(reply["rejected"]))
        return Extracted(
            str(reply["text"]), str(reply["title"]), tuple(map(int, reply["page_starts"])), dict(reply["metadata"])
        )

    def close(self) -> None:
        """End the child, if one runs."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            with contextlib.suppress(BrokenPipeError):
                stream.close()

    def __del__(self) -> None:
        self.close()

    def _request(self, media_type: str, data: bytes) -> dict[str, Any]:
        with self._one_at_a_time:
            return self._exchange(media_type, data)

    def _exchange(self, media_type: str, data: bytes) -> dict[str, Any]:
        """Return the child's reply. Whatever interrupts, Ctrl-C too, ends the child: a late reply is never read."""
        try:
            process = self._process or self._start()
            header = {"media_type": media_type, "limits": asdict(self._limits)}
            _send(process, json.dumps(header).encode())
            _send(process, data)
            reply = _receive(process, time.monotonic() + self._limits.seconds, self._most_bytes)
        except _TimedOut:
            self.close()
            raise RejectedError(f"parser timeout: more than {self._limits.seconds:g} s") from None
        except _Died:
            self._status = self._process.wait() if self._process else 0
            self.close()
            raise
        except BaseException:
            self.close()
            raise
        if reply.get("last"):
            self.close()
        return reply

    @property
    def _most_bytes(self) -> int:
        return 6 * self._limits.characters + _OVERHEAD_BYTES

    def _start(self) -> subprocess.Popen[bytes]:
        package = str(Path(__file__).resolve().parents[2])
        command = [sys.executable, "-P", "-c", _START, package, str(os.getpid())]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            _receive(self._process, time.monotonic() + _START_SECONDS, _OVERHEAD_BYTES)
        except (_Died, _TimedOut):
            self.close()
            raise RagqaError(f"the parser process does not start: {' '.join(command)}") from None
        return self._process

    def _died(self) -> str:
        if self._status == -getattr(signal, "SIGXCPU", 0):
            return f"parser timeout: more than {self._limits.seconds:g} s of processor time"
        if self._status < 0:
            return f"the parser was ended by {signal.Signals(-self._status).name}: it crashed or ran out of memory"
        return f"the parser ended with exit code {self._status}"


def _send(process: subprocess.Popen[bytes], data: bytes) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write(len(data).to_bytes(_LENGTH) + data)
        process.stdin.flush()
    except BrokenPipeError:
        raise _Died from None


def _receive(process: subprocess.Popen[bytes], deadline: float, most: int) -> dict[str, Any]:
    length = int.from_bytes(_read(process, _LENGTH, deadline))
    if length > most:
        raise _Died
    reply: dict[str, Any] = json.loads(_read(process, length, deadline))
    return reply


def _read(process: subprocess.Popen[bytes], length: int, deadline: float) -> bytes:
    """Read exactly so many bytes, past the buffer of the stream, so that `select` knows what is there."""
    assert process.stdout is not None
    pipe = process.stdout.fileno()
    data = bytearray()
    while len(data) < length:
        if not select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise _TimedOut
        piece = os.read(pipe, min(length - len(data), 1 << 20))
        if not piece:
            raise _Died
        data += piece
    return bytes(data)
