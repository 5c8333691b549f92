"""llama.cpp in this process (`xllamacpp`, an extra): its model, its threads, and the types of its replies."""

from __future__ import annotations

import ctypes
import json
import os
import secrets
import socket
import urllib.error
import urllib.request
import weakref
from collections.abc import Generator
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError

from ragqa.deadline import Deadline, Emit, iterate_until
from ragqa.errors import ModelError, RagqaError, ResourceError, UsageError

try:
    import xllamacpp
except ImportError as missing:
    raise ModelError("generate.kind llama_cpp needs an extra: pip install 'ragqa[llama-cpp]'") from missing

_SECONDS = 60.0
_MOST_BYTES = 64 << 20
"""The limits for counting or formatting a text: the seconds it may take, and the bytes of the reply."""


_BATCH_TOKENS = 512
"""The most tokens of a prompt that are read in one pass. An answer that is not wanted any more is stopped after a pass."""


class Alternative(BaseModel):
    """A possible token, and its natural log-probability."""

    token: str
    logprob: float


class Token(BaseModel):
    """A generated token: its natural log-probability, and the most likely tokens at its position."""

    logprob: float
    top_logprobs: list[Alternative] = []


class Logprobs(BaseModel):
    """The tokens of a piece."""

    content: list[Token] | None = None


class Piece(BaseModel):
    """A piece of a text, and, for the last piece, the reason for the end."""

    text: str
    finish_reason: str | None = None
    logprobs: Logprobs | None = None

    @property
    def tokens(self) -> list[Token]:
        """Return the log-probabilities of its tokens; empty if the request did not ask for them."""
        return (self.logprobs and self.logprobs.content) or []


