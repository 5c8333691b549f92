"""The sandbox in which files of a model are tried out."""

from __future__ import annotations

from functools import cache

from ragqa.sandbox import Sandbox


@cache
def sandbox() -> Sandbox:
    """Return the sandbox of this process for files that come with models."""
    return Sandbox(seconds=20.0, memory_bytes=2 << 30, reply_bytes=10_000_000)
