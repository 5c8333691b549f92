"""Parts of messages of several rooms: the text of an error, and the valid name that is most similar to a given one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any


def brief(error: BaseException, most: int = 200) -> str:
    """Return the first `most` characters of an error's message on one line; its type if the message is empty."""
    return (" ".join(str(error).split()) or type(error).__name__)[:most]


def nearest(typed: str, valid: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Return the valid name that is most similar to the typed one; None if none is similar.

    :param cutoff: the least similarity, 0 to 1, of `difflib.SequenceMatcher.ratio`.
    """
    return next(iter(difflib.get_close_matches(typed, list(valid), n=1, cutoff=cutoff)), None)


def requirement(detail: Mapping[str, Any]) -> str:
    """Return the requirement of a value from one detail of pydantic's `ValidationError`; the value is not repeated."""
    if detail["type"] == "value_error":
        return str(detail["ctx"]["error"])
    return f"must be {detail['msg'].removeprefix('Input should be ')}"
