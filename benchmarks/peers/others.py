"""How much of the processor other work took: on a machine that is not quiet the figures mean little."""

from __future__ import annotations

import os
import time
from pathlib import Path

STAT = Path("/proc/stat")


class OtherWork:
    """Watches from its making on; counts what this process and its ended children did not use."""

    def __init__(self) -> None:
        self._before = self._read()

    def share(self) -> float | None:
        """Return the share of all cores, 0 to 1, that other processes took; None where the system does not tell."""
        if not STAT.is_file():
            return None
        busy, own, wall = (now - then for now, then in zip(self._read(), self._before, strict=True))
        return max(0.0, busy - own) / (wall * (os.cpu_count() or 1))

    def _read(self) -> tuple[float, float, float]:
        """Return the processor seconds of everything and of our own, and the wall time."""
        ticks = list(map(int, STAT.read_text(encoding="ascii").split()[1:9])) if STAT.is_file() else [0] * 8
        user, nice, system, _idle, _waiting, interrupts, soft, steal = ticks
        busy = (user + nice + system + interrupts + soft + steal) / os.sysconf("SC_CLK_TCK")
        return busy, sum(os.times()[:4]), time.monotonic()
