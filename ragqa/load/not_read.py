"""What a file has and its text has not: how often each kind occurs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

_MOST_KINDS = 20


@dataclass(slots=True)
class NotRead:
    """What a file has and its text has not: how often each kind occurs."""

    counts: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, times: int = 1) -> None:
        """Count more of a kind. The number of kinds is bounded, since files name some of them."""
        self.counts[kind if kind in self.counts or len(self.counts) < _MOST_KINDS else "other objects"] += times
