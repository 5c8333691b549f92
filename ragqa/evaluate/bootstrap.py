"""How far a mean may be off: percentile bootstrap intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

RESAMPLES = 2000
SEED = 20240229


def interval(scores: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """Return the percentile bootstrap interval of the mean (Efron 1979) from 2,000 resamples with a fixed seed.

    The same scores give the same interval everywhere. It assumes independent questions. Scores that are all equal,
    and a single one, give an interval of width 0: the resamples cannot show what was not seen.

    :raises ValueError: there are no scores.
    """
    if not scores:
        raise ValueError("an interval needs at least one score")
    values = np.asarray(scores, dtype=np.float64)
    rng = np.random.default_rng(SEED)
    means = [values[rng.integers(len(values), size=len(values))].mean() for _ in range(RESAMPLES)]
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
