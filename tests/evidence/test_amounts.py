"""Numbers and ranges as tables and questions write them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ragqa.evidence.amounts import amount_of, are_ranges, digits, is_same, range_of, tokens, without_marks


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("weighs 1,250.50 kg at 10:30", ["weigh", "1,250.50", "kg", "at", "10:30"]),
        ("a temperature of -5?", ["a", "temperatur", "of", "-5"]),
        ("(\N{MINUS SIGN}15)", ["-15"]),
        ("101-200 kWh, 2024-05-12, H-70", ["101-200", "kwh", "2024-05-12", "h", "70"]),
    ],
)
def test_a_number_is_one_token_with_its_sign(text: str, found: list[str]) -> None:
    assert tokens(text) == found


@pytest.mark.parametrize(
    ("number", "amount"),
    [
        ("1,250", "1250"),
        ("1.250,00", "1250"),
        ("1,250.00", "1250"),
        ("1,250,000", "1250000"),
        ("1.250.000", "1250000"),
        ("1.250", "1.25"),
        ("1,25", "1.25"),
        ("0,250", "0.25"),
        ("-15", "-15"),
        ("10:30", None),
        ("05-12-2024", None),
    ],
)
def test_marks_between_thousands_are_told_from_those_of_decimals(number: str, amount: str | None) -> None:
    assert amount_of(number) == (None if amount is None else Decimal(amount))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("1250", "1,250.00", True),
        ("1250", "1.250,00", True),
        ("1.25", "1.250", True),
        ("1,250", "1.250", False),
        ("1250", "1.250", False),
        ("-15", "15", False),
        ("9" * 400, "9" * 399 + "8", False),
        ("9" * 400, "9" * 400 + ".0", True),
    ],
)
def test_numbers_are_the_same_in_any_spelling_but_not_with_another_sign_or_digit(
    one: str, other: str, same: bool
) -> None:
    assert is_same(one, other) == is_same(other, one) == same


@pytest.mark.parametrize("number", ["1250", "1,250.50", "0.50", "-15", "007", "9" * 400])
def test_the_digits_of_a_number_stand_in_every_line_that_has_it(number: str) -> None:
    assert digits(number)
    assert digits(number) in without_marks(f"| Osprey | {number} |")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("101-200 kWh", ("101", "200")),
        ("1,001 to 2,000", ("1001", "2000")),
        ("-5 to 10", ("-5", "10")),
        ("up to 200", ("-Infinity", "200")),
        ("05-12-2024", None),
        ("2024-05-12", None),
        ("10:30-12:00", None),
        ("until 18:00", None),
        ("200-100", None),
        ("green", None),
    ],
)
def test_dates_and_times_are_no_ranges(text: str, found: tuple[str, str] | None) -> None:
    assert range_of(text) == (None if found is None else (Decimal(found[0]), Decimal(found[1])))


@pytest.mark.parametrize(
    ("cells", "are"),
    [
        (["0-100 h", "101-200 h", "over 200 h"], True),
        (["0-100", "100-200", "0-100", ""], True),
        (["555-1234", "555-2345", "600-1234"], False),
        (["until 18", "until 20"], False),
        (["9-18", "10-20"], False),
        (["1-2", "green", "blue", "3-4", "red"], False),
    ],
)
def test_a_column_is_one_of_ranges_where_most_cells_are_and_none_overlap(cells: list[str], are: bool) -> None:
    assert are_ranges(cells) == are
