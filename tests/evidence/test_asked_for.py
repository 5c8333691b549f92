"""What a question asks for by name: a price, and numbers on which documents disagree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from ragqa.evidence.asked_for import from_the_first_that_fits, is_disputed
from ragqa.question_analysis import analyse
from ragqa.records import Chunk
from tests.evidence.making import of_texts, ranked


def priced(question: str, texts: Sequence[str]) -> list[str]:
    found = ranked(of_texts(*texts), *texts)
    return [each.candidate.text for each in from_the_first_that_fits(analyse(question), found)]


@pytest.mark.parametrize(
    "price",
    [
        "It costs 40 per ton.",
        "Zinc is 2,100 dollars.",
        "Zinc: €40",
        "Zinc is 95 kr a ton.",
        "unit_price_cr: 40",
        "Zinc is free.",
    ],
)
def test_a_question_for_a_price_is_not_answered_by_numbers_of_something_else(price: str) -> None:
    weight = "In 1994, 33,200 tonnes of zinc were used."
    assert priced("What does zinc cost per ton?", [weight, price]) == [price]
    assert priced("What does zinc cost per ton?", [weight]) == []
    assert priced("How many tonnes of zinc were used?", [weight]) == [weight]


@pytest.mark.parametrize(
    "question",
    ["What does the price include?", "How much weight can I carry before I pay extra?", "What does the fee cover?"],
)
def test_a_question_with_a_word_of_prices_need_not_ask_for_one(question: str) -> None:
    assert priced(question, ["Up to 23 kg of baggage."]) == ["Up to 23 kg of baggage."]


def disputed(question: str, *texts: str, worse: float = 0.0) -> bool:
    found = ranked(of_texts(*texts), *texts)
    found = [each if not n else replace(each, score=each.score - worse) for n, each in enumerate(found)]
    return is_disputed(analyse(question), found[0].candidate, found)


def test_a_number_is_disputed_where_another_document_says_as_well_that_it_is_another() -> None:
    counted, otherwise = "In 2022 there were 170 ducks.", "There were 175 ducks in 2022."
    question = "How many ducks were there in 2022?"
    assert disputed(question, counted, otherwise)
    assert not disputed(question, counted, otherwise, worse=2.0)
    assert not disputed(question, counted, "There were 170 ducks in 2022.")
    assert not disputed(question, f"{counted} {otherwise}")
    assert not disputed("Which ducks are there?", counted, otherwise)
    assert disputed("How many ducks were there?", "In 2022 there were 170 ducks.", "In 2022 there were 175 ducks.")
    assert not disputed("How many members?", "There are 1,250 members.", "1250 members are there.")
    assert not disputed("When was the vote?", "The vote was on 5 May 2024.", "vote: 2024-05-05")


def test_the_title_may_say_that_numbers_are_of_money() -> None:
    (row,) = of_texts("Zinc 40 kg")
    chunk: Chunk = replace(row.hit.chunk, context="Prices of metals")
    titled = replace(row, hit=replace(row.hit, chunk=chunk))
    question = analyse("What does zinc cost?")
    assert from_the_first_that_fits(question, ranked([row], "Zinc")) == []
    assert from_the_first_that_fits(question, ranked([titled], "Zinc"))
