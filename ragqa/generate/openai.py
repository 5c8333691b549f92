"""A `Generator` that uses an OpenAI-compatible endpoint (the extra `openai`)."""

from __future__ import annotations

import base64
import json
import random
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from typing import Any
from urllib.parse import unquote

from pydantic import ValidationError

from ragqa import models, settings, stopping
from ragqa.config.generators import OpenAIGenerate
from ragqa.errors import ModelError, RagqaError, RefusedError, ResourceError, UsageError
from ragqa.generate.chat_reply import Event, ScoredEvent, StreamedReply, describe_malformed
from ragqa.generate.deadline import DeadlinePassed
from ragqa.generate.literal import BREAK, Span, broken
from ragqa.generate.redaction import redacted
from ragqa.origins import origin, without_credentials
from ragqa.records import Generation, Prompt

try:
    import httpx2
    import openai

    from ragqa.generate.bounded_http import Allowance, BoundedTransport
except ImportError as missing:
    raise ModelError("generate.kind openai needs an extra: pip install 'ragqa[openai]'") from missing

TEXT_BYTES_PER_TOKEN = 32
"""An answer is cut at this number of bytes for each of `max_new_tokens`. The text of a token has 4 bytes on average."""
REPLY_BYTES_PER_TOKEN = 4096
REPLY_BYTES = 1 << 20
"""The bytes that a whole reply may have in addition to those for its tokens, and the bytes that may arrive without a
piece of the answer."""
RETRYABLE_STATUS = (408, 409, 425, 429)
_FIRST_WAIT = 0.5


