"""ragqa by its public API. It does more than the peers: it reads, hashes and splits the files itself, and commits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.worker import TOP_K, Job
from ragqa import Pipeline

FILE = """
version: 1
load:     {{kind: folder, path: {articles}}}
split:    {{kind: recursive, chunk_size: 800, overlap: 0, unit: character}}
embed:    {{kind: mean_pool, model: {model}}}
index:    {{kind: faiss, path: index}}
retrieve: {{kind: {retrieve}, top_k: {top_k}}}
prompt:   {{kind: in_context, template: qa}}
generate: {{kind: causal_lm, model: smollm2-135m-instruct}}
"""


class Ragqa:
    """Default settings; variant `dense` leaves the lexical ranking out, `float32` also takes the peers' arithmetic."""

    def __init__(self, job: Job) -> None:
        file = Path(job.place) / "pipeline.yaml"
        articles, model = json.dumps(f"{job.work}/articles"), json.dumps(job.model)
        retrieve = "dense" if job.variant else "hybrid"
        file.write_text(FILE.format(articles=articles, model=model, retrieve=retrieve, top_k=TOP_K), encoding="utf-8")
        self._pipeline = Pipeline.from_file(file, ["embed.dtype=float32"] if job.variant == "float32" else [])
        self._pipeline.components.embedder.load()

    def build(self, chunks: Sequence[str]) -> None:
        """Index the folder of articles, from which the chunks were made."""
        self._pipeline.index()

    def texts(self) -> list[str]:
        """Return the text of every chunk in the index."""
        with self._pipeline.open_index() as reader:
            return [chunk.text for document in reader.sources().values() for chunk in reader.chunks(document)]

    def open(self) -> None:
        """Do nothing: every search opens the latest commit."""

    def search(self, question: str) -> list[str]:
        """Return the texts of the best chunks."""
        return [hit.chunk.text for hit in self._pipeline.search(question)]


SYSTEM = Ragqa
