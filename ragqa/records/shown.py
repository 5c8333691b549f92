"""Short forms of texts and places for a `repr`."""

from __future__ import annotations

_SHOWN = 60
"""The most characters of a text in a `repr`."""


def cut(text: str) -> str:
    """Return the beginning of a text as a quoted literal on one line."""
    line = " ".join(text[: 4 * _SHOWN].split())
    return repr(line if len(line) <= _SHOWN and len(text) <= 4 * _SHOWN else f"{line[:_SHOWN]}…")


def place(source: str, start: int, end: int) -> str:
    """Return `SOURCE:START-END` on one line, for any name of the source."""
    return f"{repr(source)[1:-1]}:{start}-{end}"
