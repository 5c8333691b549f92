"""Passwords of encrypted files: where they come from, that they open files, and that nothing keeps or shows them."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from pypdf import PdfReader, PdfWriter

from ragqa.errors import RejectedError, UsageError
from ragqa.kinds import load_config
from ragqa.load import FolderLoader
from ragqa.load.passwords import MOST
from ragqa.pipeline.assemble.check import check_file
from tests.load.pdfs import lines, raw_pdf

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
