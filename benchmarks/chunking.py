"""What each way to chunk finds and what it costs, character by character, on the chunking benchmark of Chroma.

Run by `python -m benchmarks.chunking`, about half a minute for each setting; prints rows for RESULTS.md. Questions and
corpora are those of the folder `chunking` in the data folder that `RAGQA_DATA` names: three of the five corpora (chat
logs, the State of the Union address, Wikipedia; 276 questions).

Source: Smith and Troynikov (2024), "Evaluating Chunking Strategies for Retrieval", Chroma technical report,
https://research.trychroma.com/evaluating-chunking. Where the report leaves something open, `BaseEvaluation` of their
package decides (github.com/brandonstarxel/chunking_evaluation at 35440b8, evaluation_framework/base_evaluation.py, and
evaluation_utils.py for the arithmetic of ranges). Decided there and followed here:

- The report speaks of tokens; the package counts characters, as here.
- All corpora are in one index, and no question is told its corpus: a chunk of another corpus finds nothing and counts
  as retrieved. Precision-Omega looks at the chunks of the question's corpus only.
- The same number of chunks is retrieved for every question; 5 is the default of the package.
- What is found counts once, however many chunks hold it; what is retrieved counts as often as it is retrieved, so that
  overlap costs precision and IoU.
- Precision-Omega counts overlap once, unlike precision. Its ranges are closed: a chunk that ends where a reference
  begins, or begins where one ends, is among its chunks. Characters of a reference that are in no chunk count with them.
- A score with nothing to divide by is 0.
- References that overlap count with their whole length each, in recall and in what IoU misses. None do in these data.
- Means are over questions, also within a corpus.

Decided here: a hit that `retrieve.neighbours` widened counts with all that it holds, and k counts hits before they are
widened. Chunks have exact spans; the package searches the document for the text of a chunk, without a full stop at its
end, and takes the first place. White space between two chunks is in neither, so that recall can stay below 1 where
every chunk is retrieved.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.run import QUICKSTART, ROOT, table
from ragqa import Pipeline
from ragqa.evaluate.dataset import Span
from ragqa.evaluate.metrics.statistics import interval

SETTINGS: dict[str, list[str]] = {
    "quickstart: recursive 200, overlap 40, hybrid": [],
    "recursive 200": ["split.overlap=0"],
    "recursive 100": ["split.chunk_size=100", "split.overlap=0"],
    "recursive 50": ["split.chunk_size=50", "split.overlap=0"],
    "recursive 50, neighbours 1": ["split.chunk_size=50", "split.overlap=0", "retrieve.neighbours=1"],
    "sentence 200": ["split.kind=sentence", "split.overlap=0"],
    "token 200": ["split.kind=token", "split.overlap=0"],
    "quickstart, dense only": ["retrieve.kind=dense"],
    "quickstart, lexical only": ["retrieve.kind=lexical"],
}
"""Overrides of the quickstart pipeline by name; sizes in the embedder's tokens, whose window ends at 256."""

METRICS = ("recall", "precision", "precision-Omega", "IoU")


