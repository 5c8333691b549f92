"""How much one file may cost: the limits that the extractors of all formats keep."""

from __future__ import annotations

from dataclasses import dataclass


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
