"""Each of two things that a question compares has a passage, where the documents have one."""

from __future__ import annotations

from ragqa.pipeline.answer.draft import AskedQuestion
from ragqa.pipeline.answer.finding import with_each_thing
from ragqa.records import Hit
from tests.fakes import hit

QUESTION = "which is bigger, tuvalu or jacksonville?"
LOUD = [hit(f"Jacksonville has part {n}.", f"j{n}.txt", score=1 - n / 10) for n in range(6)]
SMALL = hit("Tuvalu has 26 square kilometres.", "t.txt", score=0.2)


def test_a_thing_that_no_best_passage_names_is_searched_for_alone() -> None:
    searched: list[str] = []

    def found(first: list[Hit]) -> list[Hit]:
        def search(question: AskedQuestion) -> list[Hit]:
            searched.append(question.text)
            return first if "jacksonville" in question.text else [LOUD[0], SMALL]

        return with_each_thing(AskedQuestion(QUESTION), search)

    assert found(LOUD[:5]) == [*LOUD[:4], SMALL]
    assert searched == [QUESTION, "bigger tuvalu"]
    assert found(LOUD) == [*LOUD[:4], SMALL, LOUD[5]]
    assert found(LOUD[:2]) == [LOUD[0], LOUD[1], SMALL]
    assert found(LOUD[:1]) == [LOUD[0], SMALL]


def test_the_best_passages_stay_where_they_name_both_things_or_neither_or_none_is_found() -> None:
    def found(question: str, hits: list[Hit]) -> list[Hit]:
        return with_each_thing(AskedQuestion(question), lambda asked: hits if asked.text == question else [LOUD[5]])

    both = [LOUD[0], SMALL]
    assert found(QUESTION, both) == both
    assert found("which is bigger, bern or basel?", both) == both
    assert found("How large is Tuvalu?", LOUD) == LOUD
    assert found(QUESTION, LOUD[:5]) == LOUD[:5]
