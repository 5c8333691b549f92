"""The parent's side of a sandbox: starts the child, sends it bytes, and waits for a bounded time."""

from __future__ import annotations

import atexit
import contextlib
import json
import logging
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from pathlib import Path
from typing import Any

from ragqa import limits
from ragqa.errors import RejectedError, ResourceError, TooSlowError
from ragqa.sandbox import language_data
from ragqa.sandbox.confine import available

_LOG = logging.getLogger("ragqa.sandbox")
_PATH = "import json, sys; sys.path[:] = json.loads(sys.argv.pop(1)); "
_START = "from ragqa.sandbox.worker import main; main(int(sys.argv[1]))"
_START_SECONDS = 60.0
_LENGTH = 8
_OVERHEAD_BYTES = 64 << 20
_KEPT_VARIABLES = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH", language_data.VARIABLE)
"""Variables that Python may need to find its own shared library, and that of language data for OCR. The child gets no
other variable of this process."""


class _Died(Exception):
    """The child ended without a reply."""


class _Malformed(Exception):
    """The child's reply is invalid; the message gives the reason. The child may still run."""


class _TimedOut(Exception):
    """The child did not reply in time."""


def isolated(code: str, *arguments: str) -> list[str]:
    """Return the command of a Python that runs `code` and imports libraries from the same folders as this one.

    It does not import from the working folder or from folders in environment variables (`-I`).
    """
    return [sys.executable, "-I", "-c", _PATH + code, json.dumps(_import_folders()), *arguments]


def _import_folders() -> list[str]:
    """Return `sys.path` without the working folder, which stays where it is the folder of this package."""
    here, package = os.path.realpath(os.getcwd()), str(Path(__file__).resolve().parents[2])
    folders = [os.path.realpath(path) for path in sys.path if os.path.isabs(path)]
    return [path for path in [*folders, package] if path == package or path != here]


