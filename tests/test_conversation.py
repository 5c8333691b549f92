"""A conversation: the last turns are shown to the model, and a question that cannot be asked does not end it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ragqa import Pipeline
from ragqa.conversation import NO_ANSWER, TURNS, Conversation
from ragqa.errors import UsageError
from ragqa.records import Answer, AnswerSentence, Generation, Prompt
from tests.fakes import ECHO, WORDS, EchoGenerator, write_project


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    return indexed(tmp_path)


def indexed(folder: Path, *overrides: str) -> Pipeline:
    write_project(folder, ["ferry", "quay"])
    overrides = ("prompt.template=chat", *overrides)
    pipeline = Pipeline.from_file(folder / "pipeline.yaml", overrides, kinds=[WORDS, ECHO])
    pipeline.index()
    return pipeline


class Recorder(EchoGenerator):
    """Notes the prompts that it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.prompts: list[str] = []

    def stream(self, prompt: Prompt) -> Iterator[str | Generation]:
        self.prompts.append(prompt.text)
        yield from super().stream(prompt)


def test_the_last_turns_are_in_the_prompt_and_earlier_ones_are_not(pipeline: Pipeline) -> None:
    generator, conversation = Recorder(), Conversation(pipeline)
    pipeline.components.replace(generator=generator)
    questions = [f"Who is the master of the ferry, asked for time {number}?" for number in range(TURNS + 2)]
    for question in questions:
        assert conversation.ask(question).text
    assert [answer.question for answer in conversation.answers] == questions
    assert questions[1] in generator.prompts[-1] and questions[0] not in generator.prompts[-1]
    assert questions[0] in generator.prompts[1]


def test_a_turn_is_remembered_by_the_text_that_was_cited_and_not_by_the_words_of_the_model(pipeline: Pipeline) -> None:
    generator, conversation = Recorder(), Conversation(pipeline)
    generator._answer = "The ferry has a master, Ferryson, whom everybody likes."
    pipeline.components.replace(generator=generator)
    first = conversation.ask("Who is the master of the ferry?")
    conversation.ask("Who is the master of the quay?")
    assert first.citations and first.citations[0].text in generator.prompts[-1]
    assert "everybody likes" in first.text and "everybody likes" not in generator.prompts[-1]


def test_a_follow_up_is_searched_with_words_of_the_last_question_and_of_what_was_cited_for_it(
    pipeline: Pipeline,
) -> None:
    conversation = Conversation(pipeline)
    first = conversation.ask("Who is the master of the ferry?")
    second = conversation.ask("And its name?")
    assert first.searched == "Who is the master of the ferry?"
    assert second.searched == "master ferry called ferryson\nAnd its name?"
    assert second.hits[0].source == "ferry.txt"
    turns = [(first.question, first.citations[0].text)]
    assert pipeline.search("And its name?", history=turns) == list(second.hits)
    assert pipeline.ask("And its name?", history=turns).searched == second.searched
    assert pipeline.ask("And its name?", passages=first.hits, history=turns).searched == ""


def test_a_short_question_that_nothing_answers_after_the_turn_before_is_asked_alone(tmp_path: Path) -> None:
    pipeline = indexed(tmp_path, "prompt.min_confidence=0.35")
    turns = [
        (
            "Who patented the typewriter in 1868?",
            "Christopher Latham Sholes patented the machine, which Remington made.",
        )
    ]
    answer = pipeline.ask("What is the quay?", history=turns)
    assert (answer.searched, answer.hits[0].source) == ("What is the quay?", "quay.txt")
    assert pipeline.ask("What is its quay?", history=turns).searched.endswith("\nWhat is its quay?")


def test_a_turn_about_a_name_that_no_document_has_is_not_carried_on(tmp_path: Path) -> None:
    conversation = Conversation(indexed(tmp_path, "prompt.min_confidence=0.01"))
    assert conversation.ask("Who is Quentin Blorf?").reason == "unknown_name"
    following = conversation.ask("Its master?")
    assert (following.searched, following.reason) == ("Its master?", "")


def test_a_question_that_stands_alone_is_searched_alone_whatever_was_said_before(pipeline: Pipeline) -> None:
    turns = [("Who is the master of the ferry?", "The ferry has a master called Ferryson.")]
    question = "Which master of the old quay is called Quayson?"
    assert pipeline.search(question, history=turns) == pipeline.search(question)


def test_a_question_that_cannot_be_asked_is_not_part_of_the_conversation(pipeline: Pipeline) -> None:
    conversation = Conversation(pipeline)
    with pytest.raises(UsageError):
        conversation.ask(" ")
    assert conversation.answers == []
    *events, answer = conversation.stream("Who is the master of the ferry?")
    assert isinstance(answer, Answer) and conversation.answers == [answer]
    assert [event.text for event in events if isinstance(event, AnswerSentence)] == [answer.text]


def test_a_question_without_an_answer_is_shown_as_one(pipeline: Pipeline) -> None:
    generator, conversation = Recorder(), Conversation(pipeline)
    pipeline.components.replace(generator=generator)
    assert conversation.ask("xyzzy plugh?").abstained
    conversation.ask("Who is the master of the ferry?")
    assert NO_ANSWER in generator.prompts[-1]
