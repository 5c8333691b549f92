"""The cell of a table that a question asks for: given where there is no doubt, and not otherwise."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ragqa.evidence.cells import cell_asked_for
from ragqa.evidence.passages import candidates
from ragqa.evidence.tables import Tables
from ragqa.question_analysis import analyse
from tests.fakes import document, passage

HEADER = ("Code", "Item", "Type", "Summer price", "Winter price", "In stock")
ROWS = [
    (f"H{70 + n}", item, str(type_), f"{100 + 7 * n}.50", f"{50 + 3 * n}.00", str(40 - n))
    for n, (item, type_) in enumerate((item, type_) for item in ("rowing boat", "sail") for type_ in range(30, 42))
]


def cell(question: str, *, delimiter: str = "\t", found: int | None = None) -> str | None:
    """Return the cell that is asked for; `found` is the number of rows in the passage."""
    lines = [delimiter.join(row) for row in (HEADER, *ROWS)]
    text = "\n".join(lines) + "\n"
    tables = {"delimiter": delimiter, "tables": [[0, 0, len(lines[0]) + 1]]}
    doc = replace(document(text, "a.xlsx", "application/x-sheet"), metadata=tables)
    end = len(text) if found is None else len("\n".join(lines[: found + 1]))
    asked_for = cell_asked_for(
        analyse(question), candidates([passage(doc, 0, end)], lambda _: doc), Tables(lambda _: doc)
    )
    return asked_for.text if asked_for else None


@pytest.mark.parametrize("delimiter", ["\t", ",", ";"])
@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("What does a type 40 rowing boat cost in winter?", "80.00"),
        ("How much is the type 31 sail in summer?", "191.50"),
        ("How many of the sails of type 30 are in stock?", "28"),
        ("What is the winter price of H73?", "59.00"),
    ],
)
def test_the_cell_is_that_of_the_row_and_the_column_that_are_named(question: str, text: str, delimiter: str) -> None:
    assert cell(question, delimiter=delimiter) == text


def test_a_row_is_named_by_a_cell_that_repeats_the_name_of_its_column() -> None:
    rows = "\n".join(f"| Pier {n} | {3 * n} m | {7 * n} crowns |" for n in range(1, 41))
    doc = document(f"# Piers\n\n| Pier | Length | Rent |\n|---|---|---|\n{rows}\n", "piers.md", "text/markdown")
    found = candidates([passage(doc, 0, len(doc.text))], lambda _: doc)
    for question, text in (("What is the rent of pier 33?", "231 crowns"), ("Length of pier 7", "21 m")):
        asked_for = cell_asked_for(analyse(question), found, Tables(lambda _: doc))
        assert asked_for is not None and asked_for.text == text


@pytest.mark.parametrize(
    "question",
    [
        "What does a rowing boat cost in winter?",  # twelve rows
        "What does a type 99 rowing boat cost in winter?",  # no row
        "What does a type 28 sail cost in winter?",  # 28 is a stock
        "What does a type 40 rowing boat cost in winter for members?",  # a word that the table has not
        "Does a type 40 rowing boat cost more in winter?",
        "Why is the type 40 rowing boat cheaper in winter?",
    ],
)
def test_where_there_is_any_doubt_no_cell_is_given(question: str) -> None:
    assert cell(question) is None


def test_a_row_that_is_alone_in_the_passage_but_not_in_the_table_gives_no_cell() -> None:
    assert cell("What does a rowing boat cost in winter?", found=1) is None


@pytest.mark.parametrize("delimiter", ["\t", ","])
def test_where_several_columns_may_be_meant_the_row_is_given(delimiter: str) -> None:
    row = delimiter.join(("H80", "rowing boat", "40", "170.50", "80.00", "30"))
    assert cell("What does a type 40 rowing boat cost?", delimiter=delimiter) == " ".join(row.split())


def of_boats(question: str) -> str | None:
    """Return the cell that is asked for of two tables with the same header."""
    header = "| Boat | Manager | Length (m) | Weight (kg) | Use | Price (EUR) |\n|---|---|---|---|---|---|\n"
    rows = (
        "| Model X | Ada Moss | 3.10 | 1,250 | 0-100 h | 25.00 |\n"
        "| Model X Plus | Bo Lund | 4.80 | 2,040 | 101-200 h | 75.00 |\n"
        "| Ada Moss | Bo Lund | 9.00 | 40 | over 200 h | 90.00 |\n"
    )
    text = f"# Boats\n\n## List 2024\n\n{header}{rows}\n## List 2025\n\n{header}{rows.replace('.00 |', '.50 |')}\n"
    doc = document(text, "boats.md", "text/markdown")
    found = candidates([passage(doc, 0, text.index("## List 2025"))], lambda _: doc)
    asked_for = cell_asked_for(analyse(question), found, Tables(lambda _: doc))
    return asked_for.text if asked_for else None


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("How long is the Model X in list 2024?", "3.10"),  # not Model X Plus
        ("How heavy is the Model X Plus in list 2025?", "2,040"),
        ("What does the Model X cost in 2025?", "25.50"),  # the row that was not found
        ("What does the Model X cost?", None),  # of which year?
        ("Who is the Model X Plus's boss in 2024?", "Bo Lund"),
        ("Which boat weighs 1250 kg in 2024?", "Model X"),
        ("Which boat costs 75 in 2024?", "Model X Plus"),
        ("Which boat costs 75 in 2025?", None),
        ("What is the price for 150 h in 2024?", "75.00"),
        ("What is the price for 250 h in 2024?", "90.00"),
        ("What is the price for 150 km in 2024?", None),
        ("What colour is the Model X in 2024?", None),
        ("How long is the Model Y in 2024?", None),
        ("How long is the Ada Moss in 2024?", "9.00"),  # the boat, not what its manager has
    ],
)
def test_columns_by_other_words_look_ups_the_other_way_round_and_ranges(question: str, text: str | None) -> None:
    assert of_boats(question) == text
