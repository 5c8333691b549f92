"""The two things that a question compares."""

from __future__ import annotations

import pytest

from ragqa.comparisons import compared
from ragqa.question_analysis import analyse


@pytest.mark.parametrize(
    ("question", "things"),
    [
        ("whats the difference between the red plan and blue plan", ("red plan", "blue plan")),
        ("otsl or html, which one is faster", ("otsl", "html")),
        ("Which is bigger, Tuvalu or Jacksonville?", ("Tuvalu", "Jacksonville")),
        ("Which plan covers teeth, Standard or Plus?", ("Standard", "Plus")),
        ("is otsl faster than html?", ("otsl", "html")),
        ("Does hybrid retrieval differ from dense?", ("hybrid retrieval", "dense")),
        ("compare the tern with the lapwing", ("tern", "lapwing")),
        ("Python vs. Ruby", ("Python", "Ruby")),
    ],
)
def test_the_two_things_are_found_in_any_spelling(question: str, things: tuple[str, str]) -> None:
    assert compared(question) == things
    assert analyse(question).kind == "compare"


@pytest.mark.parametrize(
    "question",
    ["What is the difference between the two sizes?", "Is it better to pay yearly?", "", "between", "a or b"],
)
def test_a_question_that_names_no_two_things_compares_none(question: str) -> None:
    assert compared(question) == ()


@pytest.mark.parametrize(
    "question",
    ["If it rains or snows, what should I wear?", "For children or students, what is the price of a ticket?"],
)
def test_two_cases_before_a_question_are_not_compared(question: str) -> None:
    assert compared(question) == ()
    assert analyse(question).kind != "compare"


def test_a_distance_between_two_places_is_a_fact() -> None:
    assert analyse("How far is it between Bern and Basel?").kind == "fact"
