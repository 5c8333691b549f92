"""Everything that a hostile parser might try, from within the child that parses: nothing outside is seen or touched."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from ragqa.limits import ONE_THREAD
from ragqa.sandbox import Sandbox, available
from tests.torture import Trial

TESTS = Path(__file__).parent.parent


def run(folder: Path) -> Trial | None:
    """Run the attempts of tests/hostile.py in a sandbox; None where the kernel has neither Landlock nor seccomp."""
    if not available().landlock and not available().seccomp:
        return None
    folder.mkdir(parents=True)
    (folder / "secret.txt").write_text("secret", encoding="utf-8")
    os.environ["RAGQA_TRIAL_SECRET"] = "secret"
    sys.path.append(str(TESTS))
    sandbox = Sandbox(seconds=30, memory_bytes=1 << 30, reply_bytes=1_000_000)
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(0.2)
            found = sandbox.call("hostile:attempts", victim=str(folder), port=server.getsockname()[1])
            around = sandbox.call("hostile:surroundings")
    finally:
        sandbox.close()
        sys.path.remove(str(TESTS))
        del os.environ["RAGQA_TRIAL_SECRET"]
    wrong = [f"{attempt}: {outcome}" for attempt, outcome in found.items() if outcome != "refused"]
    own = {"LC_ALL", "GOMP_SPINCOUNT", "OPENBLAS_THREAD_TIMEOUT", *ONE_THREAD}
    wrong += [f"{name} is in its environment" for name in around["environment"] if name not in own]
    if [path.name for path in folder.iterdir()] != ["secret.txt"] or (folder / "secret.txt").read_text(
        "utf-8"
    ) != "secret":
        wrong.append("the folder is not as it was")
    return Trial("attempts from within the parser", len(found) + 1, wrong, f"confined by {available()}")
