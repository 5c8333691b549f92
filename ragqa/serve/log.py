"""The log: one line of JSON for each request. It never holds a question, an answer, a path that was asked, or a token."""

from __future__ import annotations

import json
import logging
import traceback
from pathlib import Path
from typing import Any

from ragqa.records import Answer
from ragqa.serve.errors import HttpError
from ragqa.serve.guard import Exchange

LOG = logging.getLogger("ragqa.serve")


def write(exchange: Exchange) -> None:
    """Write the line of a request."""
    LOG.info(json.dumps(line(exchange), ensure_ascii=False))


def line(exchange: Exchange) -> dict[str, Any]:
    """Return the fields of a request: what the server decided, and how long that took."""
    state = exchange.scope.get("state", {})
    fields: dict[str, Any] = {
        "id": exchange.id,
        "token": exchange.token.name if exchange.token else None,
        "route": route(exchange),
        "status": exchange.status,
        "bytes": exchange.sent_bytes,
        "ms": round(1000 * exchange.seconds, 1),
    }
    answer = state.get("answer")
    if isinstance(answer, Answer):
        fields |= {name: round(n, 1) for name, n in answer.usage.items() if name.endswith("_ms")}
        fields["generation"] = answer.index_version
    error = exchange.error or state.get("error")
    if isinstance(error, HttpError):
        fields["error"] = error.code or error.status
    elif error is not None:
        fields["error"] = f"{type(error).__name__} at {_place(error)}"
    return fields


def route(exchange: Exchange) -> str:
    """Return the name of the route of a request; `none` where no route was found, so that names are few."""
    endpoint = exchange.scope.get("endpoint")
    return str(getattr(endpoint, "__name__", "none"))


def _place(error: BaseException) -> str:
    """Return where an exception was raised; its message may hold what a user wrote."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