@dataclass(frozen=True, slots=True)
class Question:
    """A question and its references: spans of `corpus`, with the text that must stand there."""

    text: str
    corpus: str
    references: tuple[tuple[int, int, str], ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one setting made of the questions: the number of chunks by corpus, and (corpus, scores) in their order."""

    chunks: Counter[str]
    scores: tuple[tuple[str, dict[str, float]], ...]


def recall(references: Sequence[Span], retrieved: Sequence[Span]) -> float:
    """Return the share of the references that was retrieved."""
    return _share(found(references, retrieved), length(references))


def precision(references: Sequence[Span], retrieved: Sequence[Span]) -> float:
    """Return the share of what was retrieved that is in a reference."""
    return _share(found(references, retrieved), length(retrieved))


def iou(references: Sequence[Span], retrieved: Sequence[Span]) -> float:
    """Return what was found over what was retrieved and what was missed."""
    missed = sum(length([one]) - found([one], retrieved) for one in references)
    return _share(found(references, retrieved), length(retrieved) + missed)


def precision_omega(references: Sequence[Span], chunks: Iterable[Span]) -> float:
    """Return the precision of all chunks that touch a reference, and no others: the best that full recall allows.

    :param chunks: all of the index; a property of the chunks, whatever is retrieved.
    """
    near = [chunk for chunk in chunks if any(_touch(chunk, one) for one in references)]
    return _share(found(references, near), length(union([*near, *references])))


def found(references: Iterable[Span], spans: Sequence[Span]) -> int:
    """Return how many characters are in a reference and in a span, each counted once."""
    pairs = ((one, span) for one in references for span in spans if _touch(one, span))
    return length(union(Span(a.document_id, max(a.start, b.start), min(a.end, b.end)) for a, b in pairs))


def union(spans: Iterable[Span]) -> list[Span]:
    """Return the same characters as spans that do not overlap, in order."""
    merged: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.document_id, span.start)):
        if merged and merged[-1].document_id == span.document_id and span.start <= merged[-1].end:
            merged[-1] = Span(span.document_id, merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return merged


def length(spans: Iterable[Span]) -> int:
    """Return the characters of all spans, those of an overlap as often as they occur."""
    return sum(span.end - span.start for span in spans)


def _touch(one: Span, other: Span) -> bool:
    return one.document_id == other.document_id and one.start <= other.end and other.start <= one.end


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def read_questions(file: Path) -> list[Question]:
    """Return the questions of a file in the form of the data set, one JSON object a line."""
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return [
        Question(
            row["question"],
            row["corpus"],
            tuple((one["start_index"], one["end_index"], one["content"]) for one in row["references"]),
        )
        for row in rows
    ]


def measure(pipeline: Pipeline, questions: Sequence[Question], k: int) -> Outcome:
    """Index the corpora, ask every question, and score what was retrieved.

    :raises ValueError: a reference does not stand in the indexed text where the data set says.
    """
    pipeline.index()
    with pipeline.open_index() as reader:
        ids = {Path(source).stem: document_id for source, document_id in reader.sources().items()}
        texts = {corpus: reader.document(document_id).text for corpus, document_id in ids.items()}
        chunks = {
            corpus: [Span(document_id, chunk.start, chunk.end) for chunk in reader.chunks(document_id)]
            for corpus, document_id in ids.items()
        }
    scores = []
    for question in questions:
        for start, end, content in question.references:
            if texts[question.corpus][start:end] != content:
                raise ValueError(f"{question.corpus}, {start} to {end}: not the text of the reference {content!r}")
        references = [Span(ids[question.corpus], start, end) for start, end, _ in question.references]
        hits = pipeline.search(question.text, k)
        retrieved = [Span(hit.chunk.document_id, hit.chunk.start, hit.chunk.end) for hit in hits]
        values = (
            recall(references, retrieved),
            precision(references, retrieved),
            precision_omega(references, chunks[question.corpus]),
            iou(references, retrieved),
        )
        scores.append((question.corpus, dict(zip(METRICS, values, strict=True))))
    return Outcome(Counter({corpus: len(spans) for corpus, spans in chunks.items()}), tuple(scores))


def rows(name: str, outcome: Outcome, by_corpus: bool) -> Iterator[list[str]]:
    """Yield the row of a setting, then, if asked for, one for each corpus: means with their 95% intervals."""
    chunks = outcome.chunks.total()
    yield [name, *(["all"] if by_corpus else []), *_cells(chunks, [scores for _, scores in outcome.scores])]
    for corpus in sorted({corpus for corpus, _ in outcome.scores}) if by_corpus else ():
        own = [scores for where, scores in outcome.scores if where == corpus]
        yield [name, corpus, *_cells(outcome.chunks[corpus], own)]


def _cells(chunks: int, scores: Sequence[dict[str, float]]) -> list[str]:
    cells = [f"{chunks:,}"]
    for metric in METRICS:
        values = [one[metric] for one in scores]
        low, high = interval(values)
        cells.append(f"{sum(values) / len(values):.3f} [{low:.3f}, {high:.3f}]")
    return [*cells, str(len(scores))]


def build(corpora: Path, place: Path, overrides: Sequence[str]) -> Pipeline:
    """Return the quickstart pipeline over the corpora; settings that differ in retrieval alone share an index."""
    indexed = [override for override in overrides if not override.startswith("retrieve.")]
    index = place / hashlib.sha256(repr(indexed).encode()).hexdigest()
    paths = [f"load.path={json.dumps(str(corpora))}", f"index.path={json.dumps(str(index))}"]
    return Pipeline.from_file(QUICKSTART, [*paths, *overrides])


def main() -> None:
    """Print the table, a setting at a time."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.chunking", description="The chunking benchmark of Chroma."
    )
    parser.add_argument("--k", type=int, default=5, help="chunks retrieved for each question")
    parser.add_argument("--set", nargs="+", default=[], action="extend", metavar="KEY=VALUE", help="for every setting")
    parser.add_argument("--settings", nargs="+", default=list(SETTINGS), choices=SETTINGS, metavar="NAME")
    parser.add_argument("--by-corpus", action="store_true", help="add a row for each corpus")
    arguments = parser.parse_args()
    if arguments.k < 1:
        parser.error(f"--k is {arguments.k}; must be at least 1")
    data = Path(os.environ.get("RAGQA_DATA", ROOT.parent / "shared" / "data")) / "chunking"
    questions = read_questions(data / "questions.jsonl")
    header = ["setting", *(["corpus"] if arguments.by_corpus else []), "chunks", *METRICS, "n"]
    print(table(header, []), flush=True)
    with tempfile.TemporaryDirectory() as place:
        for name in arguments.settings:
            pipeline = build(data / "corpora", Path(place), [*SETTINGS[name], *arguments.set])
            for row in rows(name, measure(pipeline, questions, arguments.k), arguments.by_corpus):
                print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
