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


TABLES = {
    "boats": "| Boat | Colour | Length (m) | Winter price |\n| Heron | green | 7 m | 280 |\n| Gull | red | 6 m | 300 |\n| Tern | blue | 5 m | 310 |",
    "trains": "| Train | Departure | Platform |\n| IC 12 | 10:30 | 4 |\n| IC 14 | 11:30 | 5 |\n| R 3 | 09:10 | 2 |",
    "staff": "| Name | Manager | Phone number |\n| Bob | Eve | 555-1234 |\n| Eve | Ann | 555-2345 |\n| Ann | Joe | 600-1234 |",
    "weather": "| City | Temperature |\n| Oslo | 5 |\n| Rome | 20 |\n| Nuuk | -15 |",
    "exams": "| Exam | Date |\n| History | 05-12-2024 |\n| Music | 11-12-2024 |",
    "shops": "| Shop | Open |\n| Bakery | until 18 |\n| Kiosk | until 20 |",
    "ropes": "| Item | Weight |\n| Rope | 1.250 |\n| Anchor | 1,300 |",
    "passes": "| Pass | Age |\n| Junior | under 18 |\n| Full | 18-64 |\n| Senior | over 64 |",
}


def of_table(name: str, question: str) -> str | None:
    """Return the cell that is asked for of one of `TABLES`."""
    header, *rows = TABLES[name].split("\n")
    rule = "|---" * (header.count("|") - 1) + "|"
    text = "\n".join([f"# List of {name}\n", header, rule, *rows]) + "\n"
    doc = document(text, "list.md", "text/markdown")
    found = candidates([passage(doc, 0, len(text))], lambda _: doc)
    asked_for = cell_asked_for(analyse(question), found, Tables(lambda _: doc))
    return asked_for.text if asked_for else None


@pytest.mark.parametrize(
    ("table", "question"),
    [
        ("boats", "Which boat is not green?"),
        ("boats", "Which boat isn't green?"),
        ("boats", "Which boats cost over 300 in winter?"),
        ("boats", "Which boat costs under 310 in winter?"),
        ("boats", "Which boat costs at least 300 in winter?"),
        ("boats", "Which boat costs less than 310 in winter?"),
        ("boats", "Which boat other than the Heron is green?"),
        ("boats", "Which boat except the Heron is green?"),
        ("boats", "Which boat without the Heron is green?"),
        ("boats", "What is the winter price of the Heron before?"),
        ("trains", "Which train leaves after 10:30?"),
        ("trains", "Which train leaves before 10:30?"),
        ("trains", "Which train leaves by 10:30?"),
        ("trains", "Which train leaves from 10:30?"),
        ("trains", "From which platform does the train after IC 12 leave?"),
        ("staff", "Who is not the boss of Bob?"),
        ("shops", "Which shop is open until 8?"),
        ("passes", "Which pass is for ages above 64?"),
    ],
)
def test_words_that_compare_negate_or_exclude_give_no_cell(table: str, question: str) -> None:
    assert of_table(table, question) is None


@pytest.mark.parametrize(
    ("table", "question", "text"),
    [
        ("boats", "Which boat is green?", "Heron"),
        ("boats", "Which boat costs 300 in winter?", "Gull"),
        ("trains", "Which train leaves at 10:30?", "IC 12"),
        ("trains", "From which platform does the train IC 12 leave?", "4"),
        ("staff", "Who is the boss of Bob?", "Eve"),
        ("shops", "Which shop is open until 18?", "Bakery"),
        ("passes", "Which pass is for ages over 64?", "Senior"),
        ("passes", "Which pass is for age 30?", "Full"),
    ],
)
def test_without_such_words_or_where_the_row_has_them_too_the_cell_is_given(
    table: str, question: str, text: str
) -> None:
    assert of_table(table, question) == text


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("Which city has a temperature of -15?", "Nuuk"),
        ("Which city has a temperature of 20?", "Rome"),
        ("Which city has a temperature of -5?", None),
        ("Which city has a temperature of -20?", None),
        ("Which city has a temperature of 15?", None),
    ],
)
def test_a_number_has_a_sign(question: str, text: str | None) -> None:
    assert of_table("weather", question) == text


@pytest.mark.parametrize(
    ("table", "question", "text"),
    [
        ("staff", "Who has phone number 600?", None),
        ("staff", "Who has phone number 555-1234?", "Bob"),
        ("exams", "Which exam has the date 10?", None),
        ("exams", "Which exam has the date 05-12-2024?", "History"),
        ("shops", "Which shop is open at 8?", None),
    ],
)
def test_phone_numbers_dates_and_hours_are_no_ranges(table: str, question: str, text: str | None) -> None:
    assert of_table(table, question) == text


def test_a_number_of_very_many_digits_gives_no_cell() -> None:
    assert of_table("boats", f"Which boat costs {'9' * 400} in winter?") is None


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("Which item has a weight of 1.25?", "Rope"),
        ("Which item has a weight of 1,250?", None),
        ("Which item has a weight of 1250?", None),
        ("Which item has a weight of 1300?", "Anchor"),
    ],
)
def test_a_comma_before_three_digits_is_between_thousands(question: str, text: str | None) -> None:
    assert of_table("ropes", question) == text


def test_who_is_answered_by_the_column_of_names_and_not_by_that_of_codes() -> None:
    rows = "\n".join(
        f"| S{n:02} | Keeper {name} | Master MV {boat} |"
        for n, (name, boat) in enumerate((("Ada", "Tern"), ("Bo", "Auk")))
    )
    doc = document(f"# Staff\n\n| staff_id | name | role |\n|---|---|---|\n{rows}\n", "staff.md", "text/markdown")
    found = candidates([passage(doc, 0, len(doc.text))], lambda _: doc)
    asked_for = cell_asked_for(analyse("Who is the master of MV Tern?"), found, Tables(lambda _: doc))
    assert asked_for is not None and asked_for.text == "Keeper Ada"
