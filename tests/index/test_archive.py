"""An index as one file: it comes back whole on another place, or not at all, and holds nothing that was erased."""

from __future__ import annotations

import io
import json
import random
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ragqa.errors import IndexCorruptError, LockedError, NothingUsableError, RagqaError, RefusedError, UsageError
from ragqa.index import LocalIndex, archive, doctor
from ragqa.index.writer import LocalWriter
from tests.index.test_index import IDENTITY, best, entry, write

Members = list[tuple[tarfile.TarInfo, bytes]]


@pytest.fixture
def index(tmp_path: Path) -> Path:
    folder = tmp_path / "index"
    write(folder, entry("red ferry\nblue turbine", source="a.txt"), entry("green quay", source="b.txt"))
    return folder


@pytest.fixture
def moved(tmp_path: Path, index: Path) -> Path:
    archive.export(index, tmp_path / "a.tar")
    return tmp_path / "a.tar"


def members(file: Path) -> Members:
    with tarfile.open(file) as tar:
        return [(each, tar.extractfile(each).read()) for each in tar]  # type: ignore[union-attr]


def packed(file: Path, parts: Members) -> Path:
    with tarfile.open(file, "w") as tar:
        for member, data in parts:
            member.size = len(data) if member.isreg() else 0
            tar.addfile(member, io.BytesIO(data))
    return file


def test_an_index_comes_back_with_all_its_answers_and_goes_on(tmp_path: Path, index: Path) -> None:
    written = archive.export(index, tmp_path / "a.tar")
    read = archive.restore(tmp_path / "a.tar", tmp_path / "other")
    assert read == written and (read.documents, read.chunks) == (2, 3)
    assert doctor.check(tmp_path / "other").faults == ()
    for question in ("ferry", "quay"):
        for how in ("dense", "lexical"):
            assert best(tmp_path / "other", question, how) == best(index, question, how)
    write(tmp_path / "other", entry("grey buoy", source="c.txt"))
    assert best(tmp_path / "other", "buoy", "lexical") == ["grey buoy"]
    assert best(index, "buoy", "lexical") == []


def test_what_was_erased_is_in_no_archive(tmp_path: Path, index: Path) -> None:
    with LocalWriter(index, IDENTITY) as writer:
        writer.commit([], {}, {"b.txt": None})
    archive.export(index, tmp_path / "a.tar")
    assert b"green quay" not in (tmp_path / "a.tar").read_bytes()
    assert b"red ferry" in (tmp_path / "a.tar").read_bytes()


def test_an_archive_names_no_owner_and_no_time(moved: Path) -> None:
    for member, _ in members(moved):
        assert (member.mtime, member.uid, member.uname) == (0, 0, "")


def test_a_file_or_an_index_that_is_there_is_never_replaced(tmp_path: Path, index: Path, moved: Path) -> None:
    before = moved.read_bytes()
    with pytest.raises(RefusedError, match="exists"):
        archive.export(index, moved)
    with pytest.raises(RefusedError, match="holds an index"):
        archive.restore(moved, index)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("mine")
    with pytest.raises(RefusedError, match=r"not empty \(mine.txt\)"):
        archive.restore(moved, tmp_path / "notes")
    assert moved.read_bytes() == before and [each.name for each in (tmp_path / "notes").iterdir()] == ["mine.txt"]
    with pytest.raises(NothingUsableError):
        archive.export(tmp_path / "nothing", tmp_path / "b.tar")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.tar", "index", "notes"]


def test_an_index_that_is_written_is_not_exported(tmp_path: Path, index: Path) -> None:
    with LocalWriter(index, IDENTITY), pytest.raises(LockedError):
        archive.export(index, tmp_path / "a.tar")
    assert not (tmp_path / "a.tar").exists()


@pytest.mark.parametrize("text", [b"", b"no archive", b"\0" * 2048])
def test_another_file_is_no_archive(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "a.tar").write_bytes(text)
    with pytest.raises(UsageError, match="is no archive"):
        archive.restore(tmp_path / "a.tar", tmp_path / "new")
    assert not (tmp_path / "new").exists()
    with pytest.raises(UsageError, match="no such file"):
        archive.restore(tmp_path / "b.tar", tmp_path / "new")


def _renamed(parts: Members) -> None:
    parts[-1][0].name = "../outside.f32"


def _linked(parts: Members) -> None:
    parts[-1][0].type = tarfile.SYMTYPE
    parts[-1][0].linkname = "/etc/passwd"


def _named_elsewhere(parts: Members) -> None:
    manifest = json.loads(parts[0][1])
    manifest["files"]["../../outside"] = {"sha256": "0" * 64, "bytes": 1}
    parts[0] = parts[0][0], json.dumps(manifest).encode()


def _without_database(parts: Members) -> None:
    del parts[1]


def _twice(parts: Members) -> None:
    parts.append(parts[-1])


def _other_form(parts: Members) -> None:
    parts[0] = parts[0][0], parts[0][1].replace(b"archive 1", b"archive 9")


@pytest.mark.parametrize("change", [_renamed, _linked, _named_elsewhere, _without_database, _twice, _other_form])
def test_a_changed_archive_is_refused_and_nothing_is_left(
    tmp_path: Path, moved: Path, change: Callable[[Members], None]
) -> None:
    parts = members(moved)
    change(parts)
    with pytest.raises((IndexCorruptError, UsageError)):
        archive.restore(packed(tmp_path / "b.tar", parts), tmp_path / "new")
    assert not LocalIndex(tmp_path / "new").exists() and not (tmp_path / "outside.f32").exists()
    archive.restore(moved, tmp_path / "new")  # the folder can be used


def test_no_damage_of_any_byte_gives_another_index(tmp_path: Path, moved: Path) -> None:
    whole, chance = moved.read_bytes(), random.Random(7)
    contents = [data for _, data in members(moved)]
    for number in range(120):
        at = chance.randrange(len(whole))
        data = bytearray(whole)
        if number % 3:
            data[at] ^= 1 << chance.randrange(8)
        else:
            del data[at:]
        (tmp_path / "b.tar").write_bytes(data)
        new = tmp_path / f"new{number}"
        try:
            archive.restore(tmp_path / "b.tar", new)
        except RagqaError:
            assert not LocalIndex(new).exists()
        else:  # the damage was in what tar leaves between files
            assert [data for _, data in members(tmp_path / "b.tar")] == contents
            assert doctor.check(new).faults == ()
