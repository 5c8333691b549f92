"""Misspelled words of questions are read as the words of the documents."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from ragqa import Pipeline
from ragqa.pipeline.answer.draft import AskedQuestion
from ragqa.pipeline.answer.spelling import spelled
from ragqa.text_analysis import term
from tests.fakes import ECHO, PIPELINE, WORDS, WordEmbedder

TEXTS = {
    "insurance": 4,
    "services": 9,
    "hearing": 5,
    "better": 7,
    "plans": 3,
    "plant": 3,
    "gender": 1,
    "ctenophores": 1,
}
VOCABULARY = {*TEXTS, "butter", "kayak", "insure", "water"} - {"ctenophores"}


class VocabularyEmbedder(WordEmbedder):
    """A word of the vocabulary is one token; of another word, each letter is one."""

    def offsets(self, text: str) -> list[tuple[int, int]]:
        known = "|".join(sorted(VOCABULARY, key=len, reverse=True))
        return [
            match.span()
            for match in re.finditer(rf"\b(?:{known})(?=(?:ing|s)?\b)|\b(?:ing|s)\b|(?<=k)ing\b|\w|[^\w\s]", text)
        ]


def counts(terms: Sequence[str]) -> list[int]:
    having = {term(word): n for word, n in TEXTS.items()}
    return [having.get(each, 0) for each in terms]


def read(question: str) -> str:
    return spelled(AskedQuestion(question), counts, VocabularyEmbedder()).text


@pytest.mark.parametrize(("typed", "meant"), [
    ("What is gendr care?", "What is gender care?"),
    ("which hearin servises are there?", "which hearing services are there?"),
    ("what does insruance cost", "what does insurance cost"),
    ("What are ctenophhores?", "What are ctenophores?"),
])  # fmt: skip
def test_a_word_that_no_text_has_is_read_as_one_that_differs_by_a_letter(typed: str, meant: str) -> None:
    found = spelled(AskedQuestion(typed), counts, VocabularyEmbedder())
    assert (found.text, found.typed) == (meant, typed)


@pytest.mark.parametrize("question", [
    "What does butter cost?",  # a good word that the documents lack
    "Where is kayaking allowed?",
    "Who is Gendr?",  # a name is not guessed
    "Where is src/gendr.py?", "Who has gendr@example.org?", "What is --gendr?",
    "What does gndr mean?",  # short
    "Which planst are there?",  # plans or plants
    "wie ist das gendr und wer hat es",  # German
    "What are services?",
])  # fmt: skip
def test_other_words_stay_as_they_are(question: str) -> None:
    assert read(question) == question


def test_without_a_vocabulary_of_words_nothing_is_corrected() -> None:
    class LetterEmbedder(WordEmbedder):
        def offsets(self, text: str) -> list[tuple[int, int]]:
            return [(at, at + 1) for at in range(len(text))]

    asked = AskedQuestion("What is gendr care?")
    assert spelled(asked, counts, LetterEmbedder()) is asked


def test_an_answer_tells_the_question_and_what_was_searched_for(tmp_path: Path) -> None:
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "care.txt").write_text("The gender care of the plan is free.", encoding="utf-8")
    (tmp_path / "pipeline.yaml").write_text(PIPELINE, encoding="utf-8")
    pipeline = Pipeline.from_file(tmp_path / "pipeline.yaml", kinds=[WORDS, ECHO])
    pipeline.components.replace(embedder=VocabularyEmbedder())
    pipeline.index()
    answer = pipeline.ask("Is the gendr care of the plan free?")
    assert answer.text == "The gender care of the plan is free."
    assert answer.question == "Is the gendr care of the plan free?"
    assert answer.searched == "Is the gender care of the plan free?"
