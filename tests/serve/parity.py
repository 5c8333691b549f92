"""Asks the questions of the sample over HTTP and without it, with four pipelines: `make test-serve`.

The answers must be equal but for paths and times. The exit code is 1 where one is not.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ragqa import Pipeline
from tests.raw_server import EVENT_STREAM, Peer, piece, serving
from tests.serve.serving import running, without_times_and_paths

ROOT = Path(__file__).parents[2]
QUESTIONS = ROOT / "corpora" / "tarnwick" / "questions.jsonl"
PIPELINES = {
    "span": ("quickstart.yaml", []),
    "free": ("chat.yaml", []),
    "min_confidence": ("quickstart.yaml", ["prompt.min_confidence=0.5"]),
    "openai": ("openai.yaml", []),
}
AT_THE_COMMAND_LINE = 3
"""The questions that are asked by the command too, which loads all models anew."""


def main() -> None:
    """Compare the answers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"some of {', '.join(PIPELINES)}")
    parser.add_argument("--questions", type=int, default=50)
    given = parser.parse_args()
    lines = QUESTIONS.read_text(encoding="utf-8").splitlines()
    asked = [json.loads(line)["question"] for line in lines[:: len(lines) // given.questions]][: given.questions]
    with tempfile.TemporaryDirectory() as folder, endpoint() as url:
        differing = [differences(Path(folder), name, asked, url) for name in given.names or PIPELINES]
    sys.exit(any(differing))


@contextmanager
def endpoint() -> Iterator[str]:
    """Run an endpoint that answers with the longest line of the prompt; yield its address."""

    def behave(peer: Peer) -> None:
        prompt = json.loads(peer.read_request().partition(b"\r\n\r\n")[2])["messages"][-1]["content"]
        peer.send(EVENT_STREAM + piece(max(prompt.splitlines(), key=len)) + piece("", "stop") + b"data: [DONE]\n\n")

    with serving(behave) as server:
        yield f"{server.url}/v1"


def differences(folder: Path, name: str, asked: list[str], url: str) -> int:
    """Return the number of questions whose answers differ; print them, and the counts."""
    file, overrides = PIPELINES[name]
    settings = [
        f"index.path={folder / 'index'}",
        *overrides,
        *([f"generate.base_url={url}"] if name == "openai" else []),
    ]
    pipeline, began = Pipeline.from_file(ROOT / "pipelines" / file, settings), time.monotonic()
    pipeline.index()
    with running(folder, pipeline, deadline=600) as server:
        served = [server.post("/api/ask", {"question": each}).json for each in asked]
    answers = [json.loads(pipeline.ask(each).to_json()) for each in asked]
    printed = [at_the_command_line(file, each, settings) for each in asked[:AT_THE_COMMAND_LINE]]
    pairs = [*zip(asked, served, answers, strict=True), *zip(asked, served, printed, strict=False)]
    wrong = [each for each, told, answer in pairs if without_times_and_paths(told) != without_times_and_paths(answer)]
    refused, cut = (sum(bool(told[key]) for told in served) for key in ("abstained", "unsupported"))
    for each in wrong:
        print(f"{name}: another answer to: {each}")
    print(
        f"{name}: {len(asked)} questions, {len(printed)} of them by the command too, {len(wrong)} answers differ; "
        f"{refused} refused, {cut} with unsupported text; {time.monotonic() - began:.0f} s"
    )
    return len(wrong)


def at_the_command_line(file: str, question: str, settings: list[str]) -> dict[str, Any]:
    """Return what `ragqa ask --json` prints."""
    options = [part for each in settings for part in ("--set", each)]
    command = [sys.executable, "-m", "ragqa", "ask", f"pipelines/{file}", question, "--json", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


if __name__ == "__main__":
    main()
