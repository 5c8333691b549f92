"""A reader of passages decides with the other scores which sentence answers, which words of it, and whether any does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pytest

from ragqa import Pipeline
from ragqa.config import Kind
from ragqa.config.slots import ReaderSpec
from ragqa.records import Answer, Hit, TokenScores
from tests.fakes import PIPELINE, WORDS
from tests.pipeline.test_answers import TOLD

FERRY = (
    "MV Tern was built in 1998. She carries 12 cars. Captain Ilse Brandt commands her. Dogs travel on the upper deck.\n"
)
WHO = "Who commands the Tern?"


class ToldReader:
    """Is sure that the answer to every question is one text."""

    def __init__(self, answer: str) -> None:
        self.answer, self.asked = answer, list[str]()

    def read(self, question: str, hits: Sequence[Hit]) -> list[TokenScores]:
        self.asked.append(question)
        return [self._scores(hit) for hit in hits]

    def _scores(self, hit: Hit) -> TokenScores:
        at = hit.chunk.text.find(self.answer) if self.answer else -1
        spans = [match.span() for match in re.finditer(r"\w+", hit.chunk.text)]
        starts = tuple(8.0 if at >= 0 and low == at else -8.0 for low, _ in spans)
        ends = tuple(8.0 if at >= 0 and high == at + len(self.answer) else -8.0 for _, high in spans)
        shift = hit.chunk.start
        return TokenScores(hit.chunk.document_id, tuple((shift + a, shift + b) for a, b in spans), starts, ends)


class TellReader(ReaderSpec):
    kind: Literal["told_reader"]
    text: str = ""


READER = Kind("reader", TellReader, lambda spec, needs: ToldReader(spec.text))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("reader")
    (home / "documents").mkdir()
    (home / "documents" / "ferry.md").write_text(FERRY, encoding="utf-8")
    text = PIPELINE.replace("kind: echo", "kind: told, sentences: false").replace("answer: write", "answer: auto")
    (home / "pipeline.yaml").write_text(text.replace("chunk_size: 40", "chunk_size: 200"), encoding="utf-8")
    Pipeline.from_file(home / "pipeline.yaml", kinds=[WORDS, TOLD]).index()
    return home


def ask(home: Path, question: str, said: str | None, *overrides: str) -> Answer:
    reader = [] if said is None else [f"prompt.reader={{kind: told_reader, text: '{said}'}}"]
    return Pipeline.from_file(home / "pipeline.yaml", [*reader, *overrides], kinds=[WORDS, TOLD, READER]).ask(question)


def test_the_span_that_the_reader_chose_is_the_answer_and_its_sentence_is_cited(home: Path) -> None:
    answer = ask(home, WHO, "Ilse Brandt")
    assert (answer.kind, answer.text) == ("span", "Ilse Brandt")
    assert [each.text for each in answer.citations] == ["Captain Ilse Brandt commands her."]
    assert answer.prompt is None


def test_a_span_of_the_wrong_type_is_not_shown_alone(home: Path) -> None:
    answer = ask(home, "When was the Tern built?", "MV Tern")
    assert answer.kind == "quote" and "1998" in answer.text


def test_the_sentence_that_the_reader_chose_is_quoted(home: Path) -> None:
    question = "How do they travel on the Tern?"
    assert "upper deck" in ask(home, question, "on the upper deck").sentences[0].text
    assert "12 cars" in ask(home, question, "12 cars").text


def test_a_passage_in_which_the_reader_finds_nothing_is_less_likely_to_answer(home: Path) -> None:
    sure = [ask(home, WHO, said, "prompt.min_confidence=0").confidence or 0 for said in ("Ilse Brandt", "")]
    assert sure[0] > sure[1] + 0.2
