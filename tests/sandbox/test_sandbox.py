"""The sandbox: whatever a function does costs its own call only, and it can touch nothing outside."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ragqa.errors import RejectedError, ResourceError, TooSlowError
from ragqa.limits import ONE_THREAD
from ragqa.sandbox import Confinement, Sandbox, available, confine, isolated, syscalls
from tests import ROOT
from tests.limits import no_hang

TESTS = str(ROOT / "tests")
ACT = "hostile:act"
linux = pytest.mark.skipif(sys.platform != "linux", reason="Landlock and seccomp are of Linux")


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the child import this folder's modules."""
    monkeypatch.setattr(sys, "path", [*sys.path, TESTS])


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    sandbox = Sandbox(seconds=1, memory_bytes=256 << 20, reply_bytes=1 << 20)
    yield sandbox
    sandbox.close()


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("sleep", "parser timeout: more than 1 s"),
        ("spin", "parser timeout: more than 1 s"),
        ("eat", "needs more than 256 MiB of memory"),
        ("die", "ended by SIGABRT"),
        ("leave", "exit code 7"),
        ("flood", "needs more than 256 MiB of memory"),
        ("talk", "the parser's reply is too long"),
        ("babble", "the parser's reply is malformed"),
        ("answer nothing", "the parser's reply is malformed"),
        ("signal", "ended by signal 40"),
        ("write written.txt", "damaged: PermissionError" if sys.platform == "linux" else "damaged: OSError"),
    ],
)
def test_a_function_that_misbehaves_costs_its_own_call_only(sandbox: Sandbox, what: str, message: str) -> None:
    assert sandbox.call(ACT, b"good") == "good"
    with pytest.raises(RejectedError, match=message):
        sandbox.call(ACT, what.encode())
    assert sandbox.call(ACT, b"good again") == "good again"


def test_a_child_that_stopped_reading_is_not_waited_for(sandbox: Sandbox) -> None:
    sandbox.call(ACT, b"good")
    assert sandbox._process is not None
    os.kill(sandbox._process.pid, signal.SIGSTOP)
    with no_hang(), pytest.raises(TooSlowError, match="timeout"):
        sandbox.call(ACT, b"x" * 10_000_000)


@linux
@pytest.mark.parametrize("layers", ["both", "landlock", "seccomp"])
def test_a_function_can_see_and_touch_nothing_outside(layers: str, tmp_path: Path) -> None:
    """Either layer alone keeps files whole and the parent's memory closed; what it leaves is named here."""
    offered = available()
    if not offered.landlock or not offered.seccomp:
        pytest.skip(f"this kernel has not both layers: {offered}")
    (tmp_path / "secret.txt").write_text("secret", encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = _attempts(layers, tmp_path, server.getsockname()[1])
    left = {name for name, outcome in found.items() if outcome != "refused"}
    allowed = {
        "both": set(),
        "landlock": {
            "change the mode", "change the owner", "change the times", "send a datagram", "open a local socket", "fork",
            "limit the parent", "slow the parent down",
        },
        "seccomp": {"read a file", "list a folder", "read the passwords"},
    }  # fmt: skip
    root = {"read through /proc", "read the parent's environment", "read the parent's memory"}
    assert left <= allowed[layers] | (root if layers == "seccomp" else set())
    assert [path.name for path in tmp_path.iterdir()] == ["secret.txt"]
    assert (tmp_path / "secret.txt").read_text(encoding="utf-8") == "secret"


def _attempts(layers: str, victim: Path, port: int) -> dict[str, str]:
    """Run the attempts in a process that is confined by one layer or both."""
    offered = {"landlock": "available().landlock, False", "seccomp": "0, True"}.get(layers)
    script = (
        "import json, sys; from ragqa.sandbox import confine, worker, Confinement, available\n"
        f"{f'confine.available = lambda found=Confinement({offered}): found' if offered else ''}\n"
        f"import tests.hostile; confine.confine([*worker.libraries(), {str(ROOT / 'tests')!r}])\n"
        f"print(json.dumps(tests.hostile.attempts(b'', victim={str(victim)!r}, port={port})), flush=True)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_the_child_has_no_environment_and_can_still_import_and_start_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAGQA_SECRET", "s3cr3t")
    sandbox = Sandbox(seconds=20, memory_bytes=512 << 20, reply_bytes=1 << 20)
    found = sandbox.call("hostile:surroundings")
    sandbox.close()
    assert set(found["environment"]) <= {
        "LC_ALL",
        "GOMP_SPINCOUNT",
        "OPENBLAS_THREAD_TIMEOUT",
        "LD_LIBRARY_PATH",
        *ONE_THREAD,
    }
    assert found["folder"] == "/" and found["thread"] and found["library"] == "trafilatura"
    assert len(found["descriptors"]) < 10


def test_python_children_import_nothing_from_the_working_folder_nor_what_variables_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json", "ragqa", "torch", "pip", "tempfile", "sitecustomize"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('hijacked')", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(sys, "path", ["", str(tmp_path), *sys.path])
    command = isolated("import json, ragqa; print(ragqa.__file__)")
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()) == ROOT / "ragqa" / "__init__.py"


