"""Errors as replies of HTTP: one table from our exceptions to a status, and one form for all replies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ragqa.errors import (
    IndexCorruptError,
    LockedError,
    ModelError,
    NothingUsableError,
    RefusedError,
    ResourceError,
    UsageError,
)

NAMES = {
    400: "bad_request", 401: "unauthorized", 403: "forbidden", 404: "not_found", 405: "method_not_allowed", 408: "request_timeout", 409: "conflict", 410: "gone",
    413: "too_large", 415: "unsupported_media_type", 421: "misdirected_request", 422: "invalid_question",
    429: "too_many_requests", 431: "headers_too_large", 500: "internal_error", 503: "unavailable", 504: "deadline",
}  # fmt: skip
"""The `code` of an error by its status, unless it has another one."""

TABLE: tuple[tuple[type[Exception], int, str, str, int | None], ...] = (
    (UsageError, 422, "invalid_question", "the question cannot be answered as it is asked", None),
    (NothingUsableError, 503, "no_index", "there is no index yet; the server's operator makes one by `ragqa index`", None),
    (IndexCorruptError, 503, "index_damaged", "the index cannot be read; the server's operator runs `ragqa doctor`", None),
    (LockedError, 503, "index_busy", "the index is being written; try again", 5),
    (ResourceError, 503, "no_resources", "the server is out of disk, memory or time; try again", 10),
    (ModelError, 503, "model_unavailable", "a model of the server cannot be used", None),
    (RefusedError, 403, "refused", "refused for safety", None),
)  # fmt: skip
"""An exception, its status, code and message, and the seconds after which it makes sense to try again.

The messages are fixed, since those of the exceptions name paths of the server's machine.
"""


@dataclass(eq=False)
class HttpError(Exception):
    """A reply that is an error.

    :param param: the key of the request that is at fault; None where it is none.
    :param retry_after: seconds after which a client should try again.
    :param details: further keys of the error object.
    """

    status: int
    message: str
    code: str = ""
    param: str | None = None
    retry_after: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """Return the JSON object of the reply, in the form of OpenAI's interface."""
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        code = self.code or NAMES.get(self.status, "error")
        error = {"message": self.message, "type": kind, "param": self.param, "code": code, **self.details}
        return {"error": error}

    def all_headers(self) -> dict[str, str]:
        """Return the headers of the reply besides those of every reply."""
        return self.headers | ({} if self.retry_after is None else {"retry-after": str(self.retry_after)})


def from_exception(error: BaseException, request_id: str) -> HttpError:
    """Return the reply to an exception. One that is not in the table is told by the id of the request alone."""
    if isinstance(error, HttpError):
        return error
    for kind, status, code, message, retry in TABLE:
        if isinstance(error, kind):
            return HttpError(status, message, code, retry_after=retry)
    return HttpError(500, f"an error inside the server; its log has the request {request_id}")
