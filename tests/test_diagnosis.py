"""The state of an index and of documents, from Python: one call returns a record, and nothing is printed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ragqa.diagnosis import diagnose_documents, diagnose_index
from ragqa.errors import NothingUsableError, UsageError
from ragqa.sandbox import available
from tests.torture.world import make_text, write

offline = pytest.mark.skipif(bool(os.environ.get("RAGQA_OFFLINE")), reason="needs the default models")


@pytest.fixture
def index(tmp_path: Path) -> Path:
    write(tmp_path / "index", {f"{number}.txt": make_text(number) for number in range(3)})
    return tmp_path / "index"


def test_a_sound_index_is_sound(index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = diagnose_index(index, repair=True)
    assert (state.checkup.documents, state.checkup.faults) == (3, ())
    assert (state.repaired, state.embedded, state.confinement) == (0, 0, available())
    assert capsys.readouterr() == ("", "")


def test_damage_is_named_and_repaired_where_that_is_wanted(index: Path) -> None:
    seal = index / "SEAL"
    seal.write_bytes(seal.read_bytes()[:-20])
    state = diagnose_index(index)
    assert [fault.file for fault in state.checkup.faults] == ["SEAL"] and state.repaired == 0
    mended = diagnose_index(index, repair=True)
    assert (mended.checkup.faults, mended.repaired, mended.embedded) == ((), 1, 0)
    assert diagnose_index(index).checkup.faults == ()


def test_a_folder_without_an_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NothingUsableError):
        diagnose_index(tmp_path)


@offline
def test_documents_are_read_and_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    for name in ("a.txt", "b.txt"):
        (folder / name).write_text("The ferry leaves at noon.", encoding="utf-8")
    (folder / "c.exe").write_bytes(b"\0")
    calls: list[tuple[int, int]] = []
    state = diagnose_documents(folder, progress=lambda done, expected: calls.append((done, expected)))
    assert (state.survey.files, state.survey.documents, state.survey.skipped) == (3, 1, 1)
    assert {finding.kind for finding in state.survey.findings} == {"duplicate", "skipped"}
    assert calls and state.confinement == available()
    assert capsys.readouterr() == ("", "") and [path.name for path in tmp_path.iterdir()] == ["documents"]


def test_documents_that_are_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        diagnose_documents(tmp_path / "missing")
