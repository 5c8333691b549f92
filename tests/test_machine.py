"""Memory and cores, as Linux tells them, within the limits of control groups and of the shell."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from ragqa import machine

GIB = 1 << 30


def write(folder: Path, **files: str) -> None:
    """Write files into a folder; two underscores in a name stand for a dot."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(f"{text}\n", encoding="utf-8")


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    write(tmp_path / "proc", meminfo="MemTotal: 16777216 kB\nMemFree: 1 kB\nMemAvailable: 8388608 kB")
    write(tmp_path / "proc" / "self", cgroup="5:memory:/job/step\n2:cpu,cpuacct:/job\n0::/user/box")
    return tmp_path / "proc"


@pytest.fixture
def cgroups(tmp_path: Path) -> Path:
    (tmp_path / "cgroup").mkdir()
    return tmp_path / "cgroup"


def test_this_machine_has_some_of_each() -> None:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert 0 < machine.available_memory() <= total
    assert 1 <= machine.cores() <= (os.cpu_count() or 1)


def test_what_is_available_counts_and_not_what_is_free(proc: Path, cgroups: Path) -> None:
    assert machine.available_memory(proc, cgroups) == 8 * GIB


def test_the_tightest_group_of_version_2_counts_and_cached_files_give_way(proc: Path, cgroups: Path) -> None:
    write(
        cgroups / "user", memory__max=str(4 * GIB), memory__current=str(3 * GIB), memory__stat="anon 5\nactive_file 7"
    )
    write(cgroups / "user" / "box", memory__max="max", memory__current=str(GIB))
    assert machine.available_memory(proc, cgroups) == GIB + 7
    write(cgroups / "user" / "box", memory__max=str(2 * GIB), memory__stat="inactive_file 100\nactive_file 11")
    assert machine.available_memory(proc, cgroups) == GIB + 7
    write(cgroups / "user" / "box", memory__max=str(GIB + 20))
    assert machine.available_memory(proc, cgroups) == 131


def test_groups_of_version_1_count_also_where_a_container_sees_only_its_own(proc: Path, cgroups: Path) -> None:
    write(cgroups / "memory", memory__limit_in_bytes=str(3 * GIB), memory__usage_in_bytes=str(GIB))
    assert machine.available_memory(proc, cgroups) == 2 * GIB
    write(cgroups / "memory" / "job", memory__limit_in_bytes="9223372036854771712", memory__usage_in_bytes="1")
    assert machine.available_memory(proc, cgroups) == 2 * GIB
    write(cgroups / "memory" / "job" / "step", memory__limit_in_bytes=str(GIB), memory__usage_in_bytes=str(2 * GIB))
    assert machine.available_memory(proc, cgroups) == 0


def test_a_quota_of_processor_time_bounds_the_cores(proc: Path, cgroups: Path) -> None:
    unbounded = machine.cores(proc, cgroups)
    write(cgroups / "user" / "box", cpu__max="max 100000")
    write(cgroups / "cpu", **{"cpu__cfs_quota_us": "-1", "cpu__cfs_period_us": "100000"})
    assert machine.cores(proc, cgroups) == unbounded
    write(cgroups / "user", cpu__max="150000 100000")
    assert machine.cores(proc, cgroups) == 1
    write(cgroups / "user", cpu__max="max 100000")
    write(cgroups / "cpu" / "job", **{"cpu__cfs_quota_us": "50000", "cpu__cfs_period_us": "100000"})
    assert machine.cores(proc, cgroups) == 1


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs a system that binds processes to cores")
def test_the_limits_of_the_shell_and_the_cores_of_the_process_count() -> None:
    script = "from ragqa import machine; print(machine.available_memory(), machine.cores())"

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (GIB, GIB))
        os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])

    done = subprocess.run([sys.executable, "-c", script], preexec_fn=limit, capture_output=True, text=True, check=True)
    memory, cores = map(int, done.stdout.split())
    assert (memory <= GIB, cores) == (True, 1)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps freed memory")
def test_freed_memory_is_given_back() -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")

    kept = [bytearray(60_000) for _ in range(2_000)]  # each too small for a mapping of its own
    last = kept.pop()
    kept.clear()
    before = resident()
    machine.give_back_memory()
    assert before - resident() > 60_000_000
    assert len(last) == 60_000
