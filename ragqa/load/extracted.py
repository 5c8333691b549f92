"""What the extractors of every format share: their result, and the limits that they keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one file may cost before it is rejected. Sizes are in bytes, times in seconds."""

    file_bytes: int = 200_000_000
    characters: int = 50_000_000
    pages: int = 5_000
    seconds: float = 60.0
    memory_bytes: int = 1 << 30
    zip_bytes: int = 64 << 20
    zip_entries: int = 2_000
    zip_ratio: int = 100
    text_ratio: int = 20
    """Most characters for each byte of a file: a small file whose text fills an index is a bomb."""


@dataclass(frozen=True, slots=True)
class Extracted:
    """The text of one file. `page_starts[i]` is the offset of page i + 1; empty where the format has no pages.

    `metadata` holds plain JSON values. `headings` among it lists `[offset, level]` of each heading, where the format
    marks them. `encoding` is that of a file which is text, None for others.
    """

    text: str
    title: str = ""
    page_starts: tuple[int, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    encoding: str | None = None
