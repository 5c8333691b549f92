"""A client for the endpoint that a section of a pipeline file names."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import unquote

import httpx2
from pydantic import TypeAdapter

from ragqa import models, settings, stopping
from ragqa.config.base import Endpoint
from ragqa.deadline import DeadlinePassed
from ragqa.endpoint.bounded_http import Allowance, BoundedTransport
from ragqa.endpoint.failures import RETRYABLE_STATUS, StatusError, described, is_passing, message_in, seconds_to_wait
from ragqa.endpoint.redaction import redacted
from ragqa.errors import ModelError, RagqaError, RefusedError, ResourceError, UsageError
from ragqa.origins import origin, without_credentials

Received = TypeVar("Received")
REPLY_BYTES = 1 << 20
"""The bytes that any reply may have, in addition to those for its content."""


class EndpointClient:
    """Sends requests to one endpoint. Every request has its own connection, which is closed after it.

    Several threads may use a client at once.

    :param section: the key of the part in the pipeline file, such as `retrieve.rerank`.
    :param path: what follows the address in requests, such as `/rerank`.
    :raises RefusedError: `RAGQA_OFFLINE` is set, or the user did not confirm that the key may go to this host.
    :raises UsageError: the environment variable of the key is not set, or its value is not a key.
    """

    def __init__(self, endpoint: Endpoint, section: str, path: str) -> None:
        if models.offline():
            part = {"generate": "generator", "embed": "embedder"}.get(section, "reranker")
            raise RefusedError(f"RAGQA_OFFLINE is set: no endpoint is called; unset it, or use a local {part}")
        self.endpoint, self._section, self._path = endpoint, section, path
        self.url, credentials = without_credentials(endpoint.base_url)
        key = self._read_key(endpoint.api_key_env) if endpoint.api_key_env else ""
        self._authorization = f"Bearer {key}" if key else _basic(credentials)
        self._secrets = (key, unquote(credentials.partition(":")[2]))

    def post(self, body: Mapping[str, Any], reply: TypeAdapter[Received], content_bytes: int) -> Received:
        """Send an object as JSON, and return the reply.

        :param reply: the type of a valid reply, which is read from its JSON.
        :param content_bytes: the most bytes of the reply in addition to `REPLY_BYTES`.
        :raises ResourceError: the endpoint fails, the reply is malformed or too long, or it does not arrive in time.
        :raises UsageError: the endpoint refuses the key or the request.
        :raises ModelError: the endpoint does not have the model.
        """
        seconds = round(max(0.0, min(self.endpoint.deadline, stopping.until() - time.monotonic())), 2)
        deadline = min(time.monotonic() + self.endpoint.deadline, stopping.until())
        most = REPLY_BYTES + content_bytes

        def send(client: httpx2.Client) -> bytes:
            received = client.post(f"{self.url.rstrip('/')}{self._path}", json=dict(body))
            if received.status_code >= 300:
                said = message_in(received.text)
                raise StatusError(received.status_code, said, received.headers.get("retry-after", ""))
            return received.content

        try:
            client, _, content = self.opened(send, deadline, lambda: Allowance(deadline, most, most))
            client.close()
            return reply.validate_python(json.loads(content))
        except DeadlinePassed:
            raise ResourceError(f"{self.url}: no reply within {seconds:g} s") from None
        except (RagqaError, MemoryError):
            raise
        except Exception as error:  # JSON and pydantic have no common error
            raise self.failure(error, "") from None

    def opened(
        self, send: Callable[[httpx2.Client], Received], deadline: float, allowance: Callable[[], Allowance]
    ) -> tuple[httpx2.Client, Allowance, Received]:
        """Return the result of `send` with its client, which the caller closes, and its allowance.

        After a temporary failure the request is sent again; the wait doubles each time.

        :param deadline: a time of `time.monotonic`, in seconds, after which no other attempt begins.
        :raises DeadlinePassed: there is no time left.
        """
        retries = self.endpoint.retries
        for attempt in range(retries + 1):
            # 1. Each attempt has a connection and an allowance of its own.
            allowed = allowance()
            client = self._client(allowed)
            try:
                return client, allowed, send(client)
            except Exception as error:
                client.close()
                if isinstance(error, DeadlinePassed | RagqaError | MemoryError):
                    raise
                # 2. Wait and try again, if the failure may be temporary and there is time.
                wait = seconds_to_wait(error, attempt)
                late = attempt == retries or time.monotonic() + wait > deadline
                if late or not is_passing(error):
                    raise self.failure(error, f" failed ({attempt} retries)") from None
            except BaseException:
                client.close()
                raise
            stopping.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def failure(self, error: Exception, how: str) -> RagqaError:
        """Return the error of ragqa for an error of a request.

        Its message has no key, even if the endpoint repeats the key.

        :param how: what follows the address in the message about a failure of the endpoint.
        """
        status = error.status if isinstance(error, StatusError) else None
        said = redacted(described(error), self._secrets).rstrip(": ")
        variable = self.endpoint.api_key_env
        match status:
            case 401 | 403:
                key = f"the key in {variable}" if variable else f"a request without {self._section}.api_key_env"
                return UsageError(f"{self.url} refuses {key}: {said}")
            case 404:
                return ModelError(f"{self.url} has {self._missing()}: {said}")
            case int() if 300 <= status < 400:
                return UsageError(f"{self.url} redirects ({status}), which is not followed: give its final base_url")
            case int() if status < 500 and status not in RETRYABLE_STATUS:
                return UsageError(f"{self.url} refuses the request: {said}")
        return ResourceError(f"{self.url}{how}: {said}")

    def _missing(self) -> str:
        """Return what an endpoint may lack that answers 404, and which keys to check."""
        address = f"{self._section}.base_url, to which {self._path} is added"
        if not self.endpoint.model:
            return f"nothing at {self._path}; check {address}"
        return (
            f"no model {self.endpoint.model!r}, or nothing at {self._path}; check {self._section}.model, and {address}"
        )

    def _client(self, allowance: Allowance) -> httpx2.Client:
        """Return a client for one request. The transport adds the key, so that no library stores it."""
        transport = BoundedTransport(origin(self.url), allowance, self._authorization)
        return httpx2.Client(transport=transport, trust_env=False, follow_redirects=False)

    def _read_key(self, variable: str) -> str:
        """Return the key in an environment variable, if it may be sent to the address.

        :raises RefusedError: the user did not confirm the address for the key.
        :raises UsageError: the variable has no key.
        """
        name = f"{self._section}.api_key_env"
        if not settings.load().may_send(variable, self.url):
            command = f"ragqa settings allow-key {variable} {origin(self.url)}"
            raise RefusedError(
                f"{name}: the key in {variable} would go to {origin(self.url)}, which you have not confirmed: "
                f"run `{command}` if you trust it"
            )
        key = settings.key(variable)
        if not key:
            raise UsageError(f"{name}: the environment variable {variable} is not set")
        if not (key.isascii() and key.isprintable() and " " not in key):
            raise UsageError(f"{name}: {variable} holds no key: it has blanks or other than ASCII characters")
        return key


def _basic(credentials: str) -> str:
    """Return the value of the header for the user name and password in an address; empty if there are none."""
    return f"Basic {base64.b64encode(unquote(credentials).encode()).decode()}" if credentials else ""
