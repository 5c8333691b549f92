"""A `Generator` that uses an OpenAI-compatible endpoint (the extra `openai`)."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from typing import Any

from ragqa import stopping
from ragqa.config.generators import OpenAIGenerate
from ragqa.deadline import DeadlinePassed
from ragqa.errors import ModelError, RagqaError, ResourceError
from ragqa.generate.chat_reply import Event, ScoredEvent, StreamedReply
from ragqa.generate.literal import BREAK, Span, broken
from ragqa.records import Generation, Prompt

try:
    import httpx2
    import openai

    from ragqa.endpoint.bounded_http import Allowance
    from ragqa.endpoint.client import REPLY_BYTES, EndpointClient
    from ragqa.endpoint.failures import StatusError
except ImportError as missing:
    raise ModelError("generate.kind openai needs an extra: pip install 'ragqa[openai]'") from missing

PATH = "/chat/completions"
TEXT_BYTES_PER_TOKEN = 32
"""An answer is cut at this number of bytes for each of `max_new_tokens`. The text of a token has 4 bytes on average."""
REPLY_BYTES_PER_TOKEN = 4096
"""A reply may have this number of bytes for each of `max_new_tokens`, and `REPLY_BYTES` more."""


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
        self.spec = spec
        self.window = spec.window
        self._log_probabilities = log_probabilities
        self._endpoint = EndpointClient(spec.endpoint(), "generate", PATH)

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
                raise ResourceError(f"{self._endpoint.url}: no answer within {seconds:g} s") from None
            answer.finish = answer.finish or "deadline"
        except (RagqaError, MemoryError):
            raise
        except Exception as error:  # sockets, TLS, HTTP, JSON and the client have no common error
            raise self._endpoint.failure(_unwrapped(error), _broken(answer)) from None
        if not answer.finish:
            raise ResourceError(f"{self._endpoint.url}{_broken(answer)}: the reply ends without saying why")
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
        with closing(client):
            for data in stream:
                allowance.restart()
                began = True
                yield kind.model_validate(data)
            if not began:
                media_type = stream.response.headers.get("content-type", "unknown")
                raise ValueError(f"the reply of type {media_type} holds no event of a stream")

    def _opened(self, prompt: str, deadline: float) -> tuple[httpx2.Client, Allowance, openai.Stream[object]]:
        """Return the stream of a reply, which is read as plain data, since the library does not check types."""
        most = REPLY_BYTES + self.spec.max_new_tokens * REPLY_BYTES_PER_TOKEN
        request = self._request(prompt)

        def send(client: httpx2.Client) -> openai.Stream[object]:
            library = openai.OpenAI(base_url=self._endpoint.url, api_key="none", max_retries=0, http_client=client)
            try:
                return library.post(PATH, cast_to=object, body=request, stream=True, stream_cls=openai.Stream[object])
            except openai.APIError as error:
                raise _unwrapped(error) from None

        return self._endpoint.opened(send, deadline, lambda: Allowance(deadline, most, REPLY_BYTES))

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


def _unwrapped(error: Exception) -> Exception:
    """Return the error that is behind one of the library; any other error unchanged."""
    match error:
        case openai.APIConnectionError(__cause__=Exception() as cause):
            return cause
        case openai.APIStatusError(body={"message": str(message)}):
            return StatusError(error.status_code, message, error.response.headers.get("retry-after", ""))
        case openai.APIStatusError():
            return StatusError(error.status_code, error.response.text, error.response.headers.get("retry-after", ""))
        case openai.APIError(body=str(message)):
            return ValueError(message)
    return error


def _broken(answer: StreamedReply) -> str:
    return f": the answer broke off after {answer.length} characters" if answer.length else ": no answer came"
