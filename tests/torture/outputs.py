"""Commands that write where the user says, over files of the user's: in the place of each name that they write, in folders
that are theirs and in others. No byte of the user's changes, and a refusal changes nothing at all.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import stat
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from ragqa.cli import main
from ragqa.evaluate.runs.folder import MANIFEST, REPORT, REPORTS, RESULTS
from ragqa.experiments.tuning import RUNS, TUNING, WINNER
from ragqa.train.folder import CHECKPOINT, EXPORTED
from ragqa.train.vocabulary import TOKENIZER, TOKENIZER_CONFIG
from tests.commands import jsonl
from tests.evaluate.test_draft import GOOD, TEXT
from tests.fakes import ECHO, PIPELINE, WORDS, add_kinds
from tests.limits import no_file_above
from tests.torture import Trial

TRAIN = ("train", "lm", "documents", "--tokenizer", "words", "--steps=1", "--d-model=16", "--num-layers=1",
         "--num-heads=2", "--context=8", "--batch=1", "--held-out=0")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Command:
    """A command, the option that says where it writes, and the names that it writes there.

    The place itself is the only name where `names` is empty. With `force`, a regular file may be replaced.
    """

    title: str
    arguments: tuple[str, ...]
    option: str
    names: tuple[str, ...] = ()
    force: bool = False


COMMANDS = (
    Command("eval", ("eval", "pipeline.yaml", "--report"), "--out", (MANIFEST, RESULTS, *REPORTS)),
    Command("tune", ("tune", "pipeline.yaml", "--set", "retrieve.top_k={grid: [1, 2]}"), "--out",
            (TUNING, REPORT, WINNER, RUNS)),
    Command("tokenizer", ("tokenizer", "train", "documents", "--vocab-size=300"), "--out", (TOKENIZER, TOKENIZER_CONFIG)),
    Command("tokenizer --force", ("tokenizer", "train", "documents", "--vocab-size=300", "--force"), "--out",
            (TOKENIZER, TOKENIZER_CONFIG), force=True),
    Command("train", TRAIN, "--out", (CHECKPOINT, *EXPORTED)),
    Command("questions", ("questions", "draft", "pipeline.yaml", "--n=1"), "--out"),
    Command("questions --force", ("questions", "draft", "pipeline.yaml", "--n=1", "--force"), "--out", force=True),
    Command("init", ("init", "documents"), "--output"),
)  # fmt: skip

SIZES = (0, 10, 100, 300, 1000, 2500, 5000, 10_000, 20_000, 60_000)
"""How large a file may grow, in bytes, where the disk is full."""

REPLACED = ("file", "hard link")
"""What of the user's a command may replace where it is told so: a regular file. What else has its bytes is kept."""


def occupy(place: Path, foreign: Path, how: str) -> None:
    """Put something of the user's in a place."""
    match how:
        case "file":
            place.write_bytes(b"mine")
        case "hard link":
            place.hardlink_to(foreign / "mine")
        case "link":
            place.symlink_to(foreign / "mine")
        case "link that leads nowhere":
            place.symlink_to(foreign / "missing")
        case "link to a folder":
            place.symlink_to(foreign)
        case "folder":
            shutil.copytree(foreign, place)
        case "pipe":
            os.mkfifo(place)


OCCUPANTS = ("file", "hard link", "link", "link that leads nowhere", "link to a folder", "folder", "pipe")


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return the kind of everything in a folder, with the bytes of files and where links lead."""
    found = {}
    for path in [folder, *folder.rglob("*")]:
        kind = stat.S_IFMT(path.lstat().st_mode)
        data = os.fsencode(os.readlink(path)) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(folder))] = kind, data
    return found


def run(folder: Path, every: int = 1) -> Trial:
    """Try every `every`-th case."""
    project = folder / "project"
    _fill(project)
    wrong: list[str] = []
    codes: Counter[str] = Counter()
    number = 0
    with _parts():
        for command in COMMANDS:
            made = _made(project, folder / "made", command)
            for title, begin, how in _cases(command, made):
                number += 1
                if number % every == 0:
                    code, found = _try(project, folder / "case", command, begin, how)
                    codes[f"exit code {code}"] += 1
                    wrong += [f"{command.title}, {title}, {how}: {what}" for what in found]
            for size in SIZES:
                number += 1
                if number % every == 0:
                    code, found = _fill_disk(project, folder / "case", made, command, size)
                    codes[f"exit code {code}"] += 1
                    wrong += [f"{command.title}, no file above {size} bytes: {what}" for what in found]
    return Trial("commands that write over files of the user's", codes.total(), wrong, ", ".join(f"{n} {code}" for code, n in sorted(codes.items())))  # fmt: skip


Begin = Callable[[Path, Path], Path]
"""Lays out the place that a command is to write, given it and the user's files; returns the path to occupy."""


