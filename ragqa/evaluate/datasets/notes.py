"""Notes with the numbers of items that a reader left out or altered."""

from __future__ import annotations

from collections.abc import Mapping


def sentence(counts: Mapping[str, int]) -> str:
    """Return counts as text: `3 answers moved; 1 question left out` for `{"answers moved": 3, "question left out": 1}`.

    The text is empty for no counts.
    """
    return "; ".join(f"{n:,} {what}" for what, n in counts.items() if n)
