"""Every command under hard limits of the system, with a cache that cannot be written, and over an index of another user.

The commands run the default models. A command ends as it would without the limit, or by exit code 7 and one line.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ragqa import models
from tests.commands import CAPTAIN, jsonl
from tests.torture import Trial

ROOT = Path(__file__).parent.parent.parent
SECONDS = 240
"""After which a command hangs."""
NOBODY = "65534"
ASKED = "Who commands the ferry Morwen?"
USES = [
    ("--help",), ("schema",), ("settings",), ("init", "documents", "--output", "new.yaml"), ("check", "pipeline.yaml"),
    ("plan", "pipeline.yaml"), ("index", "pipeline.yaml"), ("index", "pipeline.yaml", "--rebuild"),
    ("search", "pipeline.yaml", ASKED), ("prompt", "pipeline.yaml", ASKED), ("ask", "pipeline.yaml", ASKED),
    ("ask", "pipeline.yaml", ASKED, "--json"), ("ask", "documents", ASKED), ("chat", "pipeline.yaml"),
    ("show", "ferry.md:0-9", "pipeline.yaml"), ("doctor", "pipeline.yaml"), ("gc", "pipeline.yaml"),
    ("eval", "pipeline.yaml", "--dataset", "jsonl:questions.jsonl", "--out", "run"), ("tokenizer", "train", "documents", "--vocab-size", "260", "--out", "tokens"),
    ("models", "list"), ("models", "path", "all-minilm-l6-v2"), ("models", "verify", "all-minilm-l6-v2"),
]  # fmt: skip
READING = {
    "--help", "schema", "settings", "check", "plan", "search", "prompt", "ask", "chat", "show", "doctor", "eval", "models",
}  # fmt: skip
"""Commands that need no more than to read an index and the cache; a folder without a pipeline file has both in the cache."""


@dataclass(frozen=True)
class Condition:
    """What a command runs under: words of a shell before it, the user, the cache; whether it has to succeed then."""

    name: str
    shell: str = ""
    user: bool = False
    cache: str = "usual"
    index: str = "usual"

    def may_fail(self, use: tuple[str, ...]) -> bool:
        """Tell whether the use may end by exit code 7. What only reads must succeed, where no limit is set."""
        return bool(self.shell) or use[0] not in READING or "documents" in use


CONDITIONS = [
    Condition("usual"),
    *(Condition(f"ulimit -t {n}", f"ulimit -t {n};") for n in (1, 2, 3, 5)),
    *(Condition(f"ulimit -v {n}", f"ulimit -v {n};") for n in (300_000, 700_000, 1_250_000, 1_500_000, 3_000_000)),
    *(Condition(f"ulimit -n {n}", f"ulimit -n {n};") for n in (8, 16, 32)),
    Condition("ulimit -u 3", "ulimit -u 3;", user=True),
    Condition("ulimit -f 0", "ulimit -f 0;"),
    Condition("cache that can only be read", user=True, cache="read-only"),
    Condition("full cache", cache="full"),
    Condition("index of another user", user=True, index="read-only"),
]


def ragqa(place: Path, use: tuple[str, ...], condition: Condition) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder under a condition.

    :raises subprocess.TimeoutExpired: it hangs.
    """
    command = f'{condition.shell} exec "$0" -m ragqa "$@"'
    line = ["bash", "-c", command, sys.executable, *use]
    if condition.user and os.getuid() == 0:  # it may read what root may, as the interpreter's own files, and write none
        line = [
            "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--inh-caps=+dac_read_search",
            "--ambient-caps=+dac_read_search", *line,
        ]  # fmt: skip
    given = {name: value for name, value in os.environ.items() if name != "TOKENIZERS_PARALLELISM"}
    environment = given | {
        "PYTHONPATH": str(ROOT), "RAGQA_CACHE": str(place / "cache"), "OMP_NUM_THREADS": "1", "HOME": str(place),
        "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    return subprocess.run(
        line,
        cwd=place,
        env=environment,
        input=f"{ASKED}\n",
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def prepare(place: Path) -> Path:
    """Write a folder that is indexed by the default models, which its cache links to."""
    (place / "documents").mkdir(parents=True)
    (place / "cache").mkdir()
    (place / "cache" / "models").symlink_to(models.cache_dir() / "models")
    (place / "documents" / "ferry.md").write_text(
        "# Ferry\n\nThe ferry Morwen is commanded by Captain Ilse Brandt.\n", "utf-8"
    )
    (place / "documents" / "quay.txt").write_text("The quay has a master called Quayson.\n", "utf-8")
    jsonl(place / "questions.jsonl", CAPTAIN)
    for use in (("init", "documents", "--output", "pipeline.yaml"), ("index", "pipeline.yaml")):
        done = ragqa(place, use, CONDITIONS[0])
        assert done.returncode == 0, done.stderr
    return place


def furnish(place: Path, condition: Condition) -> None:
    """Bring a folder into the state of a condition."""
    if condition.user and os.getuid() == 0:
        for path in (place, *place.rglob("*")):
            os.chown(path, int(NOBODY), int(NOBODY), follow_symlinks=False)
    for name, state in (("cache", condition.cache), (".ragqa", condition.index)):
        if state == "read-only":
            for path in (place / name, *(place / name).rglob("*")):
                if not path.is_symlink():
                    os.chown(path, os.getuid(), os.getgid())
                    path.chmod(0o555 if path.is_dir() else 0o444)
    if condition.cache == "full":
        _fill(place / "cache")


def _fill(cache: Path) -> None:
    """Put the cache on a file system of its own without any room, but for what it links to."""
    link = os.readlink(cache / "models")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(cache)], check=True)
    (cache / "models").symlink_to(link)
    with (cache / "filler").open("wb", buffering=0) as stream:
        try:
            while True:
                stream.write(bytes(4096))
        except OSError:
            return


