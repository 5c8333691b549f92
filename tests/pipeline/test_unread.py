"""What of a file was not read is said when it is indexed, and by the check of the index."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragqa import Pipeline
from ragqa.pipeline.ingest.maintenance import Maintenance
from ragqa.records import unread
from ragqa.wire import index_report
from tests.fakes import ECHO, WORDS, write_project
from tests.load.pdfs import HELVETICA, codes, composite, lines, raw_pdf

PARTIAL = raw_pdf(lines("The quay is open."), b"", lines("It closes at six."), b"")
FONTS = raw_pdf(lines("The fee of the quay") + codes(b"\0\x41\0\x42", 1), fonts=[HELVETICA, composite("Identity-H")])


def test_pages_without_text_and_undecodable_characters_are_told_at_index_and_by_a_check(tmp_path: Path) -> None:
    write_project(tmp_path, ["ferry"])
    for name, data in {"a/partial.pdf": PARTIAL, "copy.pdf": PARTIAL, "fonts.pdf": FONTS}.items():
        (tmp_path / "documents" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "documents" / name).write_bytes(data)
    report = Pipeline.from_file(tmp_path / "pipeline.yaml", ["load.ocr=off"], kinds=[WORDS, ECHO]).index()
    pages = "no text on 2 of 4 pages (2, 4); `load.ocr: auto` reads scans"
    fonts = "2 characters have no text in the file's fonts"
    expected = {"a/partial.pdf": (pages,), "copy.pdf": (pages,), "ferry.txt": (), "fonts.pdf": (fonts,)}
    assert {each.source: each.unread for each in report.statuses} == expected
    assert [each["unread"] for each in index_report(report)["statuses"]] == list(expected.values())
    checkup = Maintenance(tmp_path / "index").check()
    assert checkup.faults == ()
    assert checkup.notes == (f"a/partial.pdf: {pages}", f"copy.pdf: {pages}", f"fonts.pdf: {fonts}")


@pytest.mark.parametrize(
    ("metadata", "phrases"),
    [
        ({}, []),
        (
            {"pages_without_text": [*range(1, 13)]},
            ["no text on 12 of 1,200 pages (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, ...)"],
        ),
        ({"undecodable": 1}, ["1 character has no text in the file's fonts"]),
        ({"undecodable": 5000, "author": "x"}, ["5,000 characters have no text in the file's fonts"]),
        ({"annotations_not_read": [3]}, ["damaged form fields or comments on 1 pages (3)"]),
    ],
)
def test_each_fact_has_a_phrase(metadata: dict[str, object], phrases: list[str]) -> None:
    assert [*unread("application/pdf", metadata, 1200)] == phrases
    assert list(unread("text/markdown", metadata, 0)) == []
