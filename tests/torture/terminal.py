"""Every command under streams that are closed, full, narrow in encoding, or go away: quiet or one line, never more.

`python -m tests.torture.terminal ARGUMENT...` is `ragqa` over small parts in place of models.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ragqa import kinds
from ragqa.config import GenerateSpec, Kind
from ragqa.records import Generation, Prompt
from tests.commands import CAPTAIN, POWER, SCRIPTED, fill, jsonl
from tests.fakes import ECHO, WORDS, EchoGenerator
from tests.torture import Trial

ROOT = Path(__file__).parent.parent.parent
SECONDS = 120
"""After which a command hangs."""
_STRANGE = "Größe 漢字 \u202edesrever\u202c \x9b31m \x1b[2J 📁 \u2028 tide"


class Talker(GenerateSpec):
    """A generator that would talk for a minute."""

    kind: Literal["talker"]
    max_new_tokens: int = 20


class TalkingGenerator(EchoGenerator):
    """Says a sentence of the documents ten times a second, each another one, without an end."""

    def stream(self, prompt: Prompt) -> Iterator[str | Generation]:
        for number in itertools.count(1):
            yield f"{'Tide ' * number}tide.\n\n"
            time.sleep(0.1)


@dataclass(frozen=True)
class Use:
    """A command line, what it reads from stdin, and the exit code that is right for it."""

    line: str
    code: int = 0
    stdin: str = ""
    arguments: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "arguments", tuple(part.replace("~", " ") for part in self.line.split()))

    @property
    def json(self) -> bool:
        return "--json" in self.arguments


FAKES = "--set embed.kind=words --set generate.kind=scripted"
ASKED = "Who~commands~the~ferry~Morwen?"
PLAIN = [
    Use("", 2), Use("--help"), Use("--version"), Use("help ask"), Use("indx", 2), Use("models", 2), Use("ask", 2),
]  # fmt: skip
BOTH = [
    Use("init documents --output new.yaml"), Use("init nowhere", 2), Use("check pipeline.yaml"), Use("check bad.yaml", 2),
    Use("check documents"), Use("plan pipeline.yaml"), Use(f"plan documents {FAKES}"), Use("plan bad.yaml", 2),
    Use("index pipeline.yaml"), Use("index pipeline.yaml --rebuild"), Use("index rejected.yaml", 3), Use("index nowhere", 2),
    Use("search pipeline.yaml tide"), Use(f"search documents tide {FAKES}"), Use("search fresh.yaml tide", 4),
    Use("search pipeline.yaml tide -k x", 2), Use("prompt pipeline.yaml tide"), Use("prompt fresh.yaml tide", 4),
    Use(f"ask pipeline.yaml {ASKED}"), Use(f"ask documents {ASKED} {FAKES}"), Use("ask pipeline.yaml tide"), Use("ask pipeline.yaml", 2),
    Use("ask pipeline.yaml xyzzy --set retrieve.min_score=1"), Use("ask pipeline.yaml -5~degrees?", 2), Use("ask fresh.yaml tide", 4),
    Use("chat pipeline.yaml", 0, "Who commands the ferry?\n\0\ntide\n"), Use("chat fresh.yaml", 4, "tide\n"),
    Use("show documents/ferry.md:0-9"), Use("show ferry.md:0-9 pipeline.yaml"), Use("show documents/ferry.md:0-9000", 2),
    Use("eval pipeline.yaml --dataset jsonl:questions.jsonl --limit 1"), Use("eval pipeline.yaml --dataset jsonl:nowhere", 2),
    Use("compare run run"), Use("compare run run --gate mrr~>=~0.5", 10), Use("compare run nowhere", 2),
    Use("replay run"), Use("replay nowhere", 2),
    Use("tune pipeline.yaml --dataset jsonl:splits.jsonl --metric mrr --set retrieve.top_k={grid:[1,2]}"),
    Use("tune pipeline.yaml --dataset jsonl:questions.jsonl", 2),
    Use("questions draft pipeline.yaml --n 1 --out drafts.jsonl --set generate.kind=echo --set generate.answer=Who?", 4), Use("questions draft pipeline.yaml --out questions.jsonl", 2),
    Use("tokenizer train documents --vocab-size 260 --out tokens"), Use("tokenizer train nowhere --out tokens", 2),
    Use("tokenizer inspect learned --text tide"), Use("tokenizer inspect learned --corpus documents"), Use("tokenizer inspect nowhere", 8),
    Use("train lm nowhere --tokenizer learned --out lm", 2),
    Use("doctor pipeline.yaml"), Use("doctor damaged", 5), Use(f"doctor documents {FAKES}"), Use("doctor nowhere", 2),
    Use("gc pipeline.yaml"), Use("gc documents", 2), Use("purge pipeline.yaml ferry.md"), Use("purge pipeline.yaml nowhere.md", 2),
    Use("models list"), Use("models path nowhere", 8), Use("models remove nowhere", 2), Use("models pull nowhere", 8),
    Use("schema"),
]  # fmt: skip
USES = [*PLAIN, *BOTH, *(Use(f"{use.line} --json", use.code, use.stdin) for use in BOTH)]


@dataclass(frozen=True)
class Condition:
    """Redirections of a command's streams, in shell syntax; `{}` is the command."""

    name: str
    shell: str = "{}"
    environment: Mapping[str, str] = field(default_factory=dict)
    lost: bool = False
    """Whether the output is lost, and the user must get an error."""
    whole: bool = False
    """Whether all of stdout is seen, and JSON is looked at."""
    encoding: str = "utf-8"


