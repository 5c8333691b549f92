"""Processes that `os.fork` made from one that computes: they have its memory, and none of its threads.

The threads of torch and FAISS wait for one another. In the child, they would wait for ever for threads that do not exist
there, so the child computes on one thread. Where another thread of the parent was at work in this package, the child has its
locks, which nobody releases; it cannot compute. Children that only start another program (`subprocess`) are not affected.
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
    """Another thread was at work in this package when the process was forked."""
    alone: bool = False
    """It computes on one thread, and the log does not say so yet."""


_state = _State()
_seen = threading.local()
"""Whether other threads were busy, as the forking thread saw it; several threads may fork at the same time."""


def check() -> None:
    """Check that this process can compute; where it can do so on one thread only, the log gets one warning.

    :raises UsageError: it was forked while another thread was at work, or from a process that uses the GPU.
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
    """Find out whether another thread is at work in this package; code of the command line alone does not count."""
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