class OpenAIEndpoint:
    """A `Generator` with the endpoint that a `generate` section names.

    The whole prompt is sent as one user message. The endpoint may read text of a document that looks like a special token
    as that token. So `BREAK` is put into such text, and taken out of the answer. Otherwise the prompt is unchanged.

    The tokenizer of an endpoint is unknown. Therefore tokens are counted as UTF-8 bytes. No tokenizer makes more tokens
    than this, so that a prompt that fits by this count fits the window. Every request has its own connection, which is
    closed after it.

    :raises RefusedError: `RAGQA_OFFLINE` is set, or the user did not confirm that the key may go to this host.
    :raises UsageError: the environment variable of the key is not set, or its value is not a key.
    """

    concurrent = True

    def __init__(self, spec: OpenAIGenerate, *, log_probabilities: bool = False) -> None:
        if models.offline():
            raise RefusedError("RAGQA_OFFLINE is set: no endpoint is called; unset it, or use a local generator")
        self.spec = spec
        self.window = spec.window
        self._log_probabilities = log_probabilities
        self._url, credentials = without_credentials(spec.base_url)
        self._key = _key(spec.api_key_env, self._url) if spec.api_key_env else ""
        self._authorization = f"Bearer {self._key}" if self._key else _basic(credentials)
        self._secrets = (self._key, unquote(credentials.partition(":")[2]))

    def count(self, text: str) -> int:
        """Return an upper bound on the number of tokens of `text`: its UTF-8 bytes."""
        return len(text.encode())

    def count_literal(self, text: str, literal: Sequence[Span]) -> int:
        """Return an upper bound on the number of tokens of a prompt as it is sent."""
        return self.count(broken(text, literal))

    def special_texts(self, text: str) -> frozenset[str]:
        """Return nothing: the special tokens of an endpoint's model are not known."""
        return frozenset()

    def chat(self, system: str, user: str) -> str:
        """Return the instructions and the turn as one text. The endpoint puts it into the model's chat format."""
        return f"{system}\n\n{user}" if system else user

    def stream(self, prompt: Prompt) -> Iterator[str | Generation]:
        """Yield pieces of text as they arrive and, last, the `Generation`.

        A request that fails before its reply begins is tried again. `n_tokens` is the number that the endpoint reports,
        else the number of pieces. An answer that is longer than `max_new_tokens` is cut (`length`).

        :raises ResourceError: the endpoint fails or ends its reply too early, the reply is malformed or too long, or no
            piece arrives by the deadline.
        :raises UsageError: the endpoint refuses the key or the request.
        :raises ModelError: the endpoint does not have the model.
        """
        sent = broken(prompt.text, prompt.literal)
        seconds = round(max(0.0, min(self.spec.deadline, stopping.until() - time.monotonic())), 2)
        room = self.spec.max_new_tokens * TEXT_BYTES_PER_TOKEN
        # The strings that follow from the template are not sent: some models refuse any, others more than four.
        answer = StreamedReply(room, prompt.stop, BREAK if sent != prompt.text else "")
        try:
            with closing(self._events(sent)) as events:
                for event in events:
                    if piece := answer.add(event):
                        yield piece
                    if answer.is_ended:
                        break
        except DeadlinePassed:
            if not answer.length:
                raise ResourceError(f"{self._url}: no answer within {seconds:g} s") from None
            answer.finish = answer.finish or "deadline"
        except (RagqaError, MemoryError):
            raise
        except Exception as error:  # sockets, TLS, HTTP, JSON and the client have no common error
            raise self._failure(error, _broken(answer)) from None
        if not answer.finish:
            raise ResourceError(f"{self._url}{_broken(answer)}: the reply ends without saying why")
        if piece := answer.piece():
            yield piece
        yield answer.generation(self._log_probabilities)

    def _events(self, prompt: str) -> Generator[Event]:
        """Yield the pieces of a reply as they arrive.

        :raises DeadlinePassed: the reply did not end in time.
        """
        kind = ScoredEvent if self._log_probabilities else Event
        began = False
        deadline = min(time.monotonic() + self.spec.deadline, stopping.until())
        client, allowance, stream = self._opened(prompt, deadline)
        with client:
            for data in stream:
                allowance.restart()
                began = True
                yield kind.model_validate(data)
            if not began:
                media_type = stream.response.headers.get("content-type", "unknown")
                raise ValueError(f"the reply of type {media_type} holds no event of a stream")

    def _opened(self, prompt: str, deadline: float) -> tuple[openai.OpenAI, Allowance, openai.Stream[object]]:
        """Return the stream of a reply.

        After a temporary failure the request is sent again; the wait doubles each time.
        """
        for attempt in range(self.spec.retries + 1):
            # 1. Each attempt has a connection and an allowance of its own.
            allowance = Allowance(deadline, REPLY_BYTES + self.spec.max_new_tokens * REPLY_BYTES_PER_TOKEN, REPLY_BYTES)
            client = self._client(allowance)
            try:
                return client, allowance, self._post(client, prompt)
            except Exception as error:
                client.close()
                if isinstance(error, DeadlinePassed | RagqaError | MemoryError):
                    raise
                # 2. Wait and try again, if the failure may be temporary and there is time.
                wait = max(_backoff(attempt), _retry_after(error))
                late = attempt == self.spec.retries or time.monotonic() + wait > deadline
                if late or not _is_passing(error):
                    raise self._failure(error, f" failed ({attempt} retries)") from None
            except BaseException:
                client.close()
                raise
            stopping.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def _client(self, allowance: Allowance) -> openai.OpenAI:
        """Return a client for one request. The transport adds the key, so that no library stores it."""
        transport = BoundedTransport(origin(self._url), allowance, self._authorization)
        http = httpx2.Client(transport=transport, trust_env=False, follow_redirects=False)
        return openai.OpenAI(base_url=self._url, api_key="none", max_retries=0, http_client=http)

    def _post(self, client: openai.OpenAI, prompt: str) -> openai.Stream[object]:
        """Send the request. Its reply is read as plain data, since the library does not check types."""
        request = self._request(prompt)
        stream: openai.Stream[object] = client.post(
            "/chat/completions", cast_to=object, body=request, stream=True, stream_cls=openai.Stream[object]
        )
        return stream

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
        if spec.top_k:  # not part of OpenAI's protocol, but servers of open models support it
            request["top_k"] = spec.top_k
        if self._log_probabilities:
            request["logprobs"] = True
        return request

    def _failure(self, error: Exception, how: str) -> RagqaError:
        """Return the error of ragqa for an error of a library.

        Its message has no key, even if the endpoint repeats the key.
        """
        status = getattr(error, "status_code", None)
        said = redacted(_said(error), self._secrets).rstrip(": ")
        match status:
            case 401 | 403:
                key = f"the key in {self.spec.api_key_env}" if self._key else "a request without generate.api_key_env"
                return UsageError(f"{self._url} refuses {key}: {said}")
            case 404:
                return ModelError(f"{self._url} has no model {self.spec.model!r}, or no such path: {said}")
            case int() if 300 <= status < 400:
                return UsageError(f"{self._url} redirects ({status}), which is not followed: give its final base_url")
            case int() if status < 500 and status not in RETRYABLE_STATUS:
                return UsageError(f"{self._url} refuses the request: {said}")
        return ResourceError(f"{self._url}{how}: {said}")


