"""Passwords of encrypted files: where they come from, that they open files, and that nothing keeps or shows them."""

from __future__ import annotations

import contextlib
import hashlib
import io
import random
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import docx
import olefile
import openpyxl
import pytest
import pyzipper
from msoffcrypto.format.ooxml import OOXMLFile
from msoffcrypto.method.rc4 import DocumentRC4
from pypdf import PdfReader, PdfWriter

from ragqa.errors import RejectedError, UsageError
from ragqa.kinds import load_config
from ragqa.load import FolderLoader
from ragqa.load.bounds import Limits
from ragqa.load.docx import extract as extract_docx
from ragqa.load.passwords import MOST
from ragqa.load.sheets import workbook
from ragqa.pipeline.assemble.check import check_file
from tests.load.mail_files import ole
from tests.load.pdfs import lines, raw_pdf
from tests.load.sheet_files import xls

SECRET = "Kråkvik-77"
PIPELINE = """
version: 1
load: {kind: folder, path: docs, passwords: %s}
split: {kind: recursive}
embed: {kind: mean_pool, model: all-minilm-l6-v2}
index: {kind: faiss, path: index}
retrieve: {kind: hybrid}
prompt: {kind: in_context}
generate: {kind: causal_lm, model: smollm2-135m-instruct}
"""


def locked(algorithm: str, password: str = SECRET, owner: str = "owner") -> bytes:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(raw_pdf(lines("The vault opens at nine.")))))
    writer.encrypt(user_password=password, owner_password=owner, algorithm=algorithm)
    stream = io.BytesIO()
    writer.write(stream)
    return stream.getvalue()


def folder(place: Path, data: bytes) -> Path:
    (place / "docs").mkdir()
    (place / "docs" / "a.pdf").write_bytes(data)
    return place / "docs"


def text(loader: FolderLoader) -> str:
    (file,) = loader.scan().files
    return loader.read(file).text


@pytest.mark.parametrize("algorithm", ["RC4-40", "RC4-128", "AES-128", "AES-256-R5", "AES-256"])
def test_a_file_of_passwords_opens_a_pdf(tmp_path: Path, algorithm: str) -> None:
    (tmp_path / "pw.txt").write_bytes(f"\ufeffwrong\r\n\r\n{SECRET}\r\n".encode())
    loader = FolderLoader([folder(tmp_path, locked(algorithm))], passwords=tmp_path / "pw.txt")
    assert text(loader) == "The vault opens at nine."


def test_a_variable_holds_a_password_and_the_owner_s_opens_a_file_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAULT_WORDS", f"wrong\n{SECRET}")
    where = folder(tmp_path, locked("AES-256", password="user", owner=SECRET))
    assert text(FolderLoader([where], passwords="VAULT_WORDS")) == "The vault opens at nine."


def locked_docx() -> bytes:
    stream, opened = io.BytesIO(), io.BytesIO()
    document = docx.Document()
    document.add_paragraph("The vault opens at nine.")
    document.save(stream)
    OOXMLFile(stream).encrypt(SECRET, opened)
    return opened.getvalue()


@pytest.mark.parametrize("password", [SECRET, "VelvetSweatshop"])
def test_a_password_opens_an_office_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    stream, opened = io.BytesIO(), io.BytesIO()
    book = openpyxl.Workbook()
    book.active.append(["The vault opens at", "nine."])
    book.save(stream)
    OOXMLFile(stream).encrypt(password, opened)
    monkeypatch.setenv("VAULT_WORDS", f"wrong\n{SECRET}")
    (tmp_path / "a.xlsx").write_bytes(opened.getvalue())
    given = "VAULT_WORDS" if password == SECRET else None  # Excel itself knows the other one
    assert text(FolderLoader([tmp_path], passwords=given)) == "Sheet\nThe vault opens at\tnine.\n"


