"""Notes on the things that a reader left out or altered, with their numbers, so that nothing of it is silent."""

from __future__ import annotations

from collections.abc import Mapping


def sentence(counts: Mapping[str, int]) -> str:
    """Return `3 answers moved; 1 question left out` for `{"answers moved": 3, "question left out": 1}`; empty for none."""
    return "; ".join(f"{n:,} {what}" for what, n in counts.items() if n)
