"""The long forms of attacks on the server: `make test-attacks`. Prints a line for each; the exit code is 1 where one succeeds."""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.serve import injections
from tests.serve.serving import QUESTION, SLOW_QUESTION, Running, SlowGenerator, request, running

VALID: dict[str, dict[str, Any]] = {
    "/api/ask": {
        "question": QUESTION,
        "history": [{"question": "Who?", "answer": "Quayson."}],
        "explain": True,
        "conversation": "0" * 32,
        "replace_from": 0,
    },
    "/api/search": {"question": QUESTION, "k": 3, "where": {"media_type": ["text/plain", "text/csv"], "title": ""}},
    "/api/conversations": {"title": "Of the quay"},
    "/api/feedback": {
        "question": QUESTION,
        "answer": "Quayson",
        "verdict": "down",
        "correction": "Quayson.",
        "citations": [{"document_id": "0" * 64, "start": 0, "end": 9}],
        "history": [{"question": "Who?", "answer": ""}],
    },
    "/v1/chat/completions": {
        "model": "ragqa",
        "messages": [{"role": "user", "content": [{"type": "text", "text": QUESTION}]}],
        "stream_options": {"include_usage": True},
        "response_format": {"type": "text"},
    },
    "/v1/completions": {"model": "ragqa", "prompt": [QUESTION], "n": 1},
    "/v1/embeddings": {"model": "ragqa", "input": ["quay", "mill"], "encoding_format": "base64", "dimensions": 64},
}
ODD: list[Any] = [
    None, True, False, 0, -1, 1.5, 10**30, "", " ", "\0", "\ud800", "a" * 9000, "\u202e\u200bquay", "' OR 1=1 --", "quay* NEAR(", [], {}, [[]],
    [None], {"a": 1}, "../../etc/passwd", "### Task:", "### Task: title", "\U0001f6a2" * 50,
]  # fmt: skip


EXAMPLES = 400
"""The random requests to each route in one run of schemathesis."""


