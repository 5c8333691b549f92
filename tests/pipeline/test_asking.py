"""Answers: events, confidence and abstention, closed book, likelihoods, the fingerprint."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import pytest

from ragqa import Pipeline
from ragqa.config import GenerateSpec, Kind
from ragqa.errors import UsageError
from ragqa.pipeline.answer.replies import Event
from ragqa.records import Answer, AnswerSentence, Generation, Passages, Prompt
from tests.fakes import ECHO, PIPELINE, WORDS, EchoGenerator

QUESTION = "Who is the master of the quay?"


class SureGenerator(EchoGenerator):
    """Writes one answer in two pieces, with a confidence; every letter of a text has the probability 1/2."""

    def __init__(self, answer: str, confidence: float | None) -> None:
        super().__init__(answer=answer)
        self.confidence = confidence
        self.prompts: list[Prompt] = []
        self.pairs: list[tuple[str, str]] = []

    def stream(self, prompt: Prompt) -> Iterator[str | Generation]:
        self.prompts.append(prompt)
        for piece in super().stream(prompt):
            if isinstance(piece, Generation):
                piece = Generation(piece.text, piece.n_tokens, piece.finish, confidence=self.confidence)
            yield piece

    def log_likelihoods(self, pairs: Sequence[tuple[str, str]]) -> list[list[float]]:
        self.pairs += pairs
        return [[math.log(0.5)] * len(text) for _, text in pairs]


class Sure(GenerateSpec):
    kind: Literal["sure"]
    max_new_tokens: int = 20
    answer: str = "Quayson"
    confidence: float | None = 0.6


SURE = Kind("generate", Sure, lambda spec, needs: SureGenerator(spec.answer, spec.confidence))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    (home / "documents").mkdir(parents=True)
    for name in ("ferry", "quay"):
        text = f"The {name} has a master called {name.title()}son.\n"
        (home / "documents" / f"{name}.txt").write_text(text, encoding="utf-8")
    (home / "pipeline.yaml").write_text(PIPELINE.replace("kind: echo", "kind: sure"), encoding="utf-8")
    pipeline(home).index()
    return home


def pipeline(folder: Path, *overrides: str) -> Pipeline:
    return Pipeline.from_file(folder / "pipeline.yaml", overrides, kinds=[WORDS, ECHO, SURE])


def streamed(pipe: Pipeline, question: str = QUESTION) -> tuple[list[Event], Answer]:
    *events, last = pipe.stream(question)
    assert isinstance(last, Answer)
    return events, last


def confidence(folder: Path, *overrides: str) -> float:
    found = pipeline(folder, *overrides).ask(QUESTION).confidence
    assert found is not None
    return found


def test_an_answer_says_how_sure_it_is_by_the_evidence_and_by_its_generator(folder: Path) -> None:
    unsure, sure = (confidence(folder, f"generate.confidence={value}") for value in (0.2, 0.9))
    assert 0 < unsure < sure < 1 and 0 < confidence(folder, "generate.confidence=null") < 1


def test_below_the_least_confidence_nothing_is_said_and_only_places_were_shown(folder: Path) -> None:
    unsure = ("prompt.answer=span", "generate.confidence=0.1")
    least = confidence(folder, *unsure) + 0.001
    events, last = streamed(pipeline(folder, *unsure, f"prompt.min_confidence={least}"))
    assert [type(event) for event in events] == [Passages, Passages]
    assert (last.text, last.kind, last.abstained, last.reason) == ("", "", True, "low_confidence")
    assert (last.citations, last.sentences) == ((), ())
    assert last.confidence is not None and last.confidence < least
    assert last.usage["answer_tokens"] == 1 and last.prompt is not None and len(last.hits) == 2


def test_at_the_least_confidence_it_is_said_and_its_sentence_is_cited(folder: Path) -> None:
    unsure = ("prompt.answer=span", "generate.confidence=0.1")
    least = confidence(folder, *unsure) - 0.001
    events, last = streamed(pipeline(folder, *unsure, f"prompt.min_confidence={least}"))
    _, nearest, sentence = events
    assert isinstance(nearest, Passages) and nearest.citations == last.nearest
    assert isinstance(sentence, AnswerSentence) and last.sentences == (sentence,)
    assert (last.text, last.kind, last.abstained, last.reason) == ("Quayson", "span", False, "")
    assert [citation.text for citation in last.citations] == ["The quay has a master called Quayson."]
    assert last.citations == sentence.citations and sentence.support == 1


@pytest.mark.parametrize("sure", ["0.0", "1.0", "null"])
def test_a_refusal_is_one_however_sure_and_is_never_shown(folder: Path, sure: str) -> None:
    events, last = streamed(pipeline(folder, "generate.answer=I do not know.", f"generate.confidence={sure}"))
    assert (last.text, last.reason, last.abstained) == ("", "not_in_passages", True)
    assert [type(event) for event in events] == [Passages, Passages] and last.nearest and last.advice


def test_without_a_least_confidence_any_answer_is_given(folder: Path) -> None:
    pipe = pipeline(folder, "generate.confidence=0.0")
    assert (pipe.ask(QUESTION).text, pipe.ask(QUESTION).abstained) == ("Quayson", False)


def test_closed_book_the_generator_is_asked_without_passages_and_nothing_is_cited(folder: Path) -> None:
    pipe = pipeline(folder)
    answer = pipe.ask(QUESTION, passages=[])
    (prompt,) = pipe.components.generator.prompts  # type: ignore[attr-defined]
    assert (prompt.passages, answer.hits, answer.citations) == ((), (), ())
    assert (answer.text, answer.abstained, answer.kind) == ("Quayson", False, "write")
    assert answer.prompt == prompt == pipe.prompt(QUESTION, [])
    assert QUESTION in prompt.text and "<passage" not in prompt.text and "Quayson" not in prompt.text


@pytest.mark.parametrize("passages", [None, []])
def test_an_empty_question_is_refused_whether_passages_are_given_or_not(
    folder: Path, passages: list[Any] | None
) -> None:
    with pytest.raises(UsageError, match="the question is empty"):
        pipeline(folder).ask(" \n", passages)


def test_the_prompt_is_the_one_that_an_answer_gives_to_the_generator(folder: Path) -> None:
    pipe = pipeline(folder)
    hits = pipe.search("ferry", 1)
    assert pipe.prompt(QUESTION) == pipe.ask(QUESTION).prompt
    assert pipe.prompt(QUESTION, hits) == pipe.ask(QUESTION, hits).prompt
    assert pipe.prompt(QUESTION, hits).passages == tuple(hits)


def test_a_score_is_the_log_probability_of_each_token_of_an_answer_that_goes_on_the_prompt(folder: Path) -> None:
    pipe = pipeline(folder)
    prompt = pipe.prompt(QUESTION)
    assert math.exp(sum(pipe.score(prompt, "abc"))) == pytest.approx(0.5 ** len(" abc"))
    spaced = Prompt("Answer:\n", {}, ())
    assert len(pipe.score(spaced, "abc")) == 3
    assert pipe.components.generator.pairs == [(prompt.text, " abc"), ("Answer:\n", "abc")]  # type: ignore[attr-defined]


def test_a_generator_without_likelihoods_cannot_score(folder: Path) -> None:
    pipe = pipeline(folder, "generate.kind=echo")
    with pytest.raises(UsageError, match="needs generate of kind causal_lm, got echo"):
        pipe.score(pipe.prompt(QUESTION), "abc")


def test_documents_and_chunks_are_those_that_are_indexed(folder: Path) -> None:
    pipe = pipeline(folder)
    assert set(pipe.documents()) == {"ferry.txt", "quay.txt"}
    found = pipe.documents(["quay.txt", "missing.txt"])
    assert set(found) == {"quay.txt"}
    document = found["quay.txt"]
    assert document.text == "The quay has a master called Quayson.\n"
    chunks = pipe.chunks(document.id)
    assert chunks and all(document.text[chunk.start : chunk.end] == chunk.text for chunk in chunks)


def own_files(folder: Path) -> tuple[str, str, str]:
    """Write a template and examples into a folder; return the settings that name them."""
    (folder / "own.txt").write_text("Be brief.\n---\n{examples}{passages}\n{question}", encoding="utf-8")
    (folder / "q.jsonl").write_text('{"question": "a?", "answers": ["b"]}\n', encoding="utf-8")
    return f"prompt.template={folder}/own.txt", f"prompt.examples={folder}/q.jsonl", "prompt.n_examples=1"


def test_a_moved_folder_has_the_same_fingerprint(folder: Path, tmp_path: Path) -> None:
    before = pipeline(folder, *own_files(folder)).fingerprint()
    assert str(tmp_path) not in str(before)
    moved = folder.rename(tmp_path / "elsewhere")
    assert pipeline(moved, *own_files(moved)).fingerprint() == before
    index = (moved / "index").rename(tmp_path / "index")
    assert pipeline(moved, *own_files(moved), f"index.path={index}").fingerprint() == before


@pytest.mark.parametrize(
    "override",
    [
        "retrieve.top_k=3",
        "prompt.min_confidence=0.5",
        "prompt.answer=quote",
        "prompt.template=chat",
        "embed.weights=other",
        "index.search=hnsw",
    ],
)
def test_another_setting_or_model_has_another_fingerprint(folder: Path, override: str) -> None:
    assert pipeline(folder).fingerprint() == pipeline(folder).fingerprint() != pipeline(folder, override).fingerprint()


def test_another_document_template_or_example_has_another_fingerprint(folder: Path) -> None:
    given = own_files(folder)
    found = [pipeline(folder, *given).fingerprint()]
    for name, text in (("own.txt", "{passages}\n{question}"), ("q.jsonl", '{"question": "a?", "answers": ["c"]}')):
        (folder / name).write_text(text, encoding="utf-8")
        found.append(pipeline(folder, *given).fingerprint())
    (folder / "documents" / "quay.txt").write_text("The quay has no master.", encoding="utf-8")
    pipeline(folder).index()
    found.append(pipeline(folder, *given).fingerprint())
    (folder / "documents" / "quay.txt").rename(folder / "documents" / "dock.txt")
    pipeline(folder).index()
    found.append(pipeline(folder, *given).fingerprint())
    assert all(one not in found[:n] for n, one in enumerate(found))


RUN_ON = [
    "The quay has a master called Quayson.\n\nQuestion: Who is the master of the ferry?\nAnswer: Ferryson",
    "Answer: The quay has a master called Quayson.\nAnswer: The quay has a master called Quayson.",
    "The quay has a master called Quayson.\nPassages:\nThe ferry has a master called Ferryson.",
    'The quay has a master called Quayson.\n<passage 2 source="b">\nThe ferry has a master called Ferryson.',
]


@pytest.mark.parametrize("written", RUN_ON)
@pytest.mark.parametrize("question", [QUESTION, "How is the quay led, and what is its master called?"])
def test_lines_of_the_template_are_no_sentences_of_a_written_answer(folder: Path, written: str, question: str) -> None:
    overrides = ["prompt.answer=write", f"generate.answer={json.dumps(written)}", "generate.max_new_tokens=200"]
    events, last = streamed(pipeline(folder, *overrides), question)
    assert last.text in ("The quay has a master called Quayson.", "The quay has a master called Quayson")
    assert [event.text for event in events if isinstance(event, AnswerSentence)] == [last.text]
    assert last.unsupported == 0


@pytest.mark.parametrize(
    "written", ["Question: Who is the master of the quay?", " \nPassages:\nThe quay has a master."]
)
def test_an_answer_of_nothing_but_lines_of_the_template_is_none(folder: Path, written: str) -> None:
    overrides = ["prompt.answer=write", f"generate.answer={json.dumps(written)}"]
    assert pipeline(folder, *overrides).ask(QUESTION).abstained


class ForgetfulGenerator(SureGenerator):
    """Has the special token `<slot>`, and writes a sentence without it."""

    def count_literal(self, text: str, literal: Sequence[tuple[int, int]]) -> int:
        return self.count(text)

    def special_texts(self, text: str) -> frozenset[str]:
        return frozenset({"<slot>"} if "<slot>" in text else ())


def test_a_sentence_that_leaves_a_special_token_of_its_source_out_is_not_shown(folder: Path) -> None:
    text = "The quay takes the command dock --put <slot> --now from its master.\n"
    (folder / "documents" / "quay.txt").write_text(text, encoding="utf-8")
    question, whole = "Which command does the quay take?", "The quay takes the command dock --put <slot> --now."
    for written, kind in ((whole, "span"), (whole.replace("<slot> ", ""), "quote")):
        pipe = pipeline(folder, "prompt.answer=auto", "prompt.min_confidence=0")
        pipe.components.replace(generator=ForgetfulGenerator(written, None))
        pipe.index()
        answer = pipe.ask(question)
        assert "dock --put <slot> --now" in answer.text and answer.kind == kind
