"""A filter that finds no document is explained: by the keys, the types or the values that there are."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from ragqa import Pipeline
from ragqa.errors import UsageError
from ragqa.index.filters import explain, matches, values
from tests.fakes import ECHO, PIPELINE, WORDS

DOCUMENTS = [
    {"media_type": "text/markdown", "title": "Winches", "level": 3, "final": True, "tags": ["north", 7], "rows": 2},
    {"media_type": "text/markdown", "title": "Cranes", "level": 4, "final": False, "share": 0.5, "tags": ["south"]},
]


@pytest.mark.parametrize(
    ("where", "sentences"),
    [
        ({}, []),
        ({"level": 3}, []),
        ({"level": [9, 3]}, []),
        ({"rows": 2}, []),
        (
            {"levle": 3},
            ["no document has the key 'levle' (did you mean 'level'?); the keys are final, level, media_type, share, tags, title"],
        ),
        ({"level": "3"}, ['no document has level: "3", which is a text; the documents have a whole number: write level: 3']),
        ({"level": 3.0}, ["no document has level: 3.0, which is a decimal number; the documents have a whole number: write level: 3"]),
        ({"share": "0.5"}, ['no document has share: "0.5", which is a text; the documents have a decimal number: write share: 0.5']),
        ({"final": "TRUE"}, ['no document has final: "TRUE", which is a text; the documents have true or false: write final: true']),
        ({"tags": ["7"]}, ['no document has tags: ["7"], which is a text; the documents have a whole number: write tags: 7']),
        ({"title": 12}, ['no document has title: 12; the values are "Winches", "Cranes"']),
        ({"level": 3, "final": False}, ["no document has all of these: level, final"]),
        ({"level": "3", "quay": 1}, ["no document has level", "no document has the key 'quay'; the keys are"]),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_filter_is_said(where: dict[str, Any], sentences: list[str]) -> None:
    found = explain(DOCUMENTS, where)
    assert len(found) == len(sentences)
    assert all(sentence.startswith(begin) for sentence, begin in zip(found, sentences, strict=True)), found


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ({"date": {"from": "2024"}}, True),
        ({"date": {"to": "2024"}}, True),
        ({"date": {"from": "2024-05-01", "to": "2024-05-01"}}, True),
        ({"date": {"from": "2024-06"}}, False),
        ({"date": {"to": "2024-04"}}, False),
        ({"date": {"from": 2024}}, False),
        ({"level": {"from": 3, "to": 3.5}}, True),
        ({"level": {"from": 4}}, False),
        ({"level": {"from": True}}, False),
        ({"level": {}}, False),
        ({"tags": {"from": 5, "to": 9}}, True),
        ({"missing": {"from": 0}}, False),
        ({"source": "reports/*.md"}, True),
        ({"source": ["*.pdf", "copy.md"]}, True),
        ({"source": "an archive"}, True),
        ({"source": "a[1].md"}, True),
        ({"source": "a[1]*"}, True),
        ({"source": "a1*"}, False),
        ({"source": 2025}, False),
        ({"source": "*.pdf"}, False),
        ({"title": "*"}, False),
    ],
)
def test_a_filter_takes_ranges_and_names_of_files(where: dict[str, Any], found: bool) -> None:
    metadata = {"date": "2024-05-01", "level": 3, "tags": ["north", 7], "source": ["an archive", 2024]}
    document = values(metadata, "text/markdown", "Winches", ["copy.md", "reports/2024/winch.md", "a[1].md"])
    assert matches(document, where) == found
    assert bool(explain([document], where)) != found


def test_long_values_and_many_keys_are_cut() -> None:
    (line,) = explain([{f"key{n}": "x" * 5000 for n in range(300)}], {"other": 1})
    assert line.endswith("and 280 more") and len(line) < 500
    (line,) = explain([{"key": "x" * 5000}], {"key": "y" * 5000})
    assert len(line) < 300


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "documents").mkdir()
    page = "---\nlevel: 3\n---\nThe winch needs two turns.\n"
    (tmp_path / "documents" / "winch.md").write_text(page, encoding="utf-8")
    (tmp_path / "pipeline.yaml").write_text(PIPELINE, encoding="utf-8")
    Pipeline.from_file(tmp_path / "pipeline.yaml", kinds=[WORDS, ECHO]).index()
    return tmp_path


def filtered(folder: Path, where: str) -> Pipeline:
    return Pipeline.from_file(folder / "pipeline.yaml", [f"retrieve.filter={where}"], kinds=[WORDS, ECHO])


def test_a_question_with_a_wrong_filter_warns_once_and_says_it_in_its_advice(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pipe = filtered(folder, '{level: "3"}')
    with caplog.at_level(logging.WARNING, "ragqa"):
        answers = [pipe.ask("How many turns does the winch need?") for _ in range(2)]
    assert [record.getMessage() for record in caplog.records] == [
        'retrieve.filter: no document has level: "3", which is a text; the documents have a whole number: write level: 3'
    ]
    assert all(answer.abstained and "retrieve.filter" in answer.to_dict()["advice"] for answer in answers)


def test_a_right_filter_says_nothing(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    pipe = filtered(folder, "{level: [2, 3]}")
    assert pipe.search("winch") and not caplog.records
    assert "retrieve.filter" not in pipe.ask("Who is Zebedee Quux?").advice


def test_a_filter_that_finds_nothing_does_not_make_indexed_files_new(folder: Path) -> None:
    pipe = filtered(folder, "{level: 9}")
    assert pipe.changes().is_empty
    plan = pipe.plan()
    assert (plan.plan.read, len(plan.plan.unchanged), plan.to_embed) == ((), 1, 0)


def test_a_filter_of_one_search_finds_what_that_of_the_file_finds_and_both_hold(folder: Path) -> None:
    (folder / "documents" / "crane.md").write_text("---\nlevel: 4\n---\nThe winch is a crane.\n", encoding="utf-8")
    plain = Pipeline.from_file(folder / "pipeline.yaml", kinds=[WORDS, ECHO])
    plain.index()
    of_file, of_search = filtered(folder, "{level: 3}").search("winch"), plain.search("winch", where={"level": 3})
    assert of_search == of_file == plain.search_many(["winch"], where={"level": 3})[0] and len(of_file) == 1
    assert len(plain.search("winch")) == 2  # the next search has no filter
    assert filtered(folder, "{level: 3}").search("winch", where={"source": "crane*"}) == []
    mistakes: list[Any] = ["level", {"level": {"from": []}}, {"level": None}, {3: 3}]
    for wrong in mistakes:
        with pytest.raises(UsageError, match="where"):
            plain.search("winch", where=wrong)
    with pytest.raises(UsageError, match="did you mean 'level'"):
        plain.search("winch", where={"levle": 3})
