"""A folder without a document: the error and the plan say why, and which types are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragqa import Pipeline
from ragqa.errors import NothingUsableError
from ragqa.pipeline.ingest.plan import why_nothing
from ragqa.records import FileStatus, Scan
from tests.fakes import ECHO, PIPELINE, WORDS

LINK = "symbolic link: not followed"


def scan(*reasons: str) -> Scan:
    return Scan(
        (), tuple(FileStatus(f"{n:02}.x", "skipped", reason) for n, reason in enumerate(reasons)), (".md", ".csv")
    )


def test_files_are_named_by_reason_and_types_only_where_they_help() -> None:
    assert why_nothing(scan()) == " (0 files, without hidden and excluded ones): ragqa reads .md .csv"
    assert why_nothing(scan(LINK, LINK)) == f" (2 files, none usable): 00.x, 01.x: {LINK}"
    assert why_nothing(scan(*[LINK] * 7)).endswith(f": 00.x, 01.x, 02.x, 03.x, 04.x and 2 more: {LINK}")
    mixed = why_nothing(scan("empty file", "unsupported type .x"))
    assert mixed.endswith(": 00.x: empty file; 01.x: unsupported type .x; ragqa reads .md .csv")
    assert "and 2 more reasons: see `ragqa plan`" in why_nothing(scan(*map(str, range(7))))
    assert why_nothing(Scan((), ())) == " (0 files, without hidden and excluded ones)"


def test_a_folder_of_links_as_kubernetes_mounts_it_says_so(tmp_path: Path) -> None:
    documents = tmp_path / "documents"
    (documents / "..2031").mkdir(parents=True)
    for name in ("gate.txt", "quay.txt"):
        (documents / "..2031" / name).write_text("It closes at ten.", encoding="utf-8")
        (documents / name).symlink_to(f"..data/{name}")
    (documents / "..data").symlink_to("..2031")
    (tmp_path / "pipeline.yaml").write_text(PIPELINE, encoding="utf-8")
    pipe = Pipeline.from_file(tmp_path / "pipeline.yaml", kinds=[WORDS, ECHO])
    with pytest.raises(NothingUsableError, match=f"no documents found under .*: gate.txt, quay.txt: {LINK}$"):
        pipe.index()
    assert pipe.plan().plan.nothing == f" (2 files, none usable): gate.txt, quay.txt: {LINK}"