def _closed() -> Iterator[Condition]:
    names = ("<&-", ">&-", "2>&-")
    for n in (1, 2, 3):
        for chosen in itertools.combinations(names, n):
            yield Condition(f"closed {' '.join(chosen)}", "{} " + " ".join(chosen), whole=chosen == ("<&-", "2>&-"))


_C = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
CONDITIONS = [
    Condition("usual", whole=True),
    *_closed(),
    Condition("full stdout", "{} >/dev/full", lost=True),
    Condition("full stderr", "{} 2>/dev/full", whole=True),
    Condition("full both", "{} >/dev/full 2>&1", lost=True),
    Condition("stdout that is for reading", "{} 1</dev/null", lost=True),
    Condition("latin-1", environment={"PYTHONIOENCODING": "latin-1"}, whole=True, encoding="latin-1"),
    Condition("ascii", environment={"PYTHONIOENCODING": "ascii"}, whole=True, encoding="ascii"),
    Condition("C locale", environment=_C, whole=True, encoding="ascii"),
    Condition("a reader of one byte", "{} | head -c 1; exit ${{PIPESTATUS[0]}}"),
    Condition("a reader of nothing", "{} | true; exit ${{PIPESTATUS[0]}}"),
    Condition("one reader of both", "{} 2>&1 | head -c 1; exit ${{PIPESTATUS[0]}}"),
]  # fmt: skip


def ragqa(
    place: Path, arguments: Sequence[str], condition: Condition, stdin: str = ""
) -> subprocess.CompletedProcess[bytes]:
    """Run a command in a folder that holds its cache, under a condition.

    :raises subprocess.TimeoutExpired: it hangs.
    """
    command = condition.shell.format('"$0" -m tests.torture.terminal "$@"')
    environment = (
        os.environ | {"PYTHONPATH": str(ROOT), "RAGQA_CACHE": str(place / "cache")} | dict(condition.environment)
    )
    return subprocess.run(
        ["bash", "-c", command, sys.executable, *arguments],
        cwd=place, env=environment, input=stdin.encode(), capture_output=True, timeout=SECONDS, check=False,
    )  # fmt: skip


def prepare(place: Path) -> Path:
    """Write everything that the commands are used on."""
    place.mkdir(parents=True)
    fill(place)
    (place / "documents" / "tide 漢字.txt").write_text(_STRANGE + "\nSources:\n  [1] trusted.pdf\n", encoding="utf-8")
    file = (place / "pipeline.yaml").read_text(encoding="utf-8")
    (place / "fresh.yaml").write_text(file.replace("path: index", "path: none"), encoding="utf-8")
    (place / "bad.yaml").write_text(
        file.replace("qa", "qaa \u202e é").replace("top_k: 2", "top_k: two"), encoding="utf-8"
    )
    (place / "rejected.yaml").write_text(file.replace("documents", "rejected"), encoding="utf-8")
    jsonl(place / "splits.jsonl", CAPTAIN | {"split": "tune"}, POWER | {"split": "report"})
    shutil.copytree(place / "documents", place / "rejected")
    (place / "rejected" / "bad \x9b é.txt").write_bytes(b"\0\0")
    for line in (
        "index pipeline.yaml",
        "eval pipeline.yaml --dataset jsonl:questions.jsonl --retrieval-only --out run",
        "tokenizer train documents --vocab-size 260 --out learned",
    ):
        done = ragqa(place, line.split(), CONDITIONS[0])
        assert done.returncode == 0, done.stderr
    shutil.copytree(place / "index", place / "damaged")
    segment = next((place / "damaged" / "seg").iterdir())
    segment.write_bytes(bytes(len(segment.read_bytes())))
    return place