def _key(variable: str, url: str) -> str:
    """Return the key in an environment variable, if it may be sent to the address.

    :raises RefusedError: the user did not confirm the address for the key.
    :raises UsageError: the variable has no key.
    """
    if not settings.load().may_send(variable, url):
        command = f"ragqa settings allow-key {variable} {origin(url)}"
        raise RefusedError(
            f"generate.api_key_env: the key in {variable} would go to {origin(url)}, which you have not confirmed: "
            f"run `{command}` if you trust it"
        )
    key = settings.key(variable)
    if not key:
        raise UsageError(f"generate.api_key_env: the environment variable {variable} is not set")
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise UsageError(f"generate.api_key_env: {variable} holds no key: it has blanks or other than ASCII characters")
    return key


def _basic(credentials: str) -> str:
    """Return the value of the header for the user name and password in an address; empty if there are none."""
    return f"Basic {base64.b64encode(unquote(credentials).encode()).decode()}" if credentials else ""


def _said(error: BaseException) -> str:
    """Return the message of an error. Values of a malformed reply, which a library would quote, are left out."""
    match error:
        case ValidationError():
            return describe_malformed(error)
        case json.JSONDecodeError():
            return f"malformed reply: not JSON: {error.msg}"
        case UnicodeDecodeError():
            return "malformed reply: not UTF-8"
        case RecursionError():
            return "malformed reply: nested too deep"
        case openai.APIConnectionError() if error.__cause__:
            return _said(error.__cause__)
        case openai.APIStatusError(body={"message": str(message)}):
            return f"status {error.status_code}: {message}"
        case openai.APIStatusError():
            return f"status {error.status_code}: {error.response.text}"
        case openai.APIError(body=str(message)):
            return message
    return str(error) or type(error).__name__


def _broken(answer: StreamedReply) -> str:
    return f": the answer broke off after {answer.length} characters" if answer.length else ": no answer came"


def _is_passing(error: Exception) -> bool:
    """Tell whether the same request may succeed later: there was no reply, or it reports a temporary failure."""
    status = getattr(error, "status_code", None)
    return status is None or status in RETRYABLE_STATUS or status >= 500


def _backoff(attempt: int) -> float:
    """Return the seconds to wait: doubled each time, with a random part, so that many clients do not retry together."""
    return _FIRST_WAIT * float(2**attempt) * random.uniform(0.75, 1.25)


def _retry_after(error: Exception) -> float:
    """Return the seconds that the endpoint asks to wait; 0 if it gives none, or gives a date."""
    headers = error.response.headers if isinstance(error, openai.APIStatusError) else {}
    try:
        return max(0.0, float(headers.get("retry-after", "0")))
    except ValueError:
        return 0.0
