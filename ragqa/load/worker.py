"""The child process of the sandbox: takes the bytes of one file after another, and gives their text or a reason.

A frame is a length of 8 bytes, big-endian, and so many bytes. A request is two frames, a JSON header and the file; the
reply is one JSON frame. Before the first request comes one reply that says that the child is ready.
"""

from __future__ import annotations

import ctypes
import json
import logging
import math
import os
import resource
import signal
import sys
import warnings
from collections.abc import Callable
from dataclasses import asdict
from importlib import import_module
from typing import Any, BinaryIO

from ragqa.errors import RejectedError
from ragqa.load.extracted import Extracted, Limits

EXTRACTORS = {
    "text/html": "ragqa.load.html",
    "application/pdf": "ragqa.load.pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "ragqa.load.docx",
}
"""The module whose `extract(data, limits)` reads a media type; imported when first needed."""

_PR_SET_PDEATHSIG = 1
_OPEN_FILES = 64
_REASON = 300
"""Most characters of a reason."""


def main(parent: int) -> None:
    """Serve requests until the input ends."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1):  # what a library prints must not get between the replies
        os.dup2(nothing, standard)
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    sys.dont_write_bytecode = True
    _confine(parent)
    _reply(replies, {"ready": True})
    while (header := _frame(requests)) is not None:
        request = json.loads(header)
        data = _frame(requests)
        assert data is not None
        limits = Limits(**request["limits"])
        _limit_use(limits)
        reply = answer(request["media_type"], data, limits)
        _reply(replies, reply)
        if reply.get("last"):
            return


def answer(media_type: str, data: bytes, limits: Limits) -> dict[str, Any]:
    """Return the fields of `Extracted`, or `rejected` with the reason; `last` where this process is not fit for more."""
    try:
        extract: Callable[[bytes, Limits], Extracted] = import_module(EXTRACTORS[media_type]).extract
        return asdict(extract(data, limits))
    except RejectedError as error:
        return {"rejected": _line(str(error))}
    except MemoryError:
        return {"rejected": f"needs more than {limits.memory_bytes >> 20:,} MiB of memory", "last": True}
    except RecursionError:
        return {"rejected": "damaged: nested too deeply"}
    except Exception as error:  # whatever a parser raises is about this file, and must not end the run
        return {"rejected": _line(f"damaged: {type(error).__name__}: {error}")}


def _line(reason: str) -> str:
    """Return a reason as one line. It may quote the file: what cannot be printed is escaped, and it stays short."""
    words = " ".join(reason.split())
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in words)[:_REASON]


def _confine(parent: int) -> None:
    """Give up what a parser never needs: outliving its parent, writing files, core dumps, many open files."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before it was watched
            sys.exit(1)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))


def _limit_use(limits: Limits) -> None:
    """Bound memory and processor time of the next file, on top of what is in use."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = math.ceil(used.ru_utime + used.ru_stime + limits.seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.RLIM_INFINITY))
    if sys.platform == "linux":
        with open("/proc/self/statm", encoding="ascii") as statm:
            mapped = int(statm.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (mapped + limits.memory_bytes, resource.RLIM_INFINITY))


def _frame(stream: BinaryIO) -> bytes | None:
    """Return the next frame; None where the input has ended."""
    length = stream.read(8)
    return stream.read(int.from_bytes(length)) if len(length) == 8 else None


def _reply(stream: BinaryIO, reply: dict[str, Any]) -> None:
    data = json.dumps(reply).encode()
    stream.write(len(data).to_bytes(8) + data)
    stream.flush()