def main() -> None:
    """Run the attacks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bodies", type=int, default=20_000)
    parser.add_argument("--leaving", type=int, default=1_000)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--described", type=int, default=20_000, help="requests made from the OpenAPI document")
    parser.add_argument("--schemathesis", default="schemathesis", help="the program")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        kept: dict[str, Any] = {"conversations": f"{folder}/kept.db", "feedback": f"{folder}/feedback.jsonl"}
        with running(Path(folder), waiting=100, waiting_per_token=100, **kept) as server:
            failed = [
                random_bodies(server, given.bodies),
                as_described(server, given.described, given.schemathesis),
                leaving(server, given.leaving),
                trickling(server, given.minutes * 60),
            ]
    for pipeline in ("quickstart.yaml", "chat.yaml"):
        with tempfile.TemporaryDirectory() as folder:
            failed.append(injections.obeyed_more(Path(folder), pipeline))
    sys.exit(any(failed))


def random_bodies(server: Running, count: int) -> bool:
    """Send bodies that are almost right; none may be an error of the server. Return whether one is."""
    rng, statuses = random.Random(7), Counter[int]()
    for _ in range(count):
        path = rng.choice(list(VALID))
        body = mutated(VALID[path], rng)
        status = server.post(path, json.dumps(body).encode()).status
        statuses[status] += 1
        if status >= 500:
            print(f"{path} {json.dumps(body)[:300]}: {status}")
    print(f"random bodies: {dict(sorted(statuses.items()))}")
    return any(status >= 500 for status in statuses)


def mutated(value: Any, rng: random.Random) -> Any:
    """Return a value in which some parts are odd, missing or added."""
    if rng.random() < 0.12:
        return rng.choice(ODD)
    if isinstance(value, dict):
        kept = {key: mutated(each, rng) for key, each in value.items() if rng.random() > 0.05}
        return kept | ({rng.choice(["x", "model", "url", "k", "n"]): rng.choice(ODD)} if rng.random() < 0.1 else {})
    if isinstance(value, list):
        return [mutated(each, rng) for each in value] * rng.choice([1, 1, 1, 2, 0])
    return value


def as_described(server: Running, count: int, program: str) -> bool:
    """Let schemathesis make requests from the OpenAPI document; none may be an error of the server. Return whether one is.

    It goes through the values that the document allows and those that it forbids, and adds random ones.
    """
    file, before = server.folder / "openapi.json", statuses(server)
    file.write_text(json.dumps(without_large_bounds(server.get("/openapi.json").json)), encoding="utf-8")
    made, seed = Counter[str](), 0
    while sum(made.values()) < count:
        phases = "fuzzing" if seed else "coverage,fuzzing"
        command = [
            program,
            "run",
            str(file),
            "--url",
            server.url,
            "-H",
            f"Authorization: {server.headers('root')['Authorization']}",
        ]
        command += ["--phases", phases, "--seed", str(seed), "-n", str(EXAMPLES), "-c", "not_a_server_error"]
        command += ["--continue-on-failure", "--no-shrink"]
        done = subprocess.run(command, cwd=server.folder, capture_output=True, text=True, check=False)
        made, seed = statuses(server) - before, seed + 1
        if not made or any(status.startswith("5") for status in made):
            print(done.stdout, done.stderr)
            break
    print(f"requests by the OpenAPI document: {sum(made.values())}, {dict(sorted(made.items()))}")
    return not made or any(status.startswith("5") for status in made)


def without_large_bounds(value: Any) -> Any:
    """Return a schema that allows longer values; those that are just too long take seconds to make, and get 413."""
    if isinstance(value, dict):
        long = {key for key in ("maxLength", "maxItems") if value.get(key, 0) > 1000}
        return {key: without_large_bounds(each) for key, each in value.items() if key not in long}
    return [without_large_bounds(each) for each in value] if isinstance(value, list) else value


def statuses(server: Running) -> Counter[str]:
    """Return how many requests had each status, as the server counts them."""
    found = Counter[str]()
    for line in server.get("/metrics").body.decode().splitlines():
        if line.startswith("ragqa_requests_total"):
            found[line.partition('status="')[2][:3]] += int(float(line.split()[-1]))
    return found


def leaving(server: Running, count: int) -> bool:
    """Leave at any time of an answer; nothing may stay behind. Return whether something does."""
    head = server.headers() | {"Content-Type": "application/json", "Accept": "text/event-stream"}
    rng = random.Random(7)
    before = threading.active_count(), len(os.listdir("/proc/self/fd"))
    for _ in range(count):
        data = request("POST", "/api/ask", head, json.dumps({"question": SLOW_QUESTION}).encode())
        with server.connect() as client:
            client.sendall(data[: rng.randrange(len(data))] if rng.random() < 0.3 else data)
            time.sleep(rng.random() * 0.03)
    server.wait_for("ragqa_questions_running", 0, 30)
    server.wait_for("ragqa_questions_waiting", 0, 30)
    after = threading.active_count(), len(os.listdir("/proc/self/fd"))
    answered = server.post("/api/ask", {"question": QUESTION}).status
    print(f"{count} clients left: threads and files {before} before, {after} after; the next answer has {answered}")
    SlowGenerator.renew()
    return answered != 200 or after[0] > before[0] + 8 or after[1] > before[1] + 8


def trickling(server: Running, seconds: float) -> bool:
    """Hold 200 connections with heads that never end; others are served meanwhile. Return whether they are not."""
    end, times = time.monotonic() + seconds, list[float]()
    slow: list[socket.socket] = []
    longest, begun = 0.0, dict[socket.socket, float]()
    while time.monotonic() < end:
        while len(slow) < 200:
            client = server.connect()
            client.setblocking(False)
            slow.append(client)
            begun[client] = time.monotonic()
        for client in list(slow):
            try:
                client.send(b"a")
                with suppress(BlockingIOError):
                    if not client.recv(4096):
                        raise ConnectionError
            except OSError:
                longest = max(longest, time.monotonic() - begun.pop(client))
                slow.remove(client)
                client.close()
        began = time.monotonic()
        status = server.post("/api/search", {"question": QUESTION}).status
        times.append(time.monotonic() - began)
        if status != 200:
            print(f"a search has {status} meanwhile")
            return True
        time.sleep(0.5)
    for client in slow:
        client.close()
    times.sort()
    print(
        f"heads that trickle: cut after {longest:.1f} s at most; searches took {times[len(times) // 2] * 1000:.0f} ms, {times[-1] * 1000:.0f} ms at most"
    )
    return longest > 15


if __name__ == "__main__":
    main()
