"""A text that asks several questions is cut into these; one question stays whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragqa.question_parts import MOST, parts

TWO = [
    ("How does the plan treat TMJ, and what are the copayments for specialist visits?", "what are the copayments for specialist visits?"),
    ("What is HAART therapy and how does it differ from AZT?", "how does it differ from AZT?"),
    ("What can I use the portal for and when can I apply for a permit?", "when can I apply for a permit?"),
    ("Who do I call about a missed collection? And what should I do with a broken bin?", "what should I do with a broken bin?"),
    ("Is the mountain smoking coal? Can you still climb the mountain?", "Can you still climb the mountain?"),
]  # fmt: skip
ONE = [
    "How do I apply for leave?",
    "When and where was the boat built?",
    "Who built her, and when?",
    "What are the error codes and what do they mean?",
    "Paramount paid for 10 Cloverfield Lane and which other film trailer?",
    "California is most famous for tourism and what notably named district?",
    "How many astronauts visited space on missions and were rewarded for their efforts?",
    "Which yard repairs the boats and who pays?",
    "Which is the person who founded the yard and who died in 1990?",
    "",
    "?",
    "and what is the fee of the ferry?",
]


@pytest.mark.parametrize(("text", "second"), TWO)
def test_a_text_of_two_questions_is_cut_between_them(text: str, second: str) -> None:
    first, last = parts(text)
    assert text.startswith(first[:-1]) and first.endswith("?") and last == second


@pytest.mark.parametrize("text", ONE)
def test_one_question_stays_whole(text: str) -> None:
    assert parts(text) == [text]


def test_three_questions_are_three_and_more_are_one() -> None:
    asked = ["What is the fee for a boat?", "When is the fee for boats due?", "How is the fee for boats paid?"]
    assert parts(" ".join(asked)) == asked
    more = " ".join([*asked, "Why is the fee for boats high?"])
    assert parts(more) == [more] and len(asked) == MOST


@given(
    st.lists(
        st.sampled_from(
            ["what is", "the", "boat", "fee", "and", "?", ",", "how do", "who", "paid", "it", "when can we"]
        ),
        max_size=20,
    )
)
def test_no_word_of_any_text_is_lost_but_the_one_that_joins(words: list[str]) -> None:
    text = " ".join(words)
    found = parts(text)
    assert 1 <= len(found) <= MOST
    left = " ".join(found).replace("?", "").replace(",", "").split()
    assert [word for word in left if word != "and"] == [
        w for w in text.replace("?", "").replace(",", "").split() if w != "and"
    ]