def test_no_password_that_opens_an_office_file_is_a_reason_and_damaged_ones_never_crash(tmp_path: Path) -> None:
    data = locked_docx()
    with pytest.raises(RejectedError, match="encrypted: a password is needed; add it"):
        extract_docx(data, Limits())
    with pytest.raises(RejectedError, match=r"none of the 1 of load\.passwords opens it"):
        extract_docx(data, Limits(), ["other"])
    with pytest.raises(RejectedError, match="has declarations"):
        extract_docx(data.replace(b"<encryption ", b"<!DOCTYPE a>", 1), Limits(), [SECRET])
    chance = random.Random(7)
    for _ in range(8):
        at = chance.randrange(len(data))
        damaged = data[:at] + bytes([chance.randrange(256)]) + data[at + chance.choice((0, 1, 400)) :]
        with contextlib.suppress(RejectedError):
            extract_docx(damaged, Limits(), [SECRET])


def locked_xls(password: str) -> bytes:
    """Return a workbook that is encrypted with RC4, block by block ([MS-XLS], section 2.2.10)."""
    with olefile.OleFileIO(io.BytesIO(xls(lambda sheet: sheet.write(0, 0, "The vault opens at nine.")))) as file:
        stream = file.openstream("Workbook").read().rstrip(b"\0") + bytes(3)  # its last record is `0a 00 00 00`
    salt, verifier = bytes(range(16)), b"verifier of 16 b"
    proof = DocumentRC4.decrypt(password, salt, io.BytesIO(verifier + hashlib.md5(verifier).digest()), 1024).read()
    note = struct.pack("<HHHHH", 0x2F, 54, 1, 1, 1) + salt + proof
    head = 4 + struct.unpack_from("<H", stream, 2)[0]
    plain = stream[:head] + note + stream[head:]
    secret = bytearray(DocumentRC4.decrypt(password, salt, io.BytesIO(plain), 1024).read())
    at = 0
    while at + 4 <= len(plain):
        kind, size = struct.unpack_from("<HH", plain, at)
        shown = 4 + (size if kind in (0x809, 0x2F, 0xE1) else 4 if kind == 0x85 else 0)
        secret[at : at + shown] = plain[at : at + shown]
        if kind == 0x85:  # the place of a sheet, behind the record that was added
            struct.pack_into("<I", secret, at + 4, struct.unpack_from("<I", plain, at + 4)[0] + len(note))
        at += 4 + size
    return ole({"Workbook": bytes(secret)})


def test_a_password_opens_an_old_workbook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = locked_xls(SECRET)
    monkeypatch.setenv("VAULT", SECRET)
    (tmp_path / "vault.xls").write_bytes(data)
    loader = FolderLoader([tmp_path], passwords="VAULT")
    assert "The vault opens at nine." in loader.read(loader.scan().files[0]).text
    with pytest.raises(RejectedError, match=r"none of the 1 of load\.passwords opens it"):
        workbook(data, Limits(), ["other"])
    with pytest.raises(RejectedError, match=r"a password is needed; add it to load\.passwords"):
        workbook(data, Limits())


def by_aes(text: bytes) -> bytes:
    """Return an archive with a file that is encrypted by AES."""
    stream = io.BytesIO()
    with pyzipper.AESZipFile(stream, "w", compression=pyzipper.ZIP_DEFLATED, encryption=pyzipper.WZ_AES) as archive:
        archive.setpassword(SECRET.encode())
        archive.writestr("in/a.md", text)
    return stream.getvalue()


