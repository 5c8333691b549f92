"""The whole way through, with the real default models, from a folder to a cited answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

offline = pytest.mark.skipif(bool(os.environ.get("RAGQA_OFFLINE")), reason="needs the default models")

FILE = """
version: 1
load:     {kind: folder, path: documents}
split:    {kind: recursive}
embed:    {kind: mean_pool, model: all-minilm-l6-v2}
index:    {kind: faiss, path: index}
retrieve: {kind: hybrid, top_k: 2}
prompt:   {kind: in_context, template: qa}
generate: {kind: causal_lm, model: smollm2-135m-instruct, max_new_tokens: 24}
"""


def ragqa(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ragqa", *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )


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