class Usage(BaseModel):
    """The number of tokens of the prompt and of the generated text."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Reply(BaseModel):
    """One event of a streamed completion."""

    choices: list[Piece]
    usage: Usage | None = None


class LlamaServer:
    """A loaded GGUF model. Its threads belong to the process that loaded it.

    :param threads: the number of threads that compute. They wait in busy loops, so that the model is many times slower
        with more threads than free cores.
    :param states: the folder in which states are kept; None for none.
    :raises ModelError: the model cannot be loaded.
    """

    _all: ClassVar[weakref.WeakSet[LlamaServer]] = weakref.WeakSet()

    def __init__(self, path: Path, window: int, threads: int, states: Path | None = None) -> None:
        self._path, self._key, self._process = path, secrets.token_hex(), os.getpid()
        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.n_ctx = window
        params.n_parallel = 1
        params.n_batch = _BATCH_TOKENS
        params.verbosity = -1
        params.warmup = False
        params.fit_params = False  # the window is given; looking for one that fits takes half a second
        params.cache_ram_mib = 0  # the states of earlier prompts are not kept in memory
        params.api_keys = [self._key]
        if states:
            params.slot_save_path = f"{states}{os.sep}"
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
        try:
            self._server = xllamacpp.Server(params)
        except RuntimeError as error:
            raise ModelError(f"llama.cpp cannot load {path}: {error}") from error
        self._all.add(self)

    def complete(self, request: dict[str, Any], deadline: float | Deadline) -> Generator[Reply, None, None]:
        """Yield the events of a completion as the server sends them. The first one comes with the first token.

        :raises DeadlinePassed: the completion has not ended by the deadline.
        :raises UsageError: this process was forked from the one that loaded the model.
        """
        self._check_process()
        address = urlsplit(self._server.listening_address)
        connection = HTTPConnection(str(address.hostname), address.port)

        def read(emit: Emit) -> None:
            connection.request("POST", "/v1/completions", json.dumps(request).encode(), self._headers)
            _read_events(connection.getresponse(), emit)

        try:
            connection.connect()
            line = connection.sock
            try:
                for event in iterate_until(read, deadline):
                    yield _checked(event)
            finally:  # also where the answer is not wanted any more: the server then stops after its present pass
                with suppress(OSError):
                    line.shutdown(socket.SHUT_RDWR)
                line.close()
        except (OSError, HTTPException) as error:
            raise ResourceError(f"llama.cpp ends its reply too early: {error}") from None

    def tokenize(self, text: str, *, special: bool = True, begins: bool = False) -> list[Any]:
        """Return the tokens of a text.

        :param special: read the text of a special token as that token. :param begins: a prompt begins with the text; the
            model may want a token before it.
        """
        request = {"content": text, "add_special": begins, "parse_special": special}
        return list(self._post("/tokenize", request, "tokens", list))

    def apply_template(self, turns: list[dict[str, str]]) -> str:
        """Return turns of a chat in the template of the GGUF file."""
        return str(self._post("/apply-template", {"messages": turns}, "prompt", str))

    def save_state(self, name: str) -> int:
        """Write what was computed of the last prompt into a file of the folder of states; return its tokens."""
        return int(self._post("/slots/0?action=save", {"filename": name}, "n_saved", int))

    def restore_state(self, name: str) -> int:
        """Continue from the state in a file; return its number of tokens. Prompts that begin otherwise are read anew.

        :raises ModelError: it is not a state of this model.
        """
        return int(self._post("/slots/0?action=restore", {"filename": name}, "n_restored", int))

    def _post(self, path: str, body: dict[str, Any], key: str, kind: type) -> Any:
        """Return one value of a reply from the server's loopback port.

        The port needs a key that only this process has.
        """
        self._check_process()
        request = urllib.request.Request(
            self._server.listening_address + path, json.dumps(body).encode(), self._headers
        )
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(request, timeout=_SECONDS) as reply:
                value = json.loads(reply.read(_MOST_BYTES)).get(key)
        except urllib.error.HTTPError as error:
            with error:
                raise ModelError(f"llama.cpp refuses {path} with the model {self._path}: status {error.code}") from None
        except (OSError, HTTPException) as error:
            raise ResourceError(f"llama.cpp does not answer {path} within {_SECONDS:g} s: {error}") from None
        except (ValueError, AttributeError, RecursionError):
            value = None
        if not isinstance(value, kind):
            raise RagqaError(f"llama.cpp: a malformed reply to {path}: no {key}")
        return value

    @property
    def _headers(self) -> dict[str, str]:
        return {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"}

    def _check_process(self) -> None:
        if self._process != os.getpid():
            raise UsageError(
                f"llama.cpp answers in threads of process {self._process}, and this one, forked from it, has none of them: "
                "build the Pipeline after the fork"
            )

    @classmethod
    def in_child(cls) -> None:
        """Let a forked process end.

        Without this, llama.cpp's cleanup would wait for threads that exist in the parent only.

        So its servers are never deleted, and the process exits before the last cleanup of the C library (by glibc's
        `on_exit`; other C libraries have no such function).
        """
        for server in cls._all:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(server._server))
        libc = ctypes.CDLL(None)
        if cls._all and hasattr(libc, "on_exit"):
            libc.on_exit(ctypes.cast(libc._exit, ctypes.c_void_p), None)


def _read_events(reply: HTTPResponse, emit: Emit) -> None:
    """Emit the data of each event of a streamed reply, or the error that the server replies instead."""
    if reply.status != HTTPStatus.OK:
        emit(_data(reply.read(_MOST_BYTES)))
        return
    while line := reply.readline(_MOST_BYTES):
        kind, _, data = line.partition(b":")
        if kind in (b"data", b"error") and data.strip() != b"[DONE]" and emit(_data(data)):
            return


def _data(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _checked(event: Any) -> Reply:
    """Return an event of a reply.

    :raises RagqaError: it is an error of the server, or malformed.
    """
    try:
        return Reply.model_validate(event)
    except ValidationError:
        said = event.get("error", event) if isinstance(event, dict) else None
        said = said.get("message") if isinstance(said, dict) else said
        raise RagqaError(f"llama.cpp: {said or 'a malformed reply'}") from None


os.register_at_fork(after_in_child=LlamaServer.in_child)
