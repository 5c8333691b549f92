"""An index that another user owns, and that this process can only read."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ragqa.errors import LockedError, RagqaError, ResourceError
from ragqa.index import doctor
from ragqa.index.reader import LocalReader
from ragqa.index.writer import LocalWriter
from tests.torture.world import IDENTITY, answers, make_text, questions, write

NOBODY = 65534
TEXTS = {"a.txt": make_text(1), "b.txt": make_text(2)}


@pytest.fixture
def index() -> Iterator[Path]:
    """Give an index in a folder that everybody can read and nobody but its owner can change."""
    place = Path(tempfile.mkdtemp())
    place.chmod(0o755)
    write(place / "index", TEXTS)
    yield place / "index"
    shutil.rmtree(place)


def protect(index: Path) -> None:
    for path in (index, *index.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)


def as_another_user(work: Callable[[], Any]) -> Any:
    """Return what a function returns, as JSON, or the name of the error that it raises, in a process of another user."""
    receiver, sender = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            if os.getuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            said = work()
        except RagqaError as error:
            said = f"{type(error).__name__}: {error}"
        os.write(sender, json.dumps(said).encode())
        os._exit(0)
    os.close(sender)
    with os.fdopen(receiver, "rb") as stream:
        said = json.loads(stream.read())
    os.waitpid(pid, 0)
    return said


def said(index: Path) -> str:
    with LocalReader(index, IDENTITY) as reader:
        return answers(reader, questions(TEXTS))


def test_an_index_that_can_only_be_read_is_served(index: Path) -> None:
    expected = said(index)
    for file in ("ragqa.db-wal", "ragqa.db-shm"):
        (index / file).unlink(missing_ok=True)
    protect(index)
    assert as_another_user(lambda: said(index)) == expected
    assert as_another_user(lambda: len(doctor.check(index).faults)) == 0


def test_an_index_that_is_being_written_is_served_from_its_log(index: Path) -> None:
    expected = said(index)
    script = """
import sys
from pathlib import Path
from ragqa.index.writer import LocalWriter
from tests.torture.world import IDENTITY
with LocalWriter(Path(sys.argv[1]), IDENTITY) as writer:
    writer.commit([], {}, {"b.txt": None})
    print("written", flush=True)
    sys.stdin.read()
"""
    command = [sys.executable, "-c", script, str(index)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writing:
        assert writing.stdout and writing.stdout.readline() == b"written\n"
        assert (index / "ragqa.db-wal").stat().st_size
        protect(index)
        seen = as_another_user(lambda: said(index))
        index.chmod(0o755)
        writing.communicate()
    assert seen != expected and "a.txt" in seen and "b.txt" not in seen


def test_what_was_read_of_a_file_that_changed_meanwhile_is_not_given_out(index: Path) -> None:
    for file in ("ragqa.db-wal", "ragqa.db-shm"):
        (index / file).unlink(missing_ok=True)
    index.chmod(0o555)

    def read() -> str:
        with LocalReader(index, IDENTITY) as reader:
            sources = reader.sources()
            database.touch()
            return str(sources)

    database = index / "ragqa.db"
    database.chmod(0o666)
    assert as_another_user(read).startswith(LockedError.__name__)


def test_it_cannot_be_written(index: Path) -> None:
    protect(index)
    found = as_another_user(lambda: LocalWriter(index, IDENTITY).close())
    assert found.startswith(ResourceError.__name__) and "Permission denied" in found
