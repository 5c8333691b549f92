"""The command line over small parts, for a process of its own: `python -m tests.serve.command serve FILE`.

SIGUSR1 releases its `SlowGenerator`.
"""

from __future__ import annotations

import signal

from ragqa import kinds
from ragqa.cli import main
from tests.fakes import WORDS
from tests.serve.serving import SLOW, SlowGenerator

if __name__ == "__main__":
    kinds.BUILTIN = kinds.BUILTIN.and_own([WORDS, SLOW])
    signal.signal(signal.SIGUSR1, lambda number, frame: SlowGenerator.released.set())
    main()
