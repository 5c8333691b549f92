"""What is asked of all rows of a table: the row that is greatest or least, and the number of rows; nothing where in doubt."""

from __future__ import annotations

import pytest

from ragqa.evidence.over_rows import extreme_asked_for, rows_counted
from ragqa.evidence.passages import candidates
from ragqa.evidence.tables import Tables
from ragqa.question_analysis import analyse
from tests.fakes import document, passage

BOATS = """# Boats for hire

| Boat | Length | Engine | Summer price | Winter price | Built |
|---|---|---|---|---|---|
| Heron | 4.20 m | none | 45.00 | 30.00 | 2012 |
| Osprey | 6.50 m | Diesel | 210.00 | 240.00 | 2008 |
| Kittiwake | 9.20 m | Diesel | 420.00 | 180.00 | 2001 |
| Grebe | 5.40 m | Electric | 18.00 | 35.00 | 2022 |
"""
DOCUMENT = document(BOATS, "boats.md", "text/markdown")
ROWS = candidates([passage(DOCUMENT, 0, len(BOATS) // 2)], lambda _: DOCUMENT)
"""Those of the first rows alone: the others stand below the passage that was found."""


def extreme(question: str) -> str | None:
    """Return the text of the cell of the greatest or least row."""
    cell = extreme_asked_for(analyse(question), ROWS, Tables(lambda _: DOCUMENT))
    return cell.text if cell else None


def count(question: str) -> int | None:
    """Return the number of rows that are counted."""
    counted = rows_counted(analyse(question), ROWS, Tables(lambda _: DOCUMENT))
    return len(counted.spans) if counted else None


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("Which boat is the cheapest in summer?", "Grebe"),
        ("Which is the cheapest boat in winter?", "Heron"),
        ("What is the highest winter price?", "240.00"),
        ("Which of the boats has the highest winter price?", "Osprey"),
        ("Which diesel boat is the shortest?", "Osprey"),
        ("What is the oldest boat?", "Kittiwake"),
        ("Which boat is the most expensive in summer?", "Kittiwake"),
        ("What is the engine of the longest boat?", "Diesel"),
        ("What is the summer price of the oldest boat?", "420.00"),
    ],
)
def test_the_row_that_is_greatest_or_least_is_found_among_all_rows(question: str, text: str) -> None:
    assert extreme(question) == text


@pytest.mark.parametrize(
    "question",
    [
        "Which boat is the cheapest?",  # two columns of prices
        "Which boat is the fastest?",  # no such column
        "Which boat is the second longest?",
        "Which boat with a sauna is the longest?",
        "Which boat is the longest except the Kittiwake?",
    ],
)
def test_no_row_is_given_where_the_column_or_the_rows_are_in_doubt(question: str) -> None:
    assert extreme(question) is None


def test_nothing_is_given_where_another_table_or_a_row_of_other_cells_may_have_the_answer() -> None:
    def asked(text: str) -> str | None:
        doc = document(text, "boats.md", "text/markdown")
        rows = candidates([passage(doc, 0, len(text))], lambda _: doc)
        cell = extreme_asked_for(analyse("Which boat is the longest?"), rows, Tables(lambda _: doc))
        return cell.text if cell else None

    table = "| Boat | Length | Built |\n|---|---|---|\n| Heron | 4 m | 2012 |\n| Osprey | 6 m | 2008 |\n"
    assert asked(table) == "Osprey"
    assert asked(f"{table}| Grebe | 9 m |\n") is None
    other = table.replace("Heron", "Grebe").replace("4 m", "9 m")
    assert asked(f"# North\n\n{table}\n# South\n\n{other}") is None


def test_rows_are_counted_or_listed_by_a_cell_that_the_question_names() -> None:
    assert count("Which boats have a diesel engine?") == 2
    assert count("How many boats have a diesel engine?") == 2
    assert count("How many boats have a sauna?") is None
    assert count("How many boats are not electric?") is None
    assert count("How many engines have a boat?") is None
