"""`ragqa train reader`: from questions with evidence to a folder that a pipeline reads with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ragqa import Pipeline
from tests.commands import ragqa
from tests.tiny import save_tiny_bert

PIPELINE = """version: 1
load: {kind: folder, path: documents}
split: {kind: recursive, chunk_size: 60, overlap: 0}
embed: {kind: mean_pool, model: ./encoder}
index: {kind: faiss, path: index}
retrieve: {kind: hybrid, top_k: 3}
prompt: {kind: in_context}
generate: {kind: openai, base_url: "http://127.0.0.1:9/v1", model: none}
evaluate: {kind: jsonl, path: questions.jsonl}
"""
NAMES = ("Ilse", "Bram", "Otto", "Finn")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    save_tiny_bert(tmp_path / "encoder")
    (tmp_path / "documents").mkdir()
    lines = []
    for name in NAMES:
        text = f"The boat of {name} is blue."
        (tmp_path / "documents" / f"{name}.txt").write_text(text, encoding="utf-8")
        quoted = {"source": f"{name}.txt", "text": text}
        lines.append({"id": name, "question": f"Who has boat {name}?", "answers": [name], "evidence": [quoted]})
    lines.append({"id": "unquoted", "question": "Which boat?", "answers": ["blue"]})
    (tmp_path / "questions.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n", encoding="utf-8")
    (tmp_path / "pipeline.yaml").write_text(PIPELINE, encoding="utf-8")
    return tmp_path


def test_a_reader_is_trained_on_the_questions_of_a_pipeline_and_reads_for_it(project: Path) -> None:
    done = ragqa(
        "train", "reader", "pipeline.yaml", "--out", "reader", "--steps", "2", "--batch", "2", "--json", cwd=project
    )
    assert done.code == 0, done.err
    assert "1 questions teach nothing" in done.err
    figures = json.loads(done.out)
    assert figures["steps"] == 2 and figures["examples"] >= len(NAMES)
    setting = f"prompt.reader={{kind: extractive, path: '{project / 'reader'}'}}"
    pipeline = Pipeline.from_file(project / "pipeline.yaml", [setting])
    (hit, *_) = pipeline.search("Who has boat Otto?")
    assert pipeline.components.passage_reader is not None
    (scores,) = pipeline.components.passage_reader.read("Who has boat Otto?", [hit])
    assert scores.spans[-1][1] == hit.chunk.end
