"""Any OpenAI-compatible endpoint (the extra `openai`), as a `Generator`."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from ragqa import models
from ragqa.config.generators import OpenAIGenerate
from ragqa.errors import ModelError, RagqaError, RefusedError, ResourceError, UsageError
from ragqa.generate.deadline import DeadlinePassed, Emit, emitted
from ragqa.records import Generation, Prompt

try:
    import openai
except ImportError as missing:
    raise ModelError("generate.kind openai needs an extra: pip install 'ragqa[openai]'") from missing

_AGAIN = (408, 409, 425, 429)
_FIRST_WAIT = 0.5
_FINISHES = {"stop": "stop", "length": "length", "content_filter": "stop"}


class OpenAIEndpoint:
    """Generates at the endpoint that a `generate` section names. The whole prompt is one user message, word for word.

    No endpoint tells its tokenizer. Tokens are counted as UTF-8 bytes, which no tokenizer exceeds, so that a prompt
    that fits by this count fits.

    :raises RefusedError: `RAGQA_OFFLINE` is set.
    :raises UsageError: the environment variable of the key is not set.
    """

    concurrent = True

    def __init__(self, spec: OpenAIGenerate, *, log_probabilities: bool = False) -> None:
        if models.offline():
            raise RefusedError("RAGQA_OFFLINE is set: no endpoint is called; unset it, or use a local generator")
        self.spec = spec
        self.window = spec.window
        self._log_probabilities = log_probabilities
        self._key = os.environ.get(spec.api_key_env, "") if spec.api_key_env else ""
        if spec.api_key_env and not self._key:
            raise UsageError(f"generate.api_key_env: the environment variable {spec.api_key_env} is not set")

    def count(self, text: str) -> int:
        """Return an upper bound on the number of tokens of `text`: its UTF-8 bytes."""
        return len(text.encode())

    def chat(self, system: str, user: str) -> str:
        """Return instructions and turn as one text; the endpoint puts it into the model's chat format."""
        return f"{system}\n\n{user}" if system else user

    def stream(self, prompt: Prompt) -> Iterator[str | Generation]:
        """Yield pieces of text as they arrive and, last, the `Generation`.

        A request that fails is tried again until the first piece has arrived. `n_tokens` is what the endpoint reports,
        else the number of pieces.

        :raises ResourceError: the endpoint fails or breaks off, or no piece arrives by the deadline.
        :raises UsageError: it refuses the key or the request. :raises ModelError: it has no such model.
        """
        deadline = time.monotonic() + self.spec.deadline
        text, finish, n_tokens = "", "", 0
        logprobs: list[float] = []

        def complete(emit: Emit) -> None:
            with self._opened(prompt.text, deadline) as stream:
                for chunk in stream:
                    if emit(chunk):
                        return

        try:
            for chunk in emitted(complete, deadline):
                n_tokens = chunk.usage.completion_tokens if chunk.usage else n_tokens
                for choice in chunk.choices:
                    finish = choice.finish_reason or finish
                    if choice.logprobs and choice.logprobs.content:
                        logprobs += [token.logprob for token in choice.logprobs.content]
                    if choice.delta.content:
                        text += choice.delta.content
                        n_tokens += 1
                        yield choice.delta.content
        except DeadlinePassed:
            if not text:
                raise ResourceError(f"{self._where}: no answer within {self.spec.deadline:g} s") from None
            finish = "deadline"
        except openai.APIConnectionError as error:
            if not text:
                raise self._failure(error) from None
        except openai.APIError as error:
            raise self._failure(error) from None
        if not finish:
            raise ResourceError(f"{self._where}: the answer broke off after {len(text)} characters")
        kept = tuple(logprobs) if self._log_probabilities else None
        yield Generation(text, n_tokens, _FINISHES.get(finish, finish), kept)

    def _opened(self, prompt: str, deadline: float) -> Any:
        """Return the stream of an answer; a passing failure is tried again, after a wait that doubles."""
        for attempt in range(self.spec.retries + 1):
            try:
                return self._client.chat.completions.create(**self._request(prompt))
            except openai.APIConnectionError as error:
                failure, wait = error, _backoff(attempt)
            except openai.APIStatusError as error:
                if error.status_code not in _AGAIN and error.status_code < 500:
                    raise
                failure, wait = error, max(_backoff(attempt), _retry_after(error))  # type: ignore[assignment]
            if attempt == self.spec.retries or time.monotonic() + wait > deadline:
                raise failure
            time.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    @cached_property
    def _client(self) -> openai.OpenAI:
        return openai.OpenAI(
            base_url=self.spec.base_url, api_key=self._key or "none", max_retries=0, timeout=self.spec.deadline
        )

    def _request(self, prompt: str) -> dict[str, Any]:
        spec = self.spec
        request: dict[str, Any] = {
            "model": spec.model,
            "messages": [{"role": "user", "content": prompt}],
            "max_tokens": spec.max_new_tokens,
            "temperature": spec.temperature,
            "top_p": spec.top_p,
            "seed": spec.seed,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if spec.stop:
            request["stop"] = list(spec.stop)
        if spec.top_k:  # not part of OpenAI's own protocol; servers of open models know it
            request["extra_body"] = {"top_k": spec.top_k}
        if self._log_probabilities:
            request["logprobs"] = True
        return request

    @property
    def _where(self) -> str:
        parts = urlsplit(self.spec.base_url)
        return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"

    def _failure(self, error: Exception) -> RagqaError:
        """Turn a library's error into one of ours. The key never stands in it, even where the endpoint repeats it."""
        status = getattr(error, "status_code", None)
        said = " ".join(str(error).split())[:300]
        said = said.replace(self._key, "***") if self._key else said
        match status:
            case 401 | 403:
                key = f"the key in {self.spec.api_key_env}" if self._key else "a request without generate.api_key_env"
                return UsageError(f"{self._where} refuses {key}: {said}")
            case 404:
                return ModelError(f"{self._where} has no model {self.spec.model!r}, or no such path: {said}")
            case int() if status < 500 and status not in _AGAIN:
                return UsageError(f"{self._where} refuses the request: {said}")
        return ResourceError(f"{self._where} failed ({self.spec.retries} retries): {said}")


def _backoff(attempt: int) -> float:
    """Return seconds to wait: doubling, and spread so that many clients do not return at once."""
    return _FIRST_WAIT * float(2**attempt) * random.uniform(0.75, 1.25)


def _retry_after(error: openai.APIStatusError) -> float:
    """Return the seconds that the endpoint asks for; 0 where it does not, or gives a date."""
    try:
        return max(0.0, float(error.response.headers.get("retry-after", "0")))
    except ValueError:
        return 0.0
