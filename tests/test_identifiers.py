"""Identifiers: one normal form for each, however it is written; what a question is searched by; hostile input."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.identifiers import MOST_ASKED, asked, identifiers, terms


def forms(text: str) -> list[str]:
    return [each.exact for each in identifiers(text)]


@pytest.mark.parametrize(
    "text",
    [
        "2023-11-07", "7 November 2023", "7th of November, 2023", "November 7, 2023", "Nov. 7th, 2023", "7. November 2023",
        "7 de noviembre de 2023", "7 novembre 2023", "07.11.2023", "2023/11/07", "2023年11月7日", "minutes-2023-11-07.txt",
        "2023-11-07T08:30", "7\nNovember 2023",
    ],
)  # fmt: skip
def test_a_date_has_one_form_in_figures_and_in_words(text: str) -> None:
    assert forms(text)[0] == "2023-11-07" and f"={forms(text)[0]}" in terms(text)


def test_an_identifier_is_found_wherever_it_is_in_a_text() -> None:
    found = ["2023-11-07", "4.10.2", "8400", "qx-77/810", "10.1.0.7"]
    for words in ("and ", "a\n", "in the first part of it ", "x " * 30):
        parts = (f"({words}", "November 7, 2023", "v4.10.2,", "8,400", "QX-77/810", "10.1.0.7).")
        assert [each.exact for each in identifiers(f" {words}".join(parts)) if each.tells] == found


def test_a_date_that_may_be_of_two_days_is_read_as_both() -> None:
    (found,) = identifiers("07/11/2023")
    assert (found.exact, found.readings) == ("7/11/2023", ("2023-11-07", "2023-07-11"))
    assert forms("27/11/2023") == forms("11/27/2023") == ["2023-11-27"]


def test_what_is_no_day_is_no_date() -> None:
    assert forms("31.02.2023") == ["31.02.2023"] and forms("2023-13-45") == ["2023-13-45"]


@pytest.mark.parametrize("text", ["8,400", "8400", "8’400", "8\u202f400", "8,400.00", "$8,400", "(8400)"])
def test_a_number_has_one_form_with_and_without_marks_of_thousands(text: str) -> None:
    assert forms(text) == ["8400"]


def test_a_mark_that_may_be_a_decimal_point_or_of_thousands_is_read_as_both() -> None:
    assert [(each.exact, each.readings) for each in identifiers("8.400")] == [("8.400", ("8400",))]
    assert forms("8.400,50") == ["8400.50"] and forms("6,5") == forms("6.5") == ["6.5"]
    assert forms("7,12,3") == [], "a row of a table is no number"


@pytest.mark.parametrize(
    "text",
    ["4.10.2", "v4.10.2", "release 4.10.2.", "rel_4_10_2.md", "parser-4.10.2.tar.gz", "docs/v4.10.2", "(4.10.2)"],
)
def test_a_version_has_one_form_in_texts_and_in_names_of_files(text: str) -> None:
    assert forms(text) == ["4.10.2"]


def test_a_version_before_its_release_is_another_one() -> None:
    (found,) = identifiers("4.10.2-rc1")
    assert found.exact == "4.10.2-rc1" and "4.10.2" in found.readings


def test_an_address_with_a_port_is_also_the_address() -> None:
    (found,) = identifiers("10.1.0.7:8080")
    assert found.exact == "10.1.0.7:8080" and "10.1.0.7" in found.readings


def test_the_order_of_the_parts_of_a_code_counts_and_its_case_and_dashes_do_not() -> None:
    assert forms("QX-77/810") == forms("qx\u201177/810") == ["qx-77/810"]
    assert forms("QX-810/77") != forms("QX-77/810") != forms("XQ-77/810")


@pytest.mark.parametrize(
    "question",
    [
        "Who won in 1994?",
        "What is COVID-19?",
        "a 20-year-old from the mid-1990s",
        "room 204",
        "the F-16",
        "in the 1980s",
    ],
)
def test_years_and_words_with_a_number_are_not_searched_for_as_identifiers(question: str) -> None:
    assert asked(question) == ()


def test_a_question_of_many_identifiers_is_searched_by_some() -> None:
    assert len(asked(" ".join(f"4.{number}" for number in range(500)))) == MOST_ASKED
    assert len(asked("4.1 and v4.1 and 4.1")) == 1


@given(st.text(alphabet="0123456789.,:/-_ ’vVabMay\u2011年月日", max_size=200))
def test_every_text_has_terms_that_no_word_is(text: str) -> None:
    assert all(0 <= each.span[0] < each.span[1] <= len(text) for each in identifiers(text))
    assert all(term[0] in "=~" and len(term) > 1 for term in terms(text))
    assert all(each.spellings for each in asked(text))


@pytest.mark.parametrize("part", ["1,111", "1,", "1.111.", "1 111 ", "5 May ", "a-1_", "1’111", "May 5 "])
def test_a_hostile_text_takes_time_in_proportion_to_its_length(part: str) -> None:
    def seconds(n: int) -> float:
        started = time.process_time()
        terms(part * n)
        return time.process_time() - started

    assert seconds(40_000) < 20 * seconds(4_000) + 0.5
