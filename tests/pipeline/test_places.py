"""Places of passages and citations for people: pages with their labels, slides, and rows of sheets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ragqa import Pipeline
from ragqa.load import FolderLoader
from ragqa.records import Extracted
from tests.fakes import ECHO, WORDS, document, write_project

SHEET = "Prices\nitem;winter\n" + "".join(f"berth {n};{n * 7}\n" for n in range(40))


class Sheets:
    """A format whose file is a sheet: its header is row 3, and two rows above are blank."""

    media_type, suffixes, extractor = "text/x-sheet", (".sheet",), "sheet/1"

    def read(self, data: bytes) -> Extracted:
        places = [[0, "sheet Prices", 3]]
        return Extracted(data.decode(), "Prices", metadata={"places": places}, encoding="utf-8")


@pytest.mark.parametrize(
    ("metadata", "pages", "offset", "place"),
    [
        ({}, (), 4, ""),
        ({}, (0, 9), 4, "page 1"),
        ({"page_labels": ["i", "2"]}, (0, 9), 4, "page 1, labelled i"),
        ({"page_labels": ["i", "2"]}, (0, 9), 9, "page 2"),
        ({"places": [[0, "slide 1"], [9, "slide 2"]]}, (0, 9), 9, "slide 2"),
        ({"places": [[0, "slide 1"], [9, "slide 2"]]}, (0, 9), 8, "slide 1"),
        ({"places": [[5, "cell 1"]]}, (), 4, ""),
        ({"places": [[0, "sheet A", 1200]]}, (), 2, "sheet A, row 1,200"),
        ({"places": [[0, "sheet A", 7]]}, (), 9, "sheet A, row 9"),
        ({"places": [["0", "sheet A"]]}, (0,), 4, "page 1"),
        ({"places": "everywhere", "page_labels": 7}, (0,), 4, "page 1"),
        ({"page_labels": []}, (0,), 4, "page 1"),
    ],
)
def test_a_place_has_the_name_that_the_file_gives_it(
    metadata: dict[str, Any], pages: tuple[int, ...], offset: int, place: str
) -> None:
    of_file = replace(document("abc\ndef\nghi"), metadata=metadata, page_starts=pages)
    assert of_file.place_of(offset) == place


def test_passages_and_citations_name_the_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAGQA_CACHE", str(tmp_path / "cache"))
    write_project(tmp_path, [])
    (tmp_path / "documents" / "berths.sheet").write_text(SHEET)
    pipeline = Pipeline.from_file(tmp_path / "pipeline.yaml", kinds=[WORDS, ECHO])
    pipeline.components.replace(loader=FolderLoader([tmp_path / "documents"], formats=[Sheets()]))
    pipeline.index()
    hits = pipeline.search("berth 29 winter", 1)
    rows = SHEET[: hits[0].chunk.start].count("\n")
    assert hits[0].place == f"sheet Prices, row {3 + rows}"
    answer = pipeline.ask("berth 29 winter")
    for cited in answer.citations:
        assert cited.place == f"sheet Prices, row {3 + SHEET[: cited.start].count(chr(10))}"
    assert answer.citations
