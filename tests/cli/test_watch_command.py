"""`ragqa index --watch` as a process of its own: lines of text or JSON, and Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tests.commands import ragqa
from tests.fakes import PIPELINE

ROOT = Path(__file__).parent.parent.parent
SCRIPT = """
import sys
from ragqa import kinds
from ragqa.cli import main
from ragqa.pipeline.ingest import watch
from tests.commands import SCRIPTED
from tests.fakes import WORDS
watch.SETTLE_SECONDS = 0.4
kinds.BUILTIN = kinds.BUILTIN.and_own([WORDS, SCRIPTED])
sys.argv = ["ragqa", *sys.argv[1:]]
main()
"""


def _heed_ctrl_c() -> None:
    """Undo what a shell does to a command in the background: it ignores SIGINT, and so do its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def watching(place: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "RAGQA_CACHE": str(place / "cache")}
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, "index", "pipeline.yaml", "--watch", *options],
        cwd=place,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_heed_ctrl_c,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    stream: IO[str] = process.stdout
    return stream.readline().rstrip("\n")


def said(process: subprocess.Popen[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(line(process))
    return found


def project(folder: Path) -> Path:
    (folder / "pipeline.yaml").write_text(PIPELINE.replace("kind: echo", "kind: scripted"), encoding="utf-8")
    documents = folder / "documents"
    documents.mkdir()
    (documents / "ferry.md").write_text("The ferry is late.\n", encoding="utf-8")
    return documents


def test_each_run_is_a_line_that_says_what_it_did_and_ctrl_c_ends_it(tmp_path: Path) -> None:
    documents = project(tmp_path)
    with watching(tmp_path) as process:
        assert "indexed ferry.md. 1 file, 1 chunks, 1 embedded" in line(process)
        (documents / "bad.json").write_text("[", encoding="utf-8")
        rejected = line(process)
        assert "rejected bad.json: " in rejected and "ferry.md" not in rejected
        (documents / "quay.md").write_text("The quay is open.\n", encoding="utf-8")
        indexed = line(process)
        assert "indexed quay.md. 3 files" in indexed and "bad.json" not in indexed
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "interrupted; what was committed is kept" in errors and "Traceback" not in errors
    assert ragqa("search", "pipeline.yaml", "quay", "--json", cwd=tmp_path).said["hits"][0]["source"] == "quay.md"


def test_in_json_each_run_is_an_object_with_the_files_that_it_touched(tmp_path: Path) -> None:
    documents = project(tmp_path)
    with watching(tmp_path, "--json") as process:
        assert said(process)["indexed"] == 1
        (documents / "quay.md").write_text("The quay is open.\n", encoding="utf-8")
        run = said(process)
        assert (run["indexed"], run["unchanged"], run["generation"]) == (1, 1, 2)
        assert [status["source"] for status in run["statuses"]] == ["quay.md"]
        for path in documents.iterdir():
            path.unlink()
        assert said(process)["error"]["type"] == "DocumentsGoneError"
        process.send_signal(signal.SIGINT)
        assert said(process)["error"]["type"] == "Interrupted"
        assert process.wait(60) == 130


def test_wait_has_no_meaning_beside_watch(tmp_path: Path) -> None:
    project(tmp_path)
    done = ragqa("index", "pipeline.yaml", "--watch", "--wait", "5", cwd=tmp_path)
    assert done.code == 2 and "--wait" in done.err