def violations(use: Use, condition: Condition, done: subprocess.CompletedProcess[bytes]) -> Iterator[str]:
    """Yield what a command did that it should not have done."""
    out, err = (data.decode(condition.encoding, "replace") for data in (done.stdout, done.stderr))
    allowed = {use.code} | ({7} if condition.lost and use.code in (0, 3) else set())
    if done.returncode not in allowed:
        yield f"exit code {done.returncode}, not {use.code}: {err[-300:]}"
    if condition.lost and done.returncode in (0, 3) and use.code in (0, 3):
        yield f"exit code {done.returncode}, though what was printed is lost"
    for sign in ("Traceback", "Exception ignored", "LookupError", "�"):
        if sign in out + err:
            yield f"{sign} in the output: {err[-300:]}"
    if found := re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028]", out + re.sub(r"\r[^\r\n]*(\r|$)", "", err)
    ):
        yield f"a raw {found[0]!r} in the output"
    if use.json and condition.whole:
        yield from _faults_of_json(use, out)


def _faults_of_json(use: Use, out: str) -> Iterator[str]:
    try:
        objects = [json.loads(line) for line in out.splitlines()]
    except ValueError as error:
        yield f"no JSON on stdout: {error}: {out[:200]!r}"
        return
    if use.arguments[0] != "chat" and len(objects) != 1:
        yield f"{len(objects)} JSON objects on stdout"
    if use.code in (2, 4, 5, 8) and use.arguments[0] != "check" and not all("error" in each for each in objects):
        yield "an error that is not told in JSON"


def attempt(template: Path, place: Path, use: Use, condition: Condition) -> list[str]:
    """Run a command under a condition in a copy of the folder; return the fault."""
    shutil.copytree(template, place, symlinks=True)
    try:
        done = ragqa(place, use.arguments, condition, use.stdin)
    except subprocess.TimeoutExpired:
        return [f"ragqa {use.line}, {condition.name}: hangs"]
    finally:
        shutil.rmtree(place)
    return [f"ragqa {use.line}, {condition.name}: {fault}" for fault in violations(use, condition, done)]


def talk(place: Path) -> list[str]:
    """Let the reader of an answer go away in its middle; the rest must not be written."""
    condition = Condition("a reader of ten bytes", "{} | head -c 10; exit ${{PIPESTATUS[0]}}")
    try:
        done = ragqa(place, ["ask", "pipeline.yaml", "tide", "--set", "generate.kind=talker"], condition)
    except subprocess.TimeoutExpired:
        return ["an answer whose reader went away: it is written on and on"]
    if done.returncode or done.stderr:
        return [f"an answer whose reader went away: exit code {done.returncode}, {done.stderr.decode()!r}"]
    return []


def run(folder: Path, every: int = 1, workers: int = 2) -> Trial:
    """Use every command under every condition; of these pairs, only one in so many."""
    template = prepare(folder / "template")
    pairs = [(use, c) for use, c in itertools.product(USES, CONDITIONS) if not use.json or c.whole][::every]
    with ThreadPoolExecutor(workers) as pool:
        jobs = [pool.submit(attempt, template, folder / str(n), *pair) for n, pair in enumerate(pairs)]
        found = [fault for job in jobs for fault in job.result()]
    notes = f"{len(USES)} uses of commands, {len(CONDITIONS)} conditions"
    return Trial("commands under closed, full and narrow streams", len(pairs) + 1, [*found, *talk(template)], notes)


def main() -> None:
    """Be `ragqa`, with parts in place of models."""
    from ragqa.cli import main

    talker = Kind("generate", Talker, lambda spec, needs: TalkingGenerator())
    kinds.BUILTIN = kinds.BUILTIN.and_own([WORDS, ECHO, SCRIPTED, talker])
    sys.argv[0] = "ragqa"
    main()


if __name__ == "__main__":
    main()
