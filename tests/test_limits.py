"""Limits that the system sets to a process: named where they end something."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from pathlib import Path

import pytest

from ragqa import limits
from ragqa.errors import ResourceError

ROOT = Path(__file__).parent.parent


def ragqa(limit: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["bash", "-c", f'ulimit {limit}; exec "$0" -m ragqa "$@"', sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)


def test_too_little_memory_for_the_libraries_is_said_before_they_are_loaded() -> None:
    done = ragqa("-v 300000", "search", "corpora/tarnwick/documents", "ferry", "--json")
    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["type"], error["exit_code"]) == (7, "ResourceError", 7)
    assert done.stderr == (
        "ragqa: error: this shell allows 292 MiB of memory (ulimit -v 300000): at least 1,200 MiB are needed\n"
    )


@pytest.mark.parametrize("arguments", [["schema"], ["check", "pipelines/quickstart.yaml"], ["search", "--help"]])
def test_what_computes_nothing_needs_little_memory(arguments: list[str]) -> None:
    done = ragqa("-v 300000", *arguments)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_end_of_the_processor_time_is_one_line() -> None:
    done = ragqa("-t 1", "search", "corpora/tarnwick/documents", "ferry")
    assert (done.returncode, done.stdout) == (7, "")
    assert done.stderr.splitlines()[-1] == (
        "ragqa: error: out of processor time (this shell's limits: ulimit -t 1); what was committed is kept"
    )


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.EMFILE, "Too many open files"),
        OSError(errno.EAGAIN, "Resource temporarily unavailable"),
        RuntimeError("can't start new thread"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 64 bytes"),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
        limits.OutOfTime("out of processor time"),
    ],
)
def test_errors_of_many_classes_that_come_of_a_limit_are_one(error: BaseException) -> None:
    assert isinstance(limits.met(error), ResourceError)


@pytest.mark.parametrize("error", [ValueError("x"), OSError(errno.ENOENT, "No such file"), ImportError("no module")])
def test_other_errors_are_not_taken_for_a_limit(error: Exception) -> None:
    assert limits.met(error) is None
