"""Figures, their targets, and the rows that are printed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.run import table

LEAST_SECONDS = 120.0
"""A trend is judged over at least so many seconds: in a shorter run, caches that fill up look like a leak."""


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured, under which load, and whether it is within its target; None where there is no target."""

    what: str
    measured: str
    target: str = ""
    met: bool | None = None

    def cells(self) -> list[str]:
        """Return the cells of a table."""
        verdict = {True: "yes", False: "**no**", None: ""}[self.met]
        return [self.what, self.measured, self.target, verdict]


def at_most(what: str, value: float, limit: float, unit: str = "") -> Row:
    """Return the row of a figure that is to be small."""
    return Row(what, _shown(value, unit), f"at most {_shown(limit, unit)}", value <= limit)


def at_least(what: str, value: float, limit: float, unit: str = "") -> Row:
    """Return the row of a figure that is to be large."""
    return Row(what, _shown(value, unit), f"at least {_shown(limit, unit)}", value >= limit)


def told(what: str, value: float, unit: str = "") -> Row:
    """Return the row of a figure without a target."""
    return Row(what, _shown(value, unit))


def trend(what: str, samples: Sequence[tuple[float, float]], limit: float, unit: str) -> Row:
    """Return the row of a slope a minute. It is judged where the samples, (second, value) each, last long enough."""
    value = 60 * slope(samples)
    seconds = samples[-1][0] - samples[0][0] if samples else 0.0
    if seconds < LEAST_SECONDS:
        return Row(f"{what}, over {seconds:.0f} s", _shown(value, unit), "too short to judge")
    return at_most(f"{what}, over {seconds:.0f} s", value, limit, unit)


def slope(samples: Sequence[tuple[float, float]]) -> float:
    """Return by how much a value grows a second, by least squares over (second, value); 0 for fewer than two samples."""
    if len(samples) < 2:
        return 0.0
    seconds, values = np.array(samples, dtype=np.float64).T
    seconds = seconds - seconds.mean()
    spread = float(seconds @ seconds)
    return float(seconds @ (values - values.mean())) / spread if spread else 0.0


def percentile(values: Sequence[float], share: float) -> float:
    """Return the least value that `share` percent of the values do not exceed; NaN for none."""
    return float(np.percentile(values, share, method="inverted_cdf")) if len(values) else float("nan")


def tabulated(rows: Iterable[Row]) -> str:
    """Return the rows as a Markdown table."""
    return table(["trial", "measured", "target", "met"], [row.cells() for row in rows])


def _shown(value: float, unit: str) -> str:
    digits = f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 100 else f"{value:,.3g}"
    return f"{digits} {unit}".rstrip()
