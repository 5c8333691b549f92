"""llama.cpp in this process (`xllamacpp`, an extra): its model, its threads, and what they reply."""

from __future__ import annotations

import ctypes
import json
import os
import secrets
import urllib.error
import urllib.request
import weakref
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ValidationError

from ragqa import settings
from ragqa.errors import ModelError, RagqaError, ResourceError, UsageError
from ragqa.generate.deadline import Emit, iterate_until

try:
    import xllamacpp
except ImportError as missing:
    raise ModelError("generate.kind llama_cpp needs an extra: pip install 'ragqa[llama-cpp]'") from missing

_SECONDS = 60.0
_MOST_BYTES = 64 << 20
"""How long a text may take to be counted or formatted, and how long the reply may be."""


class Alternative(BaseModel):
    """A token that might have been written, and its natural log-probability."""

    token: str
    logprob: float


class Token(BaseModel):
    """A token that was written: its natural log-probability, and the likeliest ones in its place."""

    logprob: float
    top_logprobs: list[Alternative] = []


class Logprobs(BaseModel):
    """The tokens of a piece."""

    content: list[Token] | None = None


class Piece(BaseModel):
    """A piece of a text, and why it ends with it, where it does."""

    text: str
    finish_reason: str | None = None
    logprobs: Logprobs | None = None

    @property
    def tokens(self) -> list[Token]:
        """What is said of each of its tokens; nothing where that was not asked for."""
        return (self.logprobs and self.logprobs.content) or []


class Usage(BaseModel):
    """How many tokens were written."""

    completion_tokens: int | None = None


class Reply(BaseModel):
    """What comes at once of a completion."""

    choices: list[Piece]
    usage: Usage | None = None


class LlamaServer:
    """A GGUF model that is loaded. Its threads belong to the process that loaded it.

    :raises ModelError: it cannot be loaded.
    """

    _all: ClassVar[weakref.WeakSet[LlamaServer]] = weakref.WeakSet()

    def __init__(self, path: Path, window: int, threads: int) -> None:
        self._path, self._key, self._process = path, secrets.token_hex(), os.getpid()
        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.n_ctx = window
        params.n_parallel = 1
        params.verbosity = -1
        params.warmup = False
        params.api_keys = [self._key]
        # Its threads wait by spinning: more of them than cores is many times slower.
        threads = threads or settings.load().threads or _cores()
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
        try:
            self._server = xllamacpp.Server(params)
        except RuntimeError as error:
            raise ModelError(f"llama.cpp cannot load {path}: {error}") from error
        self._all.add(self)

    def complete(self, request: dict[str, Any], deadline: float) -> Iterator[Reply]:
        """Yield the text after a prompt, piece by piece, as the server replies.

        :raises DeadlinePassed: it has not ended by then.
        :raises UsageError: this process was forked from the one that loaded the model.
        """
        self._check_process()

        def complete(emit: Emit) -> None:
            self._server.handle_completions(request, emit)

        for reply in iterate_until(complete, deadline, daemon=False):
            try:
                yield Reply.model_validate(reply)
            except ValidationError:
                said = (reply.get("message") or reply.get("error")) if isinstance(reply, dict) else None
                raise RagqaError(f"llama.cpp: {said or 'a malformed reply'}") from None

    def tokenize(self, text: str) -> list[Any]:
        """Return the tokens of a text."""
        request = {"content": text, "add_special": False, "parse_special": True}
        return list(self._post("/tokenize", request, "tokens", list))

    def apply_template(self, turns: list[dict[str, str]]) -> str:
        """Return turns of a chat in the template of the GGUF file."""
        return str(self._post("/apply-template", {"messages": turns}, "prompt", str))

    def _post(self, path: str, body: dict[str, Any], key: str, kind: type) -> Any:
        """Return the value of a key of a reply from the loopback port, which asks for a key that no other process knows."""
        self._check_process()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"}
        request = urllib.request.Request(self._server.listening_address + path, json.dumps(body).encode(), headers)
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

    def _check_process(self) -> None:
        if self._process != os.getpid():
            raise UsageError(
                f"llama.cpp answers in threads of process {self._process}, and this one, forked from it, has none of them: "
                "build the Pipeline after the fork"
            )

    @classmethod
    def in_child(cls) -> None:
        """Let a forked process end: llama.cpp would wait for threads that are not there when it cleans up.

        So its servers are never removed, and the process ends before what the C library does last (glibc's `on_exit`;
        other C libraries have nothing like it).
        """
        for server in cls._all:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(server._server))
        libc = ctypes.CDLL(None)
        if cls._all and hasattr(libc, "on_exit"):
            libc.on_exit(ctypes.cast(libc._exit, ctypes.c_void_p), None)


os.register_at_fork(after_in_child=LlamaServer.in_child)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
