"""A GGUF model in process by llama.cpp (`xllamacpp`, an extra), as a `Generator`."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from functools import cached_property
from importlib.metadata import version
from typing import Any

from ragqa import models
from ragqa.config.generators import LlamaCppGenerate
from ragqa.errors import UsageError
from ragqa.generate.deadline import DeadlinePassed
from ragqa.generate.llama_server import LlamaServer
from ragqa.records import Generation, Prompt

CONFIDENCE = (-1.66, 1.42, 0.87)
"""Log-odds that the answer is right: a constant, and weights of the log-odds that the model gives to "yes" when asked
whether the passages answer the question, and of the log-probability of the answer that it then writes."""
_ALTERNATIVES = 40
"""How many of the likeliest tokens are looked through for "yes" and "no"."""


class LlamaCpp:
    """Generates with the GGUF file that a `generate` section names. The weights are loaded when first needed.

    Tokens are counted and turns are formatted by llama.cpp itself.

    :raises ModelError: the model is not here.
    :raises UsageError: `window` exceeds what the model was trained for.
    """

    def __init__(self, spec: LlamaCppGenerate, *, log_probabilities: bool = False) -> None:
        self.spec = spec
        self.window = spec.window
        self._path = models.gguf_path(spec.model)
        self._log_probabilities = log_probabilities
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
        return len(self._server.tokenize(text))

    def chat(self, system: str, user: str) -> str:
        """Return one turn in the chat template of the GGUF file."""
        turns = [{"role": "system", "content": system}] if system else []
        turns.append({"role": "user", "content": user})
        return self._server.apply_template(turns)

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
            # 1. Ask whether the passages answer the question, where the template does.
            if prompt.verdict:
                odds = self._log_odds(prompt.text[: prompt.verdict[0]].rstrip(), deadline)
            # 2. Write the answer.
            for reply in self._server.complete(self._request(prompt.text, logprobs=odds is not None), deadline):
                for piece in reply.choices:
                    finish = piece.finish_reason or finish
                    logprobs += [token.logprob for token in piece.tokens]
                    if piece.text:
                        text += piece.text
                        n_tokens += 1
                        yield piece.text
                if reply.usage and reply.usage.completion_tokens is not None:
                    n_tokens = reply.usage.completion_tokens
        except DeadlinePassed:
            finish = "deadline"
        kept = tuple(logprobs) if self._log_probabilities else None
        yield Generation(text, n_tokens, finish, kept, None if odds is None else confidence(odds, sum(logprobs)))

    def _log_odds(self, text: str, deadline: float) -> float:
        """Return the log-odds of "yes" against "no" as the word after a text, each at least a ten-thousandth."""
        request = {**self._request(text), "max_tokens": 1, "logprobs": _ALTERNATIVES, "stop": []}
        odds = {"yes": 1e-4, "no": 1e-4}
        for reply in self._server.complete(request, deadline):
            for other in (other for piece in reply.choices for token in piece.tokens for other in token.top_logprobs):
                word = other.token.strip().lower()
                if word in odds:
                    odds[word] += math.exp(other.logprob)
        return math.log(odds["yes"] / odds["no"])

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
    def _server(self) -> LlamaServer:
        return LlamaServer(self._path, self.window, self.spec.threads)


def confidence(log_odds: float, log_p: float) -> float:
    """Return how sure the model is of an answer, in [0, 1].

    :param log_odds: of "yes" against "no", asked whether the passages answer the question, in nats.
    :param log_p: log-probability of the answer, in nats.
    """
    constant, verdict, answer = CONFIDENCE
    total = constant + verdict * log_odds + answer * log_p
    return (1 + math.tanh(total / 2)) / 2  # the logistic function, without overflow
