"""Functions for a sandbox to run: they misbehave, or try everything that a hostile parser might."""

from __future__ import annotations

import ctypes
import fcntl
import os
import resource
import socket
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def act(data: bytes) -> str:
    """Do what the bytes say."""
    what = data.decode()
    print("noise on stdout")
    match what.split(" ")[0]:
        case "sleep":
            time.sleep(60)
        case "spin":
            while True:
                pass
        case "eat":
            bytearray(2 << 30)
        case "die":
            os.abort()
        case "leave":
            os._exit(7)
        case "flood":
            return "x" * 300_000_000
        case "talk":
            _write_reply(b"", 1 << 40)
        case "babble":
            _write_reply(b"not JSON")
        case "answer":
            _write_reply(b"{}")
        case "signal":
            ctypes.CDLL(None)["raise"](40)
        case "write":
            Path(what[6:]).write_text("x", encoding="utf-8")
    return what


def _write_reply(data: bytes, length: int | None = None) -> None:
    """Write a reply in the place of the worker, into the one pipe that leads out."""
    (pipe,) = [descriptor for descriptor in range(3, 64) if _leads_out(descriptor)]
    os.write(pipe, (len(data) if length is None else length).to_bytes(8) + data)
    time.sleep(60)


def _leads_out(descriptor: int) -> bool:
    try:
        flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
        return stat.S_ISFIFO(os.fstat(descriptor).st_mode) and flags & os.O_ACCMODE == os.O_WRONLY
    except OSError:
        return False


def attempts(data: bytes, *, victim: str, port: int) -> dict[str, str]:
    """Try to read and change files outside the sandbox; return for each attempt `refused`, or its result.

    :param victim: a folder with a file `secret.txt`.
    :param port: where a server listens on the loopback interface.
    """
    parent, file = os.getppid(), f"{victim}/secret.txt"
    libc = ctypes.CDLL(None, use_errno=True)
    iovec = (ctypes.c_size_t * 2)(0x1000, 8)  # nothing is mapped there: the right is checked first

    def called(function: Callable[..., int], *arguments: Any) -> int:
        result = function(*map(ctypes.c_long, arguments))
        if result < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return result

    tried: dict[str, Callable[[], object]] = {
        "read a file": lambda: Path(file).read_text(encoding="utf-8"),
        "list a folder": lambda: os.listdir(victim),
        "read the passwords": lambda: Path("/etc/passwd").read_text(encoding="utf-8"),
        "read through /proc": lambda: os.listdir(f"/proc/{parent}/fd"),
        "write a file": lambda: Path(victim, "new.txt").write_text("x", encoding="utf-8"),
        "open for writing": lambda: os.open(file, os.O_WRONLY),
        "truncate": lambda: os.truncate(file, 0),
        "truncate by opening": lambda: os.open(file, os.O_RDONLY | os.O_TRUNC),
        "unlink": lambda: os.unlink(file),
        "rename": lambda: os.rename(file, f"{victim}/other.txt"),
        "change the mode": lambda: os.chmod(file, 0o777),
        "change the owner": lambda: os.chown(file, os.getuid(), os.getgid()),
        "change the times": lambda: os.utime(file, (0, 0)),
        "make a folder": lambda: os.mkdir(f"{victim}/folder"),
        "make a link": lambda: os.link(file, f"{victim}/link"),
        "make a symbolic link": lambda: os.symlink(file, f"{victim}/symlink"),
        "make a pipe": lambda: os.mkfifo(f"{victim}/pipe"),
        "connect": lambda: socket.create_connection(("127.0.0.1", port), 1),
        "listen": lambda: socket.create_server(("127.0.0.1", 0)),
        "send a datagram": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", port)),
        "open a local socket": lambda: socket.socket(socket.AF_UNIX),
        "fork": lambda: os.fork() or os._exit(0),
        "execute": lambda: os.execv("/bin/true", ["true"]),
        "signal the parent": lambda: os.kill(parent, 0),
        "read the parent's memory": lambda: open(f"/proc/{parent}/mem", "rb"),  # noqa: SIM115
        "read the parent's environment": lambda: Path(f"/proc/{parent}/environ").read_bytes(),
        "copy the parent's memory": lambda: called(
            libc.process_vm_readv, parent, ctypes.addressof(iovec), 1, ctypes.addressof(iovec), 1, 0
        ),
        "trace the parent": lambda: called(libc.ptrace, 16, parent, 0, 0),
        "limit the parent": lambda: resource.prlimit(parent, resource.RLIMIT_CORE, (0, 0)),
        "slow the parent down": lambda: os.setpriority(os.PRIO_PROCESS, parent, 0),
    }
    return {name: _outcome(attempt) for name, attempt in tried.items()}


def _outcome(attempt: Callable[[], object]) -> str:
    try:
        return f"did it: {attempt()!r:.100}"
    except PermissionError:
        return "refused"
    except OSError as error:
        return f"failed: {error}"


def surroundings(data: bytes) -> dict[str, Any]:
    """Return the environment, the working folder and the open descriptors, and what may still be done."""
    done = threading.Event()
    threading.Thread(target=done.set).start()
    descriptors = []
    for number in range(64):
        try:
            os.fstat(number)
            descriptors.append(number)
        except OSError:
            pass
    import trafilatura  # a library that was not loaded before

    return {
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "descriptors": descriptors,
        "thread": done.wait(5),
        "library": trafilatura.__name__,
    }
