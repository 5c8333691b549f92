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
    ["It costs 40 per ton.", "Zinc is 2,100 dollars.", "Zinc: €40", "Zinc is cr 40 a ton.", "unit_price_cr: 40"],
)
def test_a_question_for_a_price_is_answered_by_a_number_of_money_alone(price: str) -> None:
    weight = "In 1994, 33,200 tonnes of zinc were used."
    assert priced("What does zinc cost per ton?", [weight, price]) == [price]
    assert priced("What does zinc cost per ton?", [weight]) == []
    assert priced("How many tonnes of zinc were used?", [weight]) == [weight]


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


def test_the_table_of_a_price_may_say_in_its_title_that_it_is_of_money() -> None:
    (row,) = of_texts("Zinc 40")
    chunk: Chunk = replace(row.hit.chunk, context="Prices of metals")
    titled = replace(row, hit=replace(row.hit, chunk=chunk))
    question = analyse("What does zinc cost?")
    assert from_the_first_that_fits(question, ranked([row], "Zinc")) == []
    assert from_the_first_that_fits(question, ranked([titled], "Zinc"))
