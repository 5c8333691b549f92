"""A pipeline and the fake system meet the contract of `ragqa.testing.system`."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragqa import Pipeline
from ragqa.stages import System
from ragqa.testing.system import SystemContract
from tests.fakes import ECHO, PIPELINE, WORDS, ToldSystem, hit


class TestPipeline(SystemContract):
    question = "Who runs the ferry?"

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path) -> None:
        (tmp_path / "documents").mkdir()
        for name, text in {"a": "Ilse runs the ferry.", "b": "The ferry runs at noon."}.items():
            (tmp_path / "documents" / f"{name}.txt").write_text(text, encoding="utf-8")
        self.file = tmp_path / "pipeline.yaml"
        self.file.write_text(PIPELINE.replace("kind: echo", "kind: echo, answer: Ilse"), encoding="utf-8")

    def make(self) -> System:
        pipeline = Pipeline.from_file(self.file, (), [WORDS, ECHO])
        pipeline.index()
        return pipeline


class TestTold(SystemContract):
    question = "Who runs the ferry?"

    def make(self) -> System:
        hits = [hit("Ilse runs the ferry.", score=2.0), hit("It floats.", start=30)]
        return ToldSystem({self.question: "Ilse"}, hits)


def test_a_system_that_answers_from_other_passages_fails() -> None:
    class Careless(ToldSystem):
        def prompt(self, question: str, passages: object = None) -> object:  # type: ignore[override]
            return super().prompt(question, None)

    class Mine(SystemContract):
        question = "Who?"

        def make(self) -> System:
            return Careless({self.question: "Ilse"}, [hit("Ilse.", score=2.0), hit("No.", start=9)])  # type: ignore[return-value]

    with pytest.raises(AssertionError):
        Mine().test_it_answers_from_the_passages_that_it_is_given_and_from_no_others()
