"""The whole way through, with the real default models, from a folder to a cited answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.test_cli import FILE, offline
from tests.cli.test_cli import run as ragqa


@pytest.fixture
def project(tmp_path: Path) -> Path:
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "ferry.md").write_text(
        "# Ferry\n\nThe ferry Morwen is commanded by Captain Ilse Brandt.\n", encoding="utf-8"
    )
    (documents / "turbine.md").write_text(
        "# Turbine\n\nThe turbine at Skarn Head makes 4.2 megawatts.\n", encoding="utf-8"
    )
    (tmp_path / "pipeline.yaml").write_text(FILE, encoding="utf-8")
    return tmp_path


@offline
def test_a_folder_is_indexed_and_answers_with_a_citation_that_stands_in_the_file(project: Path) -> None:
    indexed = ragqa("index", "pipeline.yaml", "--json", cwd=project)
    assert indexed.returncode == 0, indexed.stderr
    assert json.loads(indexed.stdout)["indexed"] == 2
    asked = ragqa("ask", "pipeline.yaml", "Who commands the ferry Morwen?", "--json", cwd=project)
    assert asked.returncode == 0, asked.stderr
    answer = json.loads(asked.stdout)
    assert "Ilse Brandt" in answer["text"]
    citation = answer["citations"][0]
    assert citation["source"] == "ferry.md"
    text = Path(citation["path"]).read_text(encoding="utf-8")
    assert text[citation["start"] : citation["end"]] == citation["text"]
    again = json.loads(ragqa("index", "pipeline.yaml", "--json", cwd=project).stdout)
    assert (again["unchanged"], again["embedded"]) == (2, 0)


def test_asking_without_an_index_exits_4_and_names_the_command(project: Path) -> None:
    asked = ragqa("ask", "pipeline.yaml", "Who commands the ferry?", cwd=project)
    assert asked.returncode == 4
    assert "run `ragqa index" in asked.stderr
