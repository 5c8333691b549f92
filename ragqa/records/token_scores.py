"""Where in a passage an answer may begin and end: scores of its tokens."""

from __future__ import annotations

import math
from dataclasses import dataclass

LONGEST = 24
"""The most tokens of a span."""
STARTS = 12
"""The number of places where a span may begin that are tried, the best ones."""


@dataclass(frozen=True, slots=True)
class TokenScores:
    """The scores of the tokens of one passage.

    :param spans: the span of each token in the text of the document, in order.
    :param starts, ends: the log-odds that an answer begins, or ends, with each token, against no answer in the passage.
    """

    document_id: str
    spans: tuple[tuple[int, int], ...]
    starts: tuple[float, ...]
    ends: tuple[float, ...]

    def of_excerpt(self, start: int, end: int) -> float:
        """Return the log-odds that an answer begins within a span of the document; -inf where no token is in it."""
        inside = [odds for (low, high), odds in zip(self.spans, self.starts, strict=True) if low < end and high > start]
        best = max(inside, default=-math.inf)
        return best + math.log(sum(math.exp(odds - best) for odds in inside)) if inside else best

    def best_span(self, start: int, end: int) -> tuple[int, int, float] | None:
        """Return the best span of an answer within a span of the document, and its score; None where no token is in it."""
        inside = [n for n, (low, high) in enumerate(self.spans) if low >= start and high <= end]
        found = []
        for first in sorted(inside, key=lambda n: -self.starts[n])[:STARTS]:
            last = max((n for n in inside if first <= n < first + LONGEST), key=self.ends.__getitem__)
            found.append((self.starts[first] + self.ends[last], self.spans[first][0], self.spans[last][1]))
        if not found:
            return None
        score, low, high = max(found)
        return low, high, score
