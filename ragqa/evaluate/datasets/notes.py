"""What a reader left out or altered, counted, so that nothing of it is silent."""

from __future__ import annotations

from collections.abc import Mapping


def sentence(counts: Mapping[str, int]) -> str:
    """Return `3 answers moved; 1 question left out` for the counts by what is counted; empty for none."""
    return "; ".join(f"{n:,} {what}" for what, n in counts.items() if n)
