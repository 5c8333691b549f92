"""The child process of a sandbox: runs one function after another over bytes, and replies with its result or a reason.

A frame is a length in 8 bytes, big-endian, followed by the data of this length. A request is two frames, a JSON header
and the bytes. The reply is one JSON frame. Before the first request the child sends one reply, which says that it is
ready.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import resource
import sys
import sysconfig
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

from ragqa.errors import RejectedError
from ragqa.sandbox import language_data
from ragqa.sandbox.confine import confine

_OPEN_FILES = 64
_REASON = 300
"""The most characters of a reason."""
_WATCH_SECONDS = 0.5


class _Use:
    """Limits of memory and processor time for the next call, in addition to the present use, within the system's
    limits.
    """

    def __init__(self) -> None:
        self._statm = os.open("/proc/self/statm", os.O_RDONLY) if sys.platform == "linux" else None

    def limit(self, seconds: float, memory_bytes: int) -> None:
        """Bound the further use of this process."""
        used = resource.getrusage(resource.RUSAGE_SELF)
        set_limit(resource.RLIMIT_CPU, math.ceil(used.ru_utime + used.ru_stime + seconds) + 1)
        if self._statm is not None:
            mapped = int(os.pread(self._statm, 100, 0).split()[0]) * resource.getpagesize()
            set_limit(resource.RLIMIT_AS, mapped + memory_bytes)


def main(parent: int) -> None:
    """Serve requests until the input ends."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1):  # output of a library must not mix with the replies
        os.dup2(nothing, standard)
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    sys.dont_write_bytecode = True
    use = _Use()
    os.chdir("/")
    for limit, value in ((resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_NOFILE, _OPEN_FILES)):
        set_limit(limit, value)
    granted = confine([*libraries(), *language_data.files()])
    with contextlib.suppress(RuntimeError):  # no thread can be started; in most cases the end of the input is enough
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    _reply(replies, {"ready": asdict(granted)})
    os.dup2(nothing, 2)  # until now stderr was open for the reason why the child could not start
    while (header := _frame(requests)) is not None:
        request = json.loads(header)
        data = _frame(requests)
        assert data is not None
        use.limit(request["seconds"], request["memory_bytes"])
        reply = answer(request["target"], data, request["arguments"], request["memory_bytes"])
        _reply(replies, reply)
        if reply.get("last"):
            return


def answer(target: str, data: bytes, arguments: dict[str, Any], memory_bytes: int) -> dict[str, Any]:
    """Call `module:function` with the bytes; return its `result`, or the reason as `rejected`.

    If the reply has the key `last`, this process must not be used again.
    """
    try:
        module, _, name = target.partition(":")
        function: Callable[..., Any] = getattr(import_module(module), name)
        result = function(data, **arguments)
        return {"result": asdict(result) if is_dataclass(result) and not isinstance(result, type) else result}
    except RejectedError as error:
        return {"rejected": _line(str(error))}
    except MemoryError:
        return {"rejected": f"needs more than {memory_bytes >> 20:,} MiB of memory", "last": True}
    except RecursionError:
        return {"rejected": "damaged: nested too deeply"}
    except BaseException as error:  # any error of a library rejects these bytes, and must not end the run
        return {"rejected": _line(f"damaged: {type(error).__name__}: {error}")}


def set_limit(which: int, value: int) -> None:
    """Set a limit of this process to a value, or to the limit at its start if that is less."""
    finite = [limit for limit in (value, *_given(which)) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(which, (min(finite), _given(which)[1]))


@cache
def _given(which: int) -> tuple[int, int]:
    """Return the soft and the hard limit at the start of this process. The first call is before any limit is set."""
    return resource.getrlimit(which)


def libraries() -> list[str]:
    """Return the folders that Python reads to import a library: those of packages and of shared libraries."""
    package = Path(__file__).resolve().parents[1]
    # of a checkout, only the package itself: its folder may contain any files
    imports = [path for path in sys.path if path.endswith("-packages") or Path(path).resolve() != package.parent]
    shared = [
        str(sysconfig.get_config_var("LIBDIR") or ""),
        "/lib",
        "/lib64",
        "/usr/lib",
        "/usr/lib64",
        "/etc/ld.so.cache",
    ]
    return [*imports, str(package), *filter(None, shared), os.devnull]


def _line(reason: str) -> str:
    """Return a reason as one short line. It may quote the input, so that unprintable characters are escaped."""
    words = " ".join(reason.split())
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in words)[:_REASON]


def _end_with(parent: int) -> None:
    """End this process soon after its parent, even if another process keeps the pipe open."""
    while os.getppid() == parent:
        time.sleep(_WATCH_SECONDS)
    os._exit(1)


def _frame(stream: BinaryIO) -> bytes | None:
    """Return the next frame; None at the end of the input."""
    length = stream.read(8)
    return stream.read(int.from_bytes(length)) if len(length) == 8 else None


def _reply(stream: BinaryIO, reply: dict[str, Any]) -> None:
    data = json.dumps(reply, ensure_ascii=False, allow_nan=False).encode("utf-8", "surrogatepass")
    stream.write(len(data).to_bytes(8) + data)
    stream.flush()
