"""A GGUF model in process by llama.cpp (`xllamacpp`, an extra), as a `Generator`."""

from __future__ import annotations

import json
import math
import os
import secrets
import time
import urllib.request
from collections.abc import Iterator
from functools import cached_property
from importlib.metadata import version
from typing import Any

from ragqa import models
from ragqa.config.generators import LlamaCppGenerate
from ragqa.errors import ModelError, RagqaError, UsageError
from ragqa.generate.deadline import DeadlinePassed, Emit, emitted
from ragqa.records import Generation, Prompt

try:
    import xllamacpp
except ImportError as missing:
    raise ModelError("generate.kind llama_cpp needs an extra: pip install 'ragqa[llama-cpp]'") from missing


CONFIDENCE = (-1.66, 1.42, 0.87)
"""Log-odds that the answer is right: a constant, and weights of the log-odds that the model gives to "yes" when asked
whether the passages answer the question, and of the log-probability of the answer that it then writes."""
_ALTERNATIVES = 40
"""How many of the likeliest tokens are looked through for "yes" and "no"."""


class LlamaCpp:
    """Generates with the GGUF file that a `generate` section names. The weights are loaded when first needed.

    Tokens are counted and turns are formatted by llama.cpp itself, which offers both on a loopback port only; the port
    asks for a key that no other process knows.

    :raises ModelError: the model is not here. :raises UsageError: `window` exceeds what the model was trained for.
    """

    def __init__(self, spec: LlamaCppGenerate, *, log_probabilities: bool = False) -> None:
        self.spec = spec
        self.window = spec.window
        self._path = models.gguf_path(spec.model)
        self._log_probabilities = log_probabilities
        self._key = secrets.token_hex()
        trained = models.card(spec.model).window
        if trained and spec.window > trained:
            raise UsageError(f"generate.window: {spec.window:,} tokens; {spec.model} was trained for {trained:,}")

    @cached_property
    def identity(self) -> dict[str, str]:
        """Return what an answer depends on besides the prompt and the settings."""
        return {"weights": models.remembered_sha256(self._path), "engine": f"xllamacpp {version('xllamacpp')}"}

    def load(self) -> None:
        """Map the weights now, where that is not done yet; they are read as the first prompt is."""
        self._server  # noqa: B018  # a cached property: reading it loads

    def count(self, text: str) -> int:
        """Return the number of tokens of `text`."""
        if not text:
            return 0
        request = {"content": text, "add_special": False, "parse_special": True}
        return len(self._post("/tokenize", request)["tokens"])

    def chat(self, system: str, user: str) -> str:
        """Return one turn in the chat template of the GGUF file."""
        turns = [{"role": "system", "content": system}] if system else []
        turns.append({"role": "user", "content": user})
        return str(self._post("/apply-template", {"messages": turns})["prompt"])

    def stream(self, prompt: Prompt) -> Iterator[str | Generation]:
        """Yield pieces of text as they are written and, last, the `Generation`.

        :raises UsageError: prompt and answer together exceed the window.
        """
        if prompt.n_tokens + self.spec.max_new_tokens > self.window:
            need = f"{prompt.n_tokens:,} prompt and {self.spec.max_new_tokens:,} answer tokens"
            raise UsageError(f"{need} exceed generate.window: {self.window:,}")
        if self.spec.min_confidence and not prompt.verdict:
            raise UsageError("generate.min_confidence needs prompt.template: answerable, or one with its slot")
        deadline = time.monotonic() + self.spec.deadline
        text, finish, n_tokens = "", "length", 0
        logprobs: list[float] = []
        odds = None
        try:
            if prompt.verdict:
                odds = self._log_odds(prompt.text[: prompt.verdict[0]].rstrip(), deadline)
            for reply in self._replies(self._request(prompt.text, logprobs=odds is not None), deadline):
                for choice in _choices(reply):
                    finish = choice.get("finish_reason") or finish
                    logprobs += [token["logprob"] for token in _tokens(choice)]
                    if choice["text"]:
                        text += choice["text"]
                        n_tokens += 1
                        yield choice["text"]
                n_tokens = (reply.get("usage") or {}).get("completion_tokens", n_tokens)
        except DeadlinePassed:
            finish = "deadline"
        kept = tuple(logprobs) if self._log_probabilities else None
        yield Generation(text, n_tokens, finish, kept, None if odds is None else confidence(odds, sum(logprobs)))

    def _log_odds(self, text: str, deadline: float) -> float:
        """Return the log-odds of "yes" against "no" as the word after a text, each at least a ten-thousandth."""
        request = {**self._request(text), "max_tokens": 1, "logprobs": _ALTERNATIVES, "stop": []}
        odds = {"yes": 1e-4, "no": 1e-4}
        for reply in self._replies(request, deadline):
            for token in (token for choice in _choices(reply) for token in _tokens(choice)):
                for other in token["top_logprobs"]:
                    word = other["token"].strip().lower()
                    if word in odds:
                        odds[word] += math.exp(other["logprob"])
        return math.log(odds["yes"] / odds["no"])

    def _replies(self, request: dict[str, Any], deadline: float) -> Iterator[dict[str, Any]]:
        """Yield what the server says to a request, piece by piece.

        :raises DeadlinePassed: it has not ended by then.
        """

        def complete(emit: Emit) -> None:
            self._server.handle_completions(request, emit)

        return emitted(complete, deadline, daemon=False)

    def _request(self, prompt: str, *, logprobs: bool = False) -> dict[str, Any]:
        spec = self.spec
        request = {
            "prompt": prompt,
            "max_tokens": spec.max_new_tokens,
            "temperature": spec.temperature,
            "top_k": spec.top_k,
            "top_p": spec.top_p,
            "min_p": 0.0,
            "seed": spec.seed,
            "repeat_penalty": spec.repetition_penalty,
            "repeat_last_n": self.window,
            "stop": list(spec.stop),
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        return request | ({"logprobs": 1} if logprobs or self._log_probabilities else {})

    @cached_property
    def _server(self) -> Any:
        params = xllamacpp.CommonParams()
        params.model.path = str(self._path)
        params.n_ctx = self.window
        params.n_parallel = 1
        params.verbosity = -1
        params.warmup = False
        params.api_keys = [self._key]
        # Its threads wait by spinning: more of them than cores is many times slower.
        params.cpuparams.n_threads = self.spec.threads or _cores()
        params.cpuparams_batch.n_threads = self.spec.threads or _cores()
        try:
            return xllamacpp.Server(params)
        except RuntimeError as error:
            raise ModelError(f"llama.cpp cannot load {self._path}: {error}") from error

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(
            self._server.listening_address + path,
            json.dumps(body).encode(),
            {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"},
        )
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(request) as reply:
            found: dict[str, Any] = json.load(reply)
            return found


def confidence(log_odds: float, log_p: float) -> float:
    """Return how sure the model is of an answer, in [0, 1].

    :param log_odds: of "yes" against "no", asked whether the passages answer the question, in nats.
    :param log_p: log-probability of the answer, in nats.
    """
    constant, verdict, answer = CONFIDENCE
    total = constant + verdict * log_odds + answer * log_p
    return (1 + math.tanh(total / 2)) / 2  # the logistic function, without overflow


def _tokens(choice: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what is said of each token of a piece: its log-probability, and those of other tokens."""
    tokens: list[dict[str, Any]] = (choice.get("logprobs") or {}).get("content") or []
    return tokens


def _choices(reply: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the pieces of a reply. An error in it is a fault of ours, since the request was checked."""
    if "choices" not in reply:
        raise RagqaError(f"llama.cpp: {reply.get('message') or reply.get('error') or reply}")
    choices: list[dict[str, Any]] = reply["choices"]
    return choices


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
