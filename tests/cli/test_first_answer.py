"""`ragqa ask FOLDER` over a folder that is new: an answer by words first, the vectors later; with the real models."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.test_cli import run
from tests.commands import ragqa, share_models

pytestmark = pytest.mark.skipif(bool(os.environ.get("RAGQA_OFFLINE")), reason="needs the default models")

QUESTION = "Who commands the ferry Morwen?"
FACT = "The ferry Morwen is commanded by Captain Ilse Brandt.\n"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a folder with a folder of documents of about 500 short chunks."""
    share_models(tmp_path)
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "ferry.txt").write_text(FACT, encoding="utf-8")
    for n in range(5):
        notes = "\n\n".join(f"Note {n}-{i}: the turbine {i * 7} turns at a wind of {n} knots." for i in range(100))
        (folder / f"notes{n}.txt").write_text(notes, encoding="utf-8")
    return tmp_path


def ask(*options: str) -> list[str]:
    small = ["--set", "split.chunk_size=30", "--set", "split.overlap=0", "--set", "index.path=index"]
    return ["ask", "documents", QUESTION, *small, *options]


def _heed_ctrl_c() -> None:
    """Undo what a shell does to a command in the background: it ignores SIGINT, and so do its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def on_terminal(
    place: Path, arguments: list[str], meanwhile: Callable[[subprocess.Popen[bytes], str], None]
) -> tuple[int, str]:
    """Run a command on a terminal; return its exit code and what it showed. `meanwhile` is called as text comes."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "ragqa", *arguments]
    process = subprocess.Popen(command, cwd=place, stdin=theirs, stdout=theirs, stderr=theirs, preexec_fn=_heed_ctrl_c)
    os.close(theirs)
    shown = ""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # the terminal's other end is closed
            break
        if not part:
            break
        shown += part.decode("utf-8", "replace")
        meanwhile(process, shown)
    os.close(ours)
    return process.wait(), shown


def coverage(place: Path) -> tuple[int, int]:
    """Return the number of vectors, and of texts without one."""
    checkup = json.loads(ragqa("doctor", "index", "--json", cwd=place).out)
    assert checkup["faults"] == []
    return checkup["vectors"], checkup["pending"]


def test_a_program_gets_its_answer_by_words_and_the_rest_is_left_to_the_next_run(place: Path) -> None:
    done = run(*ask("--json"), cwd=place)
    assert done.returncode == 0
    answer = json.loads(done.stdout)
    assert "Ilse Brandt" in answer["text"] and answer["citations"][0]["source"] == "ferry.txt"
    texts = answer["coverage"]["texts"]
    assert answer["coverage"]["vectors"] == 0 and texts > 500
    assert (
        f"0 of {texts:,} vectors so far, so answers may change: `ragqa index documents` embeds the rest" in done.stderr
    )
    plan = ragqa("plan", "documents", *ask()[3:], cwd=place).out
    vectors, pending = coverage(place)
    told = f"{pending:,} texts that are indexed have no vector yet" in plan
    assert vectors + pending == texts and told == (pending > 0)  # a fast machine embeds all in the ten seconds
    indexed = ragqa("index", "documents", *ask()[3:], "--json", cwd=place)
    report = json.loads(indexed.out)
    assert (report["embedded"], report["pending"], report["indexed"]) == (pending, 0, 0)
    again = json.loads(ragqa(*ask("--json"), cwd=place).out)
    assert again["coverage"] is None and again["text"] == answer["text"]


def test_on_a_terminal_the_answer_is_first_and_the_rest_is_embedded_to_the_end(place: Path) -> None:
    code, shown = on_terminal(place, ask(), lambda process, text: None)
    assert code == 0
    assert shown.index("Sources:") < shown.index("Embedding the rest. Ctrl-C ends this; what was embedded is kept.")
    assert coverage(place)[1] == 0


def test_ctrl_c_after_the_answer_loses_nothing(place: Path) -> None:
    sent: list[bool] = []

    def interrupt(process: subprocess.Popen[bytes], shown: str) -> None:
        if "Embedding the rest" in shown and not sent:
            sent.append(True)
            process.send_signal(signal.SIGINT)

    code, shown = on_terminal(place, ask(), interrupt)
    assert code == 0, "the question was answered"
    assert "Sources:" in shown and "vectors so far." in shown
    vectors, pending = coverage(place)
    assert pending > 0
    done = json.loads(ragqa("search", "documents", QUESTION, *ask()[3:], "--json", cwd=place).out)
    assert done["hits"][0]["source"] == "ferry.txt"
    assert coverage(place)[0] >= vectors


def test_a_small_folder_is_embedded_first(place: Path) -> None:
    for file in (place / "documents").glob("notes*"):
        file.unlink()
    answer = json.loads(ragqa(*ask("--json"), cwd=place).out)
    assert answer["coverage"] is None and coverage(place) == (1, 0)
