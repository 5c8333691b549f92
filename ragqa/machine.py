"""What this process may use of the machine: memory and cores, within the limits of control groups and of the shell."""

from __future__ import annotations

import ctypes
import os
import resource
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PROC, CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")
_MEMORY = (
    ("", "memory.max", "memory.current", ("inactive_file", "active_file")),
    ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", ("total_inactive_file", "total_active_file")),
)
"""Where version 2 and version 1 of control groups keep the limit, the use, and the cached files that give way."""


def available_memory(proc: Path = PROC, cgroups: Path = CGROUPS) -> int:
    """Return how many bytes of memory this process can still take.

    It is the least of three: what the machine has available, what is left of the limits of its control groups (a
    container, a job of a scheduler), and the limit of the shell (`ulimit -v`). Cached files count as available, since
    they give way. Systems without `/proc`, such as macOS, tell only how much memory is built in.

    :param proc: the folder that Linux mounts at `/proc`.
    :param cgroups: the folder under which the control groups are mounted.
    """
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    shell = [] if limit == resource.RLIM_INFINITY else [limit]
    return max(0, min([_machine(proc), *_left_in_groups(proc, cgroups), *shell]))


def cores(proc: Path = PROC, cgroups: Path = CGROUPS) -> int:
    """Return how many cores this process can keep busy: those that it may run on, within the quota of its groups.

    Parameters are those of `available_memory`.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([allowed, *(int(quota) for quota in _quotas(proc, cgroups))]))


def give_back_memory() -> None:
    """Return freed memory to the machine. glibc keeps most of it otherwise; other C libraries have no such function."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def _machine(proc: Path) -> int:
    """Return the memory that the machine has available, or where that is not told, all that is built in."""
    available = _fields(proc / "meminfo").get("MemAvailable:")
    return available << 10 if available is not None else os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _left_in_groups(proc: Path, cgroups: Path) -> Iterator[int]:
    """Yield the bytes that are left in each control group with a limit on memory."""
    for controller, limit_file, use_file, cached in _MEMORY:
        for group in _groups(controller, proc, cgroups):
            limit, use = _number(group / limit_file), _number(group / use_file)
            if limit is not None and use is not None:
                given_way = _fields(group / "memory.stat")
                yield limit - use + sum(given_way.get(name, 0) for name in cached)


def _quotas(proc: Path, cgroups: Path) -> Iterator[float]:
    """Yield the share of processor time that each control group allows, in cores."""
    for group in _groups("", proc, cgroups):
        quota, _, period = _text(group / "cpu.max").partition(" ")
        if quota.isdecimal() and period.strip().isdecimal():
            yield int(quota) / int(period)
    for group in _groups("cpu", proc, cgroups):
        most, each = _number(group / "cpu.cfs_quota_us"), _number(group / "cpu.cfs_period_us")
        if most is not None and each:
            yield most / each


def _groups(controller: str, proc: Path, cgroups: Path) -> Iterator[Path]:
    """Yield the folders of this process's control group and of the groups around it.

    A container may see the path that its group has outside of it; then only the folders that exist are meant.

    :param controller: a controller of version 1; empty for version 2.
    """
    mount = cgroups / controller
    for line in _text(proc / "self" / "cgroup").splitlines():
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        if controller in controllers.split(","):
            group = mount / path.lstrip("/")
            yield from (place for place in (group, *group.parents) if place.is_relative_to(mount) and place.is_dir())


def _fields(file: Path) -> dict[str, int]:
    """Return the lines of a name and a whole number in a file; empty where there is no such file."""
    rows = (line.split() for line in _text(file).splitlines())
    return {row[0]: int(row[1]) for row in rows if len(row) > 1 and row[1].isdecimal()}


def _number(file: Path) -> int | None:
    """Return the whole number in a file; None where there is no file, or no limit in it."""
    text = _text(file).strip()
    return int(text) if text.isdecimal() else None


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