def _cases(command: Command, made: Path) -> Iterator[tuple[str, Begin, str]]:
    """Yield a title, how the place is laid out, and what occupies a name in it."""
    for how in OCCUPANTS:
        if not command.names:
            yield "in the place of the file", lambda place, foreign: place, how
        for name in command.names:
            yield f"{name} in another folder", _in_another(name), how
            yield f"{name} in a folder of its own", _in_its_own(name, made), how
    if command.names:
        yield "a folder full of other files", lambda place, foreign: Path(shutil.copytree(foreign, place)) / "mine", ""
        yield "a link in the place of the folder", lambda place, foreign: place, "link that leads nowhere"


def _in_another(name: str) -> Begin:
    def begin(place: Path, foreign: Path) -> Path:
        shutil.copytree(foreign, place)
        return place / name

    return begin


def _in_its_own(name: str, made: Path) -> Begin:
    def begin(place: Path, foreign: Path) -> Path:
        shutil.copytree(made, place, symlinks=True)
        target = place / name
        if target.is_dir():
            shutil.rmtree(target)
        target.unlink(missing_ok=True)
        return target

    return begin


def _try(project: Path, case: Path, command: Command, begin: Begin, how: str) -> tuple[int, list[str]]:
    """Run a command over a file of the user; return its exit code and the fault."""
    shutil.rmtree(case, ignore_errors=True)
    foreign = case / "foreign"
    (foreign / "below").mkdir(parents=True)
    for file in (foreign / "mine", foreign / "below" / "mine"):
        file.write_bytes(b"mine too")
    occupied = begin(case / "place", foreign)
    if how:
        occupy(occupied, foreign, how)
    before = snapshot(case)
    code, out, err = _run(project, (*command.arguments, command.option, str(case / "place")))
    after = snapshot(case)
    own = str(occupied.relative_to(case))
    users = {"foreign"} if command.force and how in REPLACED else {"foreign", own}
    kept = {
        name: what for name, what in before.items() if any(name == one or name.startswith(f"{one}/") for one in users)
    }
    wrong = [f"{name} was changed" for name, what in kept.items() if after.get(name) != what]
    if code and after != before:
        wrong.append("it was refused, and something was changed")
    if code not in (0, 2, 7, 9) or (code and (out or not err.strip().splitlines()[-1].startswith("ragqa: error: "))):
        wrong.append(f"exit code {code}: {out}{err}")
    return code, wrong


def _fill_disk(project: Path, case: Path, made: Path, command: Command, size: int) -> tuple[int, list[str]]:
    """Run a command in a new place, and once more over its own files, while no file may grow beyond a size."""
    wrong: list[str] = []
    codes = []
    for own in (False, True):
        shutil.rmtree(case, ignore_errors=True)
        (case / "foreign").mkdir(parents=True)
        (case / "foreign" / "mine").write_bytes(b"mine")
        if own:
            shutil.copytree(made, case / "place") if made.is_dir() else shutil.copyfile(made, case / "place")
        before = snapshot(case)
        with no_file_above(size):
            code, _, err = _run(project, (*command.arguments, command.option, str(case / "place")))
        after = snapshot(case)
        codes.append(code)
        lost = [name for name in before if name not in after]
        left = [name for name in after if name.endswith(".partial") or "/.export" in name]
        cut = [name for name, (_, data) in after.items() if name not in before and not data and "." in name]
        wrong += [f"{name} was lost, left over or cut off" for name in (*lost, *left, *cut)]
        allowed = (0, 7) if not own or command.force or command.title in ("eval", "tune", "train") else (2,)
        wrong += [] if code in allowed else [f"exit code {code}: {err}"]
        wrong += [] if after["foreign/mine"] == before["foreign/mine"] else ["a file of the user's was changed"]
    return max(codes), wrong


def _run(project: Path, arguments: Sequence[str]) -> tuple[int, str, str]:
    out, err, code = io.StringIO(), io.StringIO(), 0
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(project):
        patch.setattr(sys, "argv", ["ragqa", *arguments])
        patch.setenv("RAGQA_CACHE", str(project / "cache"))
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main()
            except SystemExit as ended:
                code = int(ended.code or 0)
    return code, out.getvalue(), err.getvalue()


@contextlib.contextmanager
def _parts() -> Iterator[None]:
    """Let every pipeline file choose small parts in the place of models."""
    with pytest.MonkeyPatch.context() as patch:
        add_kinds(patch, WORDS, ECHO)
        yield


def _fill(project: Path) -> None:
    (project / "documents").mkdir(parents=True)
    (project / "documents" / "ferry.txt").write_text(TEXT, encoding="utf-8")
    questions = [{"question": f"Who built the tower, {n}?", "answers": ["Ilse"]} for n in range(4)]
    jsonl(project / "questions.jsonl", *questions)
    file = PIPELINE.replace("kind: echo", f"kind: echo, answer: '{GOOD}'")
    (project / "pipeline.yaml").write_text(
        f"{file}evaluate: {{kind: jsonl, path: questions.jsonl}}\n", encoding="utf-8"
    )
    code, _, err = _run(project, ("tokenizer", "train", "documents", "--vocab-size=300", "--out", "words"))
    assert code == 0, err


def _made(project: Path, folder: Path, command: Command) -> Path:
    """Return what a command makes of a new place."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    code, _, err = _run(project, (*command.arguments, command.option, str(folder / "place")))
    assert code == 0, err
    return folder / "place"