def clear(place: Path, condition: Condition) -> None:
    """Remove a folder in the state of a condition."""
    if condition.cache == "full":
        subprocess.run(["umount", str(place / "cache")], check=True)
    for path in place.rglob("*"):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    shutil.rmtree(place)


def violations(use: tuple[str, ...], condition: Condition, done: subprocess.CompletedProcess[str]) -> Iterator[str]:
    """Yield what a command did that it should not have done."""
    expected = {0, 3} if use[0] == "eval" else {0}  # a question that fails for want of memory is one of the results
    expected |= {7} if condition.may_fail(use) else set()
    said = done.stderr.strip().splitlines() or [""]
    if done.returncode not in expected:
        yield f"exit code {done.returncode}: {done.stderr[-300:]}"
    if done.returncode == 7 and not said[-1].startswith("ragqa: error: "):
        yield f"no line that says why: {done.stderr[-300:]}"
    for sign in ("Traceback", "Exception ignored", "a bug", "parser ended", "rejected", "RUST_BACKTRACE"):
        if sign in done.stdout + done.stderr:
            yield f"{sign} in the output: {done.stderr[-300:]}"


def attempt(template: Path, place: Path, use: tuple[str, ...], condition: Condition) -> list[str]:
    """Run a command under a condition in a copy of the folder; return the fault."""
    shutil.copytree(template, place, symlinks=True)
    furnish(place, condition)
    try:
        found = list(violations(use, condition, ragqa(place, use, condition)))
    except subprocess.TimeoutExpired:
        found = ["hangs"]
    finally:
        clear(place, condition)
    return [f"ragqa {' '.join(use)}, {condition.name}: {fault}" for fault in found]


def run(folder: Path, every: int = 1, workers: int = 2) -> Trial:
    """Use every command under every condition; of these pairs, only one in so many."""
    template = prepare(folder / "template")
    able = [condition for condition in CONDITIONS if condition.cache != "full" or os.getuid() == 0]
    pairs = list(itertools.product(USES, able))[::every]
    with ThreadPoolExecutor(workers) as pool:
        jobs = [pool.submit(attempt, template, folder / str(n), *pair) for n, pair in enumerate(pairs)]
        found = [fault for job in jobs for fault in job.result()]
    notes = f"{len(USES)} uses of commands, {len(able)} conditions"
    return Trial("commands under limits, with a cache or an index that cannot be written", len(pairs), found, notes)