class Sandbox:
    """One child that runs one function after another. It is started when first needed, and again after it was killed.

    Wall-clock time, processor time and the size of a reply are bounded on every system; memory is bounded on Linux
    (macOS does not enforce `RLIMIT_AS`). The child has an empty environment, cannot write files, and ends with this
    process. Its further confinement depends on the kernel: see `confine`. A sandbox may be used from several threads,
    and after a fork.

    :param seconds: the time limit of each call.
    :param memory_bytes: the memory limit of each call, in addition to the memory that the child already uses.
    :param reply_bytes: the size limit of each reply, without the bytes that JSON adds.
    """

    def __init__(self, *, seconds: float, memory_bytes: int, reply_bytes: int) -> None:
        self._seconds, self._memory_bytes, self._reply_bytes = seconds, memory_bytes, reply_bytes
        self._owner = os.getpid()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._status = 0
        _SANDBOXES.add(self)

    def call(self, target: str, data: bytes = b"", **arguments: Any) -> Any:
        """Return the result of the function `module:name` of this package for some bytes, as JSON data.

        Earlier calls may cause a failure, for example by memory that they left in use. So after a failure in a used
        child, the bytes are tried again in a new one.

        :param arguments: further arguments of the function, which JSON can hold.
        :raises RejectedError: the function refused the bytes, ran out of time or memory, or crashed.
        :raises ResourceError: no child can be started.
        """
        self._forget_others()
        with self._lock:
            worn = self._process is not None
            try:
                reply = self._exchange(target, data, arguments)
                if worn and reply.get("last"):
                    reply = self._exchange(target, data, arguments)
            except _Died:
                if not worn:
                    raise self._died() from None
                reply = self._fresh(target, data, arguments)
        if "rejected" in reply:
            raise RejectedError(str(reply["rejected"]))
        return reply["result"]

    def close(self) -> None:
        """End the child, if one runs, after the present call. A later call starts another one."""
        self._forget_others()
        with self._lock:
            self._end()

    def _end(self) -> None:
        """End the child immediately."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            assert stream is not None
            with contextlib.suppress(BrokenPipeError):
                stream.close()

    def __del__(self) -> None:
        self._forget_others()
        self._end()

    def _forget_others(self) -> None:
        """In a forked process, forget the child and the lock: both belong to the parent process."""
        if self._owner != os.getpid():
            self._owner, self._process, self._lock = os.getpid(), None, threading.Lock()

    def _fresh(self, target: str, data: bytes, arguments: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._exchange(target, data, arguments)
        except _Died:
            raise self._died() from None

    def _exchange(self, target: str, data: bytes, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the child's reply.

        After any interruption, such as Ctrl-C, end the child, so that no late reply is read.
        """
        try:
            process = self._process or self._start()
            bounds = {"seconds": self._seconds, "memory_bytes": self._memory_bytes}
            deadline = time.monotonic() + self._seconds
            _send(process, json.dumps({"target": target, "arguments": arguments, **bounds}).encode(), deadline)
            _send(process, data, deadline)
            reply = _receive(process, deadline, 2 * self._reply_bytes + _OVERHEAD_BYTES)
            if not reply.keys() & {"result", "rejected"}:
                raise _Malformed("malformed")
        except _TimedOut:
            self._end()
            raise TooSlowError(f"parser timeout: more than {self._seconds:g} s") from None
        except _Malformed as fault:
            self._end()
            raise RejectedError(f"the parser's reply is {fault}") from None
        except _Died:
            self._status = _ended(self._process) if self._process else 0
            self._end()
            raise
        except BaseException:
            self._end()
            raise
        if reply.get("last"):
            self._end()
        return reply

    def _start(self) -> subprocess.Popen[bytes]:
        """Start the child in an empty folder, which is removed when the child is ready."""
        try:
            with tempfile.TemporaryDirectory(prefix="ragqa-") as empty:
                return self._started(empty)
        except OSError as error:
            raise ResourceError(
                f"the parser process cannot be started: {error.strerror or error}{limits.note()}"
            ) from error

    def _started(self, folder: str) -> subprocess.Popen[bytes]:
        """Start the child, and wait until it reports its confinement."""
        environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        self._process = subprocess.Popen(
            isolated(_START, str(os.getpid())),
            cwd=folder,
            env={**environment, **limits.ONE_THREAD, "LC_ALL": "C.UTF-8"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            os.set_blocking(stream.fileno(), False)
        try:
            ready = _receive(self._process, time.monotonic() + _START_SECONDS, _OVERHEAD_BYTES)["ready"]
        except (_Died, _Malformed, _TimedOut):
            reason = self._last_words(self._process)
            self._end()
            raise ResourceError(f"the parser process does not start: {reason}{limits.note()}") from None
        if (offered := available()) != type(offered)(**ready):
            _LOG.warning("the parser process is confined by less than this kernel offers: %s of %s", ready, offered)
        return self._process

    def _last_words(self, process: subprocess.Popen[bytes]) -> str:
        """Return the last line that a child wrote before it ended."""
        assert process.stderr is not None
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        lines = process.stderr.read(1 << 16).decode("utf-8", "replace").splitlines()
        return lines[-1][:300] if lines else f"it ended with status {process.wait()}"

    def _died(self) -> RejectedError:
        """Return the reason why a child ended without a reply."""
        if self._status == -getattr(signal, "SIGXCPU", 0):
            return TooSlowError(f"parser timeout: more than {self._seconds:g} s of processor time{limits.note()}")
        if self._status < 0:
            name = _SIGNALS.get(-self._status, f"signal {-self._status}")
            return RejectedError(f"the parser was ended by {name}: it crashed or ran out of memory{limits.note()}")
        return RejectedError(f"the parser ended with exit code {self._status}{limits.note()}")


def _ended(process: subprocess.Popen[bytes]) -> int:
    """Return the exit status of a child that has closed its pipe. If it does not end by itself, it is killed."""
    try:
        return process.wait(timeout=1)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


_SIGNALS = {number.value: number.name for number in signal.Signals}
_SANDBOXES: weakref.WeakSet[Sandbox] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for sandbox in list(_SANDBOXES):
        sandbox._forget_others()
        sandbox._end()


def _send(process: subprocess.Popen[bytes], data: bytes, deadline: float) -> None:
    """Write a frame. If the child does not read it, wait until the deadline only."""
    assert process.stdin is not None
    pipe = process.stdin.fileno()
    for part in (len(data).to_bytes(_LENGTH), data):
        left = memoryview(part)
        while left:
            if not select.select([], [pipe], [], max(0.0, deadline - time.monotonic()))[1]:
                raise _TimedOut
            try:
                left = left[os.write(pipe, left[: 1 << 20]) :]
            except BrokenPipeError:
                raise _Died from None


def _receive(process: subprocess.Popen[bytes], deadline: float, most: int) -> dict[str, Any]:
    """Read a frame with a JSON object."""
    length = int.from_bytes(_read(process, _LENGTH, deadline))
    if length > most:
        raise _Malformed("too long")
    try:
        reply = json.loads(_read(process, length, deadline))
    except (ValueError, RecursionError):
        reply = None
    if not isinstance(reply, dict):
        raise _Malformed("malformed")
    return reply


def _read(process: subprocess.Popen[bytes], length: int, deadline: float) -> bytes:
    """Read exactly `length` bytes from the descriptor, not through the stream's buffer, which `select` does not see."""
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
