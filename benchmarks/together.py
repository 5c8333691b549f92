"""What a search costs alone and together with others: `python -m benchmarks.together [CHUNKS]`.

An index of so many chunks (10,000) is drawn as for `benchmarks.scale`; its vectors are those of the embedder of the
quickstart pipeline, whose time is in the figures. Each is the CPU of the process in milliseconds a search, hybrid, the
best 5, over 96 questions after a warm-up; the hits of all sizes of batches are compared.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from benchmarks import synthetic
from benchmarks.run import ROOT
from benchmarks.scale import build, identity
from ragqa import Pipeline
from ragqa.config.retrieval import HybridRetrieve
from ragqa.index.local import LocalIndex
from ragqa.retrieve.retriever import FusionRetriever

BATCHES = (1, 2, 4, 8, 16)
QUESTIONS = 96


def main(chunks: int) -> None:
    """Print a row for each size of a batch."""
    embedder = Pipeline.from_file(ROOT / "pipelines" / "quickstart.yaml").components.embedder
    with tempfile.TemporaryDirectory() as folder:
        corpus, place = Path(folder) / "corpus", Path(folder) / "index"
        corpus.mkdir()
        synthetic.prepare(corpus, QUESTIONS)
        build(corpus, place, chunks)
        asked = synthetic.questions(corpus).texts
        retriever, first = FusionRetriever(HybridRetrieve(kind="hybrid", top_k=5), embedder), None
        with LocalIndex(place).open(identity(corpus)) as reader:
            retriever.retrieve_many(asked[:16], reader)
            for batch in BATCHES:
                started, found = time.process_time(), []
                for start in range(0, QUESTIONS, batch):
                    found += retriever.retrieve_many(asked[start : start + batch], reader)
                spent = time.process_time() - started
                first = first or found
                assert found == first
                print(f"| {chunks:,} | {batch} | {1000 * spent / QUESTIONS:.1f} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
