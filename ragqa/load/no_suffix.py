"""Files without a suffix, such as LICENSE and Makefile: they are read where the whole content is plainly text."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from ragqa.load.formats import CODE_TYPE, PLAIN

MOST_BYTES = 4 << 20
"""The largest file that is looked at."""
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY")


def may_be_text(path: str, size: int) -> bool:
    """Tell whether a file has no suffix and is small enough to be looked at."""
    return not PurePosixPath(path).suffix and 0 < size <= MOST_BYTES


def type_of(path: str, data: bytes) -> str | None:
    """Return the media type of a file without a suffix by its content: text, or source code such as a Makefile or a script.

    Return None where it is no text in UTF-8, has control characters, is blank, or is a private key.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if _CONTROL.search(text) or _KEY.search(text) or not text.strip():
        return None
    is_code = text.startswith("#!") or PurePosixPath(path).name.lower().endswith("file")
    return CODE_TYPE if is_code else PLAIN
