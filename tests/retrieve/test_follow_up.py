"""Which questions of a conversation stand alone, and what is searched for where one does not."""

from __future__ import annotations

import pytest

from ragqa.retrieve import MAX_QUESTION_CHARS
from ragqa.retrieve.follow_up import CITED_WORDS, QUESTION_WORDS, may_stand_alone, search_text, stands_alone

TURN = ("What does a share of the cooperative cost?", "A share costs 60 crowns; the Members' Office sells them.")


@pytest.mark.parametrize(
    "question",
    [
        "And for a family?",
        "What about the winter timetable of the Morwen?",
        "Why?",
        "How so?",
        "And since when has Ilse Brandt been its captain?",
        "Does it run on Sundays in winter?",
        "Do they provide online services?",
        "Is this an arrangement with a funeral home?",
        "Can anyone from the mainland vote there?",
        "Are there other harbours on the north coast?",
        "How much?",
        "Major characters",
        "Tell me more, please",
        "",
        "?!",
    ],
)
def test_a_question_that_goes_on_points_back_or_names_no_topic_does_not_stand_alone(question: str) -> None:
    assert not stands_alone(question)


@pytest.mark.parametrize(
    "question",
    [
        "Who runs the Morwen?",
        "What does a share of the cooperative cost?",
        "Is there a small claims court in Sacramento?",
        "What are alkaloids in plants, and what are they good for?",
        "Which rule says that members pay for repairs?",
        "How is the money that members lend paid back?",
        "List the heat pumps of 2024",
        "Can a member who left lend money for heat pumps, boats, sails, ropes, nets, engines or harbour lamps with it?",
    ],
)
def test_a_question_that_names_its_own_topic_stands_alone(question: str) -> None:
    assert stands_alone(question)


@pytest.mark.parametrize(
    ("question", "may"),
    [
        ("What is the call duck?", True),
        ("Who is Otto?", True),
        ("Opening hours?", False),
        ("How long?", False),
        ("What is its weight?", False),
        ("And ducks?", False),
        ("Why?", False),
    ],
)
def test_a_short_question_may_stand_alone_where_it_asks_what_something_is(question: str, may: bool) -> None:
    assert may_stand_alone(question) == may and not stands_alone(question)


def test_words_of_the_last_question_and_of_the_cited_text_stand_before_a_follow_up() -> None:
    searched = search_text("And for a family?", [("Who runs the ferry?", "Ilse does."), TURN])
    assert searched == "share cooperative cost 60 crowns members office sells\nAnd for a family?"


def test_words_that_the_question_has_in_any_form_are_not_repeated() -> None:
    carried, question = search_text("And what do two shares cost?", [TURN]).split("\n")
    assert question == "And what do two shares cost?"
    assert carried.split() == ["cooperative", "60", "crowns", "members", "office", "sells"]


@pytest.mark.parametrize("history", [[], [TURN]])
def test_a_question_that_stands_alone_is_searched_as_it_is(history: list[tuple[str, str]]) -> None:
    assert search_text("Who runs the Morwen?", history) == "Who runs the Morwen?"
    assert search_text("And why?", []) == "And why?"


def test_no_more_words_are_carried_than_an_encoder_reads() -> None:
    turn = (" ".join(f"ask{number}" for number in range(99)), " ".join(f"said{number}" for number in range(99)))
    carried = search_text("Why?", [turn]).split("\n")[0].split()
    assert [word.startswith("ask") for word in carried] == [True] * QUESTION_WORDS + [False] * CITED_WORDS


def test_a_text_that_would_be_too_long_to_search_is_the_question_alone() -> None:
    question = f"And {'x' * (MAX_QUESTION_CHARS - 10)}?"
    assert search_text(question, [TURN]) == question


def test_nothing_is_carried_from_a_turn_without_new_words() -> None:
    assert search_text("And how much?", [("Why is it so? Tell me more, please", "I do not know.")]) == "And how much?"
