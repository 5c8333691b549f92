"""The folder of an index: other people's files stay as they are, and nothing is reached through a link."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from ragqa.errors import IndexFormatError, LockedError, RagqaError, RefusedError
from ragqa.index import doctor, place
from ragqa.index.reader import LocalReader
from ragqa.index.writer import LocalWriter
from ragqa.pipeline.ingest.maintenance import Maintenance
from tests.torture.world import IDENTITY, make_text, snapshot, write

OWN = (
    "LOCK",
    "SEAL",
    "ragqa.db",
    "ragqa.db-wal",
    "ragqa.db-shm",
    ".ragqa.db.tmp",
    ".SEAL.tmp",
    "seg",
    "seg/.writing.tmp",
)


@pytest.fixture
def index(tmp_path: Path) -> Path:
    path = tmp_path / "index"
    write(path, {"a.txt": make_text(1), "b.txt": make_text(2)})
    return path


def content(folder: Path) -> dict[str, bytes | str]:
    """Return everything in a folder: of a file its bytes, of a link where it leads, of a folder nothing."""
    found: dict[str, bytes | str] = {}
    for file in folder.rglob("*"):
        name = str(file.relative_to(folder))
        found[name] = os.readlink(file) if file.is_symlink() else "" if file.is_dir() else file.read_bytes()
    return found


@pytest.mark.parametrize(
    "files",
    [
        {"thesis.txt": b"years of work"},
        {"seg/recording.wav": b"RIFF"},
        {"LOCK": b"held by my own program"},
        {"LOCK": b"x" * 64, "seg/a": b"x"},
        {".thesis.tmp1": b"draft"},
        {"SEAL": b"sealed", "notes.txt": b"x"},
        {"ragqa.db": b"my data", "notes.txt": b"x"},
        {"ragqa.db-wal": b"log", "x": b"y"},
        {"seg/0.f32": b"floats"},
        {"folder/file": b"x"},
        {".SEAL.tmp": b"draft"},
        {".ragqa.db.tmp": b"draft", "seg/.writing.tmp": b"x"},
        {f"seg/{'a' * 64}.f32": b"floats"},
    ],
    ids=lambda files: "+".join(files),
)
@pytest.mark.parametrize("rebuild", [False, True])
def test_a_folder_with_other_files_and_no_index_is_refused_and_not_changed(
    files: dict[str, bytes], rebuild: bool, tmp_path: Path
) -> None:
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    before = content(tmp_path)
    with pytest.raises(RefusedError, match=r"choose another index\.path"):
        LocalWriter(tmp_path, IDENTITY, rebuild=rebuild)
    assert content(tmp_path) == before


def test_a_file_that_only_has_the_name_of_a_database_is_refused_and_not_changed(tmp_path: Path) -> None:
    (tmp_path / "ragqa.db").write_bytes(b"my data")
    for rebuild in (False, True):
        with pytest.raises(IndexFormatError, match=r"choose another index\.path"):
            LocalWriter(tmp_path, IDENTITY, rebuild=rebuild)
    assert content(tmp_path) == {"ragqa.db": b"my data"}


@pytest.mark.parametrize("left", [(), ("seg",), ("LOCK",), ("LOCK", "seg"), ("LOCK", "seg", ".ragqa.db.tmp")])
def test_an_empty_folder_and_what_an_interrupted_first_run_left_are_taken(
    left: tuple[str, ...], tmp_path: Path
) -> None:
    note = b"pid 123 since 2026-01-02T03:04:05+00:00".ljust(64) if len(left) > 2 else b""
    for name in left:
        (tmp_path / name).mkdir() if name == "seg" else (tmp_path / name).write_bytes(note if name == "LOCK" else b"")
    assert write(tmp_path, {"a.txt": make_text(1)}) == 1


@pytest.mark.parametrize("note", [b"", b" " * 64, b"pid 123 since 2026-01-02T03:04:05+00:00".ljust(64)])
def test_a_lock_that_a_killed_or_an_older_writer_left_is_taken_and_emptied(note: bytes, index: Path) -> None:
    (index / "LOCK").write_bytes(note)
    assert write(index, {"c.txt": make_text(3)}) == 2
    assert (index / "LOCK").read_bytes() == b""


@pytest.mark.parametrize("name", OWN)
def test_an_index_with_a_link_in_place_of_a_name_of_ours_is_refused_by_everyone(
    name: str, index: Path, tmp_path: Path
) -> None:
    target = tmp_path / "target"
    place_of_link = index / name
    if name == "seg":
        shutil.move(place_of_link, target)
        (target / "recording.wav").write_bytes(b"RIFF")
    else:
        target.write_bytes(b"foreign" * 20)
        place_of_link.unlink(missing_ok=True)
    place_of_link.symlink_to(target)
    before = content(tmp_path)
    for attempt in (
        lambda: LocalReader(index, {}),
        lambda: LocalWriter(index, IDENTITY),
        lambda: LocalWriter(index, IDENTITY, rebuild=True),
        lambda: Maintenance(index).collect(),
        lambda: Maintenance(index).purge(["a.txt"]),
        lambda: doctor.check(index),
    ):
        with pytest.raises(RefusedError, match=f"{name} is a link"):
            attempt()
    assert content(tmp_path) == before


def test_a_segment_that_is_a_link_is_refused(index: Path, tmp_path: Path) -> None:
    segment = next((index / "seg").glob("*.f32"))
    shutil.move(segment, tmp_path / "target")
    segment.symlink_to(tmp_path / "target")
    with pytest.raises(RefusedError, match="is a link"):
        doctor.check(index)


def test_a_file_that_readers_change_too_must_have_one_name(index: Path, tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"x" * 40_000)
    (index / "ragqa.db-shm").unlink(missing_ok=True)
    (index / "ragqa.db-shm").hardlink_to(tmp_path / "target")
    with pytest.raises(RefusedError, match="another name"):
        LocalReader(index, {})
    assert (tmp_path / "target").read_bytes() == b"x" * 40_000


@pytest.mark.parametrize("name", ["LOCK", "ragqa.db"])
def test_a_file_with_a_second_name_is_read_and_not_written(name: str, index: Path, tmp_path: Path) -> None:
    os.link(index / name, tmp_path / "backup")
    with LocalReader(index, {}) as reader:
        assert len(reader.sources()) == 2
    with pytest.raises(RefusedError, match="another name"):
        LocalWriter(index, IDENTITY)


def test_the_folder_itself_may_be_reached_through_a_link(index: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(index)
    assert write(tmp_path / "link", {"c.txt": make_text(3)}) == 2
    assert doctor.check(tmp_path / "link").faults == ()


def test_a_lock_with_other_content_in_an_index_is_not_written_over(index: Path) -> None:
    (index / "LOCK").write_bytes(b"the lock of another program")
    with pytest.raises(RefusedError, match="not the lock of an index"):
        LocalWriter(index, IDENTITY)
    assert (index / "LOCK").read_bytes() == b"the lock of another program"


def test_files_beside_an_index_survive_everything_that_is_done_to_it(index: Path) -> None:
    others = {
        "seg/notes.txt": b"a",
        ".x.tmp": b"b",
        ".SEAL.tmp.bak": b"c",
        f"seg/{'0' * 63}.f32": b"d",
        "seg/x/y": b"e",
    }
    for name, data in others.items():
        (index / name).parent.mkdir(exist_ok=True)
        (index / name).write_bytes(data)
    write(index, {"c.txt": make_text(3)})
    Maintenance(index).purge(["a.txt"])
    Maintenance(index).collect()
    with LocalWriter(index, IDENTITY, rebuild=True):
        pass
    assert {name: (index / name).read_bytes() for name in others} == others
    assert snapshot(index)


def test_scratch_files_of_ours_are_removed(index: Path) -> None:
    for name in (".SEAL.tmp", "seg/.writing.tmp", ".ragqa.db.tmp"):
        (index / name).write_bytes(b"half")
    LocalWriter(index, IDENTITY).close()
    assert place.orphans(index, {file.name for file in (index / "seg").iterdir()}) == []
    assert not (index / ".SEAL.tmp").exists() and not (index / "seg" / ".writing.tmp").exists()


def test_who_holds_the_lock_is_named_while_it_is_held(index: Path) -> None:
    with LocalWriter(index, IDENTITY), pytest.raises(LockedError, match=f"locked by pid {os.getpid()} since"):
        LocalWriter(index, IDENTITY)
    assert issubclass(LockedError, RagqaError)


def test_a_segment_that_is_not_what_its_name_says_is_somebody_elses(tmp_path: Path) -> None:
    index, foreign = tmp_path / "index", f"{'a' * 64}.f32"
    (index / "seg").mkdir(parents=True)
    (index / "LOCK").write_text("pid 1 since 2026 ", encoding="utf-8")
    (index / "seg" / foreign).write_text("mine", encoding="utf-8")
    with pytest.raises(RefusedError, match=rf"is not empty \(seg/{foreign}\): choose another"):
        LocalWriter(index, IDENTITY)
    assert (index / "seg" / foreign).read_text(encoding="utf-8") == "mine"
