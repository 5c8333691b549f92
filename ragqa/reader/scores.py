"""The scores of the tokens of a passage -> the score of an excerpt, and the best span."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LONGEST = 24
"""The most tokens of a span."""
STARTS = 12
"""The number of places where a span may begin that are tried, the best ones."""


@dataclass(frozen=True, slots=True)
class TokenScores:
    """Where in a document an answer may begin and end: scores of the tokens of one passage.

    :param offsets: the span of each token in the document's text, int64[tokens, 2].
    :param starts, ends: the log-odds that an answer begins, or ends, with the token, against no answer in the passage,
        float32[tokens].
    """

    offsets: NDArray[np.int64]
    starts: NDArray[np.float32]
    ends: NDArray[np.float32]

    def of_excerpt(self, start: int, end: int) -> float:
        """Return the log-odds that an answer begins within a span of the document; -inf where no token is in it."""
        inside = self.starts[(self.offsets[:, 0] < end) & (self.offsets[:, 1] > start)]
        return float(np.logaddexp.reduce(inside)) if len(inside) else float("-inf")

    def best_span(self, start: int, end: int) -> tuple[int, int, float] | None:
        """Return the best span within a span of the document, with its score; None where no token is in it."""
        inside = np.flatnonzero((self.offsets[:, 0] >= start) & (self.offsets[:, 1] <= end))
        found = []
        for first in sorted(inside, key=lambda n: -self.starts[n])[:STARTS]:
            after = inside[(inside >= first) & (inside < first + LONGEST)]
            last = after[int(np.argmax(self.ends[after]))]
            found.append(
                (float(self.starts[first] + self.ends[last]), int(self.offsets[first, 0]), int(self.offsets[last, 1]))
            )
        score, low, high = max(found, default=(0.0, -1, -1))
        return (low, high, score) if found else None
