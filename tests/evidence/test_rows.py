"""Rows of tables: a question that names one row is answered from that row or not at all."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from ragqa.evidence.passages import Candidate, candidates
from ragqa.evidence.rows import about_the_row, is_of_cell, is_of_field
from ragqa.evidence.tables import Tables
from ragqa.question_analysis import analyse
from ragqa.records import Document
from tests.fakes import document, passage

NAMES = "Loft Hall Attic Cellar Tower Annex Barn Studio Gallery Chapel Foyer Vault".split()  # noqa: SIM905
PIPES = "".join(f"| {name} | shelf {n + 20} | {3 * n + 40} | {7 * n + 90} |\n" for n, name in enumerate(NAMES))
MARKDOWN = f"# Rooms 2024\n\nAll fees are in crowns.\n\n| Room | Place | Day | Week |\n|---|---|---|---|\n{PIPES}\nPay ahead.\n"
CSV = "room,place,day,week\n" + PIPES.replace(" |\n", "\n").replace("| ", "", 1).replace("\n| ", "\n").replace(
    " | ", ","
)


def found(
    text: str, question: str, *, media_type: str = "text/markdown", first: int = 0, last: int | None = None
) -> list[str]:
    return [each.text for each in kept(text, question, media_type, first, last)]


def kept(
    text: str, question: str, media_type: str = "text/markdown", first: int = 0, last: int | None = None
) -> list[Candidate]:
    doc = document(text, "rooms.md", media_type)
    if media_type == "text/csv":
        doc = table_file(text)
    hits = [passage(doc, first, len(text) if last is None else last)]
    return about_the_row(analyse(question), candidates(hits, lambda _: doc), Tables(lambda _: doc))


def table_file(text: str) -> Document:
    return replace(
        document(text, "rooms.csv", "text/csv"),
        metadata={"tables": [[0, 0, text.index("\n") + 1]]},
        source="2024/rooms.csv",
    )


def rows(texts: list[str]) -> list[str]:
    return [each for each in texts if "shelf" in each]


@pytest.mark.parametrize("media_type", ["text/markdown", "text/csv"])
@pytest.mark.parametrize(
    ("question", "name"),
    [("What does the tower cost a week?", "Tower"), ("How much is shelf 25 for a day?", "Annex"),
     ("Is the vault 73 a day?", "Vault"), ("What is the fee for the gallery in 2024?", "Gallery")],
)  # fmt: skip
def test_of_the_rows_that_were_found_the_one_that_is_named_is_left(question: str, name: str, media_type: str) -> None:
    text = MARKDOWN if media_type == "text/markdown" else CSV
    assert [
        row.split()[0 if media_type == "text/csv" else 1].split(",")[0]
        for row in rows(found(text, question, media_type=media_type))
    ] == [name]


@pytest.mark.parametrize(
    ("question", "is_there"),
    [("What does the vault cost a week?", True), ("How much is shelf 31 for a day?", True),
     ("What does shelf 99 cost a week?", False), ("What did the loft cost a week in 2019?", False),
     ("How much is shelf 90?", False)],
)  # fmt: skip
def test_where_the_named_row_was_not_found_or_is_in_no_table_no_other_row_is_left(
    question: str, is_there: bool
) -> None:
    end = MARKDOWN.index("| Tower")
    assert rows(found(MARKDOWN, question, last=end)) == []
    assert ("All fees are in crowns." in found(MARKDOWN, question, last=end)) is is_there


def test_a_sentence_with_the_number_that_a_table_lacks_is_left() -> None:
    text = MARKDOWN.replace("All fees are in crowns.", "Shelf 99 is free of charge. All fees are in crowns.")
    assert found(text, "What does shelf 99 cost a week?") == ["Shelf 99 is free of charge."]


@pytest.mark.parametrize(
    "question", ["Which rooms cost less than 60 a day?", "List the rooms", "Is the loft cheaper than the hall?"]
)
def test_a_question_about_several_rows_keeps_all(question: str) -> None:
    assert len(rows(found(MARKDOWN, question))) == len(NAMES)


def test_a_quantity_of_the_question_names_no_row() -> None:
    assert len(rows(found(MARKDOWN, "What is the fee of the chapel for 3 nights?"))) == 1


def test_a_row_far_down_has_the_header_of_its_table_and_no_row_above_it_introduces_it() -> None:
    text = MARKDOWN.replace("| Hall", "| Filler | shelf 1 | 2 | 3 |\n" * 60 + "| Hall")
    (row,) = kept(text, "What does the vault cost a week?", first=text.index("| Tower"), last=text.index("Pay ahead"))
    assert (row.before, row.header) == ("| Room | Place | Day | Week |", text.index("| Room"))


def test_the_header_of_a_file_of_rows_is_no_row() -> None:
    found = kept(CSV, "List the rooms", "text/csv")
    assert [each.kind for each in found[:2]] == ["header", "row"]
    assert {each.before for each in found[1:]} == {"room,place,day,week"}


@pytest.mark.parametrize(
    ("question", "answer", "right"),
    [("What does the tower cost a week?", "118", True), ("What does the tower cost a week?", "52", False),
     ("What does the tower cost?", "118", False), ("How big is room Tower?", "Tower", False), ("Where is the place of the tower?", "shelf 24", True)],
)  # fmt: skip
@pytest.mark.parametrize("media_type", ["text/markdown", "text/csv"])
def test_a_short_answer_is_of_the_column_that_the_question_names(
    question: str, answer: str, right: bool, media_type: str
) -> None:
    text = MARKDOWN if media_type == "text/markdown" else CSV
    (row,) = [each for each in kept(text, question, media_type) if "shelf 24" in each.text]
    assert is_of_cell(answer, analyse(question), row) is right


@pytest.mark.parametrize(
    ("question", "answer", "right"),
    [("When does the Loft close?", "19:05", True), ("When does the Loft close?", "08:30", False),
     ("When is the Loft open?", "08:30", True), ("Which colour is the Loft?", "08:30", True)],
)  # fmt: skip
def test_a_short_answer_is_of_the_field_of_a_record_that_the_question_names(
    question: str, answer: str, right: bool
) -> None:
    record = "name: Loft\nowner.name: Ada\nhours.open: 08:30\nhours[1].close: 19:05\nnote_2: see below"
    assert is_of_field(answer, analyse(question), record) is right
    assert is_of_field(answer, analyse(question), "It is open at 08:30. Note: it may close early.")


def test_a_table_of_many_rows_is_compared_in_a_moment() -> None:
    table = "| Room | Day |\n|---|---|\n" + "".join(f"| Room {n} | {n % 97} |\n" for n in range(25_000))
    started = time.monotonic()
    assert found(table, "What does room 24990 cost a day?", first=len(table) - 3_000)[-1] == "| Room 24990 | 61 |"
    assert time.monotonic() - started < 5


def test_the_parts_of_a_table_on_several_pages_are_one_table() -> None:
    header = "| Room | Place | Day | Week |\n|---|---|---|---|\n"
    lines = PIPES.splitlines(keepends=True)
    pages = (f"\n{header}{''.join(lines[n : n + 4])}\nFees of the year, page {n // 4 + 1}\n" for n in (0, 4, 8))
    left = found("\f".join(pages), "What does the tower cost a week?", media_type="application/pdf")
    assert rows(left) == [lines[NAMES.index("Tower")].strip()]
