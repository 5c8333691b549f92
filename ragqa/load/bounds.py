"""The limits on the time, the memory and the size of one file. The extractors of all formats keep them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits beyond which one file is rejected. Sizes are in bytes, times in seconds."""

    file_bytes: int = 200_000_000
    characters: int = 50_000_000
    pages: int = 5_000
    seconds: float = 60.0
    memory_bytes: int = 1 << 30
    zip_bytes: int = 64 << 20
    zip_entries: int = 2_000
    zip_ratio: int = 100
    members: int = 50_000
    """The most members of an archive or a mailbox, those of archives in it included."""
    unpacked_bytes: int = 1 << 30
    """The most bytes of these members together."""
    container_depth: int = 5
    """How deep archives, mailboxes and mails may be in one another."""
    text_ratio: int = 20
    """The most characters of text for each byte of a file. More is a sign of a decompression bomb."""
