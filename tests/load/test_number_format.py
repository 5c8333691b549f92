"""Numbers as spreadsheets show them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragqa.load.sheets.number_format import general, shown, text_shown

CASES = [
    (1250, "#,##0.00", "1,250.00"), (0.12, "0%", "12%"), (0.12, "0 %", "12 %"), (0.1234, "0.0%", "12.3%"),
    (1250, '#,##0.00\\ "€"', "1,250.00 €"), (1250, "[$€-407]#,##0", "€1,250"), (-1250, '"$"#,##0.00', "-$1,250.00"),
    (1250, '_-* #,##0.00\\ "€"_-;\\-* #,##0.00\\ "€"_-', "1,250.00 €"), (12, "#,##0 CHF", "12 CHF"),
    (-5.5, "#,##0.00_);[Red](#,##0.00)", "(5.50)"), (-5.5, "0.0", "-5.5"), (0, '0;-0;"none"', "none"),
    (-0.001, "0.00", "0.00"), (2.675, "0.00", "2.68"), (0.5, "#.##", ".5"), (3.0, "0.##", "3"), (7, "0000", "0007"),
    (1234567, '0.0,,"M"', "1.2M"), (12345, "0.00E+00", "1.23E+04"), (0.5, "# ?/?", "1/2"), (1.5, "# ?/?", "1 1/2"),
    (5, '"No. "0', "No. 5"), (12, '0" days"', "12 days"), (20240301, "0000\\-00\\-00", "2024-03-01"),
    (5, "[<100]0.0;[>=100]0", "5.0"), (150, "[<100]0.0;[>=100]0", "150"), (1, '"yes";"yes";"no"', "yes"),
    (0.1 + 0.2, "General", "0.3"), (4006381333931, "General", "4006381333931"), (5, 'General" pcs"', "5 pcs"),
    (45352, "yyyy-mm-dd", "2024-03-01"), (45352, "DD.MM.YYYY", "01.03.2024"), (45352, "d. mmmm yyyy", "1. March 2024"),
    (45352, "mmm-yy", "Mar-24"), (45352, "[$-F800]dddd, mmmm dd, yyyy", "Friday, March 01, 2024"),
    (45352.6041666667, "yyyy-mm-dd hh:mm", "2024-03-01 14:30"), (0.6041666667, "h:mm AM/PM", "2:30 PM"),
    (1.5, "[h]:mm", "36:00"), (3 / 86_400, "mm:ss.0", "00:03.0"), (45352.75, 'h "Uhr"', "18 Uhr"),
    (1, "yyyy-mm-dd", "1900-01-01"), (61, "yyyy-mm-dd", "1900-03-01"), (1e10, "yyyy", "10000000000"),
]  # fmt: skip


@pytest.mark.parametrize(("number", "code", "text"), CASES)
def test_a_number_is_shown_as_its_format_says(number: float, code: str, text: str) -> None:
    assert shown(number, code) == text


def test_a_text_is_shown_with_what_its_format_puts_around_it() -> None:
    assert [text_shown("A7", code) for code in ("@", "General", '"No. "@', "0;-0;0;@")] == ["A7", "A7", "No. A7", "A7"]


@given(st.floats(), st.text('0#?.,%E+-/;[]<>=$@"\\_* ymdhsAMPGenral€5', max_size=30))
@settings(max_examples=500, deadline=None)
def test_any_number_in_any_format_is_one_line_of_text(number: float, code: str) -> None:
    assert "\n" not in shown(number, code)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_without_a_format_is_near_its_value(number: float) -> None:
    assert float(general(number)) == pytest.approx(number, rel=1e-4)
