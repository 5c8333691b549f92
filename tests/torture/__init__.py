"""Trials by fire: every fault that an index, a command or its output may meet, tried for real and counted.

`make torture` runs all of them.

`tests/test_torture.py` runs a sample of each; `python -m tests.torture` prints the rows of benchmarks/RESULTS.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trial:
    """What a trial tried, how often, and every violation that it found."""

    name: str
    n: int
    violations: Sequence[str]
    notes: str = ""
