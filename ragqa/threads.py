"""How many threads the numeric libraries start, and how these threads wait for one another.

OpenMP reads this from the environment once, when torch or FAISS is loaded; later changes have no effect. So `import ragqa`
says how threads wait, before any module of ragqa loads a library.
"""

from __future__ import annotations

import os

SPIN_COUNT = "10000"
"""How often a thread of GNU OpenMP looks for new work before it sleeps. The default is 300,000 times: where another program
wants the cores, each of some hundred steps a token then lasts until the scheduler's next turn."""


def set_up(count: int | None = None) -> None:
    """Set the environment that OpenMP reads. What the user's environment says already is left as it is.

    :param count: how many threads; None for one on each core.
    """
    if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys():
        os.environ["GOMP_SPINCOUNT"] = SPIN_COUNT
    if count is not None:
        os.environ.setdefault("OMP_NUM_THREADS", str(count))
