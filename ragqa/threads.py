"""The number of threads of the numeric libraries, and the way in which these threads wait for one another.

OpenMP reads both from the environment once, when torch or FAISS is loaded. Later changes have no effect. So `import
ragqa` sets the environment before any module of ragqa loads a library.
"""

from __future__ import annotations

import os

SPIN_COUNT = "10000"
"""The number of times that a thread of GNU OpenMP checks for new work before it sleeps. With the default of 300,000,
and another program on the same cores, each of about a hundred steps of a token lasts until the scheduler's next time
slice."""


def set_up(count: int | None = None) -> None:
    """Set the environment that OpenMP reads. Variables that the user has set are not changed.

    :param count: the number of threads; None for one on each core.
    """
    if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys():
        os.environ["GOMP_SPINCOUNT"] = SPIN_COUNT
    if count is not None:
        os.environ.setdefault("OMP_NUM_THREADS", str(count))
