"""Commands of `ragqa` run within this process, over small parts in place of the models."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import pytest

from ragqa import models
from ragqa.cli import main
from ragqa.config import GenerateSpec, Kind
from ragqa.records import Generation, Prompt
from tests.fakes import PIPELINE, WORDS, EchoGenerator, add_kinds

Fault = Callable[[], None]


class Scripted(GenerateSpec):
    """An `EchoGenerator` that notes the questions it is asked, and meets a fault at some of them."""

    kind: Literal["scripted"]
    max_new_tokens: int = 20
    asked: ClassVar[list[str]] = []
    faults: ClassVar[dict[str, Fault]] = {}


class ScriptedGenerator(EchoGenerator):
    def stream(self, prompt: Prompt) -> Iterator[str | Generation]:
        question = prompt.text[slice(*prompt.question)]
        Scripted.asked.append(question)
        Scripted.faults.get(question, lambda: None)()
        yield from super().stream(prompt)


SCRIPTED = Kind("generate", Scripted, lambda spec, needs: ScriptedGenerator())


class Done(NamedTuple):
    """How a command ended, and the questions that its generator was asked."""

    code: int
    out: str
    err: str
    asked: list[str]

    @property
    def said(self) -> dict[str, Any]:
        """The JSON object on stdout."""
        said: dict[str, Any] = json.loads(self.out, parse_constant=refuse)
        return said


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def fail() -> None:
    raise RuntimeError("no room\x1b[2J")


def interrupt() -> None:
    raise KeyboardInterrupt


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def share_models(place: Path) -> Path:
    """Give the commands in a folder a cache with the user's models in it, and folders of its own for the rest."""
    cache = place / "cache"
    cache.mkdir(exist_ok=True)
    for entry in models.cache_dir().iterdir():
        if entry.name != "folders" and not (cache / entry.name).exists():
            (cache / entry.name).symlink_to(entry)
    return cache


def ragqa(*arguments: str, cwd: Path, faults: Mapping[str, Fault] | None = None, stdin: str | None = None) -> Done:
    """Run a command in a folder, which holds its cache and its settings too.

    :param faults: what happens where a question is put to the generator.
    """
    out, err, code = io.StringIO(), io.StringIO(), 0
    Scripted.asked.clear()
    Scripted.faults = dict(faults or {})
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(cwd):
        patch.setattr(sys, "argv", ["ragqa", *arguments])
        if stdin is not None:
            patch.setattr(sys, "stdin", io.StringIO(stdin))
        add_kinds(patch, WORDS, SCRIPTED)
        patch.setenv("RAGQA_CACHE", str(cwd / "cache"))
        patch.setenv("RAGQA_CONFIG", str(cwd / "config"))
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main()
            except SystemExit as ended:
                code = int(ended.code or 0)
    return Done(code, out.getvalue(), err.getvalue(), list(Scripted.asked))


def jsonl(path: Path, *rows: Mapping[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def fill(folder: Path) -> Path:
    """Write documents, a pipeline file and questions about them; return the folder.

    What is retrieved first is right for q1, and an answer of its first line is wrong in part; q3 has no answer.
    """
    documents = folder / "documents"
    documents.mkdir()
    (documents / "ferry.md").write_text("The ferry Morwen is\ncommanded by Captain Ilse Brandt.\n", encoding="utf-8")
    (documents / "turbine.md").write_text("The turbine at Skarn Head makes 4.2 megawatts.\n", encoding="utf-8")
    (documents / "quay.txt").write_text("The quay is open from six until ten.\n", encoding="utf-8")
    file = PIPELINE.replace("kind: echo", "kind: scripted")
    (folder / "pipeline.yaml").write_text(file, encoding="utf-8")
    jsonl(folder / "questions.jsonl", CAPTAIN, POWER, UNKNOWN)
    return folder


CAPTAIN = {
    "id": "q1",
    "question": "Who commands the ferry Morwen?",
    "answers": ["Ilse Brandt", "Captain Ilse Brandt"],
    "evidence": [{"source": "ferry.md", "text": "commanded by Captain Ilse Brandt"}],
    "split": "dev",
}
POWER = {
    "id": "q2",
    "question": "How much does the turbine at Skarn Head make?",
    "answers": ["4.2 megawatts"],
    "evidence": [{"source": "turbine.md", "text": "4.2 megawatts"}],
}
UNKNOWN = {"id": "q3", "question": "When was the quay built?", "answers": [], "answerable": False}
