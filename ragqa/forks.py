"""Processes that were forked (`os.fork`) from one that computes: they have its memory, but not its threads.

The threads of torch and FAISS wait for one another. The child would wait for ever for threads that exist in the parent
only. Therefore the child computes on one thread. If another thread of the parent was running code of this package at
the fork, the child has a copy of its locks, which are never released; such a child cannot compute. Children that only
start another program (`subprocess`) are not affected.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from dataclasses import dataclass

from ragqa.errors import UsageError

_LOG = logging.getLogger("ragqa.forks")
_REMEDY = "start workers by multiprocessing's spawn, or fork before anything is computed"


@dataclass
class _State:
    busy: bool = False
    """Whether another thread was running code of this package when the process was forked."""
    alone: bool = False
    """Whether it computes on one thread and the log has no warning about it yet."""


_state = _State()
_seen = threading.local()
"""Whether other threads were busy, for each forking thread, since several threads may fork at the same time."""


def check() -> None:
    """Check that this process can compute. If it can do so on one thread only, write one warning to the log.

    :raises UsageError: it was forked while another thread was running code of this package, or from a process that uses
        the GPU.
    """
    if _state.busy:
        raise UsageError(f"this process was forked while another thread used ragqa, whose locks stay closed: {_REMEDY}")
    torch = sys.modules.get("torch")
    if torch is not None and getattr(torch.cuda, "_is_in_bad_fork", bool)():
        raise UsageError(f"this process was forked from one that uses the GPU, which it cannot use: {_REMEDY}")
    if _state.alone:
        _state.alone = False
        _LOG.warning("this process was forked from one that computes: it computes on one thread; for all, %s", _REMEDY)


def _before() -> None:
    """Record whether another thread is running code of this package, apart from code of the command line."""
    mine, _seen.busy = threading.get_ident(), False
    frames = [frame for thread, frame in sys._current_frames().items() if thread != mine]
    while frames and not _seen.busy:
        frame = frames.pop()
        name = frame.f_globals.get("__name__", "")
        _seen.busy = name.startswith("ragqa.") and not name.startswith("ragqa.cli.")
        frames += [frame.f_back] if frame.f_back else []


def _in_child() -> None:
    _state.busy = _state.busy or _seen.busy
    torch, faiss = sys.modules.get("torch"), sys.modules.get("faiss")
    if torch is not None:
        torch.set_num_threads(1)
        os.environ["TOKENIZERS_PARALLELISM"] = "false"
    if faiss is not None:
        faiss.omp_set_num_threads(1)
    _state.alone = torch is not None or faiss is not None


os.register_at_fork(before=_before, after_in_child=_in_child)
