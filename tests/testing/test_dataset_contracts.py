"""Every built-in kind of dataset meets the contract of `ragqa.testing.dataset`, and a broken one fails it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ragqa.errors import UsageError
from ragqa.evaluate import Dataset, Evidence, Question
from ragqa.evaluate.datasets import KINDS, read_kind
from ragqa.testing.dataset import DatasetContract
from tests.evaluate.test_datasets import HOP, article, beir, conversation, qa, write
from tests.fakes import document


def jsonl_file(folder: Path) -> Path:
    row = {"question": "Who runs the ferry?", "answers": ["Ilse"], "evidence": [{"source": "a.md", "text": "Ilse"}]}
    return write(folder / "q.jsonl", [row, {"question": "Why?", "answerable": False}])


def squad_file(folder: Path) -> Path:
    return write(
        folder / "dev.json",
        {"data": [article("A", qa("q1", ("noon", 36)), qa("q2", is_impossible=True)), article("B")]},
    )


def beir_folder(folder: Path) -> Path:
    return beir(folder / "set", test="q3\td2\t2\nq3\td1\t1\nq1\tgone\t1\n")


def hotpotqa_file(folder: Path) -> Path:
    return write(folder / "hotpot.json", [HOP | {"supporting_facts": [["Morwen", 1], ["Brae", 0]]}])


def musique_file(folder: Path) -> Path:
    paragraphs = [{"title": "Brae", "paragraph_text": "Brae is a port.", "is_supporting": True}]
    row = {"id": "m1", "question": "What is Brae?", "answer": "a port", "paragraphs": paragraphs}
    return write(folder / "musique.jsonl", [row, row | {"answerable": False}])


def pubmedqa_file(folder: Path) -> Path:
    row = {"QUESTION": "Do herons sleep?", "CONTEXTS": ["We looked.", "They slept."], "final_decision": "yes"}
    return write(folder / "ori_pqal.json", {"11": row})


def pages_folder(folder: Path) -> Path:
    (folder / "a.pdf").write_bytes(b"%PDF")
    write(folder / "ground_truth.jsonl", [{"question": "Why?", "truth": "It floats [a.pdf#page=2]."}])
    return folder


def mtrag_file(folder: Path) -> Path:
    return write(folder / "reference.jsonl", [conversation("q", "Who?", "Ilse.", "Why?")])


FILES: dict[str, Callable[[Path], Path]] = {
    "jsonl": jsonl_file,
    "squad": squad_file,
    "beir": beir_folder,
    "hotpotqa": hotpotqa_file,
    "musique": musique_file,
    "pubmedqa": pubmedqa_file,
    "pages": pages_folder,
    "mtrag": mtrag_file,
}


@pytest.mark.parametrize("kind", KINDS)
class TestBuiltIn(DatasetContract):
    @pytest.fixture(autouse=True)
    def files(self, kind: str, tmp_path: Path) -> None:
        self.kind, self.path = kind, FILES[kind](tmp_path)

    def make(self) -> Dataset:
        return read_kind(self.kind, self.path)


GOOD = Question("q", "Why?", ("so",), evidence=(Evidence("a.txt", "so"),), relevant={"a.txt": 1})
BROKEN: dict[str, dict[str, Any]] = {
    "test_ids_and_sources_name_one_thing_each_and_there_is_a_question": {"questions": (GOOD, GOOD)},
    "test_a_question_has_an_id_a_text_and_a_group": {"questions": (replace(GOOD, question=" "),)},
    "test_answers_fit_whether_the_question_can_be_answered": {"questions": (replace(GOOD, answerable=False),)},
    "test_evidence_is_where_it_says": {"questions": (replace(GOOD, evidence=(Evidence("b.txt", "so"),)),)},
    "test_relevant_units_are_of_the_unit_of_the_dataset_and_have_a_grade": {"unit": "page"},
    "test_it_is_about_documents_in_memory_or_files_of_a_folder_or_neither": {"folder": Path("/")},
}


@pytest.mark.parametrize("test", BROKEN)
def test_a_dataset_that_breaks_a_rule_fails_its_test(test: str) -> None:
    sound = Dataset("mine", (GOOD,), (document("It is so."),), unit="document")

    class Mine(DatasetContract):
        dataset = sound

        def make(self) -> Dataset:
            return self.dataset

    getattr(Mine(), test)()
    Mine.dataset = replace(sound, **BROKEN[test])
    with pytest.raises((AssertionError, UsageError)):
        getattr(Mine(), test)()
