"""The scores of the reading benchmark: cases counted by hand, and which source belongs to which reference."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.reading.__main__ import Outcome, read, row, samples
from benchmarks.reading.scores import Score, score, tables

TABLE = "| Room | Fee a day |\n| - | - |\n| Loft | 4 |\n| Hall | 5 |\n"


@given(st.text(alphabet="abc d\n#|*-_.[]()é"))
def test_a_text_is_its_own_reference(text: str) -> None:
    found = score(text, text)
    assert {found.recall, found.precision, found.order} <= {1.0, None}


def test_words_count_as_often_as_they_are_there() -> None:
    assert score("the loft", "the loft and the hall") == Score(2 / 5, 1.0, 1 / 4, None, None)
    assert score("The LOFT the loft", "the loft").precision == 1 / 2


@pytest.mark.parametrize(
    "markup",
    [
        "# The *loft* <!-- image -->", "[The loft](https://example.org/a_(b))", "![The](data:image/png;base64,AAAA) `loft`",
        "The\\_loft", "The&nbsp;loft<br>", "| The | loft |", "**The** <u>loft</u>",
    ],
)  # fmt: skip
def test_markup_has_no_words(markup: str) -> None:
    assert score(markup, "The loft") == score("The loft", markup) == Score(1.0, 1.0, 1.0, None, None)


def test_a_row_is_kept_where_its_cells_are_in_one_line() -> None:
    assert score("Room\tFee a day\nLoft\t4\nHall\n5", TABLE).rows == 1 / 2
    assert score("Room: Loft; Fee a day: 4", TABLE) == Score(6 / 8, 1.0, 2 / 7, 1 / 2, 1.0)
    assert score("Fee a\nday", TABLE).names == 0


def test_equal_cells_of_a_row_are_counted() -> None:
    reference = "| A | B | C |\n|---|---|---|\n| 1 | 1 | 1 |"
    assert score("1 1", reference).rows == 0
    assert score("1 1 1", reference).rows == 1


def test_tables_of_a_reference_have_a_line_of_dashes() -> None:
    assert len(list(tables(f"a | b\n\n{TABLE}\ntext\n"))) == 1
    (found,) = tables(TABLE)
    assert found.header == (("room",), ("fee", "a", "day")) and len(found.rows) == 2


def test_a_file_that_is_not_read_has_none_of_its_words(tmp_path: Path) -> None:
    for name, text in (("a.txt", "The loft\n"), ("b.txt", "The hall\n"), ("c.odg", "no text\n")):
        (tmp_path / "texts" / "sources").mkdir(parents=True, exist_ok=True)
        (tmp_path / "texts" / "groundtruth").mkdir(exist_ok=True)
        (tmp_path / "texts" / "sources" / name).write_text(text, encoding="utf-8")
        (tmp_path / "texts" / "groundtruth" / f"{name}.md").write_text(text, encoding="utf-8")
    (tmp_path / "texts" / "sources" / "b.txt").write_bytes(b"\x00\x01" * 100)
    found = samples(tmp_path)
    assert [sample.path.name for sample in found] == ["c.odg", "a.txt", "b.txt"]
    outcomes = read("ragqa", [sample for sample in found if sample.format == "txt"], tmp_path)
    assert [outcome.score.recall for outcome in outcomes] == [1.0, 0.0]
    assert "binary" in outcomes[1].reason
    assert row("txt", "ragqa", outcomes)[2:5] == ["0.500", "1.000", "0.500"]


def test_a_reference_belongs_to_the_file_of_its_name(tmp_path: Path) -> None:
    for folder in ("pdf", "ocr"):
        (tmp_path / folder / "sources").mkdir(parents=True)
        (tmp_path / folder / "sources" / "a.pdf").write_bytes(b"")
    (tmp_path / "pdf" / "groundtruth").mkdir()
    (tmp_path / "pdf" / "groundtruth" / "a.md").write_text("words", encoding="utf-8")
    (tmp_path / "pdf" / "groundtruth" / "missing.md").write_text("words", encoding="utf-8")
    for kind in ("full_page", "layout_regions"):
        (tmp_path / "ocr" / "groundtruth" / "tesseract" / kind).mkdir(parents=True)
        reference = tmp_path / "ocr" / "groundtruth" / "tesseract" / kind / f"a.tesseract.{kind}.md"
        reference.write_text(kind, encoding="utf-8")
    found = [(sample.format, sample.reference) for sample in samples(tmp_path)]
    assert found == [("pdf", "words"), ("scans", "full_page")]


def test_outcomes_without_precision_are_left_out_of_its_mean() -> None:
    sample = samples(Path(__file__).parent)
    assert sample == []
    nothing = Outcome(None, score("", "a"), 0.5, "damaged")  # type: ignore[arg-type]
    assert row("x", "y", [nothing]) == ["x", "y", "0.000", "", "", "", "", "1", "1", "0.5"]
