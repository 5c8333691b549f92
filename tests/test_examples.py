"""The four questions of README, `--help` and docstrings: they are asked as shown, and the answers are right."""

from __future__ import annotations

import inspect
import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from ragqa import Answer, Pipeline, project
from ragqa.cli import ragqa
from tests import ROOT

offline = pytest.mark.skipif(bool(os.environ.get("RAGQA_OFFLINE")), reason="needs the default models")
DOCUMENTS = ROOT / "corpora" / "tarnwick" / "documents"

FACT = "How much does the cooperative lend for a heat pump?"
HOW = "How do I become a member of the cooperative?"
LIST = "What are the tasks of the Lantern Room?"
REFUSED = "When does the ferry to Iceland leave?"
MASTER = "Who is the master of MV Tern?"
HOLDS = {
    FACT: ["4,500"],
    MASTER: ["Ruaridh Kemble"],
    HOW: ["lives on the Skerrow Isles", "may become a member"],
    LIST: ["turbines", "isolation tags", "ferries", "emergency calls", "storm warnings"],
}
"""What a right answer must hold, by question; the other question has no answer."""
SOURCES = {
    FACT: "reports/members-benefit-guide.pdf",
    MASTER: "data/staff-directory.csv",
    HOW: "governance/rules-summary.md",
    LIST: "sites/lantern-room.md",
}


@pytest.fixture(scope="module")
def pipeline(each_text_embedded_once: None, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    place = tmp_path_factory.mktemp("examples") / "index"
    pipeline = Pipeline.from_file(ROOT / "pipelines" / "quickstart.yaml", [f"index.path={place}"])
    pipeline.index()
    return pipeline


@pytest.fixture(scope="module")
def answers(pipeline: Pipeline) -> dict[str, Answer]:
    return {question: pipeline.ask(question) for question in (*HOLDS, REFUSED)}


@offline
@pytest.mark.parametrize("question", [FACT, MASTER, HOW, LIST])
def test_an_example_is_answered_with_all_that_it_asks_for(answers: dict[str, Answer], question: str) -> None:
    answer = answers[question]
    assert [part for part in HOLDS[question] if part not in answer.text] == []
    assert SOURCES[question] in [citation.source for citation in answer.citations]
    assert not re.search(r"^\s*#", answer.text, re.MULTILINE), "no heading"


@offline
@pytest.mark.parametrize("question", [REFUSED])
def test_an_example_that_no_document_answers_is_refused_and_the_nearest_passages_stay(
    answers: dict[str, Answer], question: str
) -> None:
    answer = answers[question]
    assert (answer.abstained, answer.text, answer.citations) == (True, "", ())
    assert answer.reason and answer.hits


@offline
def test_the_folder_and_the_file_of_init_give_the_answers_of_the_quickstart(
    pipeline: Pipeline, answers: dict[str, Answer], tmp_path: Path
) -> None:
    index = [f"index.path={pipeline.components.index.location}"]
    written = project.init(DOCUMENTS, tmp_path / "own.yaml", "small").file
    for other in (Pipeline.from_folder(DOCUMENTS, index, "small"), Pipeline.from_file(written, index)):
        for question, answer in answers.items():
            same = other.ask(question)
            assert (same.text, same.abstained) == (answer.text, answer.abstained)
            assert (same.prompt and same.prompt.text) == (answer.prompt and answer.prompt.text)


PLACES = {
    "README.md": lambda: (ROOT / "README.md").read_text("utf-8"),
    "ragqa ask --help": lambda: CliRunner().invoke(ragqa, ["ask", "--help"]).output,
    "Pipeline": lambda: inspect.getdoc(Pipeline) or "",
}
"""The places that show the questions, each with a call that returns its text."""


@pytest.mark.parametrize("place", PLACES)
def test_a_fact_a_how_a_list_and_a_refused_question_are_shown(place: str) -> None:
    text = PLACES[place]()
    shown = [question for question in (*HOLDS, REFUSED) if f'"{question}"' in text]
    assert {HOW, LIST, REFUSED} <= set(shown) and {FACT, MASTER} & set(shown)
    asked = re.findall(r'ask[( ][^"\n]*"([^"\n]+\?)"', text)
    assert set(asked) <= {*HOLDS, REFUSED}, "each question that is shown is one of those that are asked here"
