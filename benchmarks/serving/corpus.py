"""What is served: a drawn index of many chunks, and folders of the sample corpus."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from benchmarks import scale, synthetic
from benchmarks.run import QUICKSTART, ROOT
from ragqa import Pipeline
from ragqa.index.writer import LocalWriter

QUESTIONS = 300
"""Distinct questions over a drawn index."""
SAMPLE = ROOT / "corpora" / "tarnwick"


def drawn(place: Path, chunks: int) -> Path:
    """Return a pipeline file over an index of so many chunks, drawn as for `benchmarks.scale`; made where it is not there.

    Its vectors, its identity and its canaries are those of the embedder of the quickstart pipeline.
    """
    folder = place / f"drawn-{chunks}"
    file, unfinished = folder / "pipeline.yaml", place / "unfinished"
    if not file.is_file():
        shutil.rmtree(unfinished, ignore_errors=True)
        (unfinished / "documents").mkdir(parents=True)
        scale.fresh(synthetic.prepare, unfinished, QUESTIONS)
        scale.fresh(_build, unfinished, chunks)
        write_pipeline(unfinished)
        unfinished.rename(folder)
    return file


def _build(corpus: Path, chunks: int) -> None:
    components = Pipeline.from_file(QUICKSTART).components
    with LocalWriter(corpus / "index", components.identity) as writer:
        writer.check_embedder(components.canaries)
        for block in synthetic.blocks(corpus, chunks, scale.BLOCK_CHUNKS):
            scale.commit(writer, block)
        writer.maintain()


def drawn_questions(file: Path) -> list[str]:
    """Return the questions over a drawn index."""
    return synthetic.questions(file.parent).texts


def sample(place: Path) -> Path:
    """Return a pipeline file over a copy of the sample corpus in a new folder, indexed."""
    folder = place / "sample"
    shutil.copytree(SAMPLE / "documents", folder / "documents")
    file = write_pipeline(folder)
    Pipeline.from_file(file).index()
    return file


def sample_questions() -> list[str]:
    """Return the questions of the sample corpus."""
    lines = (SAMPLE / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    return [str(json.loads(line)["question"]) for line in lines]


def write_pipeline(folder: Path) -> Path:
    """Write the quickstart pipeline over `folder/documents` with an index in `folder/index`."""
    file = folder / "pipeline.yaml"
    lines = ["version: 1", f"extends: {json.dumps(str(QUICKSTART))}", "load: {kind: folder, path: documents}"]
    file.write_text("\n".join([*lines, "index: {kind: faiss, path: index}", ""]), encoding="utf-8")
    return file
