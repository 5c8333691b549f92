"""Questions that ask several: each part is answered for itself, what has no answer is named, nothing is said twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragqa import Pipeline
from ragqa.records import Answer, AnswerSentence, Passages
from tests.fakes import ECHO, WORDS, write_project

BOTH = "Who is called the master of the quay? And who is called the master of the ferry?"


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    monkeypatch.setenv("RAGQA_CACHE", str(tmp_path / "cache"))
    write_project(tmp_path, ["quay", "ferry", "buoy"])
    pipeline = Pipeline.from_file(
        tmp_path / "pipeline.yaml", ["prompt.answer=quote", "prompt.min_confidence=0.05"], kinds=[WORDS, ECHO]
    )
    pipeline.index()
    return pipeline


def test_each_part_is_answered_in_order_and_cited(asked: Pipeline) -> None:
    answer = asked.ask(BOTH)
    assert answer.question == BOTH and not answer.unanswered and not answer.abstained
    places = [
        next(n for n, each in enumerate(answer.sentences) if name in each.text) for name in ("Quayson", "Ferryson")
    ]
    assert places == sorted(places) and {each.source for each in answer.citations} >= {"quay.txt", "ferry.txt"}
    assert answer.text == "\n".join(each.text for each in answer.sentences)
    assert [hit.source for hit in answer.hits[:2]] == ["quay.txt", "ferry.txt"]
    assert answer.to_dict()["unanswered"] == []


def test_passages_of_the_first_part_are_shown_and_each_sentence_comes_before_the_answer(asked: Pipeline) -> None:
    *events, last = asked.stream(BOTH)
    assert isinstance(last, Answer) and [isinstance(event, Passages) for event in events] == [True] * 2 + [False] * 2
    assert tuple(event for event in events if isinstance(event, AnswerSentence)) == last.sentences


def test_a_part_without_an_answer_is_named_and_the_others_are_answered(asked: Pipeline) -> None:
    answer = asked.ask("Who is the master of the quay? And who is the queen of Atlantis?")
    assert "Quayson" in answer.text and answer.unanswered == ("who is the queen of Atlantis?",)
    assert all(each.source == "quay.txt" for each in answer.citations)


def test_where_no_part_has_an_answer_the_whole_question_is_asked(asked: Pipeline) -> None:
    question = "Who is the queen of Atlantis? And who is the king of Narnia?"
    answer = asked.ask(question)
    assert answer.abstained and answer.question == question and answer.reason == "unknown_name"
    assert "Atlantis" in answer.advice and "Narnia" in answer.advice


def test_what_two_parts_say_alike_is_said_once(asked: Pipeline) -> None:
    answer = asked.ask("Who is the master of the quay? And who is the master of the quay?")
    assert [each.text for each in answer.sentences] == list(dict.fromkeys(each.text for each in answer.sentences))


def test_many_questions_are_answered_as_one_is(asked: Pipeline) -> None:
    (answer,) = asked.ask_many([BOTH])
    alone = asked.ask(BOTH)
    assert (answer.text, answer.citations, answer.unanswered) == (alone.text, alone.citations, alone.unanswered)
