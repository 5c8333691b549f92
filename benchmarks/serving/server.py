"""`ragqa serve` in a process of its own, watched from outside."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.run import ROOT, ragqa
from benchmarks.serving.client import Client
from ragqa.serve import tokens

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class State:
    """What a process holds at a moment: megabytes, descriptors, threads, and the processor seconds that it took."""

    at: float
    megabytes: float
    descriptors: int
    threads: int
    processor: float


@dataclass
class Server:
    """A server that runs. `secrets` are its tokens by name, `log` the file of its stderr."""

    process: subprocess.Popen[str]
    port: int
    secrets: dict[str, str]
    log: Path
    seconds_to_ready: float
    states: list[State] = field(default_factory=list)

    def client(self, who: str = "user-0") -> Client:
        """Return a new client with a token."""
        return Client(self.port, self.secrets[who])

    def state(self) -> State:
        """Return what the process holds now."""
        return state(self.process.pid)

    def end(self) -> None:
        """Send SIGTERM."""
        self.process.send_signal(signal.SIGTERM)

    async def watch(self, seconds: float = 1.0) -> None:
        """Note the state each so many seconds, until this is cancelled."""
        while True:
            self.states.append(self.state())
            await asyncio.sleep(seconds)

    def faults(self) -> list[str]:
        """Return the lines of the log that tell of an error inside the server."""
        lines = self.log.read_text(encoding="utf-8").splitlines()
        return [line for line in lines if not line.startswith("{") or '"status": 500' in line]


def state(pid: int) -> State:
    """Return what a process holds now, from /proc."""
    place = Path("/proc") / str(pid)
    fields = (place / "stat").read_text(encoding="ascii").rpartition(")")[2].split()
    processor = (int(fields[11]) + int(fields[12])) / _TICKS
    megabytes = int((place / "statm").read_text(encoding="ascii").split()[1]) * _PAGE / 1e6
    return State(time.monotonic(), megabytes, len(os.listdir(place / "fd")), int(fields[17]), processor)


@contextlib.asynccontextmanager
async def serving(file: Path, settings: Sequence[str] = (), users: int = 1) -> AsyncIterator[Server]:
    """Run `ragqa serve FILE` until the end of the block, with a token for each user: user-0, user-1 and so on.

    :param settings: `serve.key=value` each. A user may ask as often as the queue allows.
    """
    with tempfile.TemporaryDirectory() as scratch:
        made = {f"user-{number}": tokens.new(f"user-{number}", "admin") for number in range(users)}
        known, log = Path(scratch) / "tokens.txt", Path(scratch) / "log.txt"
        known.write_text("".join(f"{token.line()}\n" for _, token in made.values()), encoding="utf-8")
        overrides = [each for value in ("serve.per_minute=1000000", *settings) for each in ("--set", value)]
        command = ragqa("serve", str(file), "--port", "0", "--json", "--token-file", str(known), *overrides)
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        started = time.perf_counter()
        with log.open("w", encoding="utf-8") as stderr:
            process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=stderr, text=True)
        try:
            said: Any = json.loads(await asyncio.to_thread(_first_line, process) or "null")
            if said is None or "url" not in said:
                raise RuntimeError(f"the server did not begin: {said or log.read_text(encoding='utf-8')}")
            secrets = {name: secret for name, (secret, _) in made.items()}
            seconds = time.perf_counter() - started
            yield Server(process, int(said["url"].rpartition(":")[2]), secrets, log, seconds)
        finally:
            process.kill()
            await asyncio.to_thread(process.communicate)


def _first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()
