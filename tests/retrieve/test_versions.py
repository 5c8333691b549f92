"""Versions of one document: recognised by name, ordered by what names and fields tell, named beside the hit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ragqa import Pipeline
from ragqa.records import Hit
from ragqa.retrieve.versions import MOST_VERSIONS, are_versions, compare, newest_first, without_superseded
from tests.fakes import hit


@pytest.mark.parametrize(
    ("source", "other", "wanted"),
    [
        ("leave_policy_2023.md", "leave_policy_2025.md", True),
        ("hr/leave-2023.md", "hr/leave-2024.docx", True),
        ("hr/leave.md", "hr/archive/leave.md", True),
        ("hr/leavePolicy2023.pdf", "hr/leavePolicy2024.pdf", True),
        ("docs/v1/install.md", "docs/v2/install.md", True),
        ("price list v1.2.csv", "price list v1.10.csv", True),
        ("policy (draft).md", "policy.md", True),
        ("hr/leave-2023.md", "legal/leave-2024.md", False),
        ("hr/leave.md", "hr/leave.docx", False),  # nothing says that they are two versions
        ("chapter-1.md", "chapter-2.md", False),  # parts
        ("limpet-m2.md", "limpet-m3.md", False),  # products
        ("2023-11-02.md", "2024-06-18.md", False),  # nothing but dates: a diary
        ("press/2023-11-02-storm.html", "press/2024-06-18-order.html", False),
        ("leave-2023.md", "leave-2023.md", False),
    ],
)
def test_versions_have_the_same_name_but_for_their_marks(source: str, other: str, wanted: bool) -> None:
    assert are_versions(source, other) is wanted and are_versions(other, source) is wanted


@pytest.mark.parametrize(
    ("newer", "older"),
    [
        (("leave_policy_2025.md", {}), ("leave_policy_2023.md", {})),
        (("a-2024-10.md", {}), ("a-2024-09.md", {})),
        (("a v1.10.md", {}), ("a v1.9.md", {})),
        (("hr/leave.md", {}), ("hr/archive/leave.md", {})),
        (("a-2023.md", {"status": "in force"}), ("a-2024.md", {"status": "Superseded"})),
        (("a-2023.md", {}), ("a-2024.md", {"status": "draft"})),
        (("a-v1.md", {"effective_date": "2025-01-01"}), ("a-v2.md", {"valid_from": "2024-01-01"})),
        (("a-v1.md", {"version": 3}), ("a-v2.md", {})),
        (("a.md", {"date": "2025-02-01", "version": "2"}), ("a-old.md", {"date": "2026-01-01", "version": "3"})),
    ],
)
def test_the_newer_version_is_told_by_names_and_fields(
    newer: tuple[str, Mapping[str, Any]], older: tuple[str, Mapping[str, Any]]
) -> None:
    assert compare(*newer, *older) == 1 and compare(*older, *newer) == -1
    assert compare(*newer, *newer) == 0


def test_nothing_is_newer_where_nothing_tells() -> None:
    assert compare("a.md", {}, "a-2023.md", {}) == 0 and compare("a-2023.md", {}, "a-v2.md", {}) == 0


def versions_of(*hits: Hit) -> Any:
    return lambda hit: {each.source: each.fields for each in hits}


OLD, NEW = hit("22 days", "leave-2023.md", score=0.6), hit("27 days", "leave-2025.md", score=0.55)
OTHER = hit("ferries", "ferry.md", score=0.58)


def order(hits: list[Hit], question: str = "How many days of leave are there?") -> list[str]:
    return [each.source for each in newest_first(hits, question, versions_of(*hits))]


def test_a_newer_version_that_says_as_much_goes_first_with_the_score_of_the_older() -> None:
    assert order([OLD, OTHER, NEW]) == ["leave-2025.md", "leave-2023.md", "ferry.md"]
    assert [each.score for each in newest_first([OLD, OTHER, NEW], "days?", versions_of(OLD, NEW))] == [0.6, 0.6, 0.58]
    assert order([NEW, OTHER, OLD]) == ["leave-2025.md", "ferry.md", "leave-2023.md"], "already in order"
    newest = hit("29 days", "leave-2026.md", score=0.5)
    assert order([OLD, NEW, newest])[:2] == ["leave-2026.md", "leave-2025.md"]


def test_a_newer_version_that_is_about_something_else_stays_where_it_is() -> None:
    assert order([OLD, OTHER, replace(NEW, score=0.3)]) == ["leave-2023.md", "ferry.md", "leave-2025.md"]


def test_a_version_in_force_goes_before_one_that_says_it_is_not_though_it_says_less() -> None:
    archived = replace(OLD, source="archive/leave.md")
    assert order([archived, OTHER, hit("27 days", "leave.md", score=0.35)])[0] == "leave.md"
    assert order([archived, OTHER, hit("27 days", "leave.md", score=0.25)])[0] == "archive/leave.md"


def test_a_hit_behind_one_of_a_newer_version_is_no_evidence_unless_it_is_asked_for() -> None:
    old = replace(OLD, versions={NEW.source: "newer"})
    assert without_superseded([NEW, OTHER, old], "How many days of leave are there?") == [NEW, OTHER]
    assert without_superseded([old, OTHER, NEW], "How many days of leave are there?") == [old, OTHER, NEW]
    assert without_superseded([NEW, OTHER, old], "How did leave change from 2023 to 2025?") == [NEW, OTHER, old]


@pytest.mark.parametrize(
    "question", ["How many days of leave were there in 2023?", "What did the previous leave policy say?"]
)
def test_a_question_about_the_older_version_gets_it(question: str) -> None:
    assert order([OLD, NEW], question) == ["leave-2023.md", "leave-2025.md"]


def test_the_question_may_name_both_years_or_a_version() -> None:
    assert order([OLD, NEW], "How did leave change from 2023 to 2025?") == ["leave-2023.md", "leave-2025.md"]
    first, second = hit("a", "api-v1.md", score=0.6), hit("b", "api-v2.md", score=0.59)
    assert order([first, second], "Which 1 key opens it?") == ["api-v2.md", "api-v1.md"]
    assert order([first, second], "What does version 1 return?") == ["api-v1.md", "api-v2.md"]


def test_many_documents_of_one_name_are_a_series_and_not_versions() -> None:
    minutes = [hit(f"{n}", f"minutes-2024-{n:02}.md", score=0.6 - n / 1000) for n in range(1, MOST_VERSIONS + 2)]
    assert order(minutes) == [each.source for each in minutes]
    assert order(minutes[:MOST_VERSIONS])[0] == minutes[MOST_VERSIONS - 1].source


PIPELINE = """
version: 1
load:     {kind: folder, path: documents}
split:    {kind: recursive, chunk_size: 40, overlap: 8}
embed:    {kind: mean_pool, model: all-minilm-l6-v2}
index:    {kind: faiss, path: index}
retrieve: {kind: lexical, top_k: 1}
prompt:   {kind: in_context, template: qa}
generate: {kind: causal_lm, model: smollm2-135m-instruct}
"""
DOCUMENTS = {
    "hr/leave_policy_2023.md": "---\nstatus: superseded\nowner: Jo\n---\nStaff get 22 days of annual annual leave.\n",
    "hr/leave_policy_2025.md": "Staff get 27 days of annual leave.\n",
    "hr/archive/leave_policy_2019.md": "Holidays are as agreed.\n",
    "hr/parking.md": "Bicycles are parked in the yard.\n",
}


def test_a_search_finds_the_version_in_force_and_names_the_others(tmp_path: Path) -> None:
    for source, text in DOCUMENTS.items():
        file = tmp_path / "documents" / source
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    file = tmp_path / "ragqa.yaml"
    file.write_text(PIPELINE)
    pipeline = Pipeline.from_file(file)
    pipeline.index()
    (found,) = pipeline.search("How many days of annual leave do staff get?")
    assert found.source == "hr/leave_policy_2025.md"
    assert found.to_dict()["versions"] == {
        "hr/archive/leave_policy_2019.md": "older", "hr/leave_policy_2023.md": "older",
    }  # fmt: skip
    (asked,) = pipeline.search("How many days of annual leave did staff get in 2023?")
    assert asked.source == "hr/leave_policy_2023.md" and "22 days" in asked.chunk.text
    assert asked.to_dict()["fields"] == {"status": "superseded", "owner": "Jo"}
    assert asked.versions == {"hr/archive/leave_policy_2019.md": "older", "hr/leave_policy_2025.md": "newer"}
    (bicycle,) = pipeline.search("Where are bicycles parked?")
    assert bicycle.versions == {} and bicycle.fields == {}
    by_score = Pipeline.from_file(file, ["retrieve.prefer=none"])
    (first,) = by_score.search("How many days of annual leave do staff get?")
    assert (first.source, first.versions) == ("hr/leave_policy_2023.md", {})