def by_zip(text: bytes) -> bytes:
    """Return an archive with a file that is encrypted in the old way of ZIP, which nothing here writes."""
    keys = [0x12345678, 0x23456789, 0x34567890]

    def encrypted(byte: int) -> int:
        mixed = keys[2] | 2
        out = byte ^ (((mixed * (mixed ^ 1)) >> 8) & 0xFF)
        turn(byte)
        return out

    def turn(byte: int) -> None:
        keys[0] = crc(keys[0], byte)
        keys[1] = ((keys[1] + (keys[0] & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        keys[2] = crc(keys[2], keys[1] >> 24)

    def crc(key: int, byte: int) -> int:
        return zlib.crc32(bytes([byte]), key ^ 0xFFFFFFFF) ^ 0xFFFFFFFF

    for byte in SECRET.encode():
        turn(byte)
    check = zlib.crc32(text) >> 24
    packed = bytes(map(encrypted, bytes(11) + bytes([check]) + text))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("in/a.md", packed)
    data = bytearray(stream.getvalue())
    for head, flags, crc_at in ((data.index(b"PK\3\4"), 6, 14), (data.rindex(b"PK\1\2"), 8, 16)):
        data[head + flags] |= 1
        data[head + crc_at : head + crc_at + 4] = zlib.crc32(text).to_bytes(4, "little")
        data[head + crc_at + 8 : head + crc_at + 12] = len(text).to_bytes(4, "little")
    return bytes(data)


@pytest.mark.parametrize("locked_archive", [by_aes, by_zip])
def test_a_password_opens_the_files_of_an_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locked_archive: Callable[[bytes], bytes]
) -> None:
    outer = io.BytesIO()
    with zipfile.ZipFile(outer, "w") as archive:
        archive.writestr("inner.zip", locked_archive(b"The vault opens at nine."))
    (tmp_path / "x.zip").write_bytes(outer.getvalue())
    for words, reason in (("", "a password is needed"), ("a\nb", r"none of the 2 of load\.passwords opens it")):
        monkeypatch.setenv("VAULT_WORDS", words)
        scan = FolderLoader([tmp_path], passwords="VAULT_WORDS" if words else None).scan()
        (other,) = scan.others
        assert not scan.files and re.search(reason, other.reason)
    monkeypatch.setenv("VAULT_WORDS", f"wrong\n{SECRET}")
    assert text(FolderLoader([tmp_path], passwords="VAULT_WORDS")) == "The vault opens at nine."


def test_no_password_that_opens_a_file_is_a_reason_that_quotes_none(tmp_path: Path) -> None:
    (tmp_path / "pw.txt").write_text("alpha\nbeta gamma\n", encoding="utf-8")
    where = folder(tmp_path, locked("AES-256"))
    with pytest.raises(RejectedError, match="encrypted: a password is needed; add it"):
        text(FolderLoader([where]))
    with pytest.raises(RejectedError, match=r"encrypted: none of the 2 of load\.passwords opens it") as error:
        text(FolderLoader([where], passwords=tmp_path / "pw.txt"))
    assert "alpha" not in str(error.value)


def test_passwords_are_no_part_of_what_the_index_records_and_their_file_is_no_document(tmp_path: Path) -> None:
    where = folder(tmp_path, locked("RC4-128"))
    (where / "pw.txt").write_text(SECRET, encoding="utf-8")
    (where / "same.txt").hardlink_to(where / "pw.txt")
    loader = FolderLoader([where], passwords=where / "pw.txt")
    scan = loader.scan()
    document = loader.read(scan.files[0])
    assert [file.source for file in scan.files] == ["a.pdf"]
    assert {(entry.source, entry.reason) for entry in scan.others} == {
        ("pw.txt", "the passwords of load.passwords"),
        ("same.txt", "the passwords of load.passwords"),
    }
    assert loader.extractor("application/pdf") == FolderLoader([where]).extractor("application/pdf")
    assert SECRET not in repr(document) and SECRET not in repr(vars(loader))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "has 0 passwords; must have 1 to 100"),
        ("\n".join(map(str, range(MOST + 1))), "has 101 passwords"),
        (b"\xff\xfe" + SECRET.encode("utf-16-le"), "not UTF-8 at byte 0"),
        (None, "No such file or directory"),
    ],
)
def test_unusable_passwords_are_an_error_that_names_only_the_place(
    tmp_path: Path, content: str | bytes | None, message: str
) -> None:
    place = tmp_path / "pw.txt"
    if content is not None:
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UsageError, match=rf"load\.passwords: .*pw\.txt.*{message}"):
        text(FolderLoader([folder(tmp_path, locked("RC4-128"))], passwords=place))


def test_a_pipeline_file_names_the_variable_or_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = tmp_path / "p.yaml"
    folder(tmp_path, b"")
    monkeypatch.delenv("NO_SUCH_WORD", raising=False)
    for written, place, message in (
        ("NO_SUCH_WORD", "NO_SUCH_WORD", "the environment variable NO_SUCH_WORD is not set"),
        ("pw.txt", str(tmp_path / "pw.txt"), f"path not found: {tmp_path / 'pw.txt'}"),
        ("./NAME", str(tmp_path / "NAME"), f"path not found: {tmp_path / 'NAME'}"),
    ):
        pipeline.write_text(PIPELINE % written, encoding="utf-8")
        assert load_config(pipeline).load.model_dump()["passwords"] == place
        (problem,) = check_file(pipeline).problems
        assert message in problem.message
