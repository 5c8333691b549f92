"""Files inside other files: each is a document of its own, whose path leads through the file that holds it."""

from __future__ import annotations

import io
import random
import stat
import time
import zipfile
from pathlib import Path

import pytest

from ragqa.errors import RejectedError
from ragqa.load import FileGlobs, FolderLoader, Limits
from ragqa.load.member import distinct
from ragqa.load.zipped import members
from ragqa.records import Scan
from tests.load.mail_files import eml, mbox, with_files
from tests.load.test_own_formats import RestructuredText

FERRY = b"# Ferry\n\nIt sails at noon.\n"


def packed(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return stream.getvalue()


def scan(folder: Path, files: dict[str, bytes], globs: FileGlobs | None = None, **limits: int) -> Scan:
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return FolderLoader([folder], globs or FileGlobs(), limits=Limits(**limits)).scan()


def sources(found: Scan) -> list[str]:
    return [file.source for file in found.files]


def reasons(found: Scan) -> dict[str, str]:
    return {entry.source: f"{entry.status}: {entry.reason}" for entry in found.others}


def test_each_file_of_an_archive_is_a_document_and_unknown_ones_are_skipped_by_name(tmp_path: Path) -> None:
    files = {"inner/a.md": FERRY, "b.txt": b"A lamp.\n", "c.exe": b"x", "d.txt": b"", "LICENSE": b"MIT", "a_out": b"\0"}
    found = scan(tmp_path, {"x.zip": packed(files), "e.md": FERRY})
    assert sources(found) == ["e.md", "x.zip/LICENSE", "x.zip/b.txt", "x.zip/inner/a.md"]
    assert reasons(found) == {
        "x.zip/c.exe": "skipped: unsupported type .exe",
        "x.zip/d.txt": "rejected: empty file",
        "x.zip/a_out": "skipped: unsupported type (no suffix)",
    }
    loader = FolderLoader([tmp_path])
    document = loader.read(found.files[3])
    assert (document.text, document.title) == (FERRY.decode(), "Ferry")
    assert document.path == str(tmp_path / "x.zip" / "inner" / "a.md")
    assert document.id == found.files[0].document_id == found.files[3].document_id


def test_mails_of_a_mailbox_and_their_attachments_are_documents(tmp_path: Path) -> None:
    letters = mbox(eml("Noon"), with_files({"plan.md": FERRY, "all.zip": packed({"p/q.txt": b"Quay.\n"})}, "Files"))
    found = scan(tmp_path, {"in.mbox": letters, "one.eml": with_files({"a.md": FERRY, "a.bin": b"x"})})
    assert sources(found) == [
        "in.mbox/0001 Noon.eml",
        "in.mbox/0002 Files.eml",
        "in.mbox/0002 Files.eml/all.zip/p/q.txt",
        "in.mbox/0002 Files.eml/plan.md",
        "one.eml",
        "one.eml/a.md",
    ]
    assert reasons(found) == {"one.eml/a.bin": "skipped: unsupported type .bin"}
    loader = FolderLoader([tmp_path])
    texts = [loader.read(file).text for file in found.files]
    assert texts[0].endswith("\n\nThe ferry sails at noon.")
    assert texts[2:4] == ["Quay.\n", FERRY.decode()]
    backwards = [loader.read(file).text for file in reversed(found.files)]
    assert backwards[::-1] == texts


def test_globs_apply_to_the_path_through_the_file(tmp_path: Path) -> None:
    files = {
        "x.zip": packed({"in/a.md": FERRY, "in/b.txt": b"b", "c.md": b"# C", "raw": b"\xe9"}),
        "y.zip": packed({"d.md": b"d"}),
    }
    assert sources(scan(tmp_path, files, FileGlobs(include=["**/*.md"]))) == [
        "x.zip/c.md",
        "x.zip/in/a.md",
        "y.zip/d.md",
    ]
    assert sources(scan(tmp_path, {}, FileGlobs(include=["x.zip"], exclude=["**/in"]))) == ["x.zip/c.md"]
    assert sources(scan(tmp_path, {}, FileGlobs(exclude=["**/*.zip"]))) == []
    assert sources(scan(tmp_path, {}, FileGlobs(include=["**/raw"], as_text=["**/raw"]))) == ["x.zip/raw"]
    (tmp_path / "m.eml").write_bytes(with_files({"a.md": FERRY}))
    assert sources(scan(tmp_path, {}, FileGlobs(include=["m.eml/*"]))) == ["m.eml/a.md"]


def test_a_named_archive_is_read_like_a_folder(tmp_path: Path) -> None:
    scan(tmp_path, {"x.zip": packed({"in/a.md": FERRY})})
    loader = FolderLoader([tmp_path / "x.zip"])
    (file,) = loader.scan().files
    assert file.source == "x.zip/in/a.md"
    assert loader.read(file).title == "Ferry"


def test_hidden_files_and_those_of_macos_are_left_out(tmp_path: Path) -> None:
    hidden = {".git/a.md": b"x", "b/.c.md": b"x", "__MACOSX/._d.md": b"x"}
    found = scan(tmp_path, {"x.zip": packed({**hidden, "d.md": FERRY}), "y.zip": packed(hidden)})
    assert sources(found) == ["x.zip/d.md"]
    assert reasons(found) == {"y.zip": "skipped: no files in it, hidden ones left out"}


def test_names_that_lead_out_links_and_encrypted_files_are_told_by_name(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link.md")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in ("../up.md", "/abs.md", "C:/disk.md", "a/../../b.md", "good.md", "secret.md"):
            archive.writestr(name, FERRY)
        archive.writestr(link, "/etc/passwd")
    data = stream.getvalue()
    at = data.rindex(b"PK\x01\x02", 0, data.rindex(b"secret.md"))
    data = data[: at + 8] + b"\x01" + data[at + 9 :]
    found = scan(tmp_path, {"x.zip": data})
    assert sources(found) == ["x.zip/good.md"]
    assert reasons(found) == {
        **dict.fromkeys(
            ("x.zip/../up.md", "x.zip//abs.md", "x.zip/C:/disk.md", "x.zip/a/../../b.md"),
            "rejected: its name leads out of the archive",
        ),
        "x.zip/link.md": "skipped: symbolic link: not followed",
        "x.zip/secret.md": "rejected: encrypted: a password is needed; add it to load.passwords, or unpack it",
    }


def test_names_in_utf8_without_a_mark_and_equal_names_are_told_apart() -> None:
    data = packed({"Fähre.md": b"1"}).replace(b"\x00\x08", b"\x00\x00")
    assert [member.name for member in members(data, Limits())] == ["Fähre.md"]
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive, pytest.warns(UserWarning):
        archive.writestr("a.md", "1")
        archive.writestr("a.md", "2")
    assert [(each.name, each.read()) for each in distinct(members(stream.getvalue(), Limits()))] == [
        ("a.md", b"1"),
        ("a (2).md", b"2"),
    ]


def test_bombs_and_too_many_or_too_deep_files_are_refused(tmp_path: Path) -> None:
    zeros = b"0" * (2 << 20)
    deep = packed({"a.md": FERRY})
    for _ in range(6):
        deep = packed({"in.zip": deep, "b.md": FERRY})
    files = {
        "big.zip": packed({f"{n}.txt": zeros for n in range(3)}),
        "inner.zip": packed({"big.zip": packed({"a.txt": zeros, "b.txt": zeros}), "a.md": FERRY}),
        "many.zip": packed({f"{n}.md": b"x" for n in range(30)}),
        "deep.zip": deep,
    }
    found = scan(tmp_path, files, unpacked_bytes=5 << 20, zip_bytes=3 << 20, members=25)
    assert reasons(found) == {
        "big.zip": "rejected: unpacked, it has 6 MiB; at most 5: a bomb?",
        "inner.zip/big.zip": reasons(found)["inner.zip/big.zip"],
        "many.zip": "rejected: more than 25 files in it: unpack it",
        "deep.zip/in.zip/in.zip/in.zip/in.zip/in.zip": "rejected: more than 5 files inside one another: unpack it",
    }
    assert "times its size; at most 100: a bomb?" in reasons(found)["inner.zip/big.zip"]
    assert "inner.zip/a.md" in sources(found)
    found = scan(tmp_path, {}, FileGlobs(include=["inner.zip"]), unpacked_bytes=2 << 20, zip_bytes=9 << 20)
    assert "inner.zip/big.zip" in reasons(found)


def test_a_damaged_archive_is_rejected_and_a_damaged_file_in_one_costs_only_itself(tmp_path: Path) -> None:
    data = packed({"a.md": FERRY, "b.md": b"A lamp on the quay.\n"}, zipfile.ZIP_STORED)
    wrong = data.replace(b"A lamp on", b"A lump on")
    found = scan(tmp_path, {"cut.zip": data[: len(data) // 2], "wrong.zip": wrong, "text.zip": b"A lamp."})
    assert sources(found) == ["wrong.zip/a.md"]
    told = reasons(found)
    assert told["cut.zip"].startswith("rejected: not a ZIP archive, or a damaged one")
    assert told["text.zip"].startswith("rejected: not a ZIP archive")
    assert told["wrong.zip/b.md"].startswith("rejected: damaged in its archive: Bad CRC-32")


def test_a_file_that_left_its_archive_after_the_scan_is_rejected(tmp_path: Path) -> None:
    found = scan(tmp_path, {"x.zip": packed({"a.md": FERRY, "b.md": b"b"})})
    loader = FolderLoader([tmp_path])
    assert loader.read(found.files[0]).title == "Ferry"
    (tmp_path / "x.zip").write_bytes(packed({"b.md": b"# New\n\nA longer text.\n"}))
    with pytest.raises(RejectedError, match="no longer in the file"):
        loader.read(found.files[0])
    new = loader.read(found.files[1])
    assert (new.title, new.sha256) == ("New", loader.scan().files[0].sha256)


def test_own_formats_get_the_bytes_of_files_inside_and_may_take_a_whole_archive(tmp_path: Path) -> None:
    scan(tmp_path, {"x.zip": packed({"guide.rst": b"Ferries\n=======\n\nThey sail.\n"})})
    loader = FolderLoader([tmp_path], formats=[RestructuredText()])
    (file,) = loader.scan().files
    document = loader.read(file)
    assert (document.source, document.title, document.sha256) == ("x.zip/guide.rst", "Ferries", file.sha256)

    class Archive(RestructuredText):
        media_type = "application/x-own"
        suffixes = (".zip", ".zipx")

    assert sources(FolderLoader([tmp_path], formats=[Archive()]).scan()) == ["x.zip"]


def test_an_unchanged_archive_is_unpacked_for_one_scan_only(tmp_path: Path) -> None:
    scan(tmp_path, {"x.zip": packed({"a.md": FERRY})})
    loader = FolderLoader([tmp_path])
    first = loader.scan()
    known = loader._members._lists.copy()
    assert loader.scan() == first
    assert loader._members._lists == known and len(known) == 1
    (tmp_path / "x.zip").write_bytes(packed({"b.md": FERRY}))
    assert sources(loader.scan()) == ["x.zip/b.md"]
    loader.scan()
    assert len(loader._members._lists) == 1


def test_damaged_archives_are_read_or_refused_and_quickly() -> None:
    sound = packed({"a.md": FERRY, "in/b.txt": b"A lamp.\n" * 20}) + packed({"c.md": b"c"}, zipfile.ZIP_LZMA)
    rng = random.Random(5)
    for _ in range(300):
        data = bytearray(sound)
        for _ in range(rng.randint(1, 5)):
            at = rng.randrange(len(data) or 1)
            if rng.random() < 0.6:
                data[at : at + 1] = bytes([rng.randrange(256)])
            elif rng.random() < 0.5:
                del data[at : at + rng.randint(1, 30)]
            else:
                data[at:at] = rng.randbytes(rng.randint(1, 30))
        began = time.perf_counter()
        try:
            for member in members(bytes(data), Limits(unpacked_bytes=50 << 20)):
                assert member.name
                try:
                    member.read()
                except RejectedError as error:
                    assert str(error).strip()
        except RejectedError as error:
            assert str(error).strip()
        assert time.perf_counter() - began < 5
