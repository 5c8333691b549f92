"""Documents inside archives, mailboxes and mails go through index, plan, answers and doctor like files of a folder."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from ragqa import Pipeline
from ragqa.pipeline.answer.sources import SourceFiles
from ragqa.records import Citation
from tests.commands import ragqa
from tests.fakes import ECHO, PIPELINE, WORDS
from tests.load.mail_files import eml, mbox, with_files

QUAY = "The quay has a master called Quayson."
QUESTION = "Who is the master of the quay?"


def pack(path: Path, files: Mapping[str, str]) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    path.write_bytes(stream.getvalue())


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RAGQA_CACHE", str(tmp_path / "cache"))
    (tmp_path / "documents").mkdir()
    (tmp_path / "pipeline.yaml").write_text(PIPELINE, encoding="utf-8")
    pack(tmp_path / "documents" / "x.zip", {"in/quay.txt": QUAY, "ferry.txt": "The ferry sails.", "z.bin": "x"})
    letters = mbox(eml("Lamp", "The lamp is lit at dusk.\n"), with_files({"buoy.txt": b"The buoy is red."}, "Files"))
    (tmp_path / "documents" / "in.mbox").write_bytes(letters)
    return tmp_path


def pipeline(home: Path) -> Pipeline:
    return Pipeline.from_file(home / "pipeline.yaml", kinds=[WORDS, ECHO])


def indexed(home: Path) -> dict[str, str]:
    with pipeline(home).open_index() as reader:
        return dict(reader.sources())


def cited(pipe: Pipeline) -> Citation:
    (citation,) = pipe.ask(QUESTION).citations
    assert citation.text == QUAY
    return citation


SOURCES = [
    "in.mbox/0001 Lamp.eml",
    "in.mbox/0002 Files.eml",
    "in.mbox/0002 Files.eml/buoy.txt",
    "x.zip/ferry.txt",
    "x.zip/in/quay.txt",
]


def test_every_document_is_indexed_once_and_unchanged_in_the_next_run(home: Path) -> None:
    report = pipeline(home).index()
    assert {entry.source: entry.status for entry in report.statuses} == {
        **dict.fromkeys(SOURCES, "indexed"),
        "x.zip/z.bin": "skipped",
    }
    assert sorted(indexed(home)) == SOURCES
    again = pipeline(home).index()
    assert (again.count("unchanged"), again.count("indexed"), again.embedded) == (5, 0, 0)
    assert pipeline(home).changes().is_empty


def test_a_change_in_an_archive_costs_only_what_changed(home: Path) -> None:
    pipeline(home).index()
    pack(
        home / "documents" / "x.zip", {"in/quay.txt": QUAY, "moved.txt": "The ferry sails.", "new.txt": "A new crane."}
    )
    plan = pipeline(home).changes()
    assert [(each.file.source, each.parse) for each in plan.changed] == [
        ("x.zip/moved.txt", False),
        ("x.zip/new.txt", True),
    ]
    assert plan.removed == ("x.zip/ferry.txt",)
    report = pipeline(home).index()
    assert (report.count("indexed"), report.removed, report.embedded) == (2, 1, 1)
    assert "x.zip/ferry.txt" not in indexed(home)


def test_the_same_content_in_a_folder_and_in_an_archive_is_one_document(home: Path) -> None:
    (home / "documents" / "a.txt").write_text(QUAY, encoding="utf-8")
    pipeline(home).index()
    found = indexed(home)
    assert found["a.txt"] == found["x.zip/in/quay.txt"]


def test_a_citation_names_the_file_inside_and_is_stale_only_if_that_one_changed(home: Path) -> None:
    pipe = pipeline(home)
    pipe.index()
    citation = cited(pipe)
    archive = home / "documents" / "x.zip"
    assert (citation.source, citation.path, citation.stale) == ("x.zip/in/quay.txt", f"{archive}/in/quay.txt", False)
    pack(archive, {"in/quay.txt": QUAY, "other.txt": "Something else."})
    assert not cited(pipe).stale
    pack(archive, {"in/quay.txt": QUAY.replace("Quayson", "Newson")})
    assert cited(pipe).stale
    archive.unlink()
    assert cited(pipe).stale


def test_a_document_inside_a_named_archive_is_found_by_its_source(home: Path) -> None:
    archive = home / "documents" / "x.zip"
    files = SourceFiles([archive])
    assert files.locate("x.zip") == str(archive)
    assert files.locate("x.zip/in/quay.txt") == f"{archive}/in/quay.txt"
    link = home / "link.zip"
    link.symlink_to(archive)
    pipe = Pipeline.from_file(home / "pipeline.yaml", [f"load.path={link}"], kinds=[WORDS, ECHO])
    pipe.index()
    assert not cited(pipe).stale


def test_show_reads_a_document_inside_an_archive_again(home: Path) -> None:
    shown = ragqa("show", "documents/x.zip/in/quay.txt:4-8", cwd=home)
    assert shown.code == 0 and "The >>>quay<<< has a master" in shown.out
    missing = ragqa("show", "documents/x.zip/in/none.txt:4-8", cwd=home)
    assert missing.code == 2 and "there is no such file in documents/x.zip" in missing.err
    skipped = ragqa("show", "documents/x.zip/z.bin:0-1", cwd=home)
    assert "unsupported type .bin" in skipped.err


def test_an_archive_that_cannot_be_opened_is_rejected_and_its_documents_go(home: Path) -> None:
    pipeline(home).index()
    (home / "documents" / "x.zip").write_bytes(b"PK\x03\x04 damaged")
    report = pipeline(home).index()
    (rejected,) = (entry for entry in report.statuses if entry.status == "rejected")
    assert rejected.source == "x.zip" and rejected.reason.startswith("not a ZIP archive")
    assert sorted(indexed(home)) == SOURCES[:3]


def test_doctor_names_what_of_a_mail_is_not_in_its_text(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "At noon.\n\nOn Fri, 1 Mar 2024 at 10:00, Ada wrote:\n> When does it sail?\n"
    (home / "documents" / "reply.eml").write_bytes(eml("Re: Ferry", text))
    report = pipeline(home).index()
    (reply,) = (entry for entry in report.statuses if entry.source == "reply.eml")
    assert reply.unread == ("not in the text: quoted lines (2)",)
