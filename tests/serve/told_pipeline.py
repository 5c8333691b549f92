"""Serves a small pipeline over stdin and stdout: `python -m tests.serve.told_pipeline FOLDER`.

The word `slowly` in a passage makes the generator write for ten seconds; it notes in FOLDER/stopped that it was stopped.
Everything prints to stdout too, which must not get between the messages.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ragqa.config import Kind
from ragqa.pipeline import Pipeline
from ragqa.records import Generation, Prompt
from tests.fakes import WORDS, Echo, EchoGenerator


class SlowGenerator(EchoGenerator):
    """Writes a word each 50 ms where the question says `slowly`."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def stream(self, prompt: Prompt) -> Iterator[str | Generation]:
        print("a library prints")
        os.write(1, b"so does native code\n")
        if "slowly" not in prompt.text[slice(*prompt.question)]:
            yield from super().stream(prompt)
            return
        try:
            (self._folder / "begun").touch()
            for _ in range(200):
                yield "word "
                time.sleep(0.05)
        finally:
            (self._folder / "stopped").touch()
        yield Generation("word", 1, "stop")


def kinds(folder: Path) -> list[Kind[Any]]:
    return [WORDS, Kind("generate", Echo, lambda spec, needs: SlowGenerator(folder))]


def opener(folder: Path) -> Callable[[], Pipeline]:
    return lambda: Pipeline.from_file(folder / "pipeline.yaml", kinds=kinds(folder))


if __name__ == "__main__":
    from ragqa.serve.mcp import run_stdio

    run_stdio(opener(Path(sys.argv[1])))
