"""What went wrong with a request, and whether the same request may succeed later."""

from __future__ import annotations

import json
import random

from pydantic import ValidationError

from ragqa.messages import requirement

RETRYABLE_STATUS = (408, 409, 425, 429)
_FIRST_WAIT = 0.5


class StatusError(Exception):
    """A reply with a status of failure, or of a redirection.

    :param said: the text of the reply.
    :param retry_after: the value of its header `Retry-After`.
    """

    def __init__(self, status: int, said: str, retry_after: str = "") -> None:
        super().__init__(f"status {status}: {said}")
        self.status, self._retry_after = status, retry_after

    @property
    def retry_after(self) -> float:
        """Return the seconds that the endpoint asks to wait; 0 if it gives none, or gives a date."""
        try:
            return max(0.0, float(self._retry_after or "0"))
        except ValueError:
            return 0.0


def is_passing(error: Exception) -> bool:
    """Tell whether the same request may succeed later: there was no reply, or it reports a temporary failure."""
    return not isinstance(error, StatusError) or error.status in RETRYABLE_STATUS or error.status >= 500


def seconds_to_wait(error: Exception, attempt: int) -> float:
    """Return the seconds before the next attempt: what the endpoint asks for, or a time that doubles with each attempt.

    The time has a random part, so that many clients do not retry together.
    """
    backoff = _FIRST_WAIT * float(2**attempt) * random.uniform(0.75, 1.25)
    return max(backoff, error.retry_after) if isinstance(error, StatusError) else backoff


def described(error: BaseException) -> str:
    """Return the message of an error. Values of a malformed reply, which a library would quote, are left out."""
    match error:
        case ValidationError():
            return _malformed(error)
        case json.JSONDecodeError():
            return f"malformed reply: not JSON: {error.msg}"
        case UnicodeDecodeError():
            return "malformed reply: not UTF-8"
        case RecursionError():
            return "malformed reply: nested too deep"
    return str(error) or type(error).__name__


def message_in(reply: str) -> str:
    """Return the message in a JSON reply about a failure; the whole reply where it has no known form."""
    try:
        match json.loads(reply):
            case {"error": {"message": str(message)}} | {"error": str(message)} | {"message": str(message)}:
                return message
    except (ValueError, RecursionError):
        pass
    return reply


def _malformed(error: ValidationError) -> str:
    """Return the fault of a reply and its place, without values of the reply."""
    detail = error.errors(include_input=False)[0]
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in detail["loc"]).removeprefix(".")
    wanted = "must be an object" if detail["type"] == "model_type" else requirement(detail)
    return f"malformed reply: {where or error.title} {wanted}"
