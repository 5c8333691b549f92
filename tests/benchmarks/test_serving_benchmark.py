"""The figures of the load benchmark; no server is started."""

from __future__ import annotations

import math

import pytest

from benchmarks.serving import figures


def test_a_slope_is_that_of_the_line_through_noise() -> None:
    samples = [(1000.0 + second, 500 + 0.25 * second + (-1) ** second) for second in range(0, 400)]
    assert figures.slope(samples) == pytest.approx(0.25, abs=0.001)
    assert figures.slope(samples[:1]) == 0.0 and figures.slope([(1.0, 2.0), (1.0, 3.0)]) == 0.0


def test_a_percentile_is_a_value_that_was_measured() -> None:
    assert [figures.percentile([5.0, 1.0, 3.0, 2.0], share) for share in (50, 75, 99)] == [2.0, 3.0, 5.0]
    assert math.isnan(figures.percentile([], 99))


def test_a_row_tells_its_target_and_a_trend_of_a_short_run_is_not_judged() -> None:
    assert figures.at_most("p99", 0.1234, 0.1, "s").cells() == ["p99", "0.123 s", "at most 0.1 s", "**no**"]
    assert figures.at_most("p99 of nothing", math.nan, 0.1, "s").met is False
    assert figures.at_least("rate", 1234.5, 100, "/s").cells() == ["rate", "1,234 /s", "at least 100 /s", "yes"]
    grows = [(float(second), second / 30) for second in range(200)]
    assert figures.trend("memory", grows, 1.0, "MB").met is False
    assert figures.trend("memory", grows[:60], 1.0, "MB").met is None
