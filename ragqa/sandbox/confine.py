"""Removes rights of this process, on Linux, by Landlock (files, TCP, signals) and seccomp (system calls).

Each is used if the kernel has it. With both, the process can still read and write open files, read below the given
folders, use memory, and start threads. Neither can be undone, and both apply to later threads too.

Sources: Documentation/userspace-api/landlock.rst and seccomp_filter.rst of the Linux kernel.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ragqa.sandbox.syscalls import MACHINES, NEWEST, looked_at, refused

_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2
_PR_SET_NO_NEW_PRIVS = 38
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_SECCOMP = {"x86_64": 317, "aarch64": 277}

_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_READ = _READ_FILE | _READ_DIR
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}
"""The number of file rights in each version of Landlock; all of them are removed."""
_NET_RIGHTS = 0b11
"""Binding and connecting TCP, from version 4."""
_SCOPES = 0b11
"""Abstract sockets of, and signals to, processes outside, from version 6."""

# Classic BPF for seccomp (linux/bpf_common.h): operation codes, and offsets into struct seccomp_data.
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000
_X32 = 0x40000000
"""The first number of the calls of the x32 interface, none of which is needed."""
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_CLONE_THREAD = 0x10000


@dataclass(frozen=True, slots=True)
class Confinement:
    """The confinement of a process: the version of Landlock (0: none), and whether seccomp filters its system calls."""

    landlock: int
    seccomp: bool

    def __str__(self) -> str:
        parts = [f"Landlock {self.landlock}"] if self.landlock else []
        return " and ".join([*parts, *(["seccomp"] if self.seccomp else [])])


def available() -> Confinement:
    """Return the confinement that this kernel offers, without confining this process."""
    if sys.platform != "linux":
        return Confinement(0, False)
    version = _syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    machine = platform.machine()
    action = ctypes.c_uint32(_ERROR)
    has_numbers = machine in MACHINES and sys.maxsize > 2**32
    filters = has_numbers and _syscall(_SECCOMP[machine], ctypes.c_uint(2), ctypes.c_uint(0), ctypes.byref(action)) == 0
    return Confinement(max(version, 0), filters)


def confine(readable: Sequence[str]) -> Confinement:
    """Remove permanently all rights except those at the top of this file. Only one thread may be running.

    :param readable: folders and files that may still be read; missing ones are ignored.
    :return: the confinement that is in force: the `available` one, or less if a step failed.
    """
    offered, machine = available(), platform.machine()
    if not (offered.landlock or offered.seccomp):
        return offered
    _libc().prctl(_PR_SET_NO_NEW_PRIVS, *map(ctypes.c_ulong, (1, 0, 0, 0)))
    landlock = offered.landlock if offered.landlock and _granted(_landlock, offered.landlock, readable) else 0
    return Confinement(landlock, offered.seccomp and _granted(_seccomp, machine))


def _granted(step: Callable[..., None], *arguments: object) -> bool:
    with contextlib.suppress(OSError):
        step(*arguments)
        return True
    return False


def _landlock(version: int, readable: Sequence[str]) -> None:
    """Remove every right that this version handles, and allow reading below some paths."""
    rights = max(n for since, n in _FILE_RIGHTS.items() if since <= version)
    fields = [(1 << rights) - 1, *([_NET_RIGHTS] if version >= 4 else []), *([_SCOPES] if version >= 6 else [])]
    attributes = struct.pack(f"={len(fields)}Q", *fields)
    ruleset = _syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))
    _check(ruleset, "Landlock")
    for path in filter(os.path.exists, readable):
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
        allowed = _READ if os.path.isdir(path) else _READ_FILE
        rule = struct.pack("=Qi", allowed, handle)  # struct landlock_path_beneath_attr is packed
        _check(
            _syscall(_ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(1), rule, ctypes.c_uint32(0)), f"Landlock: {path}"
        )
        os.close(handle)
    _check(_syscall(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0)), "Landlock")
    os.close(ruleset)


def _seccomp(machine: str) -> None:
    """Install the filter of system calls for this process."""
    program = b"".join(_filter(machine, os.getpid()))
    code = ctypes.create_string_buffer(program, len(program))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))

    given = Program(len(program) // 8, ctypes.addressof(code))
    _check(_libc().prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_SECCOMP_MODE_FILTER), ctypes.byref(given)), "seccomp")


def _filter(machine: str, pid: int) -> list[bytes]:
    """Return a filter that refuses calls by number, and some by their arguments. A refused call returns an error."""
    calls = looked_at(machine)
    refuse, unknown, allow = (_return(code) for code in (_ERROR | errno.EPERM, _ERROR | errno.ENOSYS, _ALLOW))
    # 1. Refuse calls of another architecture, which have other numbers.
    program = [_load(_ARCHITECTURE), _op(_EQUAL, MACHINES[machine][1], 1, 0), refuse, _load(_NUMBER)]
    program += [_op(_AT_LEAST, _X32, 0, 1), refuse]
    # 2. Refuse some calls with any arguments.
    for number in refused(machine):
        program += [_op(_EQUAL, number, 0, 1), refuse]
    # 3. Report newer forms of some calls as unknown: their arguments are in memory, which a filter cannot read. The C
    #    library then uses the older form.
    for name in ("openat2", "clone3"):
        program += [_op(_EQUAL, calls[name], 0, 1), unknown]
    program += [_op(_AT_LEAST, NEWEST + 1, 0, 1), unknown]  # calls of later kernels
    # 4. Refuse by arguments: opening for writing, new processes (not threads), signals to and limits of other
    #    processes.
    for name, argument in (("open", 1), ("openat", 2)):
        if name in calls:
            test = [_load(_ARGUMENTS + 8 * argument), _op(_ANY_BIT, _WRITES, 0, 1), refuse, allow]
            program += [_op(_EQUAL, calls[name], 0, len(test)), *test]
    test = [_load(_ARGUMENTS), _op(_ANY_BIT, _CLONE_THREAD, 1, 0), refuse, allow]
    program += [_op(_EQUAL, calls["clone"], 0, len(test)), *test]
    for name, allowed in (("tgkill", (pid,)), ("prlimit64", (0, pid))):
        same = [_op(_EQUAL, number, len(allowed) - at, 0) for at, number in enumerate(allowed)]
        test = [_load(_ARGUMENTS), *same, refuse, allow]
        program += [_op(_EQUAL, calls[name], 0, len(test)), *test]
    return [*program, allow]


def _load(offset: int) -> bytes:
    return _op(_LOAD, offset)


def _return(code: int) -> bytes:
    return _op(_RETURN, code)


def _op(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """Return one instruction. Jumps are numbers of instructions, counted from the next one."""
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _syscall(number: int, *arguments: object) -> int:
    return int(_libc().syscall(ctypes.c_long(number), *arguments))


def _check(result: int, what: str) -> None:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
