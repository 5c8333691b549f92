"""The number of threads of the numeric libraries, and the way in which these threads wait for one another.

OpenMP reads both from the environment once, when torch or FAISS is loaded. Later changes have no effect. So `import
ragqa` sets the environment before any module of ragqa loads a library.
"""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass
from pathlib import Path

SPIN_COUNT = "10000"
"""The number of times that a thread of GNU OpenMP checks for new work before it sleeps. With the default of 300,000,
and another program on the same cores, each of about a hundred steps of a token lasts until the scheduler's next time
slice."""
BLAS_TIMEOUT = "14"
"""The binary logarithm of the cycles for which a thread of OpenBLAS, in NumPy, checks for new work before it sleeps. With its default
of 26, a search of 100,000 vectors takes the cores from the encoder for the next question, and half of the time is lost."""
_LEAST_SECONDS = 0.1
"""The shortest time over which the load of the cores is measured. The system counts it in hundredths of a second."""
_SPARE = 0.25
"""The share of a core that others may use while it still counts as free."""
_own_count: str | None = None
"""The number of threads that was set here, and not by the user."""
_STATISTICS = Path("/proc/stat")
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def set_up(count: int | None = None) -> None:
    """Set the environment that OpenMP reads. Variables that the user has set are not changed.

    :param count: the number of threads; None for one on each core, or fewer where the control group has less time.
    """
    global _own_count
    if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys():
        os.environ["GOMP_SPINCOUNT"] = SPIN_COUNT
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", BLAS_TIMEOUT)
    if count is None and quota() < len(cores()):  # OpenMP itself does not look at the quota
        count = max(1, math.floor(quota()))
    if count is not None and os.environ.get("OMP_NUM_THREADS", _own_count) == _own_count:
        os.environ["OMP_NUM_THREADS"] = _own_count = str(count)


def chosen(setting: int | None) -> int | None:
    """Return the number of threads that the user chose: by OMP_NUM_THREADS, else by the setting; None for none.

    :param setting: the setting `threads`.
    """
    first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(first) if first.isdecimal() and int(first) else setting


@dataclass(frozen=True, slots=True)
class Load:
    """What the cores of this process have done up to some moment.

    `busy` are the seconds that they worked, added up, for this process and all others; None if the system does not say.
    `own` are the seconds that this process worked. `at` is the moment, in seconds of `time.monotonic`.
    """

    busy: float | None
    own: float
    at: float

    @classmethod
    def now(cls) -> Load:
        """Return the load up to now."""
        return cls(_busy_seconds(), time.process_time(), time.monotonic())

    def free_cores(self) -> int:
        """Return the number of cores, at least 1, that other processes left free since then.

        It waits if that was less than a tenth of a second ago. A core counts as free if others used less than a quarter
        of it. Where the system does not say what the cores do, all cores that this process may use count as free.
        """
        time.sleep(max(0.0, self.at + _LEAST_SECONDS - time.monotonic()))
        now = Load.now()
        others = 0.0
        if self.busy is not None and now.busy is not None:
            others = max(0.0, now.busy - self.busy - (now.own - self.own)) / (now.at - self.at)
        return max(1, math.floor(min(quota(), len(cores()) - others) + _SPARE))


def cores() -> list[int]:
    """Return the numbers of the cores on which this process may run."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def quota() -> float:
    """Return the cores' worth of time that the control group of this process may use; infinity where it has no limit."""
    try:
        limit, period = _QUOTA.read_text(encoding="ascii").split()
        return int(limit) / int(period)
    except (OSError, ValueError, ZeroDivisionError):  # no such file; `max`, which is no limit
        return math.inf


def _busy_seconds() -> float | None:
    """Return the seconds that the cores of this process have worked since the system started."""
    names = {f"cpu{number}" for number in cores()}
    ticks = 0
    try:
        for line in _STATISTICS.read_text(encoding="ascii").splitlines():
            name, *fields = line.split()
            if name in names:
                user, nice, system, _idle, _waiting, interrupts, soft, *stolen = map(int, fields[:8])
                ticks += user + nice + system + interrupts + soft + sum(stolen)
        return ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError):
        return None
