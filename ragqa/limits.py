"""The limits of the operating system for this process (`ulimit`).

They are respected, and named in errors that they cause.
"""

from __future__ import annotations

import errno
import os
import resource
import signal
import threading
import time
from types import FrameType

from ragqa.errors import ResourceError
from ragqa.messages import brief

LEAST_MEMORY = 1200 << 20
"""The least address space in bytes. With less, no model can be loaded, and the numeric libraries may end the
process."""
_FEW = {"RLIMIT_CPU": 3600, "RLIMIT_AS": 4 << 30, "RLIMIT_NOFILE": 256, "RLIMIT_NPROC": 64}
"""A limit below this may have caused an error, and is named in its message."""
_OPTIONS = {"RLIMIT_CPU": "-t", "RLIMIT_AS": "-v", "RLIMIT_NOFILE": "-n", "RLIMIT_NPROC": "-u"}
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""The error numbers of a full or failing disk."""
_CODES = (errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EAGAIN)
_WORDS = (
    "cannot allocate memory", "can't allocate memory", "not enough memory", "failed to map segment", "too many open files",
    "can't start new thread", "resource temporarily unavailable",
)  # fmt: skip
"""Texts by which libraries report that a limit was reached, in errors of many classes."""
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
"""The environment with which the numeric libraries start no threads. Some end the process if they cannot start a
thread."""
_over = threading.Event()


class OutOfTime(BaseException):  # not an `Exception`, so that libraries do not catch it
    """The allowed processor time of this process is over, except for the time to write a message."""


def note() -> str:
    """Return the low limits of this process, as the end of an error message; empty for none."""
    limits = {name: resource.getrlimit(getattr(resource, name))[0] for name in _OPTIONS}
    tight = [
        f"{_OPTIONS[name]} {value >> 10 if name == 'RLIMIT_AS' else value}"
        for name, value in limits.items()
        if value != resource.RLIM_INFINITY and value < _FEW[name]
    ]
    return f" (this shell's limits: ulimit {' '.join(tight)})" if tight else ""


def met(error: BaseException) -> ResourceError | None:
    """Return the error to raise for one that a limit of memory, files or processes caused; None for any other error."""
    message = str(error).lower()
    if isinstance(error, OutOfTime):
        return ResourceError(str(error))
    if isinstance(error, MemoryError) or (isinstance(error, SystemError) and note()):  # native code without memory
        return ResourceError(f"out of memory{note()}; what was committed is kept")
    if (isinstance(error, OSError) and error.errno in _CODES) or any(words in message for words in _WORDS):
        return ResourceError(f"{brief(error, 300)}{note()}; what was committed is kept")
    return None


def fit() -> None:
    """Prepare this process for its limits: start fewer threads, and end with a message before processor time is over.

    :raises ResourceError: the allowed memory is too small to load the numeric libraries.
    """
    memory, processes = (resource.getrlimit(limit)[0] for limit in (resource.RLIMIT_AS, resource.RLIMIT_NPROC))
    few = [(memory, _FEW["RLIMIT_AS"]), (processes, _FEW["RLIMIT_NPROC"])]
    if any(limit != resource.RLIM_INFINITY and limit < enough for limit, enough in few):
        for name, value in ONE_THREAD.items():
            os.environ.setdefault(name, value)
    if memory != resource.RLIM_INFINITY and memory < LEAST_MEMORY:
        need = f"at least {LEAST_MEMORY >> 20:,} MiB are needed"
        raise ResourceError(f"this shell allows {memory >> 20:,} MiB of memory (ulimit -v {memory >> 10}): {need}")
    _tell_before_time_is_over()


def _tell_before_time_is_over() -> None:
    """Raise `OutOfTime` one second before the processor time is over.

    At its end the system kills the process silently.
    """
    seconds = resource.getrlimit(resource.RLIMIT_CPU)[0]
    if seconds == resource.RLIM_INFINITY or threading.current_thread() is not threading.main_thread():
        return

    def tell(number: int, frame: FrameType | None) -> None:
        _over.set()
        take_no_more_time()
        raise OutOfTime(f"out of processor time (this shell's limits: ulimit -t {seconds}); what was committed is kept")

    for sent in (signal.SIGPROF, signal.SIGXCPU):
        signal.signal(sent, tell)
    left = seconds - time.process_time()
    signal.setitimer(signal.ITIMER_PROF, max(left - 1, left / 2, 0.01))


def time_is_over() -> bool:
    """Tell whether the last second of processor time has begun, which is too short for the libraries' cleanup."""
    return _over.is_set()


def take_no_more_time() -> None:
    """Stop the interruption of this process, so that it can use the rest of its processor time to end."""
    if callable(signal.getsignal(signal.SIGXCPU)):
        signal.setitimer(signal.ITIMER_PROF, 0)
        for sent in (signal.SIGPROF, signal.SIGXCPU):
            signal.signal(sent, signal.SIG_IGN)
