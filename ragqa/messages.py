"""Parts of the messages that several rooms write: what an error said, and which name was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any


def brief(error: BaseException, most: int = 200) -> str:
    """Return what an error says on one line: the first `most` characters; its type where it says nothing."""
    return (" ".join(str(error).split()) or type(error).__name__)[:most]


def nearest(typed: str, valid: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Return the valid name that is most like the one that was typed; None where none is like it.

    :param cutoff: the least similarity, 0 to 1, as `difflib.SequenceMatcher.ratio` measures it.
    """
    return next(iter(difflib.get_close_matches(typed, list(valid), n=1, cutoff=cutoff)), None)


def requirement(detail: Mapping[str, Any]) -> str:
    """Return what a value must be, from one of the details of pydantic's `ValidationError`; the value is not repeated."""
    if detail["type"] == "value_error":
        return str(detail["ctx"]["error"])
    return f"must be {detail['msg'].removeprefix('Input should be ')}"