def test_the_numbers_of_system_calls_are_those_of_the_headers() -> None:
    """Where the headers of the kernel are installed for this machine."""
    header = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
    if not header.exists():
        pytest.skip("the headers of the kernel are not here")
    defined = dict(
        line.split()[1:3] for line in header.read_text("ascii").splitlines() if line.startswith("#define __NR_")
    )
    table = syscalls._numbers(syscalls._TABLE + syscalls._LOOKED_AT, "x86_64")
    wrong = {name: number for name, number in table.items() if int(defined.get(f"__NR_{name}", number)) != number}
    assert wrong == {}
    assert len(table) > 90


def test_what_confines_is_told() -> None:
    assert str(Confinement(7, True)) == "Landlock 7 and seccomp"
    assert str(Confinement(0, True)) == "seccomp"
    assert str(Confinement(0, False)) == ""


def test_the_child_dies_with_its_parent() -> None:
    script = (
        f"import sys, time; sys.path.append({TESTS!r}); from ragqa.sandbox import Sandbox;"
        "s = Sandbox(seconds=9, memory_bytes=1 << 28, reply_bytes=1000); s.call('hostile:act', b'x');"
        "print(s._process.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    for _ in range(100):
        try:
            os.kill(child, 0)
            state = (
                Path(f"/proc/{child}/stat").read_text(encoding="ascii").split()[2] if sys.platform == "linux" else ""
            )
        except (ProcessLookupError, FileNotFoundError):
            return
        if state == "Z":  # dead, and not yet collected by init
            return
        time.sleep(0.05)
    raise AssertionError(f"process {child} outlived its parent")


def test_a_sandbox_outlives_the_thread_that_started_its_child(sandbox: Sandbox) -> None:
    thread = threading.Thread(target=sandbox.call, args=(ACT, b"x"))
    thread.start()
    thread.join()
    assert sandbox._process is not None
    started = sandbox._process.pid
    time.sleep(0.2)
    assert sandbox.call(ACT, b"y") == "y"
    assert sandbox._process.pid == started


def test_after_a_fork_the_child_process_of_the_other_is_left_alone(sandbox: Sandbox) -> None:
    sandbox.call(ACT, b"x")
    pid = os.fork()
    if pid == 0:
        os._exit(0 if sandbox.call(ACT, b"mine") == "mine" else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert sandbox.call(ACT, b"still here") == "still here"


def test_close_can_be_called_twice_and_the_sandbox_used_again(sandbox: Sandbox) -> None:
    for _ in range(2):
        assert sandbox.call(ACT, b"x") == "x"
        sandbox.close()
        sandbox.close()


LIMITED = """
import resource, sys
sys.path.append(sys.argv[4])
from ragqa.sandbox import Sandbox
resource.setrlimit(getattr(resource, sys.argv[1]), (int(sys.argv[2]),) * 2)
try:
    print(Sandbox(seconds=20, memory_bytes=1 << 30, reply_bytes=1000).call("hostile:act", sys.argv[3].encode()))
except Exception as error:
    print(type(error).__name__, error)
"""


@linux
@pytest.mark.parametrize(
    ("limit", "value", "what", "expected"),
    [
        ("RLIMIT_NOFILE", 32, "good", "good"),
        ("RLIMIT_CPU", 5, "good", "good"),
        ("RLIMIT_CPU", 2, "spin", "RejectedError the parser was ended by SIGKILL: .*ulimit -t 2"),
        ("RLIMIT_AS", 700 << 20, "good", "good"),
        ("RLIMIT_AS", 700 << 20, "eat", "RejectedError needs more than"),
        ("RLIMIT_NOFILE", 8, "good", "ResourceError the parser process .*ulimit -n 8"),
    ],
)
def test_a_limit_of_the_system_that_is_less_than_ours_is_kept_and_named(
    limit: str, value: int, what: str, expected: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, limit, str(value), what, TESTS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert re.match(expected, done.stdout), done.stdout + done.stderr


def test_a_parser_that_cannot_be_started_is_no_fault_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(ResourceError, match="cannot be started: No such file"):
        Sandbox(seconds=1, memory_bytes=1 << 20, reply_bytes=10).call(ACT)
    assert confine.available() == available()
